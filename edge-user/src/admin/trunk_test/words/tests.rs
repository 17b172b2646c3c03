use std::time::Duration;

use edge_core::policy::{RealmId, Transport};

use super::*;
use crate::runtime::{Looked, Shaken};

const ADDRESS: &str = "198.51.100.10:5060";

fn trunk() -> Trunk {
    Trunk::new("carrier", RealmId::new(0), ADDRESS.parse().unwrap())
}

fn tested(transport: Transport, heard: Heard) -> TestedTarget {
    TestedTarget { address: ADDRESS.parse().unwrap(), transport, took: Duration::from_secs(4), heard }
}

fn answer(code: u16) -> Heard {
    let code = StatusCode::new(code).unwrap();
    Heard::Answer { code, reason: code.default_reason().to_owned(), server: None }
}

#[test]
fn each_end_of_an_options_is_explained_or_nothing_is_wrong() {
    let table = [
        (answer(200), None),
        (answer(404), None),
        (answer(401), Some("it wants us to prove who we are; write `username`")),
        (answer(403), Some("403 Forbidden: it is there, and does not take us for one of its own")),
        (answer(503), Some("it is there, and takes no calls now")),
        (Heard::Silence, Some("no answer in 4.0 s from 198.51.100.10:5060 over UDP")),
        (Heard::Undelivered, Some("ICMP says unreachable")),
        (Heard::NoConnection, Some("failed before it answered")),
        (Heard::NoListener, Some("no listener of that transport")),
        (Heard::NoRoom, Some("ask again")),
    ];
    for (heard, want) in table {
        let said = of_target(&trunk(), &tested(Transport::Udp, heard.clone()), None);
        match want {
            None => assert_eq!(said, None, "{heard:?}"),
            Some(part) => {
                assert!(said.as_ref().is_some_and(|said| said.contains(part)), "{heard:?}: {said:?}")
            }
        }
    }
}

#[test]
fn what_is_seen_of_a_connection_says_more_than_that_it_failed() {
    let failed = tested(Transport::Tls, Heard::NoConnection);
    let line = |connected, failure: Option<&str>| Inspected {
        address: ADDRESS.parse().unwrap(),
        transport: Transport::Tls,
        connected,
        handshake: Some(Shaken { failure: failure.map(str::to_owned), ..Shaken::default() }),
    };
    let refused = line(Err("Connection refused".to_owned()), None);
    let said = of_target(&trunk(), &failed, Some(&refused)).unwrap();
    assert_eq!(said, "no connection to 198.51.100.10:5060 over TLS: Connection refused");
    let other = line(Ok(Duration::ZERO), Some("its certificate is for sip.x, and trunk carrier is sip.y"));
    let named = Trunk { names: vec!["sip.y".to_owned()], ..trunk() };
    let said = of_target(&named, &failed, Some(&other)).unwrap();
    assert_eq!(
        said,
        "TLS: sip.y at 198.51.100.10:5060: its certificate is for sip.x, and trunk carrier is sip.y"
    );
}

#[test]
fn a_name_that_is_not_there_is_told_from_one_without_addresses() {
    let names = |problem| Names {
        looked: vec![Looked {
            name: "sip.x".to_owned(),
            kind: "A",
            records: vec![],
            ttl: None,
            problem: Some(problem),
        }],
        leads: Err("DNS has no address for it".to_owned()),
    };
    let said = |problem| of_names(&trunk(), Some(&names(problem))).unwrap();
    assert_eq!(said("no such name"), "DNS: no such name: 198.51.100.10");
    assert_eq!(said("no such record"), "DNS: 198.51.100.10: DNS has no address for it");
}
