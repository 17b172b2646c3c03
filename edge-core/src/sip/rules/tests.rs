//! What rules make of messages, and which rules are none.

use bytes::Bytes;
use proptest::prelude::*;

use super::{
    AddedHeader, HeaderChange, HeaderPattern, HeaderRule, HeaderRuleError, HeaderRules, ReplacedHeader,
    RuledMessages,
};
use crate::sip::{Incoming, MessageLimits};

const REQUEST: &str = "INVITE sip:2@h SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nFrom: \"A\" <sip:+1555;x=y@h>;tag=a\r\n\
    To: <sip:2@h>\r\nCall-ID: c\r\nCSeq: 1 INVITE\r\nContact: <sip:h>\r\nMax-Forwards: 70\r\ns: hello\r\nX-A: one\r\n\
    X-A: two\r\nP-Charging-Vector: icid=1\r\nX-Folded: a\r\n b\r\nContent-Length: 2\r\n\r\nhi";

fn add(text: &str) -> HeaderChange {
    HeaderChange::Add(AddedHeader::new(text, "carrier").unwrap())
}

fn remove(names: &str) -> HeaderChange {
    HeaderChange::Remove(HeaderPattern::new(names).unwrap())
}

fn replace(names: &str, expression: &str, with: &str) -> HeaderChange {
    HeaderChange::Replace(ReplacedHeader::new(HeaderPattern::new(names).unwrap(), expression, with).unwrap())
}

fn rules(on: RuledMessages, changes: Vec<HeaderChange>) -> HeaderRules {
    HeaderRules::new(changes.into_iter().map(|change| HeaderRule { on, change }).collect())
}

fn ruled(message: &str, changes: Vec<HeaderChange>) -> String {
    let ruled = rules(RuledMessages::Requests, changes).apply(Bytes::from(message.to_owned()));
    String::from_utf8(ruled.to_vec()).unwrap()
}

#[test]
fn rules_are_carried_out_in_their_order() {
    for (changes, there, gone) in [
        (vec![add("X-B: {caller} to {called} by {trunk}")], vec!["X-B: +1555 to 2 by carrier\r\n"], vec![]),
        (vec![remove("X-a")], vec!["X-Folded: a"], vec!["X-A:"]),
        (vec![remove("P-Charging-*")], vec!["X-A: one"], vec!["P-Charging"]),
        (vec![remove("subject")], vec![], vec!["hello"]),
        (vec![replace("X-A", "^(o)ne$", "$1$1")], vec!["X-A: oo\r\n", "X-A: two\r\n"], vec![]),
        (vec![replace("X-*", "o", "0")], vec!["X-A: 0ne\r\n", "X-A: tw0\r\n"], vec![]),
        (vec![replace("X-A", ".*", "")], vec!["X-Folded: a   b\r\n"], vec!["X-A"]),
        (vec![replace("X-Folded", "a +b", "c")], vec!["X-Folded: c\r\n"], vec![]),
        (vec![add("X-C: 1"), remove("X-C"), add("X-C: 2")], vec!["X-C: 2\r\n"], vec!["X-C: 1"]),
    ] {
        let text = ruled(REQUEST, changes);
        assert!(there.iter().all(|line| text.contains(line)), "{there:?} in {text}");
        assert!(gone.iter().all(|line| !text.contains(line)), "{gone:?} in {text}");
        assert!(text.contains("Content-Length: 2\r\n") && text.ends_with("\r\n\r\nhi"), "{text}");
    }
}

#[test]
fn a_rule_is_for_the_messages_that_it_says() {
    let response = REQUEST.replace("INVITE sip:2@h SIP/2.0", "SIP/2.0 200 OK");
    for (on, to_request, to_response) in [
        (RuledMessages::Requests, true, false),
        (RuledMessages::Responses, false, true),
        (RuledMessages::All, true, true),
    ] {
        let rules = rules(on, vec![add("X-New: 1")]);
        for (message, applied) in [(REQUEST, to_request), (response.as_str(), to_response)] {
            let ruled = rules.apply(Bytes::copy_from_slice(message.as_bytes()));
            assert_eq!(String::from_utf8_lossy(&ruled).contains("X-New: 1"), applied, "{on:?}");
        }
    }
}

