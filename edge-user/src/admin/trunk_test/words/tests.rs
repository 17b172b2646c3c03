use edge_core::policy::{Account, CallsTo, RealmId, Register, Registrar, Retry, Transport, Visitor};

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

#[test]
fn who_is_not_registered_hears_why_and_when_it_is_tried_again() {
    let now = crate::runtime::clock::now();
    let register = Register {
        user: "acct42".to_owned(),
        domain: "sip.x".to_owned(),
        server: "sip.x".to_owned(),
        through_proxy: false,
        number: None,
        expires: Duration::from_secs(600),
        bulk: false,
        retry: Retry::DEFAULT,
        token: "t".to_owned(),
    };
    let trunk = Trunk { auth: Auth::Registration, register: Some(register.into()), ..trunk() };
    let said = |account: Account, settled| {
        trunk.registered.note(account.until.is_some(), account);
        of_registration(&trunk, settled, now)
    };
    let failure = || Some("the registrar answers 403 Forbidden".to_owned());
    let (until, next_try) = (Some(now + Duration::from_secs(100)), Some(now + Duration::from_secs(25)));
    assert_eq!(said(Account { until, ..Account::default() }, true), None);
    assert_eq!(
        said(Account { failure: failure(), next_try, ..Account::default() }, true).unwrap(),
        "registering as acct42@sip.x: the registrar answers 403 Forbidden; not registered, so calls of it do not reach us; the next try \
         is in 25 s"
    );
    let lapsing = said(Account { failure: failure(), until, next_try, ..Account::default() }, true).unwrap();
    assert!(lapsing.contains("still registered for 100 s; the next try is in 25 s"), "{lapsing}");
    let silent = said(Account { state: "registering", ..Account::default() }, false).unwrap();
    assert!(silent.ends_with("no answer yet; not registered, so calls of it do not reach us"), "{silent}");
}

#[test]
fn one_that_has_not_registered_with_us_is_nowhere() {
    let registrar = Registrar {
        user: "pbx".to_owned(),
        expires_min: Duration::from_secs(60),
        expires_max: Duration::from_secs(600),
        calls_to: CallsTo::Contact,
    };
    let visitor = Visitor { registrar: Some(registrar.into()), ..Visitor::default() };
    let said = of_bindings(&Trunk { visitor, ..trunk() }, Duration::ZERO).unwrap();
    assert!(said.starts_with("it is registered nowhere: no REGISTER of user pbx has been taken"), "{said}");
    assert_eq!(of_bindings(&trunk(), Duration::ZERO), None);
}
