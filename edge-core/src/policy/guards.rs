//! Guards of a trunk that calls, against who calls at its expense: numbers that are never called, calls at once and a minute to
//! a prefix, calls at once of one caller, and how long a call may last.
//!
//! Invariants: the memory is fixed, whatever callers are called. Callers are counted by a count-min sketch (Cormode and
//! Muthukrishnan 2005): nothing is ever evicted and no count is ever too low, so nobody gets past a bound by making up
//! numbers; a count may be too high when others of the trunk fall on all its four counters, which the key keeps anybody
//! from aiming at. Shards share atomic words, and a reload keeps them. A prefix is compared with all that a call may lead to,
//! however it is spelled ([`Destinations`]).

mod destination;

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use super::limits::{Bucket, Room};
use super::{Admission, Trunk};

pub use destination::Destinations;

/// Counters in each row of the sketch: a trunk with a thousand callers at once counts one in two thousand too high.
const COLUMNS: usize = 4096;

/// Rows of the sketch.
const ROWS: usize = 4;

/// What is looked at before a trunk's call is placed.
#[derive(Debug, Clone, Default)]
pub struct Guards {
    /// Beginnings of numbers that it may not call.
    pub deny: Vec<String>,
    /// Most calls at once of one caller.
    pub calls_per_caller_max: Option<u32>,
    /// Longest call.
    pub call_max: Option<Duration>,
    /// What may go to numbers that begin alike. Each that matches counts.
    pub prefixes: Vec<PrefixGuard>,
    /// Calls at once of each caller.
    pub callers: Arc<Callers>,
}

/// What may go to numbers that begin alike.
#[derive(Debug, Clone)]
pub struct PrefixGuard {
    /// How they begin; empty for all.
    pub prefix: String,
    /// Most calls at once.
    pub calls_max: Option<u32>,
    /// Most new calls a minute, and at one moment.
    pub calls_per_minute_max: Option<u32>,
    /// How much goes there now.
    pub usage: Arc<PrefixUsage>,
}

/// How much goes to numbers that begin alike.
#[derive(Debug, Default)]
pub struct PrefixUsage {
    calls: Arc<AtomicU32>,
    bucket: Bucket,
}

/// Calls at once of each caller: a sketch that never counts too low.
#[derive(Debug)]
pub struct Callers {
    /// Drawn with the first call: nobody outside can tell which callers share counters.
    key: OnceLock<u64>,
    rows: Box<[[AtomicU32; COLUMNS]; ROWS]>,
}

impl Default for Callers {
    fn default() -> Self {
        let row = || std::array::from_fn(|_| AtomicU32::new(0));
        Self { key: OnceLock::new(), rows: Box::new(std::array::from_fn(|_| row())) }
    }
}

/// Why a guard stops a call.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Guarded {
    /// The number is never called.
    #[error("numbers that begin with {prefix} are denied")]
    Denied {
        /// How it begins.
        prefix: String,
    },
    /// The number may be read in another way than it can be compared.
    #[error("no prefix can be compared with the number as it is spelled")]
    Spelling,
    /// The caller has calls enough.
    #[error("calls_per_caller = {max} reached")]
    Caller {
        /// The bound.
        max: u32,
    },
    /// Calls enough stand to numbers that begin alike.
    #[error("calls = {max} to {prefix:?} reached")]
    Calls {
        /// How they begin.
        prefix: String,
        /// The bound.
        max: u32,
    },
    /// Calls enough were begun to numbers that begin alike.
    #[error("calls_per_minute = {max} to {prefix:?} reached")]
    Rate {
        /// How they begin.
        prefix: String,
        /// The bound.
        max: u32,
    },
}

impl Guarded {
    /// A stable name for CDRs and counters.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Denied { .. } => "guard_denied",
            Self::Spelling => "guard_spelling",
            Self::Caller { .. } => "guard_calls_per_caller",
            Self::Calls { .. } => "guard_calls",
            Self::Rate { .. } => "guard_calls_per_minute",
        }
    }
}

/// What a call holds of its trunk's guards; dropping it gives it back.
#[derive(Debug, Default)]
pub struct Held {
    _rooms: Vec<Room>,
    _caller: Option<CallerRoom>,
}

/// One call of a caller's.
#[derive(Debug)]
struct CallerRoom {
    callers: Arc<Callers>,
    columns: [usize; ROWS],
}

