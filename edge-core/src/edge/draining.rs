//! The edge is being stopped: calls that run may end by themselves for as long as the operator lets them, then they are hung up.
//!
//! Invariant: what was promised once is not put off, whatever is asked for later; [`Command::Drained`] comes once, when no call and
//! no relation is left.

use std::time::Instant;

use crate::call::{CallKey, Cause};

use super::Edge;
use super::command::Command;

/// Whether the edge is being stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Draining {
    No,
    /// Calls that run are hung up at this instant.
    Until(Instant),
    /// They have been.
    HungUp,
    /// The host knows that no call is left.
    Done,
}

impl Draining {
    /// The same, with calls that run hung up at `at` at the latest.
    pub(super) fn by(self, at: Instant) -> Self {
        match self {
            Self::No => Self::Until(at),
            Self::Until(before) => Self::Until(before.min(at)),
            Self::HungUp | Self::Done => self,
        }
    }

    /// When calls that run are hung up.
    pub(super) const fn due_at(self) -> Option<Instant> {
        match self {
            Self::Until(at) => Some(at),
            Self::No | Self::HungUp | Self::Done => None,
        }
    }
}

impl Edge {
    /// Hangs up who is left when the time has come, and says when nobody is.
    pub(super) fn drain(&mut self, now: Instant) {
        if let Draining::Until(at) = self.draining
            && (at <= now || self.calls.is_empty())
        {
            self.draining = Draining::HungUp;
            let mut running: Vec<CallKey> = self.calls.keys().copied().collect();
            running.sort_unstable();
            for key in running {
                self.with_call(key, now, |call, ctx| call.terminate(Cause::Drained, ctx));
            }
        }
        if self.draining == Draining::HungUp && self.calls.is_empty() && self.relations.is_empty() {
            self.draining = Draining::Done;
            self.resources.commands.push_back(Command::Drained);
        }
    }
}
