//! Diversion and History-Info, each read, and said as either.

use bytes::Bytes;

use super::{Diversion, Diverted, Why};
use crate::policy::{Number, RealmId, Trunk};
use crate::sip::{Incoming, MessageLimits, Request};

fn invite(headers: &str) -> Request {
    let text = format!(
        "INVITE sip:2@h SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nFrom: <sip:1@h>;tag=a\r\nTo: <sip:2@h>\r\n\
         Call-ID: c\r\nCSeq: 1 INVITE\r\nContact: <sip:h>\r\n{headers}\r\n"
    );
    match Incoming::parse(Bytes::from(text), &MessageLimits::default()) {
        Ok(Incoming::Request(request)) => request,
        other => panic!("not a request: {other:?}"),
    }
}

fn read(headers: &str) -> Vec<(String, &'static str, bool)> {
    let trunk = Trunk::new("t", RealmId::new(0), "192.0.2.1:5060".parse().unwrap());
    let diversion = Diversion::of(&invite(headers).message, &trunk);
    let row =
        |diverted: &Diverted| (diverted.by.as_str().to_owned(), diverted.reason.row().0, diverted.private);
    diversion.by.iter().map(row).collect()
}

#[test]
fn diversion_is_read_from_the_newest_back() {
    let headers = "Diversion: \"Bo\" <sip:+1002@h;user=phone>;reason=no-answer;counter=2;privacy=full, \
                   <tel:+1-001>;reason=\"User-Busy\"\r\nDiversion: <sip:+1000@h>;reason=nonsense;privacy=off\r\n";
    let expected = [("+1000", "unknown", false), ("+1001", "user-busy", false), ("+1002", "no-answer", true)];
    let expected: Vec<_> = expected.map(|(by, why, private)| (by.to_owned(), why, private)).into();
    assert_eq!(read(headers), expected);
}

#[test]
fn history_says_who_was_called_before_and_why() {
    for (headers, expected) in [
        (
            "History-Info: <sip:+1001@h>;index=1, <sip:+1002@h;cause=302>;index=1.1;mp=1, \
             <sip:+1003@h;cause=486>;index=1.1.1;mp=1.1\r\n",
            vec![("+1001", "unconditional", false), ("+1002", "user-busy", false)],
        ),
        // Forked: 1.2 was mapped from 1, not from 1.1.
        (
            "History-Info: <sip:+1001@h>;index=1,<sip:+1002@h>;index=1.1,<sip:+1003@h;cause=408>;index=1.2;mp=1\r\n",
            vec![("+1001", "no-answer", false)],
        ),
        (
            "History-Info: <sip:+1001@h?Reason=SIP%3Bcause%3D480%3Btext%3D%22x%22&Privacy=history>;index=1, \
             <sip:+1002@h>;index=1.1\r\n",
            vec![("+1001", "deflection", true)],
        ),
        (
            "Privacy: history\r\nHistory-Info: <sip:+1001@h>;index=1,<sip:+1002@h;cause=487>;index=1.1;mp=1\r\n",
            vec![("+1001", "deflection", true)],
        ),
        // Only routed: nobody has diverted it.
        ("History-Info: <sip:+1001@h>;index=1, <sip:+1001@h2>;index=1.1;rc=1\r\n", vec![]),
        ("History-Info: <sip:+1001@h;cause=302>;index=1;mp=1\r\n", vec![]),
        ("History-Info: <sip:, nonsense;index=1\r\n", vec![]),
    ] {
        let expected: Vec<_> =
            expected.into_iter().map(|(by, why, private)| (by.to_owned(), why, private)).collect();
        assert_eq!(read(headers), expected, "{headers}");
    }
}

#[test]
fn no_more_is_read_than_anybody_forwards() {
    let headers = "Diversion: <sip:+1001@h>;reason=away\r\n".repeat(30);
    assert_eq!(read(&headers).len(), super::DIVERSIONS_MAX);
}

#[test]
fn reasons_and_causes_are_those_of_rfc_7544() {
    for (word, cause) in [
        ("unknown", 404),
        ("unconditional", 302),
        ("user-busy", 486),
        ("no-answer", 408),
        ("deflection", 480),
        ("unavailable", 503),
    ] {
        assert_eq!(Why::of_word(word.as_bytes()), Why::of_cause(cause), "{word}");
        assert_eq!(Why::of_cause(cause).row(), (word, cause));
    }
    assert_eq!(Why::of_cause(487), Why::Deflection);
    assert_eq!(Why::of_cause(200), Why::Unknown);
    assert_eq!(Why::of_word(b"away").row(), ("away", 404));
}

#[test]
fn what_the_edge_does_itself_counts_too() {
    let mut diversion = Diversion::default();
    diversion.push(Diverted::by_transfer(Number::new("+1001")));
    diversion.push(Diverted::by_deflection(Number::new("+1002"), 3));
    let counters: Vec<_> =
        diversion.by.iter().map(|diverted| (diverted.by.as_str(), diverted.counter)).collect();
    assert_eq!(counters, [("+1001", 1), ("+1002", 3)]);
}
