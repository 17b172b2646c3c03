//! Who may begin a handshake of TLS: it costs about a millisecond and tens of kilobytes before anybody is known.
//!
//! Where trunks are known by their certificates, anybody may come from anywhere. So what strangers cost is bounded: at
//! once and by the second, each and all together. A source that is a trunk's by its address, or that a trunk has proven
//! itself from, is familiar, and has room that strangers cannot take.
//!
//! Invariants: what is remembered is bounded; who is turned away is not remembered.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::shield::host;

/// Handshakes at once and by the second: of one source, of all of its kind together.
#[derive(Debug, Clone, Copy)]
struct Room {
    of_one: u32,
    of_all: u32,
    /// One more for each source in this time.
    every: Duration,
    /// That many without waiting.
    burst: u32,
    /// One more for all together in this time.
    every_of_all: Duration,
}

/// Strangers together take a tenth of a core; one of them is a peer that was configured wrong and tries again.
const STRANGERS: Room = Room {
    of_one: 4,
    of_all: 64,
    every: Duration::from_millis(500),
    burst: 8,
    every_of_all: Duration::from_millis(10),
};

/// Trunks open a handful of connections, and all of them anew after an outage.
const FAMILIAR: Room = Room {
    of_one: 64,
    of_all: 512,
    every: Duration::from_millis(10),
    burst: 128,
    every_of_all: Duration::from_millis(2),
};

/// Sources that are remembered, of either kind: strangers fill them no faster than their rate, and each is forgotten once
/// it could begin as many as at first.
const SOURCES_MAX: usize = 4_096;

/// The gate, for all listeners.
#[derive(Debug, Default)]
pub(super) struct Gate {
    visits: Mutex<Visits>,
}

/// Leave to do one handshake; dropping it makes room.
#[derive(Debug)]
pub(super) struct Visit {
    gate: Arc<Gate>,
    source: IpAddr,
    familiar: bool,
}

impl Drop for Visit {
    fn drop(&mut self) {
        self.gate.visits().leave(self.source, self.familiar);
    }
}

impl Gate {
    /// Lets `peer` begin a handshake, if there is room; `known` says that its address is a trunk's.
    pub(super) fn enter(self: &Arc<Self>, peer: IpAddr, known: bool, now: Instant) -> Option<Visit> {
        let source = host(peer);
        let familiar = self.visits().enter(source, known, now)?;
        Some(Visit { gate: Arc::clone(self), source, familiar })
    }

    /// A trunk has proven itself from `peer`.
    pub(super) fn befriend(&self, peer: IpAddr) {
        let friends = &mut self.visits().friends;
        if friends.len() >= SOURCES_MAX {
            // Who matters will prove itself again.
            friends.clear();
        }
        friends.insert(host(peer));
    }

    fn visits(&self) -> MutexGuard<'_, Visits> {
        self.visits.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Debug, Default)]
struct Visits {
    sources: HashMap<IpAddr, Source>,
    friends: HashSet<IpAddr>,
    strangers: Source,
    familiar: Source,
}

/// What one source, or all of a kind, has begun.
#[derive(Debug, Default, Clone, Copy)]
struct Source {
    open: u32,
    /// When it may begin as many as at first again.
    rested_at: Option<Instant>,
}

impl Source {
    /// With one more, when that is within `open` at once, and within `burst` and one more each `every`.
    fn with_one(self, open: u32, every: Duration, burst: u32, now: Instant) -> Option<Self> {
        let rested_at = self.rested_at.map_or(now, |at| at.max(now)) + every;
        let fits = self.open < open && rested_at.saturating_duration_since(now) <= every * burst;
        fits.then_some(Self { open: self.open + 1, rested_at: Some(rested_at) })
    }

    fn is_at_rest(&self, now: Instant) -> bool {
        self.open == 0 && self.rested_at.is_none_or(|at| at <= now)
    }
}

impl Visits {
    /// Takes room for one handshake; says whether that is the room of the familiar.
    fn enter(&mut self, source: IpAddr, known: bool, now: Instant) -> Option<bool> {
        let familiar = known || self.friends.contains(&source);
        let room = if familiar { FAMILIAR } else { STRANGERS };
        let all = if familiar { self.familiar } else { self.strangers };
        let all = all.with_one(room.of_all, room.every_of_all, room.of_all, now)?;
        let one = self.sources.get(&source).copied().unwrap_or_default();
        let one = one.with_one(room.of_one, room.every, room.burst, now)?;
        if self.sources.len() >= SOURCES_MAX && !self.sources.contains_key(&source) {
            self.sources.retain(|_, source| !source.is_at_rest(now));
            if self.sources.len() >= SOURCES_MAX {
                return None;
            }
        }
        self.sources.insert(source, one);
        *(if familiar { &mut self.familiar } else { &mut self.strangers }) = all;
        Some(familiar)
    }

    fn leave(&mut self, source: IpAddr, familiar: bool) {
        let all = if familiar { &mut self.familiar } else { &mut self.strangers };
        all.open = all.open.saturating_sub(1);
        if let Some(one) = self.sources.get_mut(&source) {
            one.open = one.open.saturating_sub(1);
        }
    }
}

#[cfg(test)]
mod tests;
