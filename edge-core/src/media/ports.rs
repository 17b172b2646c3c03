//! The media ports of one shard: leased to calls, rested after them.
//!
//! Invariants: a pair is in one place only: free, leased or resting. A shard leases only pairs whose number is its
//! own modulo the number of shards, so shards share no lock and no pair. A released pair rests, so that a late
//! packet of the old call cannot reach a new one.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::policy::{Realm, RealmId};

/// The pairs of one shard, by realm.
#[derive(Debug)]
pub struct PortPool {
    realms: Vec<Pairs>,
    rest: Duration,
}

#[derive(Debug, Default)]
struct Pairs {
    /// Longest rested first, so that a port's reuse is as late as it can be.
    free: VecDeque<SocketAddr>,
    resting: VecDeque<(Instant, SocketAddr)>,
}

/// One leased RTP/RTCP pair. It goes back with [`PortPool::release`]; there is no other way to get one.
#[derive(Debug, PartialEq, Eq)]
pub struct PortLease {
    realm: RealmId,
    rtp: SocketAddr,
}

impl PortLease {
    /// Local RTP address; RTCP is on the next port.
    #[must_use]
    pub const fn rtp(&self) -> SocketAddr {
        self.rtp
    }
}

impl PortPool {
    /// The pairs of shard `index` of `count`. `rest` is how long a pair stays unused after a call.
    #[must_use]
    pub fn new(realms: &[Realm], index: usize, count: usize, rest: Duration) -> Self {
        let own = |realm: &Realm| Pairs {
            free: realm
                .media
                .iter()
                .flat_map(|range| {
                    (0..range.ports.pairs())
                        .map(|pair| SocketAddr::new(range.address, range.ports.rtp_port(pair)))
                })
                .skip(index)
                .step_by(count.max(1))
                .collect(),
            resting: VecDeque::new(),
        };
        Self { realms: realms.iter().map(own).collect(), rest }
    }

    /// A pair in `realm`; `None` when all are leased or resting.
    pub fn lease(&mut self, realm: RealmId, now: Instant) -> Option<PortLease> {
        let pairs = &mut self.realms[realm.index()];
        while let Some((_, rtp)) = pairs.resting.pop_front_if(|(until, _)| *until <= now) {
            pairs.free.push_back(rtp);
        }
        pairs.free.pop_front().map(|rtp| PortLease { realm, rtp })
    }

    /// Takes a pair back and lets it rest.
    pub fn release(&mut self, lease: PortLease, now: Instant) {
        let PortLease { realm, rtp } = lease;
        self.realms[realm.index()].resting.push_back((now + self.rest, rtp));
    }

    /// Pairs that are neither leased nor resting, in all realms.
    #[must_use]
    pub fn free(&self) -> usize {
        self.realms.iter().map(|pairs| pairs.free.len()).sum()
    }

    /// Pairs that rest after a call, in all realms.
    #[must_use]
    pub fn resting(&self) -> usize {
        self.realms.iter().map(|pairs| pairs.resting.len()).sum()
    }
}
