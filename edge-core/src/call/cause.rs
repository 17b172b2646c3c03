//! Why a call ended or never began, and what each side hears.
//!
//! Invariant: this is the only place that turns a cause into a status code.

use crate::policy::{Closed, Guarded, NotTaken, Refusal, RefuseWith};
use crate::sdp::SdpError;
use crate::sip::StatusCode;

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

/// Why a call was not even tried.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The trunk may not call, or not be called.
    #[error("trunk {trunk} {closed}")]
    Closed {
        /// Name of the trunk.
        trunk: String,
        /// Why.
        closed: Closed,
    },
    /// A bound of a trunk is reached.
    #[error("trunk {trunk}: {refusal}")]
    Limit {
        /// Name of the trunk whose bound it is.
        trunk: String,
        /// The bound.
        refusal: Refusal,
        /// What the caller is to hear.
        refuse_with: RefuseWith,
    },
    /// A guard of the caller's trunk stops it.
    #[error("trunk {trunk}: {guarded}")]
    Guarded {
        /// Name of the trunk.
        trunk: String,
        /// Which guard.
        guarded: Guarded,
    },
    /// The caller's trunk may not make this call.
    #[error("trunk {trunk} {why}")]
    NotTaken {
        /// Name of the trunk.
        trunk: String,
        /// What it lacks.
        why: NotTaken,
    },
    /// The number has a route, and none of its trunks may have the call now.
    #[error("route {route} has no trunk left: {why}")]
    NoTrunk {
        /// Name of the route.
        route: String,
        /// Why not, one trunk after the other.
        why: String,
    },
    /// No route takes the number.
    #[error("no route for {number}")]
    NoRoute {
        /// The number as dialled.
        number: String,
    },
    /// The request-URI has no number.
    #[error("the request-URI names no number")]
    NoNumber,
    /// A `Require` or `Proxy-Require` that we do not keep.
    #[error("extension {options} is required and not supported")]
    Extension {
        /// Their option tags, separated by commas.
        options: String,
    },
    /// Provisional responses have to be acknowledged on this way, and the caller does not say that it can.
    #[error("the caller does not support 100rel, which this way requires")]
    Unreliable,
    /// A session interval shorter than we keep (RFC 4028).
    #[error("a session interval of less than 90 s")]
    Interval,
    /// The request-URI is neither `sip:` nor `sips:` nor `tel:`.
    #[error("the request-URI has an unknown scheme")]
    Scheme,
    /// The caller takes no session description.
    #[error("Accept leaves out application/sdp")]
    NoAnswerWanted,
    /// Our own INVITE came back from where it had been before.
    #[error("the call has come back for the same number: a peer sends it round")]
    Loop,
    /// The dialog that it is to replace cannot be.
    #[error("the dialog that Replaces names cannot be replaced: {0}")]
    Replaces(StatusCode),
    /// Max-Forwards is used up.
    #[error("Max-Forwards is 0")]
    TooManyHops,
    /// The caller asks for a privacy that nobody here knows, and for no call without it (RFC 3323).
    #[error("Privacy is critical, and asks for a service that is not known")]
    Privacy,
    /// The body is not SDP.
    #[error("body of type {content_type} where SDP was expected")]
    MediaType {
        /// What it says it is.
        content_type: String,
    },
    /// The body is encoded.
    #[error("body encoded by {encoding}")]
    Encoding {
        /// By what.
        encoding: String,
    },
    /// The body is for something that we do not do.
    #[error("body for {disposition} where a session was expected")]
    Disposition {
        /// What it is for.
        disposition: String,
    },
    /// The offer cannot be used between these trunks.
    #[error(transparent)]
    Offer(SdpError),
    /// The called trunk's host is a name that leads nowhere now.
    #[error("trunk {trunk}: no address is known for {host}")]
    Unresolved {
        /// Name of the trunk.
        trunk: String,
        /// Its host, as it is written.
        host: String,
    },
    /// The called trunk registers with us, and has not.
    #[error("trunk {trunk}: it is not registered")]
    Unregistered {
        /// Name of the trunk.
        trunk: String,
    },
    /// All port pairs of a realm are leased or resting.
    #[error("no media port is free in realm {realm}")]
    NoMediaPort {
        /// Name of the realm.
        realm: String,
    },
    /// An offer wants media where none can be sent to.
    #[error("media cannot be sent where the offer wants it: {reason}")]
    MediaAddress {
        /// The datapath's words.
        reason: String,
    },
    /// The datapath could not take the media.
    #[error("media could not be installed: {reason}")]
    Datapath {
        /// The datapath's words.
        reason: String,
    },
    /// The edge is being stopped.
    #[error("the edge is draining")]
    Draining,
    /// A bound of the edge itself.
    #[error("the edge is at its bound of transactions")]
    Overload,
}

