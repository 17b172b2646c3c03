//! Reliable provisional responses to one INVITE (RFC 3262 section 3).
//!
//! At most one is unacknowledged. What comes meanwhile is kept, the newest alone; a 2xx passes one without a description
//! and waits behind one with it.

use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::sip::StatusCode;
use crate::transaction::T1;

/// How far they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::call) enum State {
    /// None is unacknowledged.
    Acknowledged,
    /// One without a description is.
    Unacknowledged,
    /// One with a description is.
    SessionUnacknowledged,
    /// There is a final response.
    Final,
}

/// What can happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::call) enum Input {
    /// A response without a description is to go.
    Provisional,
    /// One with a description is.
    Session,
    /// The PRACK of the unacknowledged one came.
    Prack,
    /// It is time to send it again.
    Repeat,
    /// 64*T1 went by without a PRACK.
    GaveUp,
    /// A 2xx is to go.
    Success,
    /// Another final response is.
    Failure,
}

/// What is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::call) enum Effect {
    /// Nothing.
    Nothing,
    /// It goes now.
    Send,
    /// It waits for the PRACK of the one before.
    Keep,
    /// The unacknowledged one goes again.
    Repeat,
    /// What waited may go now.
    Release,
    /// The INVITE is refused with a 5xx.
    Refuse,
}

impl State {
    /// The row of the table for `input`.
    pub(in crate::call) const fn step(self, input: Input) -> (Self, Effect) {
        match self {
            Self::Acknowledged => match input {
                Input::Provisional => (Self::Unacknowledged, Effect::Send),
                Input::Session => (Self::SessionUnacknowledged, Effect::Send),
                Input::Success | Input::Failure => (Self::Final, Effect::Send),
                Input::Prack | Input::Repeat | Input::GaveUp => (self, Effect::Nothing),
            },
            Self::Unacknowledged => match input {
                Input::Success => (Self::Final, Effect::Send),
                Input::Provisional
                | Input::Session
                | Input::Prack
                | Input::Repeat
                | Input::GaveUp
                | Input::Failure => self.waiting(input),
            },
            Self::SessionUnacknowledged => self.waiting(input),
            Self::Final => (self, Effect::Nothing),
        }
    }

    const fn waiting(self, input: Input) -> (Self, Effect) {
        match input {
            Input::Provisional | Input::Session | Input::Success => (self, Effect::Keep),
            Input::Prack => (Self::Acknowledged, Effect::Release),
            Input::Repeat => (self, Effect::Repeat),
            Input::GaveUp => (Self::Final, Effect::Refuse),
            Input::Failure => (Self::Final, Effect::Send),
        }
    }
}

/// A provisional response that goes to a side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::call) struct Provisional {
    pub(in crate::call) code: StatusCode,
    pub(in crate::call) body: Option<Bytes>,
}

/// The reliable provisional responses to one INVITE.
#[derive(Debug)]
pub(in crate::call) struct Sending {
    state: State,
    /// Whether each has to be reliable.
    pub(in crate::call) all: bool,
    /// The last number given out.
    rseq: u32,
    unacknowledged: Option<Unacknowledged>,
    /// The newest response that waits for a PRACK.
    kept: Option<Provisional>,
}

#[derive(Debug)]
struct Unacknowledged {
    response: Bytes,
    code: StatusCode,
    interval: Duration,
    again_at: Instant,
    give_up_at: Instant,
}

impl Sending {
    /// Nothing sent yet. `all` when the INVITE or the operator wants each to be reliable; `random` makes the first number,
    /// which section 3 wants below 2^31.
    pub(in crate::call) const fn new(all: bool, random: u64) -> Self {
        let rseq = (random >> 34) as u32;
        Self { state: State::Acknowledged, all, rseq, unacknowledged: None, kept: None }
    }

    /// Steps the table.
    pub(in crate::call) const fn step(&mut self, input: Input) -> Effect {
        let (next, effect) = self.state.step(input);
        self.state = next;
        effect
    }

    /// The number of the response that goes now.
    pub(in crate::call) const fn next_number(&mut self) -> u32 {
        // It would take 2^31 responses to one INVITE to reach the end.
        self.rseq = self.rseq.saturating_add(1);
        self.rseq
    }

    /// Takes note of the response that went with the newest number.
    pub(in crate::call) fn sent(&mut self, code: StatusCode, response: Bytes, now: Instant) {
        let (again_at, give_up_at) = (now + T1, now + T1 * 64);
        self.unacknowledged = Some(Unacknowledged { response, code, interval: T1, again_at, give_up_at });
    }

    /// Keeps a response until it may go. A description that waits already stays with it.
    pub(in crate::call) fn keep(&mut self, provisional: Provisional) {
        let before = self.kept.take().and_then(|kept| kept.body);
        self.kept = Some(Provisional { body: provisional.body.or(before), ..provisional });
    }

    /// What waited, if it may go now.
    pub(in crate::call) fn take_kept(&mut self) -> Option<Provisional> {
        self.kept.take_if(|_| self.state == State::Acknowledged)
    }

    /// Whether a PRACK with this number acknowledges what is unacknowledged; it is acknowledged then. That may be so
    /// after the final response, too.
    pub(in crate::call) fn acknowledge(&mut self, rseq: u32) -> bool {
        rseq == self.rseq && self.unacknowledged.take().is_some()
    }

    /// The number that a PRACK may still come for.
    pub(in crate::call) fn awaited(&self) -> Option<u32> {
        self.unacknowledged.as_ref().map(|_| self.rseq)
    }

    /// When something is due.
    pub(in crate::call) fn next_deadline(&self) -> Option<Instant> {
        let waiting = self.unacknowledged.as_ref().filter(|_| self.state != State::Final)?;
        Some(waiting.again_at.min(waiting.give_up_at))
    }

    /// What is due.
    pub(in crate::call) fn due(&self, now: Instant) -> Option<Input> {
        let waiting = self.unacknowledged.as_ref().filter(|_| self.state != State::Final)?;
        if waiting.give_up_at <= now {
            Some(Input::GaveUp)
        } else {
            (waiting.again_at <= now).then_some(Input::Repeat)
        }
    }

    /// The unacknowledged response, to be sent again: T1, then doubled each time.
    pub(in crate::call) fn repeat(&mut self, now: Instant) -> Option<(StatusCode, Bytes)> {
        let waiting = self.unacknowledged.as_mut()?;
        waiting.interval *= 2;
        waiting.again_at = now + waiting.interval;
        Some((waiting.code, waiting.response.clone()))
    }
}

#[cfg(test)]
mod tests;
