use std::net::Ipv6Addr;

use super::*;
use crate::runtime::clock;

fn address(number: u32) -> IpAddr {
    IpAddr::V4((0x0a00_0000 + number).into())
}

/// How many of `wanted` handshakes, each from the next of `sources`, are let in at one instant.
fn let_in(gate: &Arc<Gate>, sources: u32, known: bool, wanted: u32, now: Instant) -> Vec<Visit> {
    (0..wanted).filter_map(|number| gate.enter(address(number % sources), known, now)).collect()
}

#[test]
fn one_source_has_few_handshakes_at_once_and_few_a_second() {
    for (known, at_once, burst, second) in [(false, 4, 8, 2), (true, 64, 128, 100)] {
        let gate = Arc::new(Gate::default());
        let now = clock::now();
        let open = let_in(&gate, 1, known, 1_000, now);
        assert_eq!(open.len(), at_once);
        drop(open);
        let mut begun = at_once;
        while gate.enter(address(0), known, now).is_some() {
            begun += 1;
        }
        assert_eq!(begun, burst, "one after another");
        let later = now + Duration::from_secs(1);
        let again = (0..1_000).filter(|_| gate.enter(address(0), known, later).is_some()).count();
        assert_eq!(again, second);
    }
}

#[test]
fn all_strangers_together_leave_the_familiar_their_room() {
    let gate = Arc::new(Gate::default());
    let now = clock::now();
    let strangers = let_in(&gate, 10_000, false, 10_000, now);
    assert_eq!(strangers.len(), 64);
    assert!(gate.enter(address(20_000), false, now).is_none());
    assert!(gate.enter(address(20_000), true, now).is_some(), "a trunk by its address");
    gate.befriend(address(20_001));
    assert!(gate.enter(address(20_001), false, now).is_some(), "one that has proven itself from there");
    drop(strangers);
    let a_second: u32 = 100;
    let mut begun = 0;
    for number in 0..10_000 {
        begun +=
            u32::from(gate.enter(address(30_000 + number), false, now + Duration::from_secs(1)).is_some());
    }
    assert!(begun <= 64 && begun <= a_second, "{begun}");
}

#[test]
fn a_network_of_ipv6_is_one_source() {
    let gate = Arc::new(Gate::default());
    let now = clock::now();
    let from = |host: u128| IpAddr::V6(Ipv6Addr::from_bits((0x2001_0db8_u128 << 96) + host));
    let open: Vec<_> = (0..100).filter_map(|host| gate.enter(from(host), false, now)).collect();
    assert_eq!(open.len(), 4);
    assert!(gate.enter(from(1 << 64), false, now).is_some(), "the next one");
}

#[test]
fn what_is_remembered_is_bounded_and_who_rests_is_forgotten() {
    let gate = Arc::new(Gate::default());
    let mut now = clock::now();
    for number in 0..20_000 {
        drop(gate.enter(address(number), false, now));
        gate.befriend(address(number));
        now += Duration::from_millis(10);
    }
    let visits = gate.visits();
    assert!(visits.sources.len() <= SOURCES_MAX && visits.friends.len() <= SOURCES_MAX);
    assert_eq!((visits.strangers.open, visits.familiar.open), (0, 0));
}
