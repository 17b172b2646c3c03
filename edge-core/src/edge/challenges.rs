//! How many challenges leave: a stranger has a few a second, and all of them together have more.
//!
//! Invariants: the memory is fixed, whoever asks; nobody can choose whom it shares its room with.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::IpAddr;
use std::time::Duration;

use super::pace::after_one;

/// Challenges that leave in a second, to one source and to all that are no guests; a second's worth of all at once, and two of
/// one. A peer that starts asks a few things, and a thousand of them start within seconds of each other.
const OF_ONE: u32 = 10;
const OF_ALL: u32 = 500;

/// Sources that are counted apart. Two that fall together share; the memory is fixed.
const SLOTS: usize = 1_024;

/// How many challenges have left, each time a source's and once for all: when each will have rested.
#[derive(Debug)]
pub(super) struct Challenges {
    rested_at: Box<[Duration; SLOTS]>,
    all_rested_at: Duration,
}

impl Default for Challenges {
    fn default() -> Self {
        Self { rested_at: Box::new([Duration::ZERO; SLOTS]), all_rested_at: Duration::ZERO }
    }
}

impl Challenges {
    /// Takes one, if there is one left. `secret` keeps anybody from choosing whom it shares with.
    pub(super) fn take(&mut self, source: IpAddr, secret: u64, now: Duration) -> bool {
        let mut hash = DefaultHasher::new();
        (secret, source).hash(&mut hash);
        let slot = usize::try_from(hash.finish() % SLOTS as u64).unwrap_or(0);
        let second = Duration::from_secs(1);
        let one = after_one(self.rested_at[slot], second / OF_ONE, second * 2, now);
        let all = after_one(self.all_rested_at, second / OF_ALL, second, now);
        let Some((one, all)) = one.zip(all) else { return false };
        (self.rested_at[slot], self.all_rested_at) = (one, all);
        true
    }
}

#[cfg(test)]
mod tests;
