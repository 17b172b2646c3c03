use super::*;
use crate::sip::MessageLimits;

fn message(headers: &str) -> Message {
    let text =
        format!("SIP/2.0 183 Session Progress\r\nCSeq: 7 INVITE\r\n{headers}Content-Length: 0\r\n\r\n");
    Message::parse(text.into(), &MessageLimits::default()).unwrap()
}

#[test]
fn a_response_is_reliable_when_it_says_so_and_can_be_acknowledged() {
    for (headers, number) in [
        ("Require: 100rel\r\nRSeq: 1\r\n", Some(1)),
        ("Require: timer, 100REL\r\nRSeq:  4294967295 \r\n", Some(u32::MAX)),
        ("RSeq: 1\r\n", None),
        ("Supported: 100rel\r\nRSeq: 1\r\n", None),
        ("Require: 100rel\r\n", None),
        ("Require: 100rel\r\nRSeq: 0\r\n", None),
        ("Require: 100rel\r\nRSeq: 4294967296\r\n", None),
        ("Require: 100rel\r\nRSeq: +1\r\n", None),
        ("Require: 100rel\r\nRSeq: one\r\n", None),
    ] {
        assert_eq!(rseq(&message(headers)), number, "{headers}");
    }
}

#[test]
fn a_rack_is_two_numbers_and_the_method() {
    for (value, rack) in [
        ("776656 1 INVITE", Some((776_656, 1))),
        ("1   2\tINVITE", Some((1, 2))),
        ("1 2 invite", None),
        ("1 2 UPDATE", None),
        ("1 INVITE", None),
        ("1 2 INVITE 3", None),
        ("-1 2 INVITE", None),
        ("99999999999 2 INVITE", None),
        ("", None),
    ] {
        let rack = rack.map(|(rseq, sequence)| RAck { rseq, sequence });
        assert_eq!(RAck::of(&message(&format!("RAck: {value}\r\n"))), rack, "{value}");
    }
}

#[test]
fn who_requires_it_also_can() {
    for (headers, can, wants) in [
        ("Supported: timer,100rel\r\n", true, false),
        ("k: 100rel\r\n", true, false),
        ("Require: 100rel\r\n", true, true),
        ("Supported: timer\r\n", false, false),
        ("", false, false),
    ] {
        let message = message(headers);
        assert_eq!((can_acknowledge(&message), wants_reliable(&message)), (can, wants), "{headers}");
    }
}
