use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::media::SourcePolicy;

pub(super) fn trunk(name: &str, host: &str, sources: &[&str]) -> Trunk {
    Trunk {
        sources: sources.iter().map(|net| net.parse().unwrap()).collect(),
        ..Trunk::new(name, RealmId::new(0), host.parse().unwrap())
    }
}

fn route(name: &str, to: NumberMatch) -> Route {
    Route::new(name, vec![TrunkId::new(0)], to, TrunkId::new(1))
}

fn prefix(text: &str) -> NumberMatch {
    NumberMatch::Prefix(text.to_owned())
}

pub(super) fn policy(trunks: Vec<Trunk>, routes: Vec<Route>) -> Result<Policy, PolicyError> {
    let realm = Realm {
        name: "outside".to_owned(),
        device: "eth0".to_owned(),
        sip: vec![Listener { transport: Transport::Udp, address: "192.0.2.1:5060".parse().unwrap() }],
        media: vec![],
        reaches: Vec::new(),
        advertised: Advertised::default(),
    };
    Policy::new("n".to_owned(), vec![realm], trunks, routes, Strangers::Silent, CallTimers::default())
}

#[test]
fn the_most_specific_source_names_the_trunk_and_its_host_is_always_one() {
    let wide = trunk("wide", "198.51.100.1:5060", &["198.51.100.0/24"]);
    let narrow = trunk("narrow", "203.0.113.9:5060", &["198.51.100.64/28"]);
    let policy = policy(vec![wide, narrow], vec![]).unwrap();
    let who = |source: &str| {
        let id = policy.identify(RealmId::new(0), Transport::Udp, source.parse().unwrap())?;
        Some(policy.trunk(id).name.as_str())
    };
    assert_eq!(who("198.51.100.2:1"), Some("wide"));
    assert_eq!(who("198.51.100.65:65535"), Some("narrow"));
    assert_eq!(who("203.0.113.9:5060"), Some("narrow"));
    assert_eq!(who("203.0.113.8:5060"), None);
}

#[test]
fn a_reference_to_nothing_is_refused() {
    let lost = Trunk { realm: RealmId::new(1), ..trunk("lost", "192.0.2.2:5060", &[]) };
    assert_eq!(policy(vec![lost], vec![]).unwrap_err(), PolicyError::TrunkRealm { trunk: "lost".to_owned() });
    let host = Host::Address { address: "192.0.2.2:5060".parse().unwrap(), transport: Transport::Tcp };
    let over_tcp = trunk("tcp", "192.0.2.2:5060", &[]).at(host);
    assert_eq!(
        policy(vec![over_tcp], vec![]).unwrap_err(),
        PolicyError::TrunkTransport { trunk: "tcp".to_owned(), transport: Transport::Tcp }
    );
    let one = trunk("one", "192.0.2.2:5060", &[]);
    assert_eq!(
        policy(vec![one], vec![route("r", prefix("+"))]).unwrap_err(),
        PolicyError::RouteTrunk { route: "r".to_owned() }
    );
}

#[test]
fn behind_a_nat_media_comes_from_where_signalling_does() {
    let signalling = "192.0.2.2".parse().unwrap();
    let trunk = Trunk { media_source: SourcePolicy::Port, ..trunk("t", "192.0.2.2:5060", &[]) };
    assert_eq!(trunk.source_policy(signalling), SourcePolicy::Port);
    let trunk = Trunk { nat: true, ..trunk };
    assert_eq!(trunk.source_policy(signalling), SourcePolicy::Latch { from: Some(signalling) });
}

proptest! {
    /// In no window of a second are more than a burst and a second's worth admitted, and a patient caller always is.
    #[test]
    fn the_rate_holds_over_any_second(max in 1_u32..50, gaps_ms in prop::collection::vec(0_u64..400, 1..300)) {
        let limits = Limits { calls_per_second_max: Some(max), ..Limits::default() };
        let trunk = Trunk { limits, ..trunk("t", "192.0.2.2:5060", &[]) };
        let mut now = Duration::ZERO;
        let mut admitted = Vec::new();
        for gap in gaps_ms {
            now += Duration::from_millis(gap);
            if trunk.admit(Role::Caller, Importance::Ordinary, now).is_ok() {
                admitted.push(now);
            }
        }
        prop_assert_eq!(trunk.usage.calls(), 0);
        for from in &admitted {
            let window = admitted.iter().filter(|at| *at >= from && **at < *from + Duration::from_secs(1)).count();
            prop_assert!(window <= 2 * max as usize, "{} in a second, {} allowed", window, max);
        }
        prop_assert!(trunk.admit(Role::Caller, Importance::Ordinary, now + Duration::from_secs(2)).is_ok());
    }

    /// What is accepted starts even, ends odd, and counts its pairs right.
    #[test]
    fn a_range_is_whole_pairs(first in any::<u16>(), last in any::<u16>()) {
        if let Ok(range) = PortRange::new(first, last) {
            prop_assert!(range.first() >= 1024 && range.first() % 2 == 0 && range.last() % 2 == 1);
            prop_assert_eq!(range.rtp_port(range.pairs() - 1), range.last() - 1);
            prop_assert!(range.contains(range.first()) && range.contains(range.last()));
        }
    }
}

