//! What holds for any bytes: nothing panics, and what was written from what was read means the same when read
//! again.

use std::net::SocketAddr;

use bytes::Bytes;
use edge_core::sdp::SessionDescription;
use edge_core::sip::{
    HeaderName, Incoming, Message, MessageLimits, MessageWriter, NameAddr, ParseError, Request, Response,
    StatusCode, StreamDecoder, StreamFault, StreamItem, Uri, response_to,
};

/// Any datagram: it is read to the same end twice, through a writer in between, and a refusal can be
/// answered.
pub(crate) fn message(data: &[u8]) {
    match Incoming::parse(Bytes::copy_from_slice(data), &MessageLimits::default()) {
        Ok(Incoming::Request(request)) => request_survives(&request),
        Ok(Incoming::Response(response)) => response_survives(&response),
        Err(ParseError::BadRequest { message, status, reason }) => {
            let answer = response_to(&message, status, reason, source(), Some(b"t")).empty();
            let answer = Message::parse(answer, &MessageLimits::default()).expect("an answer is a message");
            assert_eq!(answer.status(), Some(status));
        }
        Ok(Incoming::KeepAlive) | Err(ParseError::Framing(_) | ParseError::Unanswerable { .. }) => {}
    }
}

/// Any bytes as a stream: what comes out does not depend on how they were cut, and each message is one by itself.
pub(crate) fn stream(data: &[u8]) {
    let items = items_of([data]);
    // Cuts that the bytes choose, so that a fuzzer can move them.
    let mut pieces = Vec::new();
    let mut rest = data;
    while let Some(first) = rest.first() {
        let (piece, behind) = rest.split_at(usize::from(*first).clamp(1, rest.len()));
        pieces.push(piece);
        rest = behind;
    }
    assert_eq!(items_of(pieces), items);
    assert_eq!(items_of(data.chunks(1)), items);
    for item in items {
        let Ok(StreamItem::Message(bytes)) = item else { continue };
        let message = Message::parse(bytes, &MessageLimits::default()).expect("its head was read");
        assert_eq!(message.body_fault(), None);
    }
}

fn items_of<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<Result<StreamItem, StreamFault>> {
    let mut decoder = StreamDecoder::default();
    let mut items = Vec::new();
    for piece in pieces {
        decoder.push(piece);
        items.extend(std::iter::from_fn(|| decoder.next()));
    }
    items
}

/// Any bytes as a URI: its parts are parts of it, and angle brackets keep it whole.
pub(crate) fn uri(data: &[u8]) {
    let Ok(uri) = Uri::parse(Bytes::copy_from_slice(data)) else { return };
    assert_eq!(uri.as_bytes(), data);
    assert!(uri.same_target(&uri));
    let parts = [uri.user().unwrap_or_default(), uri.host(), uri.headers().unwrap_or_default()];
    for part in parts {
        assert!(part.is_empty() || data.windows(part.len()).any(|window| window == part));
    }
    let _ = (uri.number(), uri.host_ip(), uri.port(), uri.params().count());
    let mut bracketed = b"\"n <sip:x@y>\" <".to_vec();
    bracketed.extend_from_slice(data);
    bracketed.extend_from_slice(b">;tag=1");
    let address = NameAddr::parse(bracketed.into()).expect("a URI in brackets is an address");
    assert_eq!(address.uri().as_bytes(), data);
    assert_eq!(address.tag(), Some(&b"1"[..]));
}

/// Any bytes as a description: lines survive.
pub(crate) fn sdp(data: &[u8]) {
    let Ok(session) = SessionDescription::parse(data) else { return };
    let written = session.to_bytes();
    assert_eq!(SessionDescription::parse(&written).expect("lines survive").to_bytes(), written);
}

fn request_survives(request: &Request) {
    touch(&request.message);
    let written = rewrite(&request.message, MessageWriter::request(&request.method, &request.uri));
    let Ok(Incoming::Request(again)) = read(written.clone()) else {
        panic!("a request became something else")
    };
    assert_eq!(again.method, request.method);
    assert_eq!(again.uri.as_bytes(), request.uri.as_bytes());
    assert_eq!(again.via.branch(), request.via.branch());
    assert_eq!(again.from.tag(), request.from.tag());
    assert_eq!(again.to.tag(), request.to.tag());
    assert_eq!(again.call_id, request.call_id);
    assert_eq!((again.cseq, again.max_forwards), (request.cseq, request.max_forwards));
    assert_eq!(again.message.body(), request.message.body());
    let twice = rewrite(&again.message, MessageWriter::request(&again.method, &again.uri));
    assert_eq!(twice, written);
    answer_is_read(request);
}

fn response_survives(response: &Response) {
    touch(&response.message);
    let reason = response.message.reason().unwrap_or_default();
    let written = rewrite(&response.message, MessageWriter::response(response.code, reason));
    let Ok(Incoming::Response(again)) = read(written.clone()) else {
        panic!("a response became something else")
    };
    assert_eq!(again.code, response.code);
    assert_eq!(again.via.branch(), response.via.branch());
    assert_eq!(again.call_id, response.call_id);
    assert_eq!((again.cseq, &again.cseq_method), (response.cseq, &response.cseq_method));
    let twice = rewrite(
        &again.message,
        MessageWriter::response(again.code, again.message.reason().unwrap_or_default()),
    );
    assert_eq!(twice, written);
}

/// An answer to a good request is a good response to the same transaction.
fn answer_is_read(request: &Request) {
    let ok = StatusCode::OK;
    let answer = response_to(&request.message, ok, ok.default_reason(), source(), Some(b"edge")).empty();
    let Ok(Incoming::Response(answer)) = read(answer) else { panic!("an answer that cannot be read") };
    assert_eq!(answer.via.branch(), request.via.branch());
    assert_eq!(answer.call_id, request.call_id);
    assert_eq!(answer.from.tag(), request.from.tag());
    assert_eq!(answer.to.tag(), request.to.tag().or(Some(b"edge")));
    assert_eq!(answer.cseq_method, request.method);
}

/// The same headers in the same order, Content-Length renewed.
fn rewrite(message: &Message, start: MessageWriter) -> Bytes {
    let kept = message.headers().filter(|header| header.name != HeaderName::ContentLength);
    let content_type = message.first(HeaderName::ContentType).map(<[u8]>::to_vec);
    let kept = kept.filter(|header| header.name != HeaderName::ContentType);
    let writer = kept.fold(start, |writer, header| writer.raw(header.raw_name, header.value));
    match content_type {
        Some(content_type) => writer.body(content_type, message.body()),
        None => {
            let mut written = writer.empty().to_vec();
            // A body without a type: the length that `empty` wrote is renewed by hand.
            let head = written.len() - "Content-Length: 0\r\n\r\n".len();
            written.truncate(head);
            written.extend_from_slice(format!("Content-Length: {}\r\n\r\n", message.body().len()).as_bytes());
            written.extend_from_slice(&message.body());
            written.into()
        }
    }
}

/// Every view that a caller may ask for.
fn touch(message: &Message) {
    for header in message.headers() {
        for value in message.values(header.name) {
            let value = message.share(value);
            let _ = NameAddr::parse(value.clone()).map(|address| {
                let _ = (address.display().map(std::borrow::Cow::into_owned), address.params().count());
            });
        }
    }
}

/// Reads with limits that leave a rewritten message some room to grow.
fn read(bytes: Bytes) -> Result<Incoming, ParseError> {
    let default = MessageLimits::default();
    Incoming::parse(bytes, &MessageLimits { headers_max: 260, value_bytes_max: 9_000, ..default })
}

fn source() -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 99], 5099))
}
