//! Where a trunk is reached: what its host leads to, and the order in which that is tried.
//!
//! Invariants: a target belongs to one realm's network, so its address is compared with those of that realm only. What is
//! known of a target (that it failed) outlives a new look at DNS as long as it names the same target.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use super::health::SharedPulse;
use super::{Health, Transport};
use crate::dialog::SIP_PORT;

/// Targets that one call tries: the caller has hung up long before it has tried more.
pub const ATTEMPTS_MAX: usize = 8;

/// Where requests to a trunk are sent, as the operator wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Host {
    /// One address.
    Address {
        /// Where requests go.
        address: SocketAddr,
        /// What carries them.
        transport: Transport,
    },
    /// A name that DNS knows, looked up as RFC 3263 section 4 says.
    Name {
        /// The name, in lower case and without a dot at its end.
        name: String,
        /// When it is given, only addresses are asked for.
        port: Option<u16>,
        /// When it is given, no other is used.
        transport: Option<Transport>,
    },
    /// Nowhere that is known: it comes to us.
    Visiting,
}

impl Host {
    /// What it leads to without DNS.
    #[must_use]
    pub fn known(&self) -> Targets {
        match self {
            Self::Address { address, transport } => Targets::one(*address, *transport),
            Self::Name { .. } | Self::Visiting => Targets::default(),
        }
    }

    /// Its address, when that is what the operator wrote.
    #[must_use]
    pub const fn address(&self) -> Option<SocketAddr> {
        match self {
            Self::Address { address, .. } => Some(*address),
            Self::Name { .. } | Self::Visiting => None,
        }
    }

    /// What carries requests to it; `None` when DNS is to say.
    #[must_use]
    pub const fn transport(&self) -> Option<Transport> {
        match self {
            Self::Address { transport, .. } => Some(*transport),
            Self::Name { transport, .. } => *transport,
            Self::Visiting => None,
        }
    }

    /// Whether the operator wants everything between us and it encrypted. What DNS alone says of TLS is no such wish.
    #[must_use]
    pub fn is_encrypted(&self) -> bool {
        self.transport() == Some(Transport::Tls)
    }
}

/// `host` or `host:port` of a URI; SIP's own port is left out.
impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address { address, .. } => match (address.port(), address) {
                (SIP_PORT, SocketAddr::V4(v4)) => v4.ip().fmt(f),
                (SIP_PORT, SocketAddr::V6(v6)) => write!(f, "[{}]", v6.ip()),
                (_, other) => other.fmt(f),
            },
            Self::Name { name, port: Some(port), .. } => write!(f, "{name}:{port}"),
            Self::Name { name, port: None, .. } => name.fmt(f),
            Self::Visiting => f.write_str("-"),
        }
    }
}

/// One address that requests to a trunk may be sent to.
#[derive(Debug, Clone)]
pub struct Target {
    /// Where they go.
    pub address: SocketAddr,
    /// What carries them.
    pub transport: Transport,
    standing: Arc<Standing>,
}

/// What all shards know of a target.
#[derive(Debug, Default)]
struct Standing {
    /// Until when others are tried first because it could not be reached, in nanoseconds of the clock that [`Target::avoid`]
    /// is told.
    unreached_until_ns: AtomicU64,
    /// Until when it has asked to be left alone, by the same clock.
    left_alone_until_ns: AtomicU64,
    /// Whether it is alive, where it is asked.
    pulse: SharedPulse,
    /// What is known of the same address over TCP, for what is too long for UDP.
    over_tcp: OnceLock<Arc<Self>>,
}

impl PartialEq for Target {
    /// What is known of them does not make two targets different.
    fn eq(&self, other: &Self) -> bool {
        (self.address, self.transport) == (other.address, other.transport)
    }
}

impl Eq for Target {}

impl Target {
    /// A target of which nothing is known.
    #[must_use]
    pub fn new(address: SocketAddr, transport: Transport) -> Self {
        Self { address, transport, standing: Arc::default() }
    }

