//! Which bodies have a session description, and which are refused.

use bytes::Bytes;

use super::{carries_session, session_body};
use crate::sip::{Message, MessageLimits};

const V: &str = "v=0\r\n";

fn message(headers: &str, body: &str) -> Message {
    let length = body.len();
    let text = format!(
        "INVITE sip:1@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK1\r\nFrom: <sip:2@192.0.2.9>;tag=1\r\n\
         To: <sip:1@192.0.2.1>\r\nCall-ID: 1\r\nCSeq: 1 INVITE\r\n{headers}Content-Length: {length}\r\n\r\n{body}"
    );
    Message::parse(Bytes::from(text), &MessageLimits::default()).expect("a message")
}

/// The parts of a body, each with its headers.
fn multipart(kind: &str, parts: &[(&str, &str)]) -> (String, String) {
    let boundary = format!("of-{kind}");
    let parts = parts.iter().map(|(headers, body)| format!("--{boundary}\r\n{headers}\r\n{body}\r\n"));
    let body = parts.collect::<String>() + "--" + &boundary + "--\r\n";
    (format!("Content-Type: multipart/{kind};boundary=\"{boundary}\"\r\n"), body)
}

const SDP: &str = "Content-Type: application/sdp\r\n";
const ISUP: &str = "Content-Type: application/isup;version=itu-t92+\r\n";
const OPTIONAL: &str = "Content-Type: application/isup\r\nContent-Disposition: signal; handling=optional\r\n";
const REQUIRED: &str = "Content-Type: application/isup\r\nContent-Disposition: signal; handling=required\r\n";
const LOCATION: &str =
    "Content-Type: application/pidf+xml\r\nContent-Disposition: by-reference\r\nContent-ID: <a@b>\r\n";
const EARLY: &str = "Content-Type: application/sdp\r\nContent-Disposition: early-session\r\n";
const ZIPPED: &str = "Content-Type: application/sdp\r\nContent-Encoding: gzip\r\n";
const BASE64: &str = "Content-Type: application/sdp\r\nContent-Transfer-Encoding: base64\r\n";
const BINARY: &str = "Content-Type: application/sdp\r\nContent-Transfer-Encoding: binary\r\n";

/// Kind of body, its parts (headers, body), and the description or the name of the refusal.
type BodyRow<'a> = (&'a str, &'a [(&'a str, &'a str)], Result<Option<&'a str>, &'a str>);

#[test]
fn a_description_is_found_among_other_parts() {
    let isup = "\u{1}\u{0}binary\r\n--";
    let table: [BodyRow<'_>; 17] = [
        ("mixed", &[(SDP, V), (OPTIONAL, isup)], Ok(Some(V))),
        ("mixed", &[(OPTIONAL, isup), (SDP, V)], Ok(Some(V))),
        ("mixed", &[(LOCATION, "<x/>"), (BINARY, V)], Ok(Some(V))),
        ("mixed", &[(SDP, V), (SDP, "v=1")], Ok(Some(V))),
        ("mixed", &[(OPTIONAL, isup)], Ok(None)),
        ("mixed", &[], Ok(None)),
        ("mixed", &[(SDP, V), (ISUP, isup)], Err("media_type")),
        ("mixed", &[(SDP, V), (REQUIRED, isup)], Err("media_type")),
        ("mixed", &[(SDP, V), ("", "words")], Err("media_type")),
        ("mixed", &[(EARLY, V)], Err("content_disposition")),
        ("mixed", &[(ZIPPED, V)], Err("content_encoding")),
        ("mixed", &[(BASE64, V)], Err("content_encoding")),
        ("alternative", &[(SDP, "v=1"), (SDP, V), (ISUP, isup)], Ok(Some(V))),
        ("alternative", &[(ISUP, isup)], Err("media_type")),
        ("related", &[(SDP, V), (ISUP, isup)], Ok(Some(V))),
        ("related", &[(ISUP, isup), (SDP, V)], Err("media_type")),
        ("x-unknown", &[(SDP, V)], Ok(Some(V))),
    ];
    for (kind, parts, expected) in table {
        let (headers, body) = multipart(kind, parts);
        let found = session_body(&message(&headers, &body));
        let found = found.map(|sdp| sdp.map(|sdp| String::from_utf8_lossy(&sdp).into_owned()));
        let found = found.map_err(|refused| refused.name());
        assert_eq!(found, expected.map(|sdp| sdp.map(str::to_owned)), "{kind} {parts:?}");
    }
}

#[test]
fn parts_nest_four_deep_and_no_deeper() {
    let (mut headers, mut body) = (SDP.to_owned(), V.to_owned());
    for depth in 0..6 {
        let found = session_body(&message(&headers, &body));
        assert_eq!(found.is_ok(), depth <= 4, "{depth}");
        assert_eq!(carries_session(&message(&headers, &body)), depth <= 4, "{depth}");
        let kind = ["mixed", "alternative", "related", "a", "b", "c"][depth];
        (headers, body) = multipart(kind, &[(&headers, &body)]);
    }
}

#[test]
fn what_cannot_be_cut_is_refused_unless_it_is_optional() {
    let headers = "Content-Type: multipart/mixed;boundary=x\r\n";
    let refused = session_body(&message(headers, "--y\r\n\r\n--y--"));
    assert_eq!(refused.map_err(|refused| refused.name()), Err("media_type"));
    let optional = format!("{headers}Content-Disposition: session;handling=optional\r\n");
    assert_eq!(session_body(&message(&optional, "--y\r\n\r\n--y--")), Ok(None));
}
