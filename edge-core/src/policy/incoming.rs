//! Which calls of a trunk are taken: to which numbers, of which callers, and when.
//!
//! Invariants: a call is taken when one rule takes it whole; a trunk without rules may call whatever has a route. An emergency
//! (a priority route) is nobody's to refuse, so it is not asked about here.

use jiff::Timestamp;

use super::{Hours, NumberMatch, Trunk};

/// The rules of a trunk; never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Incoming(pub Vec<IncomingRule>);

/// Calls that are taken: those that all of it is true of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IncomingRule {
    /// Numbers that may be called; all, when there is nothing.
    pub to: Option<NumberMatch>,
    /// Callers who may call; all, when there is nothing.
    pub caller: Option<NumberMatch>,
    /// When; always, when there is nothing. While nobody knows what time it is, never.
    pub when: Option<Hours>,
}

/// Why no rule takes a call: what the one lacks that comes nearest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum NotTaken {
    /// No rule has the number.
    #[error("may not call this number")]
    Number,
    /// One has the number, but not for this caller.
    #[error("may not call this number for this caller")]
    Caller,
    /// One has both, but not now.
    #[error("may not call this number at this time")]
    Hours,
}

impl NotTaken {
    /// A stable name for CDRs and counters.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Number => "incoming_number",
            Self::Caller => "incoming_caller",
            Self::Hours => "incoming_hours",
        }
    }
}

impl IncomingRule {
    /// Whether it takes a call of `caller` to `number`, both as routes match them.
    fn takes(&self, (caller, number): (&str, &str), time: Option<Timestamp>) -> Result<(), NotTaken> {
        let has = |numbers: &Option<NumberMatch>, number| {
            numbers.as_ref().is_none_or(|numbers| numbers.takes(number))
        };
        let open = |hours: &Hours| time.is_some_and(|time| hours.hold(time));
        match () {
            () if !has(&self.to, number) => Err(NotTaken::Number),
            () if !has(&self.caller, caller) => Err(NotTaken::Caller),
            () if !self.when.as_ref().is_none_or(open) => Err(NotTaken::Hours),
            () => Ok(()),
        }
    }
}

impl Incoming {
    /// Whether a call of `caller` to `number` is taken, both as routes match them.
    ///
    /// # Errors
    /// [`NotTaken`] says what the rule lacks that comes nearest.
    pub fn takes(&self, numbers: (&str, &str), time: Option<Timestamp>) -> Result<(), NotTaken> {
        let mut nearest = NotTaken::Number;
        for rule in &self.0 {
            match rule.takes(numbers, time) {
                Ok(()) => return Ok(()),
                Err(why) => nearest = nearest.max(why),
            }
        }
        Err(nearest)
    }
}

impl Trunk {
    /// Whether its call is taken.
    ///
    /// # Errors
    /// [`NotTaken`] says why not.
    pub fn takes_in(&self, numbers: (&str, &str), time: Option<Timestamp>) -> Result<(), NotTaken> {
        self.incoming.as_ref().map_or(Ok(()), |incoming| incoming.takes(numbers, time))
    }

    /// Takes note of a call of its that was not taken.
    pub fn count_not_taken(&self, why: NotTaken) {
        self.state.refused.count_not_taken(why);
    }
}

#[cfg(test)]
mod tests;
