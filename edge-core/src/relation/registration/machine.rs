//! How far a registration is (RFC 3261 section 10.2), as a table.

/// States of a registration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// There is none, and none is wanted.
    Unregistered,
    /// The first REGISTER is under way.
    Registering,
    /// It failed, and is tried again later.
    Waiting,
    /// The registrar knows where we are.
    Registered,
    /// It knows, and is asked to know for longer.
    Refreshing,
    /// It knows, for as long as it has said; asking for more failed, and is tried again later.
    Lapsing,
    /// It is asked to forget us.
    Deregistering,
}

/// What can happen to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Input {
    /// The operator wants the trunk.
    Wanted,
    /// The operator does not want it any more, or the edge ends.
    Unwanted,
    /// A 2xx lists our Contact.
    Accepted,
    /// The registrar wants another interval (423), and the same again.
    TooBrief,
    /// The target did not take it, and there is another one.
    NotTaken,
    /// No target took it.
    Failed,
    /// Its timer has fired: of a refresh, or of a wait.
    Due,
    /// What the registrar had granted is over.
    Expired,
    /// What it knew is of no use: the connection that it would call us over is gone.
    Lost,
}

/// What follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    /// REGISTER to the first target.
    Ask,
    /// REGISTER to the same target, for another interval.
    AskAgain,
    /// REGISTER to the next target.
    AskNext,
    /// REGISTER for no time at all.
    Withdraw,
    /// Ask again before it runs out.
    PlanRefresh,
    /// Ask again after a wait that grows with each failure.
    PlanRetry,
    /// Nothing more is sent or waited for.
    Rest,
}

impl State {
    /// The word for it.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Unregistered => "unregistered",
            Self::Registering => "registering",
            Self::Waiting => "waiting",
            Self::Registered => "registered",
            Self::Refreshing => "refreshing",
            Self::Lapsing => "lapsing",
            Self::Deregistering => "deregistering",
        }
    }

    /// Whether the registrar knows where we are.
    pub(super) const fn is_bound(self) -> bool {
        matches!(self, Self::Registered | Self::Refreshing | Self::Lapsing)
    }

    /// The row of the table for `input`.
    pub(super) const fn step(self, input: Input) -> (Self, Option<Effect>) {
        match (self, input) {
            (Self::Unregistered | Self::Deregistering, Input::Wanted) => {
                (Self::Registering, Some(Effect::Ask))
            }
            (Self::Registering | Self::Refreshing, Input::Accepted) => {
                (Self::Registered, Some(Effect::PlanRefresh))
            }
            (Self::Registering | Self::Refreshing, Input::TooBrief) => (self, Some(Effect::AskAgain)),
            (Self::Registering | Self::Refreshing, Input::NotTaken) => (self, Some(Effect::AskNext)),
            (Self::Registering, Input::Failed) => (Self::Waiting, Some(Effect::PlanRetry)),
            (Self::Refreshing, Input::Failed) => (Self::Lapsing, Some(Effect::PlanRetry)),
            (Self::Refreshing, Input::Expired) => (Self::Registering, None),
            (Self::Waiting, Input::Due) => (Self::Registering, Some(Effect::Ask)),
            (Self::Registered, Input::Due | Input::Lost) | (Self::Lapsing, Input::Due) => {
                (Self::Refreshing, Some(Effect::Ask))
            }
            (Self::Registered, Input::Expired) => (Self::Registering, Some(Effect::Ask)),
            (Self::Lapsing, Input::Expired) => (Self::Waiting, None),
            (Self::Waiting, Input::Unwanted) => (Self::Unregistered, Some(Effect::Rest)),
            // The registrar may have taken the REGISTER that is under way.
            (Self::Registering | Self::Registered | Self::Refreshing | Self::Lapsing, Input::Unwanted) => {
                (Self::Deregistering, Some(Effect::Withdraw))
            }
            (
                Self::Deregistering,
                Input::Accepted | Input::TooBrief | Input::NotTaken | Input::Failed | Input::Due,
            ) => (Self::Unregistered, Some(Effect::Rest)),
            (Self::Unregistered, _)
            | (
                Self::Registering
                | Self::Waiting
                | Self::Registered
                | Self::Refreshing
                | Self::Lapsing
                | Self::Deregistering,
                _,
            ) => (self, None),
        }
    }
}