impl Drop for CallerRoom {
    fn drop(&mut self) {
        for counter in self.callers.counters(self.columns) {
            counter.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

impl Callers {
    fn counters(&self, columns: [usize; ROWS]) -> impl Iterator<Item = &AtomicU32> {
        self.rows.iter().zip(columns).map(|(row, column)| &row[column])
    }

    /// Counts one more call of `caller`, unless it has `max`.
    fn take(self: &Arc<Self>, caller: &str, max: u32, draw: impl FnOnce() -> u64) -> Option<CallerRoom> {
        let mut hash = DefaultHasher::new();
        (self.key.get_or_init(draw), caller).hash(&mut hash);
        let bits = hash.finish();
        let columns = std::array::from_fn(|row| (bits >> (row * 16)) as usize % COLUMNS);
        // Counted first, so that two shards at the bound are both refused rather than both let through.
        let before = self.counters(columns).map(|counter| counter.fetch_add(1, Ordering::Relaxed)).min();
        let room = CallerRoom { callers: Arc::clone(self), columns };
        before.is_some_and(|before| before < max).then_some(room)
    }
}

impl Guards {
    /// Whether a call may lead there at all.
    ///
    /// # Errors
    /// [`Guarded::Denied`], or [`Guarded::Spelling`] where there is a prefix to compare with.
    pub fn allow(&self, to: &Destinations) -> Result<(), Guarded> {
        if let Some(prefix) = self.deny.iter().find(|prefix| to.any_begins(prefix)) {
            return Err(Guarded::Denied { prefix: prefix.clone() });
        }
        let compares = !self.deny.is_empty() || self.prefixes.iter().any(|guard| !guard.prefix.is_empty());
        if compares && !to.is_readable() { Err(Guarded::Spelling) } else { Ok(()) }
    }

    /// Looks at a call of `caller`, as routes match it. `draw` gives a number that nobody can guess.
    ///
    /// # Errors
    /// [`Guarded`] says what stops it; it then holds nothing, but tokens of the prefixes before.
    pub fn pass(
        &self,
        (caller, to): (&str, &Destinations),
        since_epoch: Duration,
        draw: impl FnOnce() -> u64,
    ) -> Result<Held, Guarded> {
        self.allow(to)?;
        let mut held = Held::default();
        if let Some(max) = self.calls_per_caller_max {
            held._caller = Some(self.callers.take(caller, max, draw).ok_or(Guarded::Caller { max })?);
        }
        for guard in self.prefixes.iter().filter(|guard| to.any_begins(&guard.prefix)) {
            let PrefixGuard { prefix, calls_max, calls_per_minute_max, usage } = guard;
            if let Some(max) = *calls_max {
                let room = Room::take(&usage.calls, Some(max));
                held._rooms.push(room.ok_or_else(|| Guarded::Calls { prefix: prefix.clone(), max })?);
            }
            if let Some(max) = *calls_per_minute_max
                && !usage.bucket.take((max, Duration::from_secs(60)), max, since_epoch)
            {
                return Err(Guarded::Rate { prefix: prefix.clone(), max });
            }
        }
        Ok(held)
    }

    /// Goes on with what the guards of the same trunk have counted.
    #[must_use]
    pub fn following(&self, previous: &Self) -> Self {
        let mut next = Self { callers: Arc::clone(&previous.callers), ..self.clone() };
        for guard in &mut next.prefixes {
            if let Some(same) = previous.prefixes.iter().find(|same| same.prefix == guard.prefix) {
                guard.usage = Arc::clone(&same.usage);
            }
        }
        next
    }
}

impl Trunk {
    /// Whether anything that it asks for may lead there.
    ///
    /// # Errors
    /// [`Guarded`] says why not.
    pub fn allows(&self, to: impl FnOnce() -> Destinations) -> Result<(), Guarded> {
        let Some(guards) = &self.guards else { return Ok(()) };
        guards.allow(&to()).inspect_err(|guarded| self.state.refused.count_guarded(guarded))
    }

    /// Looks at a call of its; what it holds is given back with `room`.
    ///
    /// # Errors
    /// [`Guarded`] says which guard stops it.
    pub fn guard(
        &self,
        (caller, to): (&str, impl FnOnce() -> Destinations),
        room: &mut Admission,
        since_epoch: Duration,
        draw: impl FnOnce() -> u64,
    ) -> Result<(), Guarded> {
        let Some(guards) = &self.guards else { return Ok(()) };
        let passed = guards.pass((caller, &to()), since_epoch, draw);
        room.hold(passed.inspect_err(|guarded| self.state.refused.count_guarded(guarded))?);
        Ok(())
    }

    /// Its guards, with what they had counted before a reload.
    pub(super) fn guards_after(&self, previous: &Self) -> Option<Arc<Guards>> {
        let guards = self.guards.as_ref()?;
        let following = previous.guards.as_ref().map(|previous| Arc::new(guards.following(previous)));
        Some(following.unwrap_or_else(|| Arc::clone(guards)))
    }
}

#[cfg(test)]
mod tests;
