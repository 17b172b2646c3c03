//! Whether a connection over which nothing comes is still there: the keepalive of RFC 5626 sections 4.4.1 and 5.4.
//!
//! After a while of silence we send two line ends. A peer that answers them once has shown that it does: from then on a
//! missing answer means that the connection is dead. One that never answers is not asked again.

use std::time::Duration;

/// Silence after which the peer is asked: what RFC 5626 section 4.4.1 recommends at most for connections, and less than
/// firewalls and load balancers bear.
const ASK_AFTER: Duration = Duration::from_secs(120);

/// How long its answer may take (RFC 5626 section 4.4.1).
pub(super) const ANSWER_MAX: Duration = Duration::from_secs(10);

/// How long a connection lives over which nothing comes and whose peer answers no keepalives. A peer that wants it longer
/// sends some of its own.
pub(super) const IDLE_MAX: Duration = Duration::from_secs(3600);

/// What is known of the peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Liveness {
    /// It has not been asked yet.
    Unknown,
    /// It was asked for the first time.
    AskedFirst,
    /// It answers.
    Answers,
    /// It answers, and was asked again.
    Asked,
    /// It does not answer; it need not.
    Mute,
}

/// What to do when it has been silent for [`Liveness::patience`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Ask it.
    Ask,
    /// Go on waiting.
    Wait,
    /// The connection is dead.
    Dead,
    /// The connection has been idle for too long.
    Idle,
}

impl Liveness {
    /// How long silence may last before [`Liveness::on_silence`].
    pub(super) const fn patience(self) -> Duration {
        match self {
            Self::Unknown | Self::Answers => ASK_AFTER,
            Self::AskedFirst | Self::Asked => ANSWER_MAX,
            Self::Mute => IDLE_MAX.saturating_sub(ASK_AFTER).saturating_sub(ANSWER_MAX),
        }
    }

    /// It has been silent for as long as it may.
    pub(super) const fn on_silence(self) -> (Self, Step) {
        match self {
            Self::Unknown => (Self::AskedFirst, Step::Ask),
            Self::AskedFirst => (Self::Mute, Step::Wait),
            Self::Answers => (Self::Asked, Step::Ask),
            Self::Asked => (Self::Asked, Step::Dead),
            Self::Mute => (Self::Mute, Step::Idle),
        }
    }

    /// Something came; `pong` says that it was the answer to a keepalive.
    pub(super) const fn on_bytes(self, pong: bool) -> Self {
        match self {
            Self::AskedFirst | Self::Mute if pong => Self::Answers,
            Self::Unknown | Self::AskedFirst => Self::Unknown,
            Self::Answers | Self::Asked => Self::Answers,
            Self::Mute => Self::Mute,
        }
    }

    /// Whether a lone line end is the answer to what we asked, rather than half of a keepalive of the peer's.
    pub(super) const fn awaits_pong(self) -> bool {
        matches!(self, Self::AskedFirst | Self::Asked)
    }
}

#[cfg(test)]
mod tests;
