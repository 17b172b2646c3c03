//! A second opinion from `rsip`, on the messages that it reads rightly: long names, no folds, one Via a line,
//! no IPv6.
//!
//! Each side reads what the other wrote.

use bytes::Bytes;
use edge_core::sip::{
    HeaderName, Incoming, MessageLimits, MessageWriter, Method, Request, Response, StatusCode,
};
use proptest::prelude::*;
use rsip::headers::{ToTypedHeader, UntypedHeader};
use rsip::message::HeadersExt;

/// What both parsers have to agree on.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Call {
    method: &'static str,
    user: String,
    host: String,
    port: u16,
    branch: String,
    from_tag: String,
    to_tag: Option<String>,
    call_id: String,
    cseq: u32,
    body: Vec<u8>,
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn rsip_reads_the_requests_that_we_write(call in calls()) {
        let theirs = rsip::Request::try_from(ours_written(&call).to_vec()).expect("rsip reads our request");
        prop_assert_eq!(seen_by_rsip(&theirs), call);
    }

    #[test]
    fn we_read_the_requests_that_rsip_writes(call in calls()) {
        let written: Vec<u8> = rsip::Request::try_from(ours_written(&call).to_vec()).expect("as above").into();
        prop_assert_eq!(seen_by_us(&request(written.into())), call);
    }

    #[test]
    fn both_read_the_same_response(call in calls(), code in 100..=699_u16) {
        let written = response_written(&call, StatusCode::new(code).expect("in range"));
        let theirs = rsip::Response::try_from(written.to_vec()).expect("rsip reads our response");
        let ours = response(written);
        prop_assert_eq!(theirs.status_code.code(), ours.code.as_u16());
        prop_assert_eq!(theirs.call_id_header().expect("a Call-ID").value().as_bytes(), &ours.call_id[..]);
        let cseq = theirs.cseq_header().expect("a CSeq").typed().expect("a good CSeq");
        prop_assert_eq!(cseq.seq, ours.cseq);
        prop_assert_eq!(cseq.method.to_string(), ours.cseq_method.to_string());
    }
}

fn calls() -> impl Strategy<Value = Call> {
    let methods =
        ["INVITE", "ACK", "BYE", "CANCEL", "OPTIONS", "REGISTER", "PRACK", "UPDATE", "INFO", "MESSAGE"];
    let word = || "[a-zA-Z0-9][a-zA-Z0-9-]{0,20}";
    let parties = ("[a-z][a-z0-9]{0,15}", "[a-z][a-z0-9]{0,10}\\.example", 1024..=u16::MAX);
    let dialog = (word(), word(), proptest::option::of(word()), word(), 0..=i32::MAX.unsigned_abs());
    let body = proptest::collection::vec(b' '..=b'~', 0..200);
    (prop::sample::select(methods.to_vec()), parties, dialog, body).prop_map(
        |(method, parties, dialog, body)| {
            let (user, host, port) = parties;
            let (branch, from_tag, to_tag, call_id, cseq) = dialog;
            Call {
                method,
                user,
                host,
                port,
                branch: format!("z9hG4bK{branch}"),
                from_tag,
                to_tag,
                call_id,
                cseq,
                body,
            }
        },
    )
}

fn ours_written(call: &Call) -> Bytes {
    let Call { method, user, host, port, .. } = call;
    let method = Method::parse(&Bytes::from_static(method.as_bytes())).expect("a method");
    let start = MessageWriter::request(&method, format!("sip:{user}@{host}:{port}"));
    envelope(start, call).header(HeaderName::MaxForwards, "70").body("text/plain", &call.body)
}

fn response_written(call: &Call, code: StatusCode) -> Bytes {
    envelope(MessageWriter::response(code, code.default_reason()), call).body("text/plain", &call.body)
}

fn envelope(start: MessageWriter, call: &Call) -> MessageWriter {
    let Call { method, user, host, port, branch, from_tag, to_tag, call_id, cseq, body: _ } = call;
    let to_tag = to_tag.iter().fold(String::new(), |_, tag| format!(";tag={tag}"));
    start
        .header(HeaderName::Via, format!("SIP/2.0/UDP {host}:{port};branch={branch}"))
        .header(HeaderName::From, format!("\"A caller\" <sip:{user}@{host}>;tag={from_tag}"))
        .header(HeaderName::To, format!("<sip:{user}@{host}>{to_tag}"))
        .header(HeaderName::CallId, call_id)
        .header(HeaderName::CSeq, format!("{cseq} {method}"))
}

fn seen_by_rsip(request: &rsip::Request) -> Call {
    let from = request.from_header().expect("a From").typed().expect("a good From");
    let to = request.to_header().expect("a To").typed().expect("a good To");
    let via = request.via_header().expect("a Via").typed().expect("a good Via");
    let cseq = request.cseq_header().expect("a CSeq").typed().expect("a good CSeq");
    assert_eq!(cseq.method, request.method);
    Call {
        method: known(&request.method.to_string()),
        user: request.uri.user().expect("a user").to_owned(),
        host: request.uri.host().to_string(),
        port: request.uri.port().map_or(0, |port| *port.value()),
        branch: via.branch().expect("a branch").value().to_owned(),
        from_tag: from.tag().expect("a tag").value().to_owned(),
        to_tag: to.tag().map(|tag| tag.value().to_owned()),
        call_id: request.call_id_header().expect("a Call-ID").value().to_owned(),
        cseq: cseq.seq,
        body: request.body.clone(),
    }
}

fn seen_by_us(request: &Request) -> Call {
    Call {
        method: known(&request.method.to_string()),
        user: request.uri.number().expect("a user").into_owned(),
        host: text(request.uri.host()),
        port: request.uri.port().unwrap_or(0),
        branch: request.via.branch().map(text).expect("a branch"),
        from_tag: request.from.tag().map(text).expect("a tag"),
        to_tag: request.to.tag().map(text),
        call_id: text(&request.call_id),
        cseq: request.cseq,
        body: request.message.body().to_vec(),
    }
}

fn known(method: &str) -> &'static str {
    let known =
        ["INVITE", "ACK", "BYE", "CANCEL", "OPTIONS", "REGISTER", "PRACK", "UPDATE", "INFO", "MESSAGE"];
    known.into_iter().find(|name| *name == method).expect("one of ours")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("text")
}

fn request(bytes: Bytes) -> Request {
    match Incoming::parse(bytes, &MessageLimits::default()).expect("a good message") {
        Incoming::Request(request) => request,
        other @ (Incoming::Response(_) | Incoming::KeepAlive) => panic!("not a request: {other:?}"),
    }
}

fn response(bytes: Bytes) -> Response {
    match Incoming::parse(bytes, &MessageLimits::default()).expect("a good message") {
        Incoming::Response(response) => response,
        other @ (Incoming::Request(_) | Incoming::KeepAlive) => panic!("not a response: {other:?}"),
    }
}
