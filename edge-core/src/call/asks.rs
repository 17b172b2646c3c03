//! What a request asks of us beside a call: to read its URI and its body, and to answer in a way that its sender takes (RFC
//! 3261 sections 8.2.2 and 8.2.3).

use crate::sip::{HeaderName, Message, Request, Scheme};

use super::Refused;
use super::opening::{SDP, is_media_type};

/// Disposition of a session description, and what it is without one (RFC 3261 section 20.11).
const SESSION: &[u8] = b"session";

/// The encoding that is none.
pub(super) const IDENTITY: &[u8] = b"identity";

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

/// Refuses a body that is encoded, is no SDP, or does not describe the session (RFC 3261 section 8.2.3).
pub(super) fn is_session(message: &Message) -> Result<(), Refused> {
    let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
    let mut encodings = message.values(HeaderName::ContentEncoding);
    if let Some(encoding) = encodings.find(|encoding| !encoding.eq_ignore_ascii_case(IDENTITY)) {
        return Err(Refused::Encoding { encoding: text(encoding) });
    }
    let content_type = message.first(HeaderName::ContentType).unwrap_or(SDP);
    if !is_media_type(content_type, SDP) {
        return Err(Refused::MediaType { content_type: text(content_type) });
    }
    let disposition = message.first(HeaderName::ContentDisposition).unwrap_or(SESSION);
    if !is_media_type(disposition, SESSION) {
        return Err(Refused::Disposition { disposition: text(disposition) });
    }
    Ok(())
}

/// Whether Content-Disposition says that the body need not be understood.
pub(super) fn is_optional(message: &Message) -> bool {
    let params = message.first(HeaderName::ContentDisposition).unwrap_or_default();
    params.split(|byte| *byte == b';').skip(1).any(|param| {
        let mut parts = param.splitn(2, |byte| *byte == b'=').map(<[u8]>::trim_ascii);
        let (name, value) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        name.eq_ignore_ascii_case(b"handling") && value.eq_ignore_ascii_case(b"optional")
    })
}
