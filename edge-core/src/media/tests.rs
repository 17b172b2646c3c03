use std::collections::HashSet;
use std::time::{Duration, Instant};

use super::PortPool;
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
        while let Some(lease) = pool.lease(RealmId::new(0), start()) {
            assert!(seen.insert(lease.rtp()), "{} is leased twice", lease.rtp());
        }
    }
    assert_eq!(seen.len(), 7);
}

#[test]
fn a_released_pair_rests_before_it_is_leased_again() {
    let (rest, now) = (Duration::from_secs(30), start());
    let mut pool = PortPool::new(&realms(), 0, 1, rest);
    let leases: Vec<_> = std::iter::from_fn(|| pool.lease(RealmId::new(0), now)).collect();
    let first = leases.into_iter().next().unwrap();
    let port = first.rtp();
    pool.release(first, now);
    assert_eq!(pool.resting(), 1);
    assert_eq!(pool.lease(RealmId::new(0), now + rest - Duration::from_millis(1)), None);
    assert_eq!(pool.lease(RealmId::new(0), now + rest).map(|lease| lease.rtp()), Some(port));
}

#[test]
fn the_pair_that_has_been_free_longest_comes_first() {
    let now = start();
    let mut pool = PortPool::new(&realms(), 0, 1, Duration::ZERO);
    let first = pool.lease(RealmId::new(0), now).unwrap();
    let reused = first.rtp();
    pool.release(first, now);
    let order: Vec<_> =
        std::iter::from_fn(|| pool.lease(RealmId::new(0), now)).map(|lease| lease.rtp()).collect();
    assert_eq!(order.last(), Some(&reused));
}
