//! What reaches a transaction, what is answered with 400 or 505, and what is dropped.

use bytes::Bytes;

use super::{Incoming, ParseError};
use crate::sip::{FramingError, MessageLimits, Method, StatusCode};

const LINE: &str = "OPTIONS sip:a@192.0.2.1 SIP/2.0";
const VIA: &str = "Via: SIP/2.0/UDP 198.51.100.1;branch=z9hG4bKa";
const FROM: &str = "From: <sip:f@example.com>;tag=f";
const TO: &str = "To: <sip:t@example.com>";
const CALL_ID: &str = "Call-ID: c1";
const CSEQ: &str = "CSeq: 7 OPTIONS";

#[test]
fn a_request_is_read() {
    let contact = "Contact: <sip:f@198.51.100.1>, <sip:g@198.51.100.1>";
    let read = parse(&[LINE, VIA, "Max-Forwards: 70", FROM, TO, CALL_ID, CSEQ, contact]);
    let Ok(Incoming::Request(request)) = read else { panic!("{read:?}") };
    assert_eq!((request.method, request.cseq, request.max_forwards), (Method::Options, 7, Some(70)));
    assert_eq!(request.uri.as_bytes(), b"sip:a@192.0.2.1");
    assert_eq!(request.via.branch(), Some(&b"z9hG4bKa"[..]));
    assert_eq!((request.from.tag(), request.to.tag()), (Some(&b"f"[..]), None));
    assert_eq!(request.call_id, "c1");
    assert_eq!(request.contact.expect("the first").uri().as_bytes(), b"sip:f@198.51.100.1");
}

#[test]
fn a_response_is_read() {
    let read = parse(&["SIP/2.0 180 Es klingelt", VIA, FROM, TO, CALL_ID, "CSeq: 1 INVITE", "Contact: bad"]);
    let Ok(Incoming::Response(response)) = read else { panic!("{read:?}") };
    assert_eq!((response.code, response.cseq_method), (StatusCode::RINGING, Method::Invite));
    assert!(response.contact.is_none());
    assert_eq!(response.message.reason(), Some(&b"Es klingelt"[..]));
}

#[test]
fn line_ends_are_a_keepalive() {
    for text in ["", "\r\n", "\r\n\r\n"] {
        let read = Incoming::parse(Bytes::from_static(text.as_bytes()), &MessageLimits::default());
        assert!(matches!(read, Ok(Incoming::KeepAlive)), "{read:?}");
    }
}

#[test]
fn a_bad_request_hears_why() {
    let table: [(&[&str], u16, &str); 18] = [
        (&["OPTIONS sip:a SIP/3.0", VIA, FROM, TO, CALL_ID, CSEQ], 505, "Version Not Supported"),
        (&["OPTIONS  sip:a SIP/2.0", VIA, FROM, TO, CALL_ID, CSEQ], 400, "Bad Request-URI"),
        (&["OPTIONS sip:a; lr SIP/2.0", VIA, FROM, TO, CALL_ID, CSEQ], 400, "Bad Request-URI"),
        (&["OPTIONS sip:a?X=y SIP/2.0", VIA, FROM, TO, CALL_ID, CSEQ], 400, "Headers in Request-URI"),
        (&["BYE sip:a SIP/2.0", VIA, FROM, TO, CALL_ID, CSEQ], 400, "CSeq Does Not Match Method"),
        (&[LINE, "Via: x", FROM, TO, CALL_ID, CSEQ], 400, "Bad Via"),
        (&[LINE, "Via: ,", FROM, TO, CALL_ID, CSEQ], 400, "Missing Via"),
        (&[LINE, VIA, "From: x", TO, CALL_ID, CSEQ], 400, "Bad From"),
        (&[LINE, VIA, FROM, "To: \"x <sip:t@h>", CALL_ID, CSEQ], 400, "Bad To"),
        (&[LINE, VIA, FROM, TO, "Call-ID: a b", CSEQ], 400, "Bad Call-ID"),
        (&[LINE, VIA, FROM, TO, CALL_ID, "CSeq: 2147483648 OPTIONS"], 400, "Bad CSeq"),
        (&[LINE, VIA, FROM, TO, CALL_ID, "CSeq: OPTIONS"], 400, "Bad CSeq"),
        (&[LINE, VIA, FROM, TO, CALL_ID, "CSeq: 7"], 400, "Bad CSeq"),
        (&[LINE, VIA, FROM, TO, CALL_ID, CSEQ, "Max-Forwards: 256"], 400, "Bad Max-Forwards"),
        (&[LINE, VIA, FROM, TO, CALL_ID, CSEQ, "m: <sip:a@b>, sip:c@d?e=f"], 400, "Bad Contact"),
        (&[LINE, VIA, FROM, TO, CALL_ID, CSEQ, "f: <sip:g@h>"], 400, "Repeated Header"),
        (&[LINE, VIA, FROM, TO, CALL_ID, CSEQ, "l: 1"], 400, "Content-Length Exceeds Datagram"),
        (&[LINE, VIA, FROM, TO, CALL_ID, CSEQ, "l: 0", "l: 1"], 400, "Conflicting Content-Length"),
    ];
    for (lines, code, expected) in table {
        match parse(lines) {
            Err(ParseError::BadRequest { status, reason, .. }) => {
                assert_eq!((status.as_u16(), reason), (code, expected), "{lines:?}");
            }
            other => panic!("{lines:?}: {other:?}"),
        }
    }
}

#[test]
fn what_cannot_be_answered_is_dropped() {
    let table: [&[&str]; 9] = [
        &[LINE, FROM, TO, CALL_ID, CSEQ],
        &[LINE, VIA, TO, CALL_ID, CSEQ],
        &[LINE, VIA, FROM, CALL_ID, CSEQ],
        &[LINE, VIA, FROM, TO, CSEQ],
        &[LINE, VIA, FROM, TO, CALL_ID],
        &[LINE, VIA, FROM, TO, "Call-ID:", CSEQ],
        &["ACK sip:a SIP/2.0", VIA, FROM, TO, CALL_ID, CSEQ],
        &["SIP/2.0 200 OK", VIA, FROM, TO, CALL_ID, "CSeq: 99999999999 INVITE"],
        &["SIP/2.0 200 OK", VIA, FROM, TO, CALL_ID, CSEQ, "l: -5"],
    ];
    for lines in table {
        let read = parse(lines);
        assert!(matches!(read, Err(ParseError::Unanswerable { .. })), "{lines:?}: {read:?}");
    }
    let read = parse(&["hello"]);
    assert!(matches!(read, Err(ParseError::Framing(FramingError::StartLine))), "{read:?}");
}

#[test]
fn rfc_2543_requests_and_unknown_schemes_are_let_through() {
    let table: [&[&str]; 3] = [
        &[LINE, "Via: SIP/2.0/UDP h", "From: sip:f@h", TO, CALL_ID, CSEQ],
        &["OPTIONS urn:service:sos SIP/2.0", VIA, FROM, TO, CALL_ID, CSEQ],
        &[LINE, VIA, FROM, TO, CALL_ID, CSEQ, "Contact: *", "Contact:"],
    ];
    for lines in table {
        let read = parse(lines);
        assert!(matches!(read, Ok(Incoming::Request(_))), "{lines:?}: {read:?}");
    }
}

fn parse(lines: &[&str]) -> Result<Incoming, ParseError> {
    let text = lines.join("\r\n") + "\r\n\r\n";
    Incoming::parse(text.into(), &MessageLimits::default())
}
