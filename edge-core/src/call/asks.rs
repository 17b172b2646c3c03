//! What a request asks of us beside a call: to read its URI, and to answer in a way that its sender takes (RFC
//! 3261 sections 8.2.2 and 13.3.1.3).

use crate::sip::{HeaderName, Message, Request, Scheme};

use super::Refused;
use super::body::{SDP, is_media_type};

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
