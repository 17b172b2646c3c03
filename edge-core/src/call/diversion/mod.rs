//! By whom a call was diverted before it came here, and by whom here: read from Diversion (RFC 5806) or History-Info (RFC
//! 7044), and said anew in the form that the other trunk wants (RFC 7544).
//!
//! Invariants: what crosses is a number and a reason, never a host; who wants to stay unknown does, except towards a trunk
//! that keeps it secret; [`DIVERSIONS_MAX`] bounds what is read.

mod reading;
mod writing;

use crate::policy::Number;

/// Diversions of one call that are read; networks end a call that was forwarded more often than about five times.
const DIVERSIONS_MAX: usize = 10;

/// One place that the call was sent on from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Diverted {
    /// Whose call it was; empty when nothing readable said so.
    pub(super) by: Number,
    pub(super) reason: Why,
    /// How many diversions this one stands for (RFC 5806 section 4).
    pub(super) counter: u32,
    /// Whether others are not to know by whom.
    pub(super) private: bool,
}

impl Diverted {
    /// Who was called has sent the call elsewhere, as the last of so many.
    pub(super) fn by_deflection(by: Number, counter: u8) -> Self {
        Self { by, reason: Why::Deflection, counter: counter.into(), private: false }
    }

    /// Who was in the call has transferred it.
    pub(super) const fn by_transfer(by: Number) -> Self {
        Self { by, reason: Why::Deflection, counter: 1, private: false }
    }
}

/// Why a call was diverted (RFC 5806 section 4, RFC 4458).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Why {
    Unknown,
    Unconditional,
    UserBusy,
    NoAnswer,
    Unavailable,
    Deflection,
    TimeOfDay,
    DoNotDisturb,
    FollowMe,
    OutOfService,
    Away,
}

/// The words of RFC 5806 and the causes of RFC 4458, as RFC 7544 section 7 puts them together. Of reasons with one cause
/// the first is read for it.
const REASONS: [(Why, &str, u16); 11] = [
    (Why::Unknown, "unknown", 404),
    (Why::Unconditional, "unconditional", 302),
    (Why::UserBusy, "user-busy", 486),
    (Why::NoAnswer, "no-answer", 408),
    (Why::Unavailable, "unavailable", 503),
    (Why::Deflection, "deflection", 480),
    (Why::TimeOfDay, "time-of-day", 404),
    (Why::DoNotDisturb, "do-not-disturb", 404),
    (Why::FollowMe, "follow-me", 404),
    (Why::OutOfService, "out-of-service", 404),
    (Why::Away, "away", 404),
];

/// Deflection before the call was presented (RFC 4458), which RFC 5806 does not tell from the other one.
const DEFLECTED_AT_ONCE: u16 = 487;

impl Why {
    fn of_word(word: &[u8]) -> Self {
        let found = REASONS.iter().find(|(_, known, _)| word.eq_ignore_ascii_case(known.as_bytes()));
        found.map_or(Self::Unknown, |(why, _, _)| *why)
    }

    fn of_cause(cause: u16) -> Self {
        let cause = if cause == DEFLECTED_AT_ONCE { 480 } else { cause };
        REASONS.iter().find(|(_, _, known)| *known == cause).map_or(Self::Unknown, |(why, _, _)| *why)
    }

    fn row(self) -> (&'static str, u16) {
        let row = REASONS.iter().find(|(why, _, _)| *why == self);
        row.map_or(("unknown", 404), |(_, word, cause)| (*word, *cause))
    }
}

/// By whom a call was diverted, the oldest first, and which headers said so.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Diversion {
    by: Vec<Diverted>,
    told_by_diversion: bool,
    told_by_history: bool,
}

impl Diversion {
    /// Adds the newest one.
    pub(super) fn push(&mut self, diverted: Diverted) {
        self.by.push(diverted);
    }
}

#[cfg(test)]
mod tests;
