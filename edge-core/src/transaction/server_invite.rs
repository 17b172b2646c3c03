//! INVITE server transaction (RFC 3261 section 17.2.1 with RFC 6026 section 7.1).
//!
//! A 2xx is retransmitted by the transaction user, end to end; the machine only absorbs repeated INVITEs meanwhile.

use super::step::{Effect, Step, Timer};

/// States of the RFC's figure 7 and of RFC 6026's figure 5.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServerInvite {
    /// The user has not answered yet.
    Proceeding,
    /// A 2xx was sent.
    Accepted,
    /// A failure was sent and its ACK is awaited.
    Completed,
    /// The ACK came.
    Confirmed,
    /// Gone.
    Terminated,
}

/// What can happen to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Input {
    /// The INVITE arrived again.
    Request,
    /// An ACK that matches this transaction arrived.
    Ack,
    /// The user sends a 1xx.
    Provisional,
    /// The user sends a 2xx.
    Success,
    /// The user sends a 3xx to 6xx.
    Failure,
    /// Nothing goes over its connection any more; there is another way.
    Unreachable,
    /// A timer fired.
    Fired(Timer),
}

impl ServerInvite {
    /// State of a transaction that was just created by an INVITE.
    pub const INITIAL: Self = Self::Proceeding;

    /// The row of the table for `input`.
    #[must_use]
    pub const fn step(self, input: Input) -> Step<Self> {
        match self {
            Self::Proceeding => Self::proceeding(input),
            Self::Accepted => Self::accepted(input),
            Self::Completed => Self::completed(input),
            Self::Confirmed => match input {
                Input::Fired(Timer::I) => Step::stay(Self::Terminated),
                Input::Request
                | Input::Ack
                | Input::Provisional
                | Input::Success
                | Input::Failure
                | Input::Unreachable
                | Input::Fired(_) => Step::stay(self),
            },
            Self::Terminated => Step::stay(self),
        }
    }

    const fn proceeding(input: Input) -> Step<Self> {
        match input {
            Input::Request => Step::to(Self::Proceeding, &[Effect::Send]),
            Input::Provisional => Step::to(Self::Proceeding, &[Effect::Send]),
            Input::Success => Step::to(Self::Accepted, &[Effect::Send, Effect::Start(Timer::L)]),
            Input::Failure => {
                Step::to(Self::Completed, &[Effect::Send, Effect::Start(Timer::G), Effect::Start(Timer::H)])
            }
            Input::Ack | Input::Unreachable | Input::Fired(_) => Step::stay(Self::Proceeding),
        }
    }

    const fn accepted(input: Input) -> Step<Self> {
        match input {
            Input::Success => Step::to(Self::Accepted, &[Effect::Send]),
            Input::Ack => Step::to(Self::Accepted, &[Effect::Deliver]),
            Input::Fired(Timer::L) => Step::stay(Self::Terminated),
            Input::Request | Input::Provisional | Input::Failure | Input::Unreachable | Input::Fired(_) => {
                Step::stay(Self::Accepted)
            }
        }
    }

    const fn completed(input: Input) -> Step<Self> {
        match input {
            Input::Request | Input::Unreachable => Step::to(Self::Completed, &[Effect::Send]),
            Input::Fired(Timer::G) => Step::to(Self::Completed, &[Effect::Send, Effect::Start(Timer::G)]),
            Input::Fired(Timer::H) => Step::to(Self::Terminated, &[Effect::TimedOut]),
            Input::Ack => Step::to(Self::Confirmed, &[Effect::StopRetransmitting, Effect::Start(Timer::I)]),
            Input::Provisional | Input::Success | Input::Failure | Input::Fired(_) => {
                Step::stay(Self::Completed)
            }
        }
    }
}