    /// The same address over TCP, for what is too long for a datagram.
    #[must_use]
    pub fn over_tcp(&self) -> Self {
        let standing = Arc::clone(self.standing.over_tcp.get_or_init(Arc::default));
        Self { address: self.address, transport: Transport::Tcp, standing }
    }

    /// It could not be reached: lets others be tried first until `until`, counted from an instant that all shards share
    /// (RFC 3263 section 4.3), or until it is [found alive](Self::is_back).
    pub fn avoid(&self, until: Duration) {
        put_off(&self.standing.unreached_until_ns, until);
    }

    /// It has asked for it: lets others be tried first until `until`, by the same clock (RFC 3261 section 20.33).
    pub fn leave_alone(&self, until: Duration) {
        put_off(&self.standing.left_alone_until_ns, until);
    }

    /// It was down and has answered: that it could not be reached is over. What it has asked for stands.
    pub(super) fn is_back(&self) {
        self.standing.unreached_until_ns.store(0, Ordering::Relaxed);
    }

    /// Whether it has failed lately, or has asked to be left alone.
    #[must_use]
    pub fn is_avoided(&self, since_epoch: Duration) -> bool {
        let Standing { unreached_until_ns, left_alone_until_ns, .. } = &*self.standing;
        let until_ns = [unreached_until_ns, left_alone_until_ns].map(|until| until.load(Ordering::Relaxed));
        until_ns.iter().any(|until_ns| u128::from(*until_ns) > since_epoch.as_nanos())
    }

    /// What is thought of it.
    #[must_use]
    pub fn health(&self) -> Health {
        self.pulse().health()
    }

    /// Whether others are tried first.
    #[must_use]
    pub fn is_doubtful(&self, since_epoch: Duration) -> bool {
        self.is_avoided(since_epoch) || self.health() == Health::Down
    }

    pub(super) fn pulse(&self) -> &SharedPulse {
        &self.standing.pulse
    }
}

