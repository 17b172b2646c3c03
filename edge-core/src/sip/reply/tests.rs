//! Stateless answers: what they copy, and what they add to the top Via and to To.

use std::net::SocketAddr;

use super::response_to;
use crate::sip::{HeaderName, Message, MessageLimits, StatusCode};

#[test]
fn an_answer_copies_what_rfc_3261_wants() {
    let request = request(
        "v: SIP/2.0/UDP 198.51.100.1;branch=a, SIP/2.0/UDP p\r\nSubject: s\r\nVia: SIP/2.0/TCP q",
        "<sip:t@h>",
    );
    let answer =
        response_to(&request, StatusCode::FORBIDDEN, "Forbidden", source("198.51.100.1:5060"), Some(b"e1"));
    let expected = "SIP/2.0 403 Forbidden\r\n\
                    Via: SIP/2.0/UDP 198.51.100.1;branch=a, SIP/2.0/UDP p\r\n\
                    Via: SIP/2.0/TCP q\r\n\
                    From: <sip:f@h>;tag=f\r\n\
                    To: <sip:t@h>;tag=e1\r\n\
                    Call-ID: c\r\n\
                    CSeq: 1 OPTIONS\r\n\
                    Content-Length: 0\r\n\r\n";
    assert_eq!(answer.empty(), expected);
}

#[test]
fn the_top_via_tells_what_we_saw() {
    let table = [
        ("SIP/2.0/UDP 198.51.100.1:5060;branch=a", "SIP/2.0/UDP 198.51.100.1:5060;branch=a"),
        ("SIP/2.0/UDP 10.0.0.1;branch=a", "SIP/2.0/UDP 10.0.0.1;branch=a;received=198.51.100.1"),
        ("SIP/2.0/UDP host.example;branch=a", "SIP/2.0/UDP host.example;branch=a;received=198.51.100.1"),
        (
            "SIP/2.0/UDP 198.51.100.1;rport;branch=a",
            "SIP/2.0/UDP 198.51.100.1;branch=a;rport=40000;received=198.51.100.1",
        ),
        (
            "SIP/2.0/UDP 10.0.0.1;received=203.0.113.9;branch=a;RPORT=1",
            "SIP/2.0/UDP 10.0.0.1;branch=a;rport=40000;received=198.51.100.1",
        ),
        (
            "SIP/2.0/UDP 10.0.0.1 ; x=\"y;z\" , next",
            "SIP/2.0/UDP 10.0.0.1;x=\"y;z\";received=198.51.100.1 , next",
        ),
        ("SIP/7.0/UDP unreadable", "SIP/7.0/UDP unreadable"),
    ];
    for (via, expected) in table {
        let message = answer(&request(&format!("Via: {via}"), "<sip:t@h>"), None);
        assert_eq!(message.first(HeaderName::Via), Some(expected.as_bytes()), "{via}");
    }
}

#[test]
fn to_gets_a_tag_once() {
    let table = [
        ("<sip:t@h>", "<sip:t@h>;tag=e1"),
        ("sip:t@h;x", "sip:t@h;x;tag=e1"),
        ("<sip:t@h>;tag=own", "<sip:t@h>;tag=own"),
        ("<sip:t@h;tag=uri>", "<sip:t@h;tag=uri>;tag=e1"),
        ("\"unreadable <sip:t@h>", "\"unreadable <sip:t@h>"),
    ];
    for (to, expected) in table {
        let message = answer(&request("Via: SIP/2.0/UDP h", to), Some(b"e1"));
        assert_eq!(message.first(HeaderName::To), Some(expected.as_bytes()), "{to}");
    }
}

#[test]
fn repeated_headers_are_answered_once() {
    let request = request("Via: SIP/2.0/UDP h\r\nFrom: <sip:first@h>\r\nCall-ID: first", "<sip:t@h>");
    let message = answer(&request, None);
    assert_eq!(message.all(HeaderName::From).collect::<Vec<_>>(), [b"<sip:first@h>"]);
    assert_eq!(message.all(HeaderName::CallId).collect::<Vec<_>>(), [b"first"]);
}

fn answer(request: &Message, tag: Option<&[u8]>) -> Message {
    let answer = response_to(request, StatusCode::OK, "OK", source("198.51.100.1:40000"), tag).empty();
    Message::parse(answer, &MessageLimits::default()).expect("we write messages")
}

fn request(via: &str, to: &str) -> Message {
    let text = format!(
        "OPTIONS sip:a SIP/2.0\r\n{via}\r\nFrom: <sip:f@h>;tag=f\r\nTo: {to}\r\nCall-ID: c\r\nCSeq: 1 OPTIONS\r\n\r\n"
    );
    Message::parse(text.into(), &MessageLimits::default()).expect("a message")
}

fn source(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}
