//! Why a call ended or never began, and what each side hears.
//!
//! Invariant: this is the only place, with [`Refused`], that turns a cause into a status code.

use crate::sdp::SdpError;
use crate::sip::StatusCode;

use super::Silent;
use super::refused::Refused;

/// One side of a call, seen from the edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub enum Side {
    /// The caller's.
    A,
    /// The called side's.
    B,
}

impl Side {
    /// The side across the edge.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::A => Self::B,
            Self::B => Self::A,
        }
    }

    /// Zero for A, one for B.
    #[must_use]
    pub const fn index(self) -> usize {
        match self {
            Self::A => 0,
            Self::B => 1,
        }
    }
}

/// Who decided that a call ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndedBy {
    /// A peer.
    Peer(Side),
    /// We did.
    Edge,
}

impl EndedBy {
    /// `a`, `b` or `edge`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Peer(Side::A) => "a",
            Self::Peer(Side::B) => "b",
            Self::Edge => "edge",
        }
    }
}

/// Why a call ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cause {
    /// A side hung up.
    Hangup(Side),
    /// The caller gave up before the answer.
    Cancelled,
    /// The called side refused with this status.
    Rejected(StatusCode),
    /// The called side sent the caller elsewhere with this status, and the caller was told.
    Redirected(StatusCode),
    /// The called trunk sent nothing at all.
    Unreachable,
    /// Nobody answered within `answer_max`.
    NoAnswer,
    /// The call lasted longer than `call_max`.
    TooLong,
    /// A side never acknowledged an answer.
    NoAck(Side),
    /// A side never acknowledged a provisional response that it wanted to be reliable.
    NoPrack(Side),
    /// A side no longer knows the call.
    Lost(Side),
    /// A side did not refresh its session in time.
    Expired(Side),
    /// Nothing was heard of a side for as long as its trunk allows, or of either.
    MediaTimeout(Silent),
    /// The called side answered with SDP that cannot be used.
    BadAnswer(SdpError),
    /// The edge is being stopped.
    Drained,
    /// The operator hung it up.
    Operator,
    /// A side has referred the other one elsewhere.
    Transferred(Side),
    /// A side has put another call in the place of its own.
    Replaced(Side),
    /// A side that was to be joined with another one did not take its session, or was gone.
    NotJoined(StatusCode),
    /// The edge was killed, and its successor could not go on with the call.
    Interrupted,
    /// The call was never tried.
    Refused(Refused),
}

