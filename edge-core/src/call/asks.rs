//! What a request asks of us beside a call: to read its URI, to keep the extensions that it requires, and to answer in a way that
//! its sender takes (RFC 3261 sections 8.2.2 and 13.3.1.3, RFC 3262).

use crate::policy::{ReliableProvisional, Trunk};
use crate::sip::{HeaderName, Message, Request, Scheme};

use super::Refused;
use super::body::{SDP, is_media_type};
use super::reliable::{REL, can_acknowledge, wants_reliable};
use super::session_timer::TIMER;

/// Refuses a request-URI that nobody here can read (RFC 3261 section 8.2.2.1).
pub(crate) fn check_scheme(request: &Request) -> Result<(), Refused> {
    if request.uri.scheme() == Scheme::Other { Err(Refused::Scheme) } else { Ok(()) }
}

/// Refuses a caller who says that it takes no session description in the answer (RFC 3261 sections 13.3.1.3 and 20.1).
pub(super) fn check_accept(message: &Message) -> Result<(), Refused> {
    let mut accepted = message.values(HeaderName::Accept).peekable();
    let takes =
        |range: &[u8]| [SDP, b"application/*", b"*/*"].iter().any(|taken| is_media_type(range, taken));
    if accepted.peek().is_none() || accepted.any(takes) { Ok(()) } else { Err(Refused::NoAnswerWanted) }
}

/// Refuses an INVITE that cannot have its provisional responses as `trunk` wants them: acknowledged, or not.
pub(super) fn check_reliability(invite: &Message, trunk: &Trunk) -> Result<(), Refused> {
    match trunk.reliable_provisional {
        ReliableProvisional::Off if wants_reliable(invite) => {
            Err(Refused::Extension { options: String::from_utf8_lossy(REL).into_owned() })
        }
        ReliableProvisional::Required if !can_acknowledge(invite) => Err(Refused::Unreliable),
        ReliableProvisional::Off | ReliableProvisional::Supported | ReliableProvisional::Required => Ok(()),
    }
}

/// Extensions that a request may require.
const KEPT: [&[u8]; 4] = [TIMER, REL, b"replaces", b"norefersub"];

/// Refuses what the sender requires and we do not keep (RFC 3261 section 8.2.2.3).
pub(crate) fn check_extensions(message: &Message) -> Result<(), Refused> {
    let kept = |option: &[u8]| KEPT.iter().any(|kept| option.eq_ignore_ascii_case(kept));
    let required = message.values(HeaderName::Require).filter(|option| !kept(option));
    let options: Vec<_> =
        required.chain(message.values(HeaderName::ProxyRequire)).map(String::from_utf8_lossy).collect();
    if options.is_empty() { Ok(()) } else { Err(Refused::Extension { options: options.join(", ") }) }
}
