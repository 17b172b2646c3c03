//! INVITE client transaction (RFC 3261 section 17.1.1 with RFC 6026 section 7.2).

use super::step::{Effect, Step, Timer};

/// States of the RFC's figure 5 and of RFC 6026's figure 4.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientInvite {
    /// Nothing has come back yet.
    Calling,
    /// A 1xx came.
    Proceeding,
    /// A 2xx came; more of them may follow.
    Accepted,
    /// A failure came and was acknowledged.
    Completed,
    /// Gone.
    Terminated,
}

/// What can happen to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Input {
    /// A 1xx arrived.
    Provisional,
    /// A 2xx arrived.
    Success,
    /// A 3xx to 6xx arrived.
    Failure,
    /// Nothing goes over its connection any more.
    Unreachable,
    /// A timer fired.
    Fired(Timer),
}

impl ClientInvite {
    /// State of a transaction whose INVITE goes out now.
    pub const INITIAL: Self = Self::Calling;
    /// What to do when it is created.
    pub const OPENING: &'static [Effect] = &[Effect::Send, Effect::Start(Timer::A), Effect::Start(Timer::B)];

    /// The row of the table for `input`.
    #[must_use]
    pub const fn step(self, input: Input) -> Step<Self> {
        match self {
            Self::Calling => Self::calling(input),
            Self::Proceeding => Self::proceeding(input),
            Self::Accepted => match input {
                Input::Success => Step::to(Self::Accepted, &[Effect::Deliver]),
                Input::Fired(Timer::M) => Step::stay(Self::Terminated),
                Input::Provisional | Input::Failure | Input::Unreachable | Input::Fired(_) => {
                    Step::stay(self)
                }
            },
            Self::Completed => match input {
                Input::Failure => Step::to(Self::Completed, &[Effect::SendAck]),
                Input::Fired(Timer::D) => Step::stay(Self::Terminated),
                Input::Provisional | Input::Success | Input::Unreachable | Input::Fired(_) => {
                    Step::stay(self)
                }
            },
            Self::Terminated => Step::stay(self),
        }
    }

    const fn calling(input: Input) -> Step<Self> {
        match input {
            Input::Provisional => Step::to(Self::Proceeding, &[Effect::StopRetransmitting, Effect::Deliver]),
            Input::Success => Self::ACCEPT,
            Input::Failure => Self::COMPLETE,
            Input::Fired(Timer::A) => Step::to(Self::Calling, &[Effect::Send, Effect::Start(Timer::A)]),
            Input::Unreachable | Input::Fired(Timer::B) => Step::to(Self::Terminated, &[Effect::TimedOut]),
            Input::Fired(_) => Step::stay(Self::Calling),
        }
    }

    /// Timer B does not end a call that rings (RFC 3261 section 17.1.1.2): the user bounds the ringing. A lost
    /// connection does not either: the peer may open one for its answer (section 18.2.2).
    const fn proceeding(input: Input) -> Step<Self> {
        match input {
            Input::Provisional => Step::to(Self::Proceeding, &[Effect::Deliver]),
            Input::Success => Self::ACCEPT,
            Input::Failure => Self::COMPLETE,
            Input::Unreachable | Input::Fired(_) => Step::stay(Self::Proceeding),
        }
    }

    const ACCEPT: Step<Self> =
        Step::to(Self::Accepted, &[Effect::StopRetransmitting, Effect::Deliver, Effect::Start(Timer::M)]);
    const COMPLETE: Step<Self> = Step::to(
        Self::Completed,
        &[Effect::StopRetransmitting, Effect::SendAck, Effect::Deliver, Effect::Start(Timer::D)],
    );
}
