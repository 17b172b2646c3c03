//! How far a call is when it is written down, and what follows from that when it is read again.

use std::time::Instant;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::sip::StatusCode;
use crate::transaction::Path;

use super::super::asked::Asked;
use super::super::exchange::Unacknowledged;
use super::super::leg::LegState;
use super::super::{Call, Cause, Context, Side, Silent};
use super::At;

/// How far a call is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::call) enum Stage {
    /// It stands, and nobody waits for anything that cannot be done again.
    Standing,
    /// Our 2xx has not been acknowledged; or a change has no answer yet, and this is what its side hears should nobody come to know
    /// of one: having heard that we work on it, it would wait for ever.
    Unacknowledged {
        side: Side,
        /// CSeq of its ACK.
        sequence: u32,
        /// Where the 2xx goes.
        peer: std::net::SocketAddr,
        response: Bytes,
    },
    /// One side stands and the other one does not, or not yet: it cannot go on elsewhere.
    Incomplete,
    /// It is over, and its record may not be written.
    Ended { at: At, why: Why },
}

/// Why a call that was answered is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::call) enum Why {
    Hangup(Side),
    NoAck(Side),
    Lost(Side),
    Expired(Side),
    Transferred(Side),
    Replaced(Side),
    NotJoined(u16),
    MediaTimeout(Silent),
    TooLong,
    Drained,
    Operator,
    /// Anything that is rare enough for its particulars to be lost with the process.
    Other,
}

impl Why {
    /// What of a cause is written down.
    pub(super) const fn of(cause: &Cause) -> Self {
        match cause {
            Cause::Hangup(side) => Self::Hangup(*side),
            Cause::NoAck(side) => Self::NoAck(*side),
            Cause::Lost(side) => Self::Lost(*side),
            Cause::Expired(side) => Self::Expired(*side),
            Cause::Transferred(side) => Self::Transferred(*side),
            Cause::Replaced(side) => Self::Replaced(*side),
            Cause::NotJoined(code) => Self::NotJoined(code.as_u16()),
            Cause::MediaTimeout(silent) => Self::MediaTimeout(*silent),
            Cause::TooLong => Self::TooLong,
            Cause::Drained => Self::Drained,
            Cause::Operator => Self::Operator,
            Cause::Cancelled
            | Cause::Rejected(_)
            | Cause::Redirected(_)
            | Cause::Unreachable
            | Cause::NoAnswer
            | Cause::NoPrack(_)
            | Cause::BadAnswer(_)
            | Cause::Interrupted
            | Cause::Refused(_) => Self::Other,
        }
    }

    /// The cause that it was.
    pub(super) fn cause(self) -> Cause {
        match self {
            Self::Hangup(side) => Cause::Hangup(side),
            Self::NoAck(side) => Cause::NoAck(side),
            Self::Lost(side) => Cause::Lost(side),
            Self::Expired(side) => Cause::Expired(side),
            Self::Transferred(side) => Cause::Transferred(side),
            Self::Replaced(side) => Cause::Replaced(side),
            Self::NotJoined(code) => StatusCode::new(code).map_or(Cause::Interrupted, Cause::NotJoined),
            Self::MediaTimeout(silent) => Cause::MediaTimeout(silent),
            Self::TooLong => Cause::TooLong,
            Self::Drained => Cause::Drained,
            Self::Operator => Cause::Operator,
            Self::Other => Cause::Interrupted,
        }
    }
}

/// An answer to an INVITE that a former process took, which is sent again until its ACK comes: its transaction has gone with that
/// process, and with it perhaps the news of its ACK.
#[derive(Debug)]
pub(in crate::call) struct Unheard {
    pub(in crate::call) side: Side,
    pub(super) sequence: u32,
    /// Whether it answers the INVITE that began the call.
    pub(super) opening: bool,
    /// Whether it is a 2xx: until its ACK comes, nobody knows what is in force.
    pub(in crate::call) accepts: bool,
    pub(super) path: Path,
    pub(super) waiting: Unacknowledged,
}

impl Unheard {
    pub(super) fn due_at(&self) -> Instant {
        self.waiting.again_at.min(self.waiting.give_up_at)
    }
}

