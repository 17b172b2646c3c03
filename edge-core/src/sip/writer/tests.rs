//! The bytes that go out, and what cannot get into them.

use bytes::Bytes;

use super::MessageWriter;
use crate::sip::{HeaderName, Message, MessageLimits, Method, StatusCode};

#[test]
fn a_request_is_written_in_order() {
    let request = MessageWriter::request(&Method::Invite, "sip:a@192.0.2.1")
        .header(HeaderName::Via, "SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK1")
        .raw(b"X-Carrier", "1")
        .body("application/sdp", "v=0\r\n");
    let expected = "INVITE sip:a@192.0.2.1 SIP/2.0\r\n\
                    Via: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK1\r\n\
                    X-Carrier: 1\r\n\
                    Content-Type: application/sdp\r\n\
                    Content-Length: 5\r\n\r\n\
                    v=0\r\n";
    assert_eq!(request, expected);
}

#[test]
fn a_response_keeps_the_reason_it_is_given() {
    let response = MessageWriter::response(StatusCode::NOT_FOUND, b"Unallocated Number").empty();
    assert_eq!(response, "SIP/2.0 404 Unallocated Number\r\nContent-Length: 0\r\n\r\n");
    let response = MessageWriter::response(StatusCode::TRYING, "").empty();
    assert_eq!(response, "SIP/2.0 100 \r\nContent-Length: 0\r\n\r\n");
}

#[test]
fn no_value_starts_a_header_of_its_own() {
    let request = MessageWriter::request(&Method::Bye, "sip:a\r\nEvil: 1")
        .header(HeaderName::Subject, "x\r\nEvil: 2\n\rEvil: 3\0")
        .raw("Na\r\nme: x", "y")
        .header(HeaderName::Other, "nowhere")
        .body("a/b\r\nEvil: 4", "");
    let message = parse(&request);
    let names: Vec<_> = message.headers().map(|header| header.raw_name).collect();
    assert_eq!(names, [&b"Subject"[..], b"Namex", b"Content-Type", b"Content-Length"]);
    assert_eq!(message.first(HeaderName::Subject), Some(&b"x  Evil: 2  Evil: 3?"[..]));
    let response = MessageWriter::response(StatusCode::OK, "OK\r\nEvil: 5").empty();
    assert_eq!(parse(&response).headers().count(), 1);
}

#[test]
fn copied_headers_are_unfolded_and_keep_their_order() {
    let original = "BYE sip:a SIP/2.0\r\nv: one\r\nSubject: s\r\nVia: two ,\r\n three\r\n\r\n";
    let copy = MessageWriter::request(&Method::Bye, "sip:a")
        .copy(&parse(&Bytes::from_static(original.as_bytes())), HeaderName::Via);
    assert_eq!(
        copy.empty(),
        "BYE sip:a SIP/2.0\r\nVia: one\r\nVia: two ,   three\r\nContent-Length: 0\r\n\r\n"
    );
}

#[test]
fn the_length_is_that_of_the_body() {
    for length in [0, 9, 10, 1_234, 20_000] {
        let written =
            MessageWriter::request(&Method::Message, "sip:a").body("text/plain", "x".repeat(length));
        assert_eq!(parse(&written).body().len(), length);
        assert_eq!(parse(&written).first(HeaderName::ContentLength), Some(length.to_string().as_bytes()));
    }
}

fn parse(bytes: &Bytes) -> Message {
    Message::parse(bytes.clone(), &MessageLimits::default()).expect("we write messages")
}
