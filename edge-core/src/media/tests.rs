use std::collections::HashSet;
use std::time::{Duration, Instant};

use super::{Family, PortPool};
use crate::policy::{MediaRange, PortRange, Realm, RealmId};

fn realms() -> Vec<Realm> {
    let range = |address: &str, last| MediaRange {
        address: address.parse().unwrap(),
        ports: PortRange::new(20_000, last).unwrap(),
    };
    vec![Realm {
        name: "outside".to_owned(),
        device: "eth0".to_owned(),
        sip: vec![],
        media: vec![range("192.0.2.1", 20_009), range("192.0.2.2", 20_003)],
        reaches: Vec::new(),
        advertised: crate::policy::Advertised::default(),
    }]
}

#[expect(clippy::disallowed_methods, reason = "any instant will do, and only the clock makes them")]
fn start() -> Instant {
    Instant::now()
}

#[test]
fn shards_share_all_pairs_and_none_twice() {
    let mut seen = HashSet::new();
    for index in 0..3 {
        let mut pool = PortPool::new(&realms(), index, 3, Duration::ZERO);
        while let Some(lease) = pool.lease(RealmId::new(0), Family::V4, start()) {
            assert!(seen.insert(lease.rtp()), "{} is leased twice", lease.rtp());
        }
    }
    assert_eq!(seen.len(), 7);
}

#[test]
fn a_released_pair_rests_before_it_is_leased_again() {
    let (rest, now) = (Duration::from_secs(30), start());
    let mut pool = PortPool::new(&realms(), 0, 1, rest);
    let leases: Vec<_> = std::iter::from_fn(|| pool.lease(RealmId::new(0), Family::V4, now)).collect();
    let first = leases.into_iter().next().unwrap();
    let port = first.rtp();
    pool.release(first, now);
    assert_eq!(pool.resting(), 1);
    assert_eq!(pool.lease(RealmId::new(0), Family::V4, now + rest - Duration::from_millis(1)), None);
    assert_eq!(pool.lease(RealmId::new(0), Family::V4, now + rest).map(|lease| lease.rtp()), Some(port));
}

#[test]
fn the_pair_that_has_been_free_longest_comes_first() {
    let now = start();
    let mut pool = PortPool::new(&realms(), 0, 1, Duration::ZERO);
    let first = pool.lease(RealmId::new(0), Family::V4, now).unwrap();
    let reused = first.rtp();
    pool.release(first, now);
    let order: Vec<_> = std::iter::from_fn(|| pool.lease(RealmId::new(0), Family::V4, now))
        .map(|lease| lease.rtp())
        .collect();
    assert_eq!(order.last(), Some(&reused));
}

#[test]
fn a_family_that_the_realm_has_is_not_replaced_by_the_other_when_it_is_used_up() {
    let (now, realm) = (start(), RealmId::new(0));
    let mut realms = realms();
    realms[0].media[1].address = "2001:db8::2".parse().unwrap();
    let mut pool = PortPool::new(&realms, 0, 1, Duration::ZERO);
    assert_eq!((pool.free(), pool.resting()), (7, 0));
    let v6: Vec<_> = std::iter::from_fn(|| pool.lease(realm, Family::V6, now)).collect();
    assert!(v6.len() == 2 && v6.iter().all(|lease| lease.rtp().is_ipv6()), "{v6:?}");
    let v4: Vec<_> = std::iter::from_fn(|| pool.lease(realm, Family::V4, now)).collect();
    assert!(v4.len() == 5 && v4.iter().all(|lease| lease.rtp().is_ipv4()), "{v4:?}");
    for lease in v6.into_iter().chain(v4) {
        pool.release(lease, now);
    }
    assert!(pool.lease(realm, Family::V6, now).is_some_and(|lease| lease.rtp().is_ipv6()));
}

#[test]
fn a_realm_of_one_family_gives_what_it_has() {
    let mut pool = PortPool::new(&realms(), 0, 1, Duration::ZERO);
    assert!(pool.lease(RealmId::new(0), Family::V6, start()).is_some_and(|lease| lease.rtp().is_ipv4()));
}
