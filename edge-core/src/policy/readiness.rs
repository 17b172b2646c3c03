//! Whether a trunk may have a new call now: what the operator wants of it, and what is known of its targets.
//!
//! Invariants: what the operator closes is closed; what is only observed is a doubt, and a doubtful trunk comes after all
//! others but is never left out, so that a wrong suspicion costs no call. Calls that stand are nobody's affair here. All
//! shards read and write the same atomic words, which a reload keeps by the trunk's name.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use super::breaker::{Breaker, SharedBreaker, milliseconds};
use super::outcomes::Outcomes;
use super::refused::Refused;
use super::{Direction, Health, Trunk};

/// What the operator wants of a trunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AdminState {
    /// It calls and is called.
    #[default]
    Enabled,
    /// No new calls either way; those that stand go on to their end.
    Draining,
    /// No new calls either way. Those that stand are not touched, either.
    Disabled,
}

impl AdminState {
    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Enabled => "enabled",
            Self::Draining => "draining",
            Self::Disabled => "disabled",
        }
    }
}

/// Whether a new call may go out over a trunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readiness {
    /// It may.
    Ready,
    /// Others are to be tried first.
    Doubtful(Doubt),
    /// It may not.
    Closed(Closed),
}

/// Why other trunks are tried first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Doubt {
    /// None of its targets answers.
    #[error("all targets are down")]
    Down,
    /// Each of its targets is down, has failed lately, or has said when to come again (503 with Retry-After).
    #[error("all targets have failed lately")]
    Avoided,
    /// Its breaker is open, or half open while one call tries it.
    #[error("the breaker is open")]
    Breaker,
    /// It wants us to register, and does not know where we are.
    #[error("we are not registered there")]
    Unregistered,
}

impl Doubt {
    /// A stable name for counters and the API.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Down => "down",
            Self::Avoided => "avoided",
            Self::Breaker => "breaker",
            Self::Unregistered => "unregistered",
        }
    }
}

/// Why a trunk has no new calls at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Closed {
    /// Its direction is the other one.
    #[error("takes no calls in this direction")]
    Direction,
    /// The operator lets its last calls end.
    #[error("is draining")]
    Draining,
    /// The operator has switched it off, or it is gone.
    #[error("is disabled")]
    Disabled,
}

impl Closed {
    /// A stable name for CDRs and counters.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Direction => "direction",
            Self::Draining => "trunk_draining",
            Self::Disabled => "trunk_disabled",
        }
    }
}

/// What is known of a trunk as a whole, for all shards.
#[derive(Debug, Default)]
pub struct TrunkState {
    /// What the operator has ordered at run time; zero for nothing, so that the file counts.
    ordered: AtomicU8,
    /// How its calls fare.
    pub(super) outcomes: Outcomes,
    /// What is concluded of that.
    pub(super) breaker: SharedBreaker,
    /// Calls that it could not have.
    pub(super) refused: Refused,
}

impl TrunkState {
    /// How its breaker stands.
    #[must_use]
    pub fn breaker(&self) -> Breaker {
        self.breaker.now()
    }

    /// Calls that it could not have, by reason.
    pub fn refused(&self) -> impl Iterator<Item = (&'static str, u64)> {
        self.refused.named()
    }

    /// How often its breaker has opened.
    #[must_use]
    pub fn breaker_opened(&self) -> u64 {
        self.breaker.opened()
    }
}

impl Trunk {
    /// What the operator wants of it: by an order at run time, else by the file.
    #[must_use]
    pub fn admin_state(&self) -> AdminState {
        match self.state.ordered.load(Ordering::Relaxed) {
            _ if self.former => AdminState::Disabled,
            1 => AdminState::Enabled,
            2 => AdminState::Draining,
            3 => AdminState::Disabled,
            _ if self.enabled => AdminState::Enabled,
            _ => AdminState::Disabled,
        }
    }

    /// Takes an order of the operator, which stands until another one, a restart, or a file that says something new of
    /// `enabled`.
    pub fn order(&self, state: AdminState) {
        let word = match state {
            AdminState::Enabled => 1,
            AdminState::Draining => 2,
            AdminState::Disabled => 3,
        };
        self.state.ordered.store(word, Ordering::Relaxed);
    }

    /// Whether a new call may come in from it. One that is thought to be down is welcome: it is not.
    ///
    /// # Errors
    /// [`Closed`] says why not.
    pub fn inbound(&self) -> Result<(), Closed> {
        self.open(Direction::Outbound)
    }

    /// Takes note of a call that it could not have.
    pub fn count_closed(&self, closed: Closed) {
        self.state.refused.count_closed(closed);
    }

    /// Whether a new call may go out over it, at a time since the instant that all shards share.
    #[must_use]
    pub fn outbound(&self, since_epoch: Duration) -> Readiness {
        if let Err(closed) = self.open(Direction::Inbound) {
            return Readiness::Closed(closed);
        }
        // Without any target it is not doubted but unresolved, which the call finds out.
        let doubted = self.targets.iter().all(|target| target.is_doubtful(since_epoch));
        match () {
            () if self.is_nowhere(since_epoch) => Readiness::Doubtful(Doubt::Unregistered),
            () if self.register.is_some() && !self.registered.is_now() => {
                Readiness::Doubtful(Doubt::Unregistered)
            }
            () if self.health() == Health::Down => Readiness::Doubtful(Doubt::Down),
            () if doubted && !self.targets.is_empty() => Readiness::Doubtful(Doubt::Avoided),
            () if self.breaker.is_some() && self.state.breaker().is_in_doubt(milliseconds(since_epoch)) => {
                Readiness::Doubtful(Doubt::Breaker)
            }
            () => Readiness::Ready,
        }
    }

    /// Whether it registers with us, and has not; and nobody knows it elsewhere.
    fn is_nowhere(&self, since_epoch: Duration) -> bool {
        let registers = self.visitor.registrar.is_some() && self.targets.is_empty();
        registers && !self.visitor.bindings.any(since_epoch)
    }

    /// How it is, in a word: what the operator has ordered, else why others are tried first, else whether it answers.
    #[must_use]
    pub fn status(&self, since_epoch: Duration) -> &'static str {
        match (self.admin_state(), self.outbound(since_epoch)) {
            (closed @ (AdminState::Draining | AdminState::Disabled), _) => closed.as_str(),
            (AdminState::Enabled, Readiness::Doubtful(doubt)) => doubt.name(),
            (AdminState::Enabled, Readiness::Ready | Readiness::Closed(_)) => match self.health() {
                Health::Unknown => AdminState::Enabled.as_str(),
                known @ (Health::Up | Health::Down) => known.as_str(),
            },
        }
    }

    /// What a reload keeps of its state for `next`, the same trunk in the new file: an order stands as long as the file
    /// says the same.
    pub(super) fn state_under(&self, next: &Self) -> Arc<TrunkState> {
        match self.former {
            true => Arc::clone(&next.state),
            false if self.enabled == next.enabled => Arc::clone(&self.state),
            false => Arc::default(),
        }
    }

    /// Whether it may have new calls, unless all it may have are those of the direction `other`.
    fn open(&self, other: Direction) -> Result<(), Closed> {
        match self.admin_state() {
            AdminState::Disabled => Err(Closed::Disabled),
            AdminState::Draining => Err(Closed::Draining),
            AdminState::Enabled if self.direction == other => Err(Closed::Direction),
            AdminState::Enabled => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
