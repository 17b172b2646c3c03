//! Whether a target is alive, as far as what it says and does not say tells: with hysteresis, so that one lost message
//! takes nobody out and one lucky answer takes nobody back.
//!
//! Invariant: all shards see one word a target, and each change of it is seen by exactly one of them.

use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use super::{Target, Trunk};

/// What is thought of a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Health {
    /// It has said nothing yet, and has not been silent for long enough.
    #[default]
    Unknown,
    /// It answers.
    Up,
    /// It does not.
    Down,
}

impl Health {
    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Up => "up",
            Self::Down => "down",
        }
    }
}

/// What came of asking a target something: an OPTIONS, or a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sign {
    /// It spoke, whatever it said: 404, 405 and 501 are written by a server that runs. But a 503 says that it cannot serve,
    /// and a 408 that who stands behind it is silent.
    Alive,
    /// It said nothing, could not be reached, or said 503 or 408.
    Silent,
}

/// How often something has to happen in a row before it is believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hysteresis {
    /// Silences after which a target is down; at least one.
    pub fails: u8,
    /// Signs of life after which one that was down is up; at least one.
    pub oks: u8,
}

/// How a trunk is asked whether it is alive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keepalive {
    /// Between an OPTIONS and the next one.
    pub interval: Duration,
    /// What is believed of what comes of it.
    pub hysteresis: Hysteresis,
}

/// Health, and how many signs in a row have spoken against it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Pulse {
    health: Health,
    against: u8,
}

impl Pulse {
    /// The table. One that nothing is known of is up with its first sign of life.
    const fn step(self, sign: Sign, rule: Hysteresis) -> Self {
        let (opposite, needed) = match (self.health, sign) {
            (Health::Up, Sign::Alive) | (Health::Down, Sign::Silent) => return Self { against: 0, ..self },
            (Health::Unknown, Sign::Alive) => (Health::Up, 1),
            (Health::Unknown | Health::Up, Sign::Silent) => (Health::Down, rule.fails),
            (Health::Down, Sign::Alive) => (Health::Up, rule.oks),
        };
        let against = self.against.saturating_add(1);
        if against >= needed { Self { health: opposite, against: 0 } } else { Self { against, ..self } }
    }

    const fn of(word: u16) -> Self {
        let [health, against] = word.to_be_bytes();
        let health = match health {
            1 => Health::Up,
            2 => Health::Down,
            _ => Health::Unknown,
        };
        Self { health, against }
    }

    const fn word(self) -> u16 {
        let health = match self.health {
            Health::Unknown => 0,
            Health::Up => 1,
            Health::Down => 2,
        };
        u16::from_be_bytes([health, self.against])
    }
}

/// A [`Pulse`] that all shards share.
#[derive(Debug, Default)]
pub(super) struct SharedPulse(AtomicU16);

impl SharedPulse {
    pub(super) fn health(&self) -> Health {
        Pulse::of(self.0.load(Ordering::Relaxed)).health
    }

    /// Takes a sign; says what is thought from now on, when that is something else.
    fn note(&self, sign: Sign, rule: Hysteresis) -> Option<Health> {
        let next = |word| {
            let next = Pulse::of(word).step(sign, rule).word();
            (next != word).then_some(next)
        };
        // Nothing is written for the answer of one that is up: that is each call's.
        let before = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next).ok()?;
        let [before, after] = [Pulse::of(before), Pulse::of(before).step(sign, rule)];
        (before.health != after.health).then_some(after.health)
    }
}

impl Trunk {
    /// Takes a sign of one of its targets; says what is thought of that from now on, when it is something else. Without a
    /// keepalive nothing is noted, because nothing would ask one again that is down.
    #[must_use]
    pub fn note_sign(&self, target: &Target, sign: Sign) -> Option<Health> {
        let now = target.pulse().note(sign, self.keepalive?.hysteresis);
        if now == Some(Health::Up) {
            target.is_back();
        }
        now
    }

    /// What is thought of it: the best of its targets. One without keepalive, or without a target, is unknown.
    #[must_use]
    pub fn health(&self) -> Health {
        if self.keepalive.is_none() {
            return Health::Unknown;
        }
        let healths = || self.targets.iter().map(Target::health);
        match () {
            () if healths().any(|health| health == Health::Up) => Health::Up,
            () if healths().any(|health| health == Health::Unknown) => Health::Unknown,
            () if self.targets.is_empty() => Health::Unknown,
            () => Health::Down,
        }
    }
}

#[cfg(test)]
mod tests;
