//! The network: what it does to a message is decided by a seeded generator.
//!
//! Datagrams are lost, doubled and overtaken. A connection keeps its order and loses nothing, until it breaks: then
//! what is on its way is gone, and both ends hear of it.

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use edge_core::policy::Transport;

/// A small generator (SplitMix64): the same seed gives the same run, on any machine.
#[derive(Debug, Clone)]
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(crate) const fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    pub(crate) const fn percent(&mut self, chance: u64) -> bool {
        self.below(100) < chance
    }

    pub(crate) const fn millis(&mut self, below: u64) -> Duration {
        Duration::from_millis(self.below(below))
    }
}

/// How good the network is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Quality {
    pub(crate) loss_percent: u64,
    pub(crate) duplicate_percent: u64,
    pub(crate) jitter_ms: u64,
    /// Of the messages over a connection, those at which it breaks.
    pub(crate) break_percent: u64,
}

/// Nothing is lost, doubled or overtaken, and nothing breaks.
pub(crate) const CLEAN: Quality =
    Quality { loss_percent: 0, duplicate_percent: 0, jitter_ms: 0, break_percent: 0 };

/// 5 % loss, 5 % doubled, up to 200 ms of jitter: later messages overtake earlier ones. A connection breaks at each
/// fiftieth message.
pub(crate) const BAD: Quality =
    Quality { loss_percent: 5, duplicate_percent: 5, jitter_ms: 200, break_percent: 2 };

/// What arrives.
pub(crate) enum Delivery {
    Message {
        from: SocketAddr,
        to: SocketAddr,
        bytes: Bytes,
    },
    /// The connection between these two has ended.
    Broken {
        between: [SocketAddr; 2],
    },
}

pub(crate) struct Network {
    transport: Transport,
    quality: Quality,
    in_flight: BTreeMap<(Instant, u64), Delivery>,
    /// When the newest message of each direction of a connection arrives: nothing overtakes it.
    newest: HashMap<(SocketAddr, SocketAddr), Instant>,
    sequence: u64,
}

impl Network {
    pub(crate) fn new(transport: Transport, quality: Quality) -> Self {
        Self { transport, quality, in_flight: BTreeMap::new(), newest: HashMap::new(), sequence: 0 }
    }

    /// When something arrives next.
    pub(crate) fn next_arrival(&self) -> Option<Instant> {
        self.in_flight.keys().next().map(|(at, _)| *at)
    }

    /// The next thing that has arrived.
    pub(crate) fn arrived(&mut self, now: Instant) -> Option<Delivery> {
        let entry = self.in_flight.first_entry().filter(|entry| entry.key().0 <= now)?;
        Some(entry.remove())
    }

    pub(crate) fn send(
        &mut self,
        from: SocketAddr,
        to: SocketAddr,
        bytes: &Bytes,
        dice: &mut Dice,
        now: Instant,
    ) {
        if self.transport.is_reliable() {
            return self.send_in_order(from, to, bytes, dice, now);
        }
        for transit in self.quality.copies(dice) {
            self.fly(now + transit, Delivery::Message { from, to, bytes: bytes.clone() });
        }
    }

    fn send_in_order(
        &mut self,
        from: SocketAddr,
        to: SocketAddr,
        bytes: &Bytes,
        dice: &mut Dice,
        now: Instant,
    ) {
        let breaks = dice.percent(self.quality.break_percent);
        let transit = self.quality.transit(dice);
        if breaks {
            return self.break_connection([from, to], now + transit);
        }
        let newest = self.newest.entry((from, to)).or_insert(now);
        let at = (now + transit).max(*newest);
        *newest = at;
        self.fly(at, Delivery::Message { from, to, bytes: bytes.clone() });
    }

    fn break_connection(&mut self, between: [SocketAddr; 2], at: Instant) {
        self.in_flight.retain(|_, delivery| match delivery {
            Delivery::Message { from, to, .. } => !(between.contains(from) && between.contains(to)),
            Delivery::Broken { .. } => true,
        });
        self.fly(at, Delivery::Broken { between });
    }

    fn fly(&mut self, at: Instant, delivery: Delivery) {
        self.sequence += 1;
        self.in_flight.insert((at, self.sequence), delivery);
    }
}

impl Quality {
    /// When each copy of a datagram arrives, counted from its sending.
    fn copies(self, dice: &mut Dice) -> Vec<Duration> {
        if dice.percent(self.loss_percent) {
            return Vec::new();
        }
        let mut copies = vec![self.transit(dice)];
        if dice.percent(self.duplicate_percent) {
            copies.push(self.transit(dice));
        }
        copies
    }

    fn transit(self, dice: &mut Dice) -> Duration {
        let jitter = if self.jitter_ms == 0 { Duration::ZERO } else { dice.millis(self.jitter_ms) };
        Duration::from_millis(2) + jitter
    }
}
