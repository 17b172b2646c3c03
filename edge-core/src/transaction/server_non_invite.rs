//! Non-INVITE server transaction (RFC 3261 section 17.2.2).

use super::step::{Effect, Step, Timer};

/// States of the RFC's figure 8.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServerNonInvite {
    /// The user has not answered yet.
    Trying,
    /// A 1xx was sent.
    Proceeding,
    /// A final response was sent.
    Completed,
    /// Gone.
    Terminated,
}

/// What can happen to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Input {
    /// The request arrived again.
    Request,
    /// The user sends a 1xx.
    Provisional,
    /// The user sends a 2xx to 6xx.
    Final,
    /// A timer fired.
    Fired(Timer),
}

impl ServerNonInvite {
    /// State of a transaction that was just created by a request.
    pub const INITIAL: Self = Self::Trying;

    /// The row of the table for `input`.
    #[must_use]
    pub const fn step(self, input: Input) -> Step<Self> {
        match (self, input) {
            (Self::Trying | Self::Proceeding, Input::Provisional) => {
                Step::to(Self::Proceeding, &[Effect::Send])
            }
            (Self::Trying | Self::Proceeding, Input::Final) => {
                Step::to(Self::Completed, &[Effect::Send, Effect::Start(Timer::J)])
            }
            (Self::Proceeding, Input::Request) => Step::to(Self::Proceeding, &[Effect::Send]),
            (Self::Completed, Input::Request) => Step::to(Self::Completed, &[Effect::Send]),
            (Self::Completed, Input::Fired(Timer::J)) => Step::stay(Self::Terminated),
            (Self::Trying, Input::Request)
            | (Self::Completed, Input::Provisional | Input::Final)
            | (Self::Trying | Self::Proceeding | Self::Completed, Input::Fired(_))
            | (Self::Terminated, _) => Step::stay(self),
        }
    }
}
