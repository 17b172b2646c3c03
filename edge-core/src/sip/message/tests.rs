//! Framing: what is a message, where its parts are, and what is refused.

use bytes::Bytes;

use super::{BodyFault, FramingError, Message};
use crate::sip::{HeaderName, MessageLimits, Method, StatusCode};

#[test]
fn a_request_is_an_offset_table() {
    let message = parse("\r\n\r\nBYE sip:a@b SIP/2.0\r\nf : x ,\r\n y\r\nX-Other:z\r\nl: 2\r\n\r\nabcd")
        .expect("framed");
    assert!(message.is_request() && message.is_version_2());
    assert_eq!(message.method(), Some(&Method::Bye));
    assert_eq!(message.request_uri(), Some(&b"sip:a@b"[..]));
    assert_eq!((message.status(), message.reason()), (None, None));
    assert_eq!(message.first(HeaderName::From), Some(&b"x ,\r\n y"[..]));
    assert_eq!(message.values(HeaderName::From).collect::<Vec<_>>(), [b"x", b"y"]);
    let names: Vec<_> = message.headers().map(|header| (header.name, header.raw_name)).collect();
    let expected =
        [(HeaderName::From, &b"f"[..]), (HeaderName::Other, b"X-Other"), (HeaderName::ContentLength, b"l")];
    assert_eq!(names, expected);
    assert_eq!(message.body(), "ab");
    assert_eq!(message.body_fault(), None);
}

#[test]
fn a_response_keeps_its_reason() {
    for (line, code, reason) in [
        ("SIP/2.0 200 OK", 200, &b"OK"[..]),
        ("sip/2.0 404 Unallocated  Number ", 404, b"Unallocated  Number "),
        ("SIP/2.0 100 ", 100, b""),
        ("SIP/2.0 603", 603, b""),
    ] {
        let message = parse(&format!("{line}\r\n\r\n")).expect("framed");
        assert_eq!(message.status(), StatusCode::new(code), "{line}");
        assert_eq!(message.reason(), Some(reason), "{line}");
        assert_eq!((message.method(), message.request_uri()), (None, None), "{line}");
    }
}

#[test]
fn what_is_no_message_has_a_reason() {
    let long = format!("BYE sip:a SIP/2.0\r\nX: {}\r\n\r\n", "x".repeat(8_200));
    let uri = format!("BYE sip:{} SIP/2.0\r\n\r\n", "a".repeat(8_200));
    let folded = format!("BYE sip:a SIP/2.0\r\nX: {}\r\n\r\n", "\r\n y".repeat(33));
    let many = format!("BYE sip:a SIP/2.0\r\n{}\r\n", "X: y\r\n".repeat(257));
    let huge = "x".repeat(65_536);
    let table = [
        ("", FramingError::KeepAlive),
        ("\r\n\r\n", FramingError::KeepAlive),
        ("GET / HTTP/1.1\r\n\r\n", FramingError::StartLine),
        ("BYE\r\n\r\n", FramingError::StartLine),
        ("BYE sip:a\r\n\r\n", FramingError::StartLine),
        ("B<E sip:a SIP/2.0\r\n\r\n", FramingError::StartLine),
        ("SIP/3.0 200 OK\r\n\r\n", FramingError::StartLine),
        ("SIP/2.0 099 No\r\n\r\n", FramingError::StatusCode),
        ("SIP/2.0 700 No\r\n\r\n", FramingError::StatusCode),
        ("SIP/2.0 4294967301 No\r\n\r\n", FramingError::StatusCode),
        ("SIP/2.0 -20 No\r\n\r\n", FramingError::StatusCode),
        ("BYE sip:a SIP/2.0\r\nTo: a\r\n", FramingError::Truncated),
        ("BYE sip:a SIP/2.0\r\nTo: a\r", FramingError::Truncated),
        ("BYE sip:a SIP/2.0\nTo: a\n\n", FramingError::LineEnd),
        ("BYE sip:a SIP/2.0\r\nTo: a\rVia: x\r\n\r\n", FramingError::LineEnd),
        ("BYE sip:a SIP/2.0\r\nTo: a\nVia: x\r\n\r\n", FramingError::LineEnd),
        ("BYE sip:a SIP/2.0\r\nnot a header\r\n\r\n", FramingError::Header),
        ("BYE sip:a SIP/2.0\r\n: no name\r\n\r\n", FramingError::Header),
        ("BYE sip:a SIP/2.0\r\n fold: first\r\n\r\n", FramingError::Header),
        (&long, FramingError::HeaderTooLong),
        (&uri, FramingError::HeaderTooLong),
        (&folded, FramingError::HeaderTooLong),
        (&many, FramingError::TooManyHeaders),
        (&huge, FramingError::TooLong),
    ];
    for (text, error) in table {
        assert_eq!(parse(text).err(), Some(error), "{text:.60}");
    }
}

#[test]
fn a_body_is_framed_by_content_length() {
    let table: [(&str, &str, Option<BodyFault>); 9] = [
        ("", "body", None),
        ("l: 0\r\n", "", None),
        ("Content-Length: 004\r\n", "body", None),
        ("l: 3\r\nContent-Length: 3\r\n", "bod", None),
        ("l: 3\r\nl: 4\r\n", "body", Some(BodyFault::Conflicting)),
        ("l: 5\r\n", "body", Some(BodyFault::BeyondDatagram)),
        ("l: 99999999999999999999999\r\n", "body", Some(BodyFault::Unreadable)),
        ("l: -1\r\n", "body", Some(BodyFault::Unreadable)),
        ("l:\r\n", "body", Some(BodyFault::Unreadable)),
    ];
    for (header, body, fault) in table {
        let message = parse(&format!("BYE sip:a SIP/2.0\r\n{header}\r\nbody")).expect("framed");
        assert_eq!(message.body(), body, "{header}");
        assert_eq!(message.body_fault(), fault, "{header}");
    }
}

#[test]
fn bytes_that_are_not_text_are_kept() {
    let mut datagram = b"MESSAGE sip:a SIP/2.0\r\nSubject: caf\xe9\r\n\r\n\xff\0\xfe".to_vec();
    let message = Message::parse(datagram.clone().into(), &MessageLimits::default()).expect("framed");
    assert_eq!(message.first(HeaderName::Subject), Some(&b"caf\xe9"[..]));
    assert_eq!(&message.body()[..], b"\xff\0\xfe");
    assert_eq!(message.bytes(), &Bytes::from(std::mem::take(&mut datagram)));
}

fn parse(text: &str) -> Result<Message, FramingError> {
    Message::parse(Bytes::copy_from_slice(text.as_bytes()), &MessageLimits::default())
}
