//! The media ports of one shard: leased to calls, rested after them.
//!
//! Invariants: a pair is in one place only: free, leased or resting. A shard leases only pairs whose number is its
//! own modulo the number of shards, so shards share no lock and no pair. A released pair rests, so that a late
//! packet of the old call cannot reach a new one.

use std::collections::{HashSet, VecDeque};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::Family;
use crate::policy::{MediaRange, Realm, RealmId};

/// The pairs of one shard, by realm.
#[derive(Debug)]
pub struct PortPool {
    realms: Vec<Families>,
    rest: Duration,
    /// Pairs of calls that another process began, whichever shard's they are by their number; each is here until it is adopted.
    withheld: HashSet<SocketAddr>,
}

/// The pairs of one realm.
#[derive(Debug)]
struct Families {
    v4: Pairs,
    v6: Pairs,
    /// All that belongs to the realm, of whichever shard.
    ranges: Vec<MediaRange>,
}

#[derive(Debug, Default)]
struct Pairs {
    /// Whether there are any, leased ones included.
    exist: bool,
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
        let own = |realm: &Realm| {
            let of = |family| Pairs::new(realm, family, index, count);
            Families { v4: of(Family::V4), v6: of(Family::V6), ranges: realm.media.clone() }
        };
        Self { realms: realms.iter().map(own).collect(), rest, withheld: HashSet::new() }
    }

    /// A pair in `realm`, of the family that is wanted when the realm has that at all; `None` when all are leased or
    /// resting.
    pub fn lease(&mut self, realm: RealmId, wanted: Family, now: Instant) -> Option<PortLease> {
        let families = &mut self.realms[realm.index()];
        let pairs = match wanted {
            Family::V4 if families.v4.exist || !families.v6.exist => &mut families.v4,
            Family::V6 if families.v6.exist || !families.v4.exist => &mut families.v6,
            Family::V4 => &mut families.v6,
            Family::V6 => &mut families.v4,
        };
        while let Some((_, rtp)) = pairs.resting.pop_front_if(|(until, _)| *until <= now) {
            pairs.free.push_back(rtp);
        }
        pairs.free.pop_front().map(|rtp| PortLease { realm, rtp })
    }

    /// Takes pairs out of the pool that belong to calls which another process began, before any is leased. The shard that goes
    /// on with such a call [adopts](Self::adopt) them.
    pub fn withhold(&mut self, pairs: &HashSet<SocketAddr>) {
        for Families { v4, v6, ranges: _ } in &mut self.realms {
            for own in [v4, v6] {
                own.free.retain(|rtp| !pairs.contains(rtp));
            }
        }
        self.withheld.extend(pairs);
    }

    /// The lease of a pair that was withheld, for the call that it belongs to; `None` when another call has it, or when it is
    /// none of the realm's.
    pub fn adopt(&mut self, realm: RealmId, rtp: SocketAddr) -> Option<PortLease> {
        let families = self.realms.get(realm.index())?;
        let of_realm = families.ranges.iter().any(|range| range.begins_pair(rtp));
        (of_realm && self.withheld.remove(&rtp)).then_some(PortLease { realm, rtp })
    }

    /// Takes back the lease of a call that is not gone on with after all.
    pub fn disown(&mut self, lease: PortLease) {
        self.withheld.insert(lease.rtp);
    }

    /// Takes a pair back and lets it rest.
    pub fn release(&mut self, lease: PortLease, now: Instant) {
        let PortLease { realm, rtp } = lease;
        let families = &mut self.realms[realm.index()];
        let pairs = match Family::of(rtp.ip()) {
            Family::V4 => &mut families.v4,
            Family::V6 => &mut families.v6,
        };
        pairs.resting.push_back((now + self.rest, rtp));
    }

    /// Pairs that are neither leased nor resting, in all realms.
    #[must_use]
    pub fn free(&self) -> usize {
        self.pairs().map(|pairs| pairs.free.len()).sum()
    }

    /// Pairs that rest after a call, in all realms.
    #[must_use]
    pub fn resting(&self) -> usize {
        self.pairs().map(|pairs| pairs.resting.len()).sum()
    }

    fn pairs(&self) -> impl Iterator<Item = &Pairs> {
        self.realms.iter().flat_map(Families::pairs)
    }
}

impl Families {
    fn pairs(&self) -> impl Iterator<Item = &Pairs> {
        [&self.v4, &self.v6].into_iter()
    }
}

impl Pairs {
    fn new(realm: &Realm, family: Family, index: usize, count: usize) -> Self {
        let ranges = realm.media.iter().filter(|range| Family::of(range.address) == family);
        let all = ranges.flat_map(|range| {
            (0..range.ports.pairs()).map(|pair| SocketAddr::new(range.address, range.ports.rtp_port(pair)))
        });
        let free: VecDeque<_> = all.skip(index).step_by(count.max(1)).collect();
        Self { exist: !free.is_empty(), free, resting: VecDeque::new() }
    }
}
