use bytes::Bytes;

use super::{names_a_host, names_an_address, presented_caller};
use crate::sip::NameAddr;

#[test]
fn a_caller_keeps_name_and_number_and_loses_the_rest() {
    for (from, presented) in [
        ("\"Ann\" <sip:+1555@192.0.2.10>;tag=a", "\"Ann\" <sip:+1555@10.0.0.1:5060>"),
        ("<sip:+1555;npdi;rn=+1@carrier.example;user=phone>", "<sip:+1555@10.0.0.1:5060>"),
        ("<tel:+1-555>", "<sip:+1555@10.0.0.1:5060>"),
        ("\"sbc7.carrier.example\" <sip:1@h>", "<sip:1@10.0.0.1:5060>"),
        ("<sip:192.0.2.10>", "<sip:10.0.0.1:5060>"),
        (
            "\"Anonymous\" <sip:anonymous@anonymous.invalid>",
            "\"Anonymous\" <sip:anonymous@anonymous.invalid>",
        ),
        ("<sip:a%3Bb%40c@h>", "<sip:a%3Bb%40c@10.0.0.1:5060>"),
    ] {
        let from = NameAddr::parse(Bytes::from(from)).unwrap();
        let crossed = presented_caller(&from, b"10.0.0.1:5060");
        assert_eq!(String::from_utf8_lossy(&crossed), presented);
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
