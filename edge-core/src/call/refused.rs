//! Why a call was not even tried, and what its caller hears.

use crate::policy::{Closed, Guarded, NotTaken, Refusal, RefuseWith};
use crate::sdp::SdpError;
use crate::sip::StatusCode;

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
            | Self::Datapath { .. }
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
            Self::Privacy => StatusCode::SERVER_INTERNAL_ERROR,
        }
    }

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
