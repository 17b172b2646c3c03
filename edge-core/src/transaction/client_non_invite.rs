//! Non-INVITE client transaction (RFC 3261 section 17.1.2).

use super::step::{Effect, Step, Timer};

/// States of the RFC's figure 6.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientNonInvite {
    /// Nothing has come back yet.
    Trying,
    /// A 1xx came.
    Proceeding,
    /// A final response came.
    Completed,
    /// Gone.
    Terminated,
}

/// What can happen to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Input {
    /// A 1xx arrived.
    Provisional,
    /// A 2xx to 6xx arrived.
    Final,
    /// Nothing goes over its connection any more.
    Unreachable,
    /// A timer fired.
    Fired(Timer),
}

impl ClientNonInvite {
    /// State of a transaction whose request goes out now.
    pub const INITIAL: Self = Self::Trying;
    /// What to do when it is created.
    pub const OPENING: &'static [Effect] = &[Effect::Send, Effect::Start(Timer::E), Effect::Start(Timer::F)];

    /// The row of the table for `input`.
    #[must_use]
    pub const fn step(self, input: Input) -> Step<Self> {
        match (self, input) {
            (Self::Trying | Self::Proceeding, Input::Provisional) => {
                Step::to(Self::Proceeding, &[Effect::Deliver, Effect::SlowRetransmitting])
            }
            (Self::Trying | Self::Proceeding, Input::Final) => Step::to(
                Self::Completed,
                &[Effect::StopRetransmitting, Effect::Deliver, Effect::Start(Timer::K)],
            ),
            (Self::Trying | Self::Proceeding, Input::Fired(Timer::E)) => {
                Step::to(self, &[Effect::Send, Effect::Start(Timer::E)])
            }
            (Self::Trying | Self::Proceeding, Input::Unreachable | Input::Fired(Timer::F)) => {
                Step::to(Self::Terminated, &[Effect::TimedOut])
            }
            (Self::Completed, Input::Fired(Timer::K)) => Step::stay(Self::Terminated),
            (Self::Trying | Self::Proceeding | Self::Completed, Input::Fired(_))
            | (Self::Completed, Input::Provisional | Input::Final | Input::Unreachable)
            | (Self::Terminated, _) => Step::stay(self),
        }
    }
}
