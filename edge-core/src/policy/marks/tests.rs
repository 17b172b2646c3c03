use bytes::Bytes;

use super::super::tests::{policy, trunk};
use super::*;
use crate::policy::{Policy, RealmId, TrunkId};
use crate::sip::{Incoming, MessageLimits};

fn request(uri: &str, to: &str, from: &str, headers: &str) -> Request {
    let text = format!(
        "INVITE {uri} SIP/2.0\r\nVia: SIP/2.0/TCP 198.51.100.1:5062;branch=z9hG4bK1\r\nMax-Forwards: 70\r\nFrom: <{from}>;tag=1\r\n\
         To: <{to}>\r\nCall-ID: 1\r\nCSeq: 1 INVITE\r\n{headers}Content-Length: 0\r\n\r\n"
    );
    let Ok(Incoming::Request(request)) = Incoming::parse(Bytes::from(text), &MessageLimits::default()) else {
        panic!("a request")
    };
    request
}

fn plain(headers: &str) -> Request {
    request("sip:+4420@a.example", "sip:+4420@to.example", "sip:acct7@b.example", headers)
}

fn header(name: &str, value: &str) -> Mark {
    Mark::Header(HeaderPattern::new(name).unwrap(), Wanted::new(value))
}

fn claim(marks: &[Mark]) -> Claim {
    Claim { encrypted: false, marks: marks.into() }
}

const SOURCE: &str = "198.51.100.1:5064";

#[test]
fn each_mark_is_looked_for_in_its_own_place() {
    let table = [
        (Mark::Host(Wanted::new("A.Example")), true),
        (Mark::Host(Wanted::new("to.example")), false),
        (Mark::ToHost(Wanted::new("to.example")), true),
        (Mark::FromHost(Wanted::new("b.example")), true),
        (Mark::FromHost(Wanted::new("a.example")), false),
        (Mark::User(Wanted::new("+44*")), true),
        (Mark::User(Wanted::new("+44")), false),
        (Mark::FromUser(Wanted::new("acct7")), true),
        (Mark::FromUser(Wanted::new("acct*")), true),
        (header("X-Trunk", "a"), true),
        (header("x-trunk", "a"), true),
        (header("X-Trunk", "b"), false),
        (header("X-Other", "a"), false),
    ];
    // Of two headers of a name the first one counts.
    let request = plain("X-Trunk: a\r\nX-Trunk: b\r\n");
    for (mark, want) in table {
        let is = mark.is_on(Transport::Udp, SOURCE.parse().unwrap(), &request);
        assert_eq!(is, want, "{mark}");
    }
}

#[test]
fn a_port_is_that_of_a_datagram_and_over_a_connection_that_of_via() {
    let source = SOURCE.parse().unwrap();
    for (transport, port, want) in [
        (Transport::Udp, 5064, true),
        (Transport::Udp, 5062, false),
        (Transport::Tcp, 5062, true),
        (Transport::Tcp, 5064, false),
    ] {
        assert_eq!(Mark::Port(port).is_on(transport, source, &plain("")), want, "{transport} {port}");
    }
}

#[test]
fn two_claims_are_told_apart_or_refused() {
    let host = |text: &str| Mark::Host(Wanted::new(text));
    let user = |text: &str| Mark::User(Wanted::new(text));
    // Whether they may stand beside one another, and which one has what fits both.
    let table = [
        (vec![], vec![], false, Some(Ordering::Equal)),
        (vec![Mark::Port(5060)], vec![], true, Some(Ordering::Greater)),
        (vec![Mark::Port(5060)], vec![Mark::Port(5062)], true, None),
        (vec![Mark::Port(5060)], vec![Mark::Port(5060)], false, Some(Ordering::Equal)),
        (vec![host("a")], vec![host("b")], true, None),
        (vec![host("a")], vec![user("1")], false, None),
        (vec![host("a"), user("1")], vec![user("1")], true, Some(Ordering::Greater)),
        (vec![host("a"), user("1")], vec![host("b"), user("1")], true, None),
        (vec![user("+4420")], vec![user("+44*")], true, Some(Ordering::Greater)),
        (vec![user("+44*")], vec![user("+4420*")], true, Some(Ordering::Less)),
        (vec![user("+44*")], vec![user("+33*")], true, None),
        (vec![user("+44*"), host("a")], vec![user("+4420*")], false, None),
        (vec![header("X-A", "1")], vec![header("X-B", "1")], false, None),
        (vec![header("X-A", "1")], vec![header("X-A", "2")], true, None),
    ];
    for (a, b, beside, over) in table {
        let (first, second) = (claim(&a), claim(&b));
        assert_eq!((first.beside(&second), first.over(&second)), (beside, over), "{a:?} {b:?}");
        let reverse = over.map(Ordering::reverse);
        assert_eq!((second.beside(&first), second.over(&first)), (beside, reverse), "{b:?} {a:?}");
    }
    let encrypted = Claim { encrypted: true, marks: Arc::default() };
    assert_eq!(encrypted.over(&claim(&[])), Some(Ordering::Greater));
}

