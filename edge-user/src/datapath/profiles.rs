//! The table of profiles: one row for each set of payload types that legs have agreed on, shared by all writers.
//!
//! A row belongs to its set while any endpoint names it. After that it rests for at least one refresh before another set
//! gets it, so that no packet in flight can meet a row that changed its meaning.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use edge_core::media::{Events, Handling, Payload, Sends};
use edge_ebpf::abi::{
    self, PROFILE_COUNTS_ONLY, PROFILE_HOLDS_EVENTS, PROFILE_MASKS_EVENTS, PROFILE_TELLS_EVENTS,
    PROFILES_MAX, PayloadRule, Profile, profile_digits_as,
};
use edge_ebpf::budget::Rate;

use super::InstallError;
use super::tables::SharedTables;

/// Refreshes that an unused row lives through, so that between its last user and its next meaning lies at least one whole
/// interval.
const RESTS: u32 = 2;

/// The table.
pub(super) struct Profiles {
    tables: Arc<SharedTables>,
    state: Mutex<State>,
}

struct State {
    rows: HashMap<Sends, Row>,
    /// Rows that no set has; the last is taken first.
    free: Vec<u16>,
    /// Rows of an earlier process that packets go by: they stay as they are until its calls are taken over or ended.
    left: HashSet<u16>,
}

struct Row {
    index: u16,
    users: u32,
    /// Refreshes that found no user.
    rested: u32,
}

impl Profiles {
    pub(super) fn new(tables: Arc<SharedTables>) -> Self {
        let left = tables.profiles_in_use();
        let free = (1..PROFILES_MAX).rev().filter(|row| !left.contains(row)).collect();
        let state = State { rows: HashMap::new(), free, left };
        Self { tables, state: Mutex::new(state) }
    }

    /// The row of what a leg sends, counted as one more user.
    pub(super) fn acquire(&self, sends: &Sends) -> Result<u16, InstallError> {
        let mut state = self.lock();
        let State { rows, free, left: _ } = &mut *state;
        if let Some(row) = rows.get_mut(sends) {
            row.users += 1;
            return Ok(row.index);
        }
        let max = u32::from(PROFILES_MAX) - 1;
        let index = free.pop().ok_or(InstallError::ProfilesFull { max })?;
        self.tables.profile(index).write(&profile(sends));
        rows.insert(sends.clone(), Row { index, users: 1, rested: 0 });
        Ok(index)
    }

    /// Takes a user away from a row.
    pub(super) fn release(&self, index: u16) {
        if let Some(row) = self.lock().rows.values_mut().find(|row| row.index == index) {
            row.users -= 1;
        }
    }

    /// Rows of an earlier process that no entry names any more are like any other.
    pub(super) fn take_over_the_rest(&self) {
        let State { free, left, .. } = &mut *self.lock();
        // They are used last: a packet may be on its way that has read their number.
        free.splice(..0, left.drain());
    }

    /// Frees rows that have rested; to be called once a second.
    pub(super) fn retire(&self) {
        let mut state = self.lock();
        let State { rows, free, left: _ } = &mut *state;
        rows.retain(|_, row| {
            row.rested = if row.users == 0 { row.rested + 1 } else { 0 };
            let keep = row.rested <= RESTS;
            if !keep {
                free.push(row.index);
            }
            keep
        });
    }

    /// A panic elsewhere leaves the table whole: every change to it is one insertion or one number.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the kernel is told of it.
fn profile(sends: &Sends) -> Profile {
    let mut rules = [None; abi::PAYLOAD_TYPES];
    for payload in sends.payloads() {
        if let Some(rule) = rules.get_mut(usize::from(payload.arrives_as)) {
            let handling = handling(payload.handling);
            *rule = Some(PayloadRule {
                leaves_as: payload.leaves_as,
                handling,
                is_watched: is_watched(sends, payload),
            });
        }
    }
    let rate = Rate::of(sends.packets_per_second, sends.bytes_per_second);
    let flags = if sends.counts_only { PROFILE_COUNTS_ONLY } else { 0 } | of_digits(sends);
    Profile { rules, rate, flags }
}

/// Whether digits are to be heard in these packets, or to ride on them.
fn is_watched(sends: &Sends, payload: &Payload) -> bool {
    payload.carries_digits || (payload.handling == Handling::Event && sends.events != Events::Cross)
}

/// What becomes of digits.
fn of_digits(sends: &Sends) -> u64 {
    let events = match sends.events {
        Events::Cross => 0,
        Events::Take => PROFILE_TELLS_EVENTS | PROFILE_HOLDS_EVENTS,
        Events::Mask => PROFILE_MASKS_EVENTS,
        Events::Hold => PROFILE_HOLDS_EVENTS,
    };
    // A step is 20 ms, what nearly every packet of speech has.
    let step = |rate: u32| u16::try_from(rate / 50).unwrap_or(u16::MAX);
    let rides = sends.digits_as.map(|digits| profile_digits_as(digits.payload_type, step(digits.clock_rate)));
    events | rides.unwrap_or(0)
}

const fn handling(handling: Handling) -> abi::Handling {
    match handling {
        Handling::Plain => abi::Handling::Plain,
        Handling::Event => abi::Handling::Event,
        Handling::AlawToUlaw => abi::Handling::AlawToUlaw,
        Handling::UlawToAlaw => abi::Handling::UlawToAlaw,
    }
}
