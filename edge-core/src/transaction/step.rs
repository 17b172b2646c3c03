//! What the four machines have in common: a step is a row of a table.
//!
//! A machine is a function from (state, input) to (state, effects). Effects are carried out in order by
//! [`super::Transactions`], which owns the messages and the clock's deadlines.

use std::time::Duration;

/// One row of a machine's table: where it goes and what is to be done on the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step<S> {
    /// State after the step.
    pub next: S,
    /// What to do, in order.
    pub effects: &'static [Effect],
}

impl<S> Step<S> {
    pub(super) const fn to(next: S, effects: &'static [Effect]) -> Self {
        Self { next, effects }
    }

    /// The input means nothing in this state.
    pub(super) const fn stay(next: S) -> Self {
        Self { next, effects: &[] }
    }
}

/// Something a machine wants done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Send the newest message of this transaction, for the first time or again.
    Send,
    /// Send the ACK for a failure response (RFC 3261 section 17.1.1.3).
    SendAck,
    /// Give the message that came in to the transaction user.
    Deliver,
    /// Tell the transaction user that nothing more will come.
    TimedOut,
    /// Start or restart a timer.
    Start(Timer),
    /// Stop retransmitting (timers A, E, G).
    StopRetransmitting,
    /// From now on retransmit every T2 (RFC 3261 section 17.1.2.2, Proceeding).
    SlowRetransmitting,
}

/// Timers by their letters in RFC 3261 table 4 and RFC 6026 section 7.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Timer {
    /// INVITE request retransmission: T1, then doubled.
    A,
    /// INVITE transaction time-out: 64*T1.
    B,
    /// Wait for retransmissions of a failure response: 32 s.
    D,
    /// Non-INVITE request retransmission: T1, then doubled up to T2.
    E,
    /// Non-INVITE transaction time-out: 64*T1.
    F,
    /// INVITE response retransmission: T1, then doubled up to T2.
    G,
    /// Wait for the ACK: 64*T1.
    H,
    /// Wait for retransmissions of the ACK: T4.
    I,
    /// Wait for retransmissions of a non-INVITE request: 64*T1.
    J,
    /// Wait for retransmissions of a non-INVITE response: T4.
    K,
    /// Wait for retransmissions of an accepted INVITE: 64*T1 (RFC 6026).
    L,
    /// Wait for retransmissions and forks of a 2xx: 64*T1 (RFC 6026).
    M,
}

/// Estimate of the round trip (RFC 3261 section 17.1.1.1).
pub const T1: Duration = Duration::from_millis(500);
/// Longest interval between retransmissions.
pub const T2: Duration = Duration::from_secs(4);
/// How long a message may stay in the network.
pub const T4: Duration = Duration::from_secs(5);

impl Timer {
    /// Whether the timer sends again, rather than ending a state.
    #[must_use]
    pub const fn retransmits(self) -> bool {
        matches!(self, Self::A | Self::E | Self::G)
    }

    /// The timer's duration, for A, E and G the first one; `None` when it is never started. RFC 3261 table 4: over
    /// a reliable transport nothing is sent again (A, E, G), and nobody waits for what would come again (D, I, J, K).
    #[must_use]
    pub const fn duration(self, reliable: bool) -> Option<Duration> {
        match self {
            Self::A | Self::E | Self::G if reliable => None,
            Self::D | Self::I | Self::J | Self::K if reliable => Some(Duration::ZERO),
            Self::A | Self::E | Self::G => Some(T1),
            Self::B | Self::F | Self::H | Self::J | Self::L | Self::M => Some(T1.saturating_mul(64)),
            Self::D => Some(Duration::from_secs(32)),
            Self::I | Self::K => Some(T4),
        }
    }

    /// The interval after `interval`: doubled, and for E and G at most T2 (RFC 3261 sections 17.1.2.2 and 17.2.1).
    #[must_use]
    pub fn next_interval(self, interval: Duration) -> Duration {
        match self {
            Self::E | Self::G => (interval * 2).min(T2),
            Self::A
            | Self::B
            | Self::D
            | Self::F
            | Self::H
            | Self::I
            | Self::J
            | Self::K
            | Self::L
            | Self::M => interval * 2,
        }
    }
}
