use bytes::Bytes;

use super::{Caller, names_a_host, names_an_address};
use crate::policy::{RealmId, Trunk};
use crate::sip::{Incoming, MessageLimits, Request};

fn invite(from: &str, headers: &str) -> Request {
    let text = format!(
        "INVITE sip:2@h SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nFrom: {from}\r\nTo: <sip:2@h>\r\nCall-ID: c\r\n\
         CSeq: 1 INVITE\r\nContact: <sip:h>\r\n{headers}\r\n"
    );
    match Incoming::parse(Bytes::from(text), &MessageLimits::default()) {
        Ok(Incoming::Request(request)) => request,
        other => panic!("not a request: {other:?}"),
    }
}

fn presented(from: &str, headers: &str) -> String {
    let trunk = Trunk::new("t", RealmId::new(0), "192.0.2.1:5060".parse().unwrap());
    let crossed = Caller::of(&invite(from, headers), &trunk).from(&trunk, b"10.0.0.1:5060");
    String::from_utf8(crossed.to_vec()).unwrap()
}

const ANONYMOUS: &str = "\"Anonymous\" <sip:anonymous@anonymous.invalid>";

#[test]
fn a_caller_keeps_name_and_number_and_loses_the_rest() {
    for (from, expected) in [
        ("\"Ann\" <sip:+1555@192.0.2.10>;tag=a", "\"Ann\" <sip:+1555@10.0.0.1:5060>"),
        ("<sip:+1555;npdi;rn=+1@carrier.example;user=phone>;tag=a", "<sip:+1555@10.0.0.1:5060>"),
        ("<tel:+1-555>;tag=a", "<sip:+1555@10.0.0.1:5060>"),
        ("\"sbc7.carrier.example\" <sip:1@h>;tag=a", "<sip:1@10.0.0.1:5060>"),
        ("<sip:192.0.2.10>;tag=a", "<sip:10.0.0.1:5060>"),
        ("<sip:+1555@anonymous.invalid>;tag=a", ANONYMOUS),
        ("<sip:a%3Bb%40c@h>;tag=a", "<sip:a%3Bb%40c@10.0.0.1:5060>"),
    ] {
        assert_eq!(presented(from, ""), expected, "{from}");
    }
}

#[test]
fn who_asks_for_privacy_stays_unknown() {
    for (privacy, kept) in [
        ("Privacy: none\r\n", true),
        ("Privacy: id\r\n", false),
        ("Privacy: user;id\r\n", false),
        ("Privacy: header; critical\r\n", false),
    ] {
        assert_eq!(presented("\"Ann\" <sip:+1555@h>;tag=a", privacy) != ANONYMOUS, kept, "{privacy}");
    }
}

#[test]
fn names_of_people_are_not_names_of_hosts() {
    for (name, is_host) in [
        ("Ann", false),
        ("J. R. Smith", false),
        ("Dr. Müller-Lüdenscheidt", false),
        ("Room 4.2", false),
        ("192.0.2.10", true),
        ("2001:db8::1", true),
        ("Ann at 10.0.0.5", true),
        ("ann@pbx", true),
        ("sbc.carrier.example", true),
    ] {
        assert_eq!(names_a_host(name.as_bytes()), is_host, "{name}");
    }
}

#[test]
fn dotted_words_are_no_addresses() {
    for (value, is_address) in [
        ("message-summary", false),
        ("presence.winfo;id=7", false),
        ("terminated;reason=noresource;retry-after=30", false),
        ("dialog;call-id=1@host", true),
        ("x;at=192.0.2.10", true),
        ("x;at=192.0.2.10:5060", true),
        ("x;at=[2001:db8::1]:5060", true),
        ("x;at=\"10.0.0.1.\"", true),
    ] {
        assert_eq!(names_an_address(value.as_bytes()), is_address, "{value}");
    }
}