impl Call {
    /// When a 2xx of a former process is due again.
    pub(in crate::call) fn unheard_due_at(&self) -> Option<Instant> {
        self.unheard.as_ref().filter(|_| !self.ending).map(|unheard| unheard.due_at())
    }

    /// Whether this is the ACK that a 2xx of a former process waited for.
    pub(in crate::call) fn hears_at_last(&mut self, side: Side, sequence: u32) -> bool {
        self.unheard.take_if(|unheard| unheard.side == side && unheard.sequence == sequence).is_some()
    }

    /// A new request of `side`: nobody goes on in a dialog whose 2xx has not arrived.
    pub(in crate::call) fn goes_on_with(&mut self, side: Side, sequence: u32) {
        self.unheard.take_if(|unheard| unheard.side == side && unheard.sequence < sequence);
    }

    /// An INVITE that a former process took comes again: it has its answer again. Says whether it is that.
    pub(in crate::call) fn hears_again(&mut self, asked: &Asked, ctx: &mut Context<'_>) -> bool {
        let known = |unheard: &Unheard| unheard.side == asked.side && unheard.sequence == asked.request.cseq;
        let Some(unheard) = self.unheard.as_deref().filter(|unheard| known(unheard)) else { return false };
        let code = if unheard.accepts { StatusCode::OK } else { StatusCode::REQUEST_PENDING };
        ctx.respond(asked.server, code, unheard.waiting.response.clone());
        // A refusal is its transaction's from now on, and so is the ACK of that.
        self.unheard.take_if(|unheard| !unheard.accepts);
        true
    }

    /// Sends a 2xx of a former process again, and gives up in the end (RFC 3261 section 13.3.1.4): the call, when nobody is known
    /// to have heard that it was answered. One whose session was changed stands, because that process may have had the ACK, and
    /// a side that has sent it once need not do so for ever.
    pub(in crate::call) fn repeat_unheard(&mut self, ctx: &mut Context<'_>) {
        let Some(unheard) = self.unheard.as_mut().filter(|_| !self.ending) else { return };
        if unheard.waiting.give_up_at <= ctx.now {
            let (side, opening) = (unheard.side, unheard.opening);
            self.unheard = None;
            if opening {
                self.terminate(Cause::NoAck(side), ctx);
            }
        } else if unheard.waiting.again_at <= ctx.now {
            unheard.waiting.repeated(ctx.now);
            let (path, response) = (unheard.path, unheard.waiting.response.clone());
            ctx.send(path, response);
        }
    }

    /// The answer to its INVITE that a side has not acknowledged, or would hear from another process.
    pub(super) fn unacknowledged(&self) -> Option<Stage> {
        let exchange = self.exchange.as_deref();
        let said_again = self.unheard.as_deref().filter(|unheard| unheard.accepts || exchange.is_none());
        if let Some(Unheard { side, sequence, path, waiting, .. }) = said_again {
            let (side, sequence, response) = (*side, *sequence, waiting.response.clone());
            return Some(Stage::Unacknowledged { side, sequence, peer: path.peer, response });
        }
        let exchange = exchange?;
        let (side, sequence) = (exchange.from, exchange.request.cseq);
        let response = match &exchange.unacknowledged {
            Some(waiting) => waiting.response.clone(),
            None if exchange.waits_for_ever() => {
                exchange.response(self.leg(side), StatusCode::REQUEST_PENDING).empty()
            }
            None => return None,
        };
        let came = Path { peer: exchange.source, ..self.leg(side).dialog.opened_over() };
        let peer = came.answering(&exchange.request.via).peer;
        Some(Stage::Unacknowledged { side, sequence, peer, response })
    }

    /// How far it is.
    pub(super) fn stage(&self, at: At) -> Stage {
        let up = |side| self.leg(side).state == LegState::Confirmed;
        if self.ending {
            let why = self.record.as_ref().map_or(Why::Other, |record| Why::of(&record.cause));
            return Stage::Ended { at, why };
        }
        if !up(Side::A) || !up(Side::B) || self.joining.is_some() || !self.streams.are_agreed() {
            return Stage::Incomplete;
        }
        self.unacknowledged().unwrap_or(Stage::Standing)
    }
}