impl Refused {
    /// What the caller hears.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        match self {
            // No other way is the remedy, so nothing that sends a caller's PBX to look for one.
            Self::Guarded { .. }
            | Self::Closed { closed: Closed::Direction, .. }
            | Self::NotTaken { why: NotTaken::Number | NotTaken::Caller, .. } => StatusCode::FORBIDDEN,
            Self::NotTaken { why: NotTaken::Hours, .. } => StatusCode::TEMPORARILY_UNAVAILABLE,
            Self::Closed { closed: Closed::Draining | Closed::Disabled, .. }
            | Self::Limit { refuse_with: RefuseWith::ServiceUnavailable, .. }
            | Self::NoTrunk { .. }
            | Self::Unresolved { .. }
            | Self::NoMediaPort { .. }
            | Self::Draining
            | Self::Overload => StatusCode::SERVICE_UNAVAILABLE,
            Self::Limit { refuse_with: RefuseWith::BusyHere, .. } => StatusCode::BUSY_HERE,
            Self::NoRoute { .. } => StatusCode::NOT_FOUND,
            Self::Unregistered { .. } => StatusCode::TEMPORARILY_UNAVAILABLE,
            Self::NoNumber => StatusCode::ADDRESS_INCOMPLETE,
            Self::Replaces(code) => *code,
            Self::Extension { .. } => StatusCode::BAD_EXTENSION,
            Self::Unreliable => StatusCode::EXTENSION_REQUIRED,
            Self::Interval => StatusCode::SESSION_INTERVAL_TOO_SMALL,
            Self::Scheme => StatusCode::UNSUPPORTED_URI_SCHEME,
            Self::NoAnswerWanted => StatusCode::NOT_ACCEPTABLE,
            Self::Loop => StatusCode::LOOP_DETECTED,
            Self::TooManyHops => StatusCode::TOO_MANY_HOPS,
            Self::MediaType { .. } | Self::Encoding { .. } | Self::Disposition { .. } => {
                StatusCode::UNSUPPORTED_MEDIA_TYPE
            }
            Self::Offer(_) | Self::MediaAddress { .. } => StatusCode::NOT_ACCEPTABLE_HERE,
            Self::Datapath { .. } | Self::Privacy => StatusCode::SERVER_INTERNAL_ERROR,
        }
    }
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

impl Refused {
    /// A stable name for CDRs and counters.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Closed { closed, .. } => closed.name(),
            Self::Guarded { guarded, .. } => guarded.name(),
            Self::NotTaken { why, .. } => why.name(),
            Self::Limit { refusal, .. } => refusal.name(),
            Self::NoTrunk { .. } => "no_trunk",
            Self::NoRoute { .. } => "no_route",
            Self::NoNumber => "no_number",
            Self::Replaces(_) => "replaces",
            Self::Extension { .. } => "extension",
            Self::Unreliable => "extension_required",
            Self::Interval => "session_interval",
            Self::Scheme => "scheme",
            Self::NoAnswerWanted => "accept",
            Self::Loop => "loop",
            Self::TooManyHops => "too_many_hops",
            Self::Privacy => "privacy",
            Self::MediaType { .. } => "media_type",
            Self::Encoding { .. } => "content_encoding",
            Self::Disposition { .. } => "content_disposition",
            Self::Offer(_) => "offer",
            Self::Unresolved { .. } => "unresolved",
            Self::Unregistered { .. } => "unregistered",
            Self::NoMediaPort { .. } => "no_media_port",
            Self::MediaAddress { .. } => "media_address",
            Self::Datapath { .. } => "datapath",
            Self::Draining => "draining",
            Self::Overload => "overload",
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