#[test]
fn a_trunk_that_is_gone_is_known_until_its_calls_have_ended() {
    let old =
        policy(vec![trunk("moved", "192.0.2.2:5060", &[]), trunk("idle", "192.0.2.3:5060", &[])], vec![])
            .unwrap();
    let call = old.trunk(TrunkId::new(0)).admit(Role::Caller, Importance::Ordinary, Duration::ZERO).unwrap();
    let reloaded = |previous: &Policy| {
        let mut fresh = policy(vec![trunk("moved", "192.0.2.9:5060", &[])], vec![]).unwrap();
        fresh.take_over(previous);
        fresh
    };
    let fresh = reloaded(&old);
    let who = |policy: &Policy, source: &str| {
        policy.identify(RealmId::new(0), Transport::Udp, source.parse().unwrap())
    };
    let former = who(&fresh, "192.0.2.2:5060").unwrap();
    assert!(!fresh.trunk(former).may_call(), "it starts no call");
    assert!(who(&fresh, "192.0.2.9:5060").is_some_and(|id| fresh.trunk(id).usage.calls() == 1));
    assert_eq!(who(&fresh, "192.0.2.3:5060"), None, "who has no call is gone at once");

    drop(call);
    assert_eq!(who(&reloaded(&fresh), "192.0.2.2:5060"), None);
}

fn certified(name: &str, host: &str, names: &[&str]) -> Trunk {
    let names = names.iter().map(|name| (*name).to_owned()).collect();
    Trunk { auth: Auth::Certificate, names, ..trunk(name, host, &[]) }
}

#[test]
fn who_is_known_by_a_certificate_is_not_known_by_an_address() {
    let by_name = certified("named", "192.0.2.2:5061", &["sip.example"]);
    let policy = policy(vec![by_name, trunk("at", "192.0.2.3:5060", &[])], vec![]).unwrap();
    let realm = RealmId::new(0);
    assert_eq!(policy.identify(realm, Transport::Udp, "192.0.2.2:5061".parse().unwrap()), None);
    let [named, at] = [0, 1].map(|index| policy.trunk(TrunkId::new(index)).key);
    assert_eq!(policy.proven(realm, named), Some(TrunkId::new(0)));
    assert_eq!(policy.proven(realm, at), None, "it proves nothing by a certificate");
    assert_eq!(policy.proven(RealmId::new(1), named), None, "another network");
    assert!(policy.takes_certificates(realm) && !policy.takes_certificates(RealmId::new(1)));
}

#[test]
fn of_trunks_that_share_a_certificate_the_one_at_the_source_comes_first() {
    let first = certified("first", "192.0.2.2:5061", &["sip1.example"]);
    let second = certified("second", "192.0.2.3:5061", &["sip2.example"]);
    let policy = policy(vec![first, second], vec![]).unwrap();
    let who = |dns: &[&str], source: &str| {
        let dns = dns.iter().map(|name| (*name).to_owned()).collect();
        let names = CertificateNames { dns, has_alternatives: true, ..CertificateNames::default() };
        let named = policy.named(RealmId::new(0), &names, source.parse().unwrap());
        named.into_iter().map(|trunk| trunk.name.clone()).collect::<Vec<_>>()
    };
    assert_eq!(who(&["SIP2.example"], "192.0.2.2"), ["second"]);
    assert_eq!(who(&["sip1.example", "sip2.example"], "192.0.2.3"), ["second", "first"]);
    assert_eq!(who(&["sip1.example", "sip2.example"], "203.0.113.9"), ["first", "second"]);
    assert_eq!(who(&["example"], "192.0.2.2"), [""; 0]);
}

#[test]
fn a_key_stays_with_its_trunk_over_reloads_and_is_given_to_no_other() {
    let old = policy(
        vec![
            certified("a", "192.0.2.2:5061", &["a.example"]),
            certified("b", "192.0.2.3:5061", &["b.example"]),
        ],
        vec![],
    )
    .unwrap();
    let [a, b] = [0, 1].map(|index| old.trunk(TrunkId::new(index)).key);
    let call = old.trunk(TrunkId::new(0)).admit(Role::Caller, Importance::Ordinary, Duration::ZERO).unwrap();
    let fresh = |trunks, previous: &Policy| {
        let mut fresh = policy(trunks, vec![]).unwrap();
        fresh.take_over(previous);
        fresh
    };
    let new = || certified("c", "192.0.2.4:5061", &["c.example"]);
    let moved = certified("b", "192.0.2.33:5061", &["b2.example"]);
    let next = fresh(vec![new(), moved], &old);
    let realm = RealmId::new(0);
    assert_eq!(next.proven(realm, b), Some(TrunkId::new(1)), "wherever it is now");
    let c = next.trunk(TrunkId::new(0)).key;
    assert!(c != a && c != b);
    let former = next.proven(realm, a).unwrap();
    assert!(!next.trunk(former).may_call(), "its call goes on, and it starts none");

    drop(call);
    let last = fresh(vec![new(), trunk("b", "192.0.2.3:5060", &[])], &next);
    assert_eq!(
        (last.proven(realm, a), last.proven(realm, b)),
        (None, None),
        "gone, and known by its address now"
    );
    assert_eq!(last.proven(realm, c), Some(TrunkId::new(0)));
}

#[test]
fn a_flood_leaves_room_in_the_queues_for_what_stands() {
    let trunk = trunk("t", "192.0.2.2:5060", &[]);
    let fill =
        |message: &str| -> Vec<_> { std::iter::from_fn(|| trunk.enqueue(message.as_bytes())).collect() };
    let flood = fill("INVITE sip:a SIP/2.0\r\n");
    assert_eq!(flood.len(), 2_048);
    let byes = fill("BYE sip:a SIP/2.0\r\n");
    assert_eq!(byes.len(), 8_192 - 2_048);
    drop(flood);
    assert_eq!(fill("OPTIONS sip:a SIP/2.0\r\n").len(), 0, "those that wait count, whatever they are");
    drop(byes);
    assert_eq!(fill("OPTIONS sip:a SIP/2.0\r\n").len(), 2_048);
}