/// Moves an instant to `until`, if that is later.
fn put_off(instant_ns: &AtomicU64, until: Duration) {
    instant_ns.fetch_max(u64::try_from(until.as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
}

/// Addresses that stand for one another: those of one SRV record, or of a name that has none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Lower ranks are tried first: the place of its NAPTR record and the priority of its SRV record.
    pub rank: u32,
    /// Share of the calls among equal ranks (RFC 2782).
    pub weight: u16,
    /// Its addresses, a list a family, in the order in which families are preferred.
    pub families: Vec<Vec<Target>>,
}

/// All targets of a trunk.
#[derive(Debug, Default)]
pub struct Targets {
    candidates: Vec<Candidate>,
    /// Calls that have their room on a trunk with these targets.
    calls: AtomicU32,
}

impl PartialEq for Targets {
    /// Their calls do not make them different.
    fn eq(&self, other: &Self) -> bool {
        self.candidates == other.candidates
    }
}

impl Eq for Targets {}

impl Targets {
    /// Targets in the order of their ranks.
    #[must_use]
    pub fn new(mut candidates: Vec<Candidate>) -> Self {
        candidates.sort_by_key(|candidate| candidate.rank);
        Self { candidates, calls: AtomicU32::new(0) }
    }

    /// One address.
    #[must_use]
    pub fn one(address: SocketAddr, transport: Transport) -> Self {
        let families = vec![vec![Target::new(address, transport)]];
        Self::new(vec![Candidate { rank: 0, weight: 0, families }])
    }

    /// The same targets, and what is known of them, without their calls.
    #[must_use]
    pub fn afresh(&self) -> Self {
        Self::new(self.candidates.clone())
    }

    /// These targets but for some.
    #[must_use]
    pub fn without(mut self, left_out: impl Fn(&Target) -> bool) -> Self {
        for candidate in &mut self.candidates {
            for family in &mut candidate.families {
                family.retain(|target| !left_out(target));
            }
            candidate.families.retain(|family| !family.is_empty());
        }
        self.candidates.retain(|candidate| !candidate.families.is_empty());
        self
    }

    /// The candidates, in the order of their ranks.
    #[must_use]
    pub fn candidates(&self) -> &[Candidate] {
        &self.candidates
    }

    /// Calls that have their room on a trunk with these targets.
    #[must_use]
    pub fn calls(&self) -> u32 {
        self.calls.load(Ordering::Relaxed)
    }

    pub(super) fn call_began(&self) {
        self.calls.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn call_ended(&self) {
        self.calls.fetch_sub(1, Ordering::Relaxed);
    }

    /// Every target, in no particular order.
    pub fn iter(&self) -> impl Iterator<Item = &Target> {
        self.candidates.iter().flat_map(|candidate| candidate.families.iter().flatten())
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.iter().next().is_none()
    }

    /// Whether `address` is a target's.
    #[must_use]
    pub fn holds(&self, address: IpAddr) -> bool {
        self.iter().any(|target| target.address.ip() == address)
    }

    /// Takes over what is known of the targets that `previous` names, too.
    pub fn inherit(&mut self, previous: &Self) {
        for target in self.candidates.iter_mut().flat_map(|c| c.families.iter_mut().flatten()) {
            if let Some(same) = previous.iter().find(|same| *same == target) {
                target.standing = Arc::clone(&same.standing);
            }
        }
    }

    /// The targets that one call tries, first to last. `draw` gives random numbers: ranks keep their order, equal ranks
    /// share by weight, equal addresses share evenly. Those that failed lately come last, so that a wrong suspicion costs no
    /// call.
    #[must_use]
    pub fn order(&self, since_epoch: Duration, mut draw: impl FnMut() -> u64) -> Vec<Target> {
        let mut ordered = Vec::with_capacity(self.candidates.len());
        for rank in self.candidates.chunk_by(|a, b| a.rank == b.rank) {
            let mut left: Vec<&Candidate> = rank.iter().collect();
            while !left.is_empty() {
                let weights = left.iter().map(|candidate| candidate.weight);
                let candidate = left.remove(pick_by_weight(weights, &mut draw));
                interleave(&candidate.families, &mut draw, &mut ordered);
            }
        }
        ordered.sort_by_key(|target| target.is_doubtful(since_epoch));
        ordered.truncate(ATTEMPTS_MAX);
        ordered
    }
}

/// Position of the weight that is next (RFC 2782, "Weight"): those of weight zero stand first and are taken only
/// when the number drawn is zero.
pub(super) fn pick_by_weight(
    weights: impl ExactSizeIterator<Item = u16> + Clone,
    draw: &mut impl FnMut() -> u64,
) -> usize {
    if weights.len() == 1 {
        return 0;
    }
    let sum: u64 = weights.clone().map(u64::from).sum();
    let drawn = draw() % (sum + 1);
    let zeros = weights.clone().enumerate().filter(|(_, weight)| *weight == 0);
    let others = weights.enumerate().filter(|(_, weight)| *weight > 0);
    let mut running = 0;
    for (position, weight) in zeros.chain(others) {
        running += u64::from(weight);
        if running >= drawn {
            return position;
        }
    }
    0
}

/// Takes from each family in turn, from a drawn place on, so that one that does not work costs one attempt.
fn interleave(families: &[Vec<Target>], draw: &mut impl FnMut() -> u64, ordered: &mut Vec<Target>) {
    let start = if families.iter().any(|family| family.len() > 1) { draw() } else { 0 };
    for index in 0..families.iter().map(Vec::len).max().unwrap_or(0) {
        for family in families.iter().filter(|family| index < family.len()) {
            let length = family.len() as u64;
            let position = usize::try_from((start % length + index as u64) % length).unwrap_or(0);
            ordered.push(family[position].clone());
        }
    }
}

#[cfg(test)]
mod tests;
