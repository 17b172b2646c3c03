//! Calls that a trunk could not have, counted by reason.

use std::sync::atomic::{AtomicU64, Ordering};

use super::{Closed, Guarded, NotTaken, Refusal};

/// Every reason by its stable name, as CDRs have it.
const REASONS: [&str; 19] = [
    "direction",
    "trunk_draining",
    "trunk_disabled",
    "max_calls",
    "max_calls_in",
    "max_calls_out",
    "max_cps",
    "group_max_calls",
    "group_max_calls_in",
    "group_max_calls_out",
    "group_max_cps",
    "incoming_number",
    "incoming_caller",
    "incoming_hours",
    "guard_denied",
    "guard_spelling",
    "guard_calls_per_caller",
    "guard_calls",
    "guard_calls_per_minute",
];

/// The counters of one trunk.
#[derive(Debug, Default)]
pub(super) struct Refused([AtomicU64; REASONS.len()]);

impl Refused {
    pub(super) fn count_closed(&self, closed: Closed) {
        self.count(closed.name());
    }

    pub(super) fn count_refusal(&self, refusal: Refusal) {
        self.count(refusal.name());
    }

    pub(super) fn count_guarded(&self, guarded: &Guarded) {
        self.count(guarded.name());
    }

    pub(super) fn count_not_taken(&self, why: NotTaken) {
        self.count(why.name());
    }

    pub(super) fn named(&self) -> impl Iterator<Item = (&'static str, u64)> {
        REASONS.into_iter().zip(self.0.iter().map(|counter| counter.load(Ordering::Relaxed)))
    }

    fn count(&self, name: &str) {
        let counter = REASONS.iter().zip(&self.0).find(|(reason, _)| **reason == name);
        counter.map(|(_, counter)| counter.fetch_add(1, Ordering::Relaxed));
    }
}

#[cfg(test)]
mod tests;