#[test]
fn what_would_break_sip_is_no_rule() {
    let pattern = |text: &str| HeaderPattern::new(text).unwrap();
    let wire = |name| Some(HeaderRuleError::Wire { name });
    for (names, error) in [
        ("Via", wire("Via")),
        ("v", wire("Via")),
        ("call-id", wire("Call-ID")),
        ("C*", wire("Call-ID")),
        ("*", wire("Via")),
        ("Content-*", wire("Content-Length")),
        ("X-*", None),
        ("Supported", None),
        ("P-Asserted-Identity", None),
    ] {
        assert_eq!(pattern(names).refuse_wire().err(), error, "{names}");
    }
    assert_eq!(pattern("Privacy").refuse_ours(), Err(HeaderRuleError::Ours { name: "Privacy" }));
    assert_eq!(pattern("P-*").refuse_ours(), Err(HeaderRuleError::Ours { name: "P-Asserted-Identity" }));
    assert_eq!(pattern("User-to-User").refuse_ours(), Ok(()));
    for names in ["", "X A", "X-*-Y", "a*b", "X:"] {
        assert_eq!(HeaderPattern::new(names).err(), Some(HeaderRuleError::Name(names.to_owned())), "{names}");
    }
    for text in [
        "Via: x",
        "To: <sip:1@h>",
        "l: 3",
        "X-A",
        "X-A:",
        "X A: 1",
        "X-A: a\r\nVia: b",
        "X-A: {nobody}",
        "X-A: {x",
    ] {
        assert!(AddedHeader::new(text, "t").is_err(), "{text}");
    }
    for expression in ["(", "(a{1000}){1000}"] {
        let replaced = ReplacedHeader::new(pattern("X-A"), expression, "");
        assert!(matches!(replaced, Err(HeaderRuleError::Expression(_))), "{expression}");
    }
    assert!(ReplacedHeader::new(pattern("X-A"), "a", "b\nc").is_err());
}

#[test]
fn a_value_does_not_grow_beyond_what_others_read() {
    let long = "a".repeat(400);
    let message = REQUEST.replace("X-A: one", &format!("X-A: {long}"));
    let text = ruled(&message, vec![replace("X-A", "a", &"b".repeat(100))]);
    assert!(text.contains(&long) && !text.contains("bb"));
}

proptest! {
    #[test]
    fn what_a_message_is_stays_whatever_is_written_in_it(
        value in "\\PC{0,60}",
        names in "[A-Za-z-]{1,4}",
        expression in "[a-z.*+?]{1,3}",
        with in "[ -~]{0,20}",
    ) {
        let Ok(pattern) = HeaderPattern::new(&format!("{names}*")) else { return Ok(()) };
        let mut changes = vec![HeaderChange::Remove(pattern.clone())];
        changes.extend(ReplacedHeader::new(pattern, &expression, &with).map(HeaderChange::Replace));
        changes.extend(ReplacedHeader::new(HeaderPattern::new("X-A").unwrap(), &expression, &with).map(HeaderChange::Replace));
        let message = REQUEST.replace("hello", &value);
        let Ok(Incoming::Request(before)) = Incoming::parse(Bytes::from(message.clone()), &MessageLimits::default())
        else { return Ok(()) };
        let ruled = rules(RuledMessages::All, changes).apply(Bytes::from(message));
        let Ok(Incoming::Request(after)) = Incoming::parse(ruled, &MessageLimits::default())
        else { return Err(TestCaseError::fail("it is no request any more")) };
        prop_assert_eq!((&after.call_id, after.cseq, after.message.body()), (&before.call_id, before.cseq, before.message.body()));
        prop_assert_eq!(after.from.as_bytes(), before.from.as_bytes());
        prop_assert!(after.message.headers().count() <= before.message.headers().count());
    }
}
