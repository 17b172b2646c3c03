//! The session description in a message, alone or among other parts (RFC 3261 section 8.2.3, RFC 5621).
//!
//! What is not understood is left out when its sender calls it optional or only refers to it, and refused otherwise;
//! nothing but the description goes on to the other side.
//!
//! Bounds: parts within parts, [`DEPTH_MAX`] deep; sixteen parts in each.

use bytes::Bytes;

use crate::sip::{HeaderName, Message, Part, parts};

use super::Refused;

/// Media type of a session description (RFC 8866 section 8.1).
pub(super) const SDP: &[u8] = b"application/sdp";

/// What a body is for, when nothing says so (RFC 3261 section 20.11).
const SESSION: &[u8] = b"session";

/// For what headers of the message refer to (RFC 5621 section 6): without them it is nothing.
const BY_REFERENCE: &[u8] = b"by-reference";

/// No encoding at all (RFC 3261 section 20.2).
pub(super) const IDENTITY: &[u8] = b"identity";

/// Media types of bodies that are read.
pub(super) const ACCEPTED: &str =
    "application/sdp, multipart/mixed, multipart/alternative, multipart/related";

/// Parts within parts: RFC 5621 section 8.2 knows a use for two.
const DEPTH_MAX: usize = 4;

/// A body, or a part of one, and what is said of it.
struct Entity<'a> {
    content_type: &'a [u8],
    disposition: Option<&'a [u8]>,
    encoding: Option<&'a [u8]>,
    body: Bytes,
}

/// The SDP that a request or response carries, if it carries any. A body that cannot be read and that its sender calls
/// optional is passed over (RFC 3261 section 20.11).
pub(super) fn session_body(message: &Message) -> Result<Option<Bytes>, Refused> {
    let body = message.body();
    if body.is_empty() {
        return Ok(None);
    }
    let not_identity = |encoding: &&[u8]| !encoding.eq_ignore_ascii_case(IDENTITY);
    let entity = Entity {
        content_type: message.first(HeaderName::ContentType).unwrap_or(SDP),
        disposition: message.first(HeaderName::ContentDisposition),
        encoding: message.values(HeaderName::ContentEncoding).find(not_identity),
        body,
    };
    entity.session(DEPTH_MAX)
}

/// Whether a message carries a session description anywhere.
pub(super) fn carries_session(message: &Message) -> bool {
    let body = message.body();
    message
        .first(HeaderName::ContentType)
        .is_some_and(|content_type| holds_session(content_type, &body, DEPTH_MAX))
}

fn holds_session(content_type: &[u8], body: &Bytes, depth: usize) -> bool {
    let inner = || parts(content_type, body).filter(|_| depth > 0).unwrap_or_default();
    let held = |part: &Part| {
        part.header("Content-Type").is_some_and(|inner| holds_session(inner, &part.body, depth - 1))
    };
    is_media_type(content_type, SDP) || (multipart(content_type).is_some() && inner().iter().any(held))
}

impl<'a> Entity<'a> {
    fn of(part: &'a Part) -> Self {
        let not_plain = |encoding: &&[u8]| {
            !["identity", "binary", "8bit", "7bit"]
                .iter()
                .any(|plain| encoding.eq_ignore_ascii_case(plain.as_bytes()))
        };
        let encodings = [part.header("Content-Encoding"), part.header("Content-Transfer-Encoding")];
        Self {
            // RFC 2046 section 5.1: what a part is that does not say.
            content_type: part.header("Content-Type").unwrap_or(b"text/plain"),
            disposition: part.header("Content-Disposition"),
            encoding: encodings.into_iter().flatten().find(not_plain),
            body: part.body.clone(),
        }
    }

    fn session(&self, depth: usize) -> Result<Option<Bytes>, Refused> {
        match self.required_session(depth) {
            Err(_) if self.is_optional() => Ok(None),
            session => session,
        }
    }

    /// The description in it, however little its sender may need it read.
    fn required_session(&self, depth: usize) -> Result<Option<Bytes>, Refused> {
        let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
        if let Some(encoding) = self.encoding {
            return Err(Refused::Encoding { encoding: text(encoding) });
        }
        let other = || Refused::MediaType { content_type: text(self.content_type) };
        if let Some(kind) = multipart(self.content_type) {
            let parts = parts(self.content_type, &self.body).filter(|_| depth > 0).ok_or_else(other)?;
            return among(kind, &parts, depth - 1);
        }
        if !is_media_type(self.content_type, SDP) {
            return Err(other());
        }
        let disposition = self.disposition.unwrap_or(SESSION);
        if !is_media_type(disposition, SESSION) {
            return Err(Refused::Disposition { disposition: text(disposition) });
        }
        Ok(Some(self.body.clone()))
    }

    /// Whether it need not be understood: its sender says so, or nothing that we read refers to it.
    fn is_optional(&self) -> bool {
        let disposition = self.disposition.unwrap_or_default();
        let handling = disposition.split(|byte| *byte == b';').skip(1).any(|param| {
            let mut parts = param.splitn(2, |byte| *byte == b'=').map(<[u8]>::trim_ascii);
            let (name, value) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
            name.eq_ignore_ascii_case(b"handling") && value.eq_ignore_ascii_case(b"optional")
        });
        handling || is_media_type(disposition, BY_REFERENCE)
    }
}

/// How the parts of a body belong together.
#[derive(Clone, Copy)]
enum Multipart {
    /// Each for itself (RFC 2046 section 5.1.3, and section 5.1.7 for kinds that nobody knows).
    Mixed,
    /// The same in several forms, the best one last (section 5.1.4).
    Alternative,
    /// One, and what it refers to (RFC 2387). A session description refers to nothing.
    Related,
}

fn multipart(content_type: &[u8]) -> Option<Multipart> {
    let is = |kind: &[u8]| is_media_type(content_type, kind);
    let other = content_type.get(..10).is_some_and(|start| start.eq_ignore_ascii_case(b"multipart/"));
    match other {
        _ if is(b"multipart/alternative") => Some(Multipart::Alternative),
        _ if is(b"multipart/related") => Some(Multipart::Related),
        other => other.then_some(Multipart::Mixed),
    }
}

fn among(kind: Multipart, parts: &[Part], depth: usize) -> Result<Option<Bytes>, Refused> {
    let mut sessions = parts.iter().map(|part| Entity::of(part).session(depth));
    match kind {
        Multipart::Related => sessions.next().unwrap_or(Ok(None)),
        // The first one counts, but each must be understood or optional.
        Multipart::Mixed => sessions.try_fold(None, |first, session| Ok(first.or(session?))),
        Multipart::Alternative => {
            let sessions: Vec<_> = sessions.rev().collect();
            let best = sessions.iter().find_map(|session| session.as_ref().ok()?.clone());
            match best {
                Some(best) => Ok(Some(best)),
                None => sessions.into_iter().find(Result::is_err).unwrap_or(Ok(None)),
            }
        }
    }
}

/// Whether a Content-Type says `media_type`, whatever its parameters.
pub(super) fn is_media_type(content_type: &[u8], media_type: &[u8]) -> bool {
    let said = content_type.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
    said.eq_ignore_ascii_case(media_type)
}

#[cfg(test)]
mod tests;
