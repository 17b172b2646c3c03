//! The network: what it does to a datagram is decided by a seeded generator.

use std::time::Duration;

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
}

/// Nothing is lost, doubled or overtaken.
pub(crate) const CLEAN: Quality = Quality { loss_percent: 0, duplicate_percent: 0, jitter_ms: 0 };

/// 5 % loss, 5 % doubled, up to 200 ms of jitter: later messages overtake earlier ones.
pub(crate) const BAD: Quality = Quality { loss_percent: 5, duplicate_percent: 5, jitter_ms: 200 };

impl Quality {
    /// When each copy of a datagram arrives, counted from its sending.
    pub(crate) fn deliveries(self, dice: &mut Dice) -> Vec<Duration> {
        let transit = |dice: &mut Dice| {
            let jitter = if self.jitter_ms == 0 { Duration::ZERO } else { dice.millis(self.jitter_ms) };
            Duration::from_millis(2) + jitter
        };
        if dice.percent(self.loss_percent) {
            return Vec::new();
        }
        let mut copies = vec![transit(dice)];
        if dice.percent(self.duplicate_percent) {
            copies.push(transit(dice));
        }
        copies
    }
}
