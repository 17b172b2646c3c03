//! The record of one call: what a CDR says.

use std::net::SocketAddr;
use std::time::Instant;

use crate::media::MediaReport;

use super::{Cause, Refused};
use crate::sip::StatusCode;

/// Everything worth keeping of a call, whatever ended it. Times are instants of the host's monotonic clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallRecord {
    /// Our name for the call, unique over restarts.
    pub id: String,
    /// The caller's side.
    pub a: LegRecord,
    /// The called side, when a route was found.
    pub b: Option<LegRecord>,
    /// Name of the route that was taken.
    pub route: Option<String>,
    /// Caller's number, as the caller's trunk presented it.
    pub caller: String,
    /// Number as it was dialled.
    pub number_dialled: String,
    /// Number after rewriting, as it was sent to the called trunk.
    pub number_sent: Option<String>,
    /// The call that a side of this one was taken over from, by REFER or Replaces.
    pub from_call: Option<String>,
    /// Times that the called side sent the call elsewhere, and it went.
    pub redirects: u8,
    /// Digits that each side sent, the caller first: as many as were converted or withheld, and so known of. Never which.
    pub digits: [u32; 2],
    /// Times that each side fell silent, the caller first.
    pub silences: [u32; 2],
    /// Where the call was tried, or would have been, in this order; at most [`ATTEMPTS_RECORDED_MAX`].
    pub attempts: Vec<AttemptRecord>,
    /// Codec of the answer, when there was one.
    pub codec: Option<String>,
    /// Whether media went from one side to the other without the edge.
    pub direct_media: bool,
    /// Whether the caller heard a ringing tone of ours.
    pub ringback: bool,
    /// Codec of the side that answered, when it is another one and is converted.
    pub transcoded: Option<String>,
    /// The INVITE came in.
    pub started: Instant,
    /// The called side first said that it rings (18x).
    pub ringing: Option<Instant>,
    /// The called side answered.
    pub answered: Option<Instant>,
    /// The call ended.
    pub ended: Instant,
    /// Why it ended.
    pub cause: Cause,
}

/// Attempts that a record keeps: eight trunks, some with several addresses, and those that were skipped.
pub const ATTEMPTS_RECORDED_MAX: usize = 32;

/// One attempt of a call to reach someone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttemptRecord {
    /// Name of the trunk.
    pub trunk: String,
    /// Where the INVITE went; nowhere, when the trunk was skipped.
    pub target: Option<SocketAddr>,
    /// The number that it was asked for.
    pub number: String,
    /// The INVITE left.
    pub began: Instant,
    /// It was over: by an answer, a refusal, or because it took too long.
    pub ended: Option<Instant>,
    /// What came of it.
    pub outcome: Outcome,
}

/// What came of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing yet.
    Pending,
    /// The call was answered.
    Answered,
    /// It was refused with this status.
    Refused(StatusCode),
    /// It was given up: nothing came back, or not soon enough.
    Timeout,
    /// Nothing could be sent there.
    Unreachable,
    /// It was withdrawn, because the caller went or the call ended.
    Withdrawn,
    /// It was not even tried.
    Skipped {
        /// A stable name for the reason.
        why: &'static str,
        /// The reason in words.
        detail: String,
    },
}

impl Outcome {
    /// A stable name for CDRs.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Answered => "answered",
            Self::Refused(_) => "refused",
            Self::Timeout => "timeout",
            Self::Unreachable => "unreachable",
            Self::Withdrawn => "withdrawn",
            Self::Skipped { .. } => "skipped",
        }
    }
}

impl CallRecord {
    /// An INVITE has left for `target`, where the called side is.
    pub(super) fn attempt_began(&mut self, target: SocketAddr, now: Instant) {
        let trunk = self.b.as_ref().map(|leg| leg.trunk.clone()).unwrap_or_default();
        let number = self.number_sent.clone().unwrap_or_default();
        let (target, outcome) = (Some(target), Outcome::Pending);
        self.keep(AttemptRecord { trunk, target, number, began: now, ended: None, outcome });
    }

    /// The attempt that is under way is over; nothing happens when none is.
    pub(super) fn attempt_ended(&mut self, outcome: Outcome, now: Instant) {
        if let Some(attempt) = self.attempts.last_mut().filter(|attempt| attempt.outcome == Outcome::Pending)
        {
            (attempt.outcome, attempt.ended) = (outcome, Some(now));
        }
    }

    /// A trunk is passed over.
    pub(super) fn attempt_skipped(&mut self, trunk: &str, number: &str, refused: &Refused, now: Instant) {
        let outcome = Outcome::Skipped { why: refused.name(), detail: refused.to_string() };
        let (trunk, number) = (trunk.to_owned(), number.to_owned());
        let skipped = AttemptRecord { trunk, target: None, number, began: now, ended: Some(now), outcome };
        // What is under way stays the last one.
        let pending = self.attempts.pop_if(|attempt| attempt.outcome == Outcome::Pending);
        self.keep(skipped);
        self.attempts.extend(pending);
    }

    fn keep(&mut self, attempt: AttemptRecord) {
        if self.attempts.len() < ATTEMPTS_RECORDED_MAX {
            // Most calls have one, and keep it while they stand.
            self.attempts.reserve_exact(1);
            self.attempts.push(attempt);
        }
    }
}

/// One side of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LegRecord {
    /// Name of the trunk.
    pub trunk: String,
    /// Call-ID of this side's dialog.
    pub call_id: String,
    /// Where its signalling goes.
    pub signalling: SocketAddr,
    /// Our media address, when one was leased.
    pub media_local: Option<SocketAddr>,
    /// Where it wanted its media.
    pub media_remote: Option<SocketAddr>,
    /// What came in from it.
    pub media: MediaReport,
}