impl Cause {
    /// What a caller that has no final answer yet hears.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Hangup(_) | Self::Cancelled | Self::Transferred(_) | Self::Replaced(_) => {
                StatusCode::REQUEST_TERMINATED
            }
            Self::NotJoined(code) => across(*code),
            Self::Rejected(code) => across(*code),
            Self::Redirected(code) => *code,
            Self::Unreachable | Self::NoAnswer => StatusCode::REQUEST_TIMEOUT,
            Self::TooLong
            | Self::NoAck(_)
            | Self::NoPrack(_)
            | Self::Lost(_)
            | Self::Expired(_)
            | Self::MediaTimeout(_)
            | Self::BadAnswer(_) => StatusCode::SERVER_INTERNAL_ERROR,
            Self::Drained | Self::Operator | Self::Interrupted => StatusCode::SERVICE_UNAVAILABLE,
            Self::Refused(refused) => refused.status(),
        }
    }

    /// Who decided.
    #[must_use]
    pub const fn ended_by(&self) -> EndedBy {
        match self {
            Self::Hangup(side) | Self::Lost(side) | Self::Transferred(side) | Self::Replaced(side) => {
                EndedBy::Peer(*side)
            }
            Self::Cancelled => EndedBy::Peer(Side::A),
            Self::Rejected(_) | Self::Redirected(_) => EndedBy::Peer(Side::B),
            Self::Unreachable
            | Self::NoAnswer
            | Self::TooLong
            | Self::NoAck(_)
            | Self::NoPrack(_)
            | Self::Expired(_)
            | Self::MediaTimeout(_)
            | Self::BadAnswer(_)
            | Self::Drained
            | Self::Operator
            | Self::Interrupted
            | Self::NotJoined(_)
            | Self::Refused(_) => EndedBy::Edge,
        }
    }

    /// A stable name for CDRs and counters.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Hangup(_) => "hangup",
            Self::Cancelled => "cancelled",
            Self::Rejected(_) => "rejected",
            Self::Redirected(_) => "redirected",
            Self::Unreachable => "unreachable",
            Self::NoAnswer => "no_answer",
            Self::TooLong => "too_long",
            Self::NoAck(_) => "no_ack",
            Self::NoPrack(_) => "no_prack",
            Self::Lost(_) => "lost",
            Self::Expired(_) => "expired",
            Self::MediaTimeout(_) => "media_timeout",
            Self::BadAnswer(_) => "bad_answer",
            Self::Drained => "drained",
            Self::Operator => "operator",
            Self::Interrupted => "interrupted",
            Self::Transferred(_) => "transferred",
            Self::Replaced(_) => "replaced",
            Self::NotJoined(_) => "not_joined",
            Self::Refused(refused) => refused.name(),
        }
    }

    /// The particulars, in words; empty when the name says it all.
    #[must_use]
    pub fn detail(&self) -> String {
        match self {
            Self::Rejected(code) | Self::Redirected(code) => format!("the called side answered {code}"),
            Self::BadAnswer(error) => error.to_string(),
            Self::Refused(refused) => refused.to_string(),
            Self::NoAck(side) => format!("side {side:?} never acknowledged the answer"),
            Self::NoPrack(side) => format!("side {side:?} never acknowledged a provisional response"),
            Self::Lost(side) => format!("side {side:?} no longer knows the call"),
            Self::Expired(side) => format!("side {side:?} did not keep its session going"),
            Self::MediaTimeout(silent) => silent.to_string(),
            Self::Interrupted => "edge was killed, and the call could not be gone on with".to_owned(),
            Self::NotJoined(code) => format!("a side that was to be joined answered {code}"),
            Self::Hangup(_)
            | Self::Cancelled
            | Self::Transferred(_)
            | Self::Replaced(_)
            | Self::Unreachable
            | Self::NoAnswer
            | Self::TooLong
            | Self::Drained
            | Self::Operator => String::new(),
        }
    }
}

/// `code` as an answer to a request other than INVITE. 408 is none (RFC 4320 section 4.2): whoever asked has stopped
/// waiting by then.
pub(super) fn not_timed_out(code: StatusCode) -> StatusCode {
    if code == StatusCode::REQUEST_TIMEOUT { StatusCode::SERVER_TIMEOUT } else { code }
}

/// The status that one side hears for a failure of the other.
///
/// What speaks of our request rather than of the call is our affair: a challenge, a redirection, a method, body or
/// extension that the peer does not take (its headers would not cross either). And a 503 would say that the edge
/// itself is out of service (RFC 3261 section 16.7). For these the caller hears 500.
pub(super) fn across(code: StatusCode) -> StatusCode {
    match code {
        StatusCode::UNAUTHORIZED
        | StatusCode::PROXY_AUTHENTICATION_REQUIRED
        | StatusCode::METHOD_NOT_ALLOWED
        | StatusCode::UNSUPPORTED_MEDIA_TYPE
        | StatusCode::BAD_EXTENSION
        | StatusCode::EXTENSION_REQUIRED
        | StatusCode::NOT_IMPLEMENTED
        | StatusCode::UNSUPPORTED_URI_SCHEME
        | StatusCode::SESSION_INTERVAL_TOO_SMALL
        | StatusCode::SERVICE_UNAVAILABLE => StatusCode::SERVER_INTERNAL_ERROR,
        code if code.as_u16() / 100 == 3 => StatusCode::SERVER_INTERNAL_ERROR,
        code => code,
    }
}
