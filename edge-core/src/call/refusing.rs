//! What who asked for a call hears of a refusal, beside its status.

use crate::sdp::SdpError;
use crate::sip::{HeaderName, MessageWriter, Request, response_to};
use crate::transaction::{Path, TransactionId};

use super::body::{ACCEPTED, IDENTITY};
use super::calling::tag;
use super::reason::Reason;
use super::reliable::REL;
use super::session_timer::MIN_SE;
use super::{ALLOW, Context, Refused};

/// Seconds after which a caller may try again whose route has no trunk left: one comes back sooner or later, and a caller
/// who waits for longer has hung up.
const NO_TRUNK_RETRY_AFTER_S: &str = "10";

/// Answers an INVITE that does not become a call.
pub(crate) fn refuse(
    invite: &Request,
    path: Path,
    server: TransactionId,
    refused: &Refused,
    ctx: &mut Context<'_>,
) {
    let code = refused.status();
    let to_tag = tag(ctx);
    let response =
        response_to(&invite.message, code, code.default_reason(), path.peer, Some(to_tag.as_ref()));
    let response = Reason::of_refusal(refused).explain(explain(response, refused));
    ctx.respond(server, code, response.header(HeaderName::Allow, ALLOW).empty());
}

/// Adds to a refusal what would have been taken.
pub(crate) fn explain(response: MessageWriter, refused: &Refused) -> MessageWriter {
    match refused {
        Refused::Extension { options } => response.header(HeaderName::Unsupported, options),
        Refused::MediaType { .. } | Refused::Disposition { .. } => {
            response.header(HeaderName::Accept, ACCEPTED)
        }
        Refused::Encoding { .. } => response.header(HeaderName::AcceptEncoding, IDENTITY),
        Refused::Unreliable => response.header(HeaderName::Require, REL),
        Refused::NoTrunk { .. } => response.header(HeaderName::RetryAfter, NO_TRUNK_RETRY_AFTER_S),
        Refused::Interval => response.header(HeaderName::MinSe, MIN_SE.as_secs().to_string()),
        Refused::Offer(error) => response.header(HeaderName::Warning, warning(*error)),
        Refused::Closed { .. }
        | Refused::Guarded { .. }
        | Refused::NotTaken { .. }
        | Refused::Limit { .. }
        | Refused::NoRoute { .. }
        | Refused::NoNumber
        | Refused::Replaces(_)
        | Refused::Scheme
        | Refused::NoAnswerWanted
        | Refused::TooManyHops
        | Refused::Privacy
        | Refused::Loop
        | Refused::Unresolved { .. }
        | Refused::Unregistered { .. }
        | Refused::NoMediaPort { .. }
        | Refused::MediaAddress { .. }
        | Refused::Datapath { .. }
        | Refused::Draining
        | Refused::Overload => response,
    }
}

/// What a 488 says of the description (RFC 3261 sections 20.43 and 21.4.26). Our name in it is a pseudonym.
const fn warning(error: SdpError) -> &'static str {
    match error {
        SdpError::OtherFamily => "301 edge \"Incompatible network address formats\"",
        SdpError::Protocol { .. }
        | SdpError::Dtls
        | SdpError::NoFingerprint
        | SdpError::Answered { .. }
        | SdpError::NoCommonKeys => "302 edge \"Incompatible transport protocol\"",
        SdpError::NoMedia | SdpError::Video => "304 edge \"Media type not available\"",
        SdpError::NoCommonCodec => "305 edge \"Incompatible media format\"",
        SdpError::TooLarge
        | SdpError::Malformed { .. }
        | SdpError::NoConnection
        | SdpError::HostName
        | SdpError::NotAHost
        | SdpError::Ours
        | SdpError::PortCount
        | SdpError::NoPort
        | SdpError::Declined => "399 edge \"The session description cannot be used\"",
    }
}