fn shared(marks: &[(&str, Vec<Mark>)]) -> Policy {
    let one = |(name, marks): &(&str, Vec<Mark>)| Trunk {
        marks: marks.as_slice().into(),
        ..trunk(name, "198.51.100.1:5060", &[])
    };
    policy(marks.iter().map(one).collect(), vec![]).unwrap()
}

fn asked(policy: &Policy, request: &Request) -> Option<String> {
    let source = SOURCE.parse().unwrap();
    let id: TrunkId = policy.asker(RealmId::new(0), Transport::Udp, source, request)?;
    Some(policy.trunk(id).name.clone())
}

#[test]
fn who_asks_for_the_most_has_a_request_whatever_the_order_of_the_file() {
    let user = |text: &str| vec![Mark::User(Wanted::new(text))];
    let mut marks =
        vec![("any", vec![]), ("uk", user("+44*")), ("london", user("+4420*")), ("one", user("+4420"))];
    for _ in 0..marks.len() {
        let policy = shared(&marks);
        let who = |user: &str| asked(&policy, &request(&format!("sip:{user}@h"), "sip:t@h", "sip:f@h", ""));
        assert_eq!(who("+4420").as_deref(), Some("one"));
        assert_eq!(who("+44201").as_deref(), Some("london"));
        assert_eq!(who("+4430").as_deref(), Some("uk"));
        assert_eq!(who("+33").as_deref(), Some("any"));
        marks.rotate_left(1);
    }
}

#[test]
fn from_a_shared_address_whoever_bears_no_mark_is_nobody_unless_a_wider_source_takes_it() {
    let policy = shared(&[("a", vec![header("X-Trunk", "a")]), ("b", vec![header("X-Trunk", "b")])]);
    assert_eq!(asked(&policy, &plain("X-Trunk: b\r\n")).as_deref(), Some("b"));
    assert_eq!(asked(&policy, &plain("")), None);
    let narrow = Trunk { marks: [header("X-Trunk", "a")].into(), ..trunk("a", "198.51.100.1:5060", &[]) };
    let wide = trunk("wide", "198.51.100.9:5060", &["198.51.100.0/24"]);
    let policy = super::super::tests::policy(vec![narrow, wide], vec![]).unwrap();
    assert_eq!(asked(&policy, &plain("X-Trunk: a\r\n")).as_deref(), Some("a"));
    assert_eq!(asked(&policy, &plain("")).as_deref(), Some("wide"));
}

#[test]
fn a_port_that_no_trunk_sends_from_is_a_stranger_s_before_anything_is_read() {
    let policy = shared(&[("a", vec![Mark::Port(5062)]), ("b", vec![Mark::Port(5064)])]);
    let who = |port: u16| {
        let id = policy.identify(RealmId::new(0), Transport::Udp, ([198, 51, 100, 1], port).into())?;
        Some(policy.trunk(id).name.as_str())
    };
    assert_eq!((who(5062), who(5064), who(5066)), (Some("a"), Some("b"), None));
}

#[test]
fn an_encrypted_trunk_is_not_known_in_clear() {
    let host = Host::Address { address: "198.51.100.1:5061".parse().unwrap(), transport: Transport::Tls };
    let source = SOURCE.parse().unwrap();
    let claim = Claim::new(&host, &Arc::default());
    for transport in [Transport::Udp, Transport::Tcp, Transport::Tls] {
        let encrypted = transport == Transport::Tls;
        assert_eq!(claim.takes(transport, source), encrypted, "{transport}");
        assert_eq!(claim.holds(transport, source, &plain("")), encrypted, "{transport}");
    }
}
