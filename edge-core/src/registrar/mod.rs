//! A registrar (RFC 3261 section 10.3): what a REGISTER of a trunk makes of its bindings, and what it hears.
//!
//! A pure function of the request, the rule, the place that it came from and the bindings so far. Path (RFC 3327) and bulk
//! registration (RFC 6140) are kept; outbound (RFC 5626) is not claimed: a binding leads to where its REGISTER came from in any
//! case, so a connection is used again as long as it stands.
//!
//! Invariant: all of a request is done, or nothing of it.

use std::time::Duration;

use bytes::Bytes;

use crate::policy::{BINDINGS_MAX, BULK, Binding, ListenerId, Registrar, Target};
use crate::sip::{HeaderName, MessageWriter, NameAddr, Request, Scheme, StatusCode, Uri, decimal};

/// Extensions that a REGISTER may require.
const EXTENSIONS: [&[u8]; 2] = [b"path", b"gin"];

/// The same, as Supported.
const SUPPORTED: &str = "path, gin";

/// Longest Contact and Path, and shortest of what is kept of a User-Agent, in octets: bindings are kept for an hour and on disk.
const URI_MAX: usize = 512;
const AGENT_MAX: usize = 64;

/// Proxies before a PBX.
const ROUTES_MAX: usize = 4;

/// Where a request came from, and when.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) target: Target,
    pub(crate) listener: ListenerId,
    pub(crate) since_epoch: Duration,
}

/// Why a REGISTER changes nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// It is for another address of record.
    NotItsAddress,
    /// It requires what nobody here knows.
    Extension(Bytes),
    /// It cannot be understood.
    Bad(&'static str),
    /// It asks for too short a time.
    Brief(Duration),
    /// A newer one has been here.
    OutOfOrder,
    /// It names more places than we keep.
    TooMany,
}

impl Refusal {
    pub(crate) fn status(&self) -> (StatusCode, &'static str) {
        match self {
            Self::NotItsAddress => (StatusCode::FORBIDDEN, "Not Your Address Of Record"),
            Self::Extension(_) => (StatusCode::BAD_EXTENSION, StatusCode::BAD_EXTENSION.default_reason()),
            Self::Bad(reason) => (StatusCode::BAD_REQUEST, reason),
            Self::Brief(_) => {
                (StatusCode::INTERVAL_TOO_BRIEF, StatusCode::INTERVAL_TOO_BRIEF.default_reason())
            }
            Self::OutOfOrder => (StatusCode::SERVER_INTERNAL_ERROR, "Registration Out Of Order"),
            Self::TooMany => (StatusCode::FORBIDDEN, "Too Many Contacts"),
        }
    }

    /// Says what would have been taken.
    pub(crate) fn explain(&self, response: MessageWriter) -> MessageWriter {
        match self {
            Self::Extension(tags) => response.header(HeaderName::Unsupported, tags),
            Self::Brief(least) => response.header(HeaderName::MinExpires, least.as_secs().to_string()),
            Self::NotItsAddress | Self::Bad(_) | Self::OutOfOrder | Self::TooMany => response,
        }
    }
}

/// What one Contact asks for.
struct Wish {
    contact: Uri,
    q: u16,
    /// Zero to be forgotten.
    expires: Duration,
    bulk: bool,
}

/// Does what `request` asks for; without a Contact it only asks what there is.
pub(crate) fn register(
    request: &Request,
    rule: &Registrar,
    place: &Place,
    bindings: &mut Vec<Binding>,
) -> Result<(), Refusal> {
    check(request, rule)?;
    let message = &request.message;
    let contacts: Vec<&[u8]> = message.values(HeaderName::Contact).take(BINDINGS_MAX + 1).collect();
    if contacts.len() > BINDINGS_MAX {
        return Err(Refusal::TooMany);
    }
    let mut next = bindings.clone();
    if contacts.contains(&b"*".as_slice()) {
        if contacts.len() > 1 || seconds(message.first(HeaderName::Expires)) != Some(0) {
            return Err(Refusal::Bad("Contact Is Not Alone"));
        }
        in_order(&next, request)?;
        next.clear();
    }
    for contact in contacts.into_iter().filter(|contact| *contact != b"*") {
        let wish = wish(request, contact, rule)?;
        let known = next.iter().position(|binding| binding.is_of(&wish.contact));
        let mut place = place.clone();
        if let Some(known) = known {
            in_order(&next[known..=known], request)?;
            // What is known of an address stays known as long as it is that.
            let before = next.remove(known).target;
            place.target = if before == place.target { before } else { place.target };
        }
        if !wish.expires.is_zero() {
            next.push(binding(request, wish, &place)?);
        }
    }
    if next.len() > BINDINGS_MAX {
        return Err(Refusal::TooMany);
    }
    *bindings = next;
    Ok(())
}

/// What a 200 says: all that stands, and for how long.
pub(crate) fn granted(
    response: MessageWriter,
    request: &Request,
    bindings: &[Binding],
    since_epoch: Duration,
) -> MessageWriter {
    let response = bindings.iter().fold(response, |response, binding| {
        let left = binding.until.saturating_sub(since_epoch).as_secs();
        let mut contact = [b"<", binding.contact.as_ref(), b">"].concat();
        if binding.q < 1000 {
            contact.extend_from_slice(format!(";q=0.{:03}", binding.q).as_bytes());
        }
        contact.extend_from_slice(format!(";expires={left}").as_bytes());
        response.header(HeaderName::Contact, contact)
    });
    // RFC 3327 section 5.3: who asks sees the way that was taken note of.
    response.copy(&request.message, HeaderName::Path).header(HeaderName::Supported, SUPPORTED)
}

fn check(request: &Request, rule: &Registrar) -> Result<(), Refusal> {
    let required = request.message.values(HeaderName::Require);
    let unknown: Vec<&[u8]> =
        required.filter(|tag| !EXTENSIONS.iter().any(|known| tag.eq_ignore_ascii_case(known))).collect();
    if !unknown.is_empty() {
        return Err(Refusal::Extension(unknown.join(b", ".as_slice()).into()));
    }
    let own = request.to.uri().user() == Some(rule.user.as_bytes());
    if own { Ok(()) } else { Err(Refusal::NotItsAddress) }
}

/// RFC 3261 section 10.3, step 7: within one Call-ID the newest counts.
fn in_order(bindings: &[Binding], request: &Request) -> Result<(), Refusal> {
    let newer = |binding: &Binding| binding.call_id == request.call_id && binding.cseq >= request.cseq;
    if bindings.iter().any(newer) { Err(Refusal::OutOfOrder) } else { Ok(()) }
}

fn wish(request: &Request, contact: &[u8], rule: &Registrar) -> Result<Wish, Refusal> {
    let message = &request.message;
    let contact = NameAddr::parse(message.share(contact)).map_err(|_bad| Refusal::Bad("Bad Contact"))?;
    let uri = contact.uri();
    let usable = matches!(uri.scheme(), Scheme::Sip | Scheme::Sips) && uri.headers().is_none();
    if !usable || uri.as_bytes().len() > URI_MAX {
        return Err(Refusal::Bad("Contact Cannot Be Called"));
    }
    let bulk = uri.params().get(BULK).is_some();
    let asked_for = message.values(HeaderName::Require).any(|tag| tag.eq_ignore_ascii_case(b"gin"));
    if bulk && (!asked_for || uri.user().is_some()) {
        return Err(Refusal::Bad("Bulk Contact Without Require: gin"));
    }
    let own = contact.params().get(b"expires").and_then(|expires| seconds(expires.value));
    let asked = own.or_else(|| seconds(message.first(HeaderName::Expires))).map(Duration::from_secs);
    let expires = asked.map_or(rule.expires_max, |asked| asked.min(rule.expires_max));
    if !expires.is_zero() && expires < rule.expires_min {
        return Err(Refusal::Brief(rule.expires_min));
    }
    let q = contact.params().get(b"q").and_then(|q| thousandths(q.value?)).unwrap_or(1000);
    Ok(Wish { contact: uri.clone(), q, expires, bulk })
}

fn binding(request: &Request, wish: Wish, place: &Place) -> Result<Binding, Refusal> {
    // Each is kept for long, and must not keep the datagram with it.
    let owned = Bytes::copy_from_slice;
    let message = &request.message;
    let routes: Vec<Bytes> = message.values(HeaderName::Path).take(ROUTES_MAX + 1).map(owned).collect();
    if routes.len() > ROUTES_MAX || routes.iter().any(|route| route.len() > URI_MAX) {
        return Err(Refusal::Bad("Path Is Too Long"));
    }
    let agent = message.first(HeaderName::UserAgent).unwrap_or_default();
    Ok(Binding {
        contact: owned(wish.contact.as_bytes()),
        target: place.target.clone(),
        listener: place.listener,
        domain: owned(request.to.uri().host()),
        routes,
        q: wish.q,
        bulk: wish.bulk,
        call_id: owned(&request.call_id),
        cseq: request.cseq,
        until: place.since_epoch + wish.expires,
        renewed: place.since_epoch,
        agent: owned(&agent[..agent.len().min(AGENT_MAX)]),
    })
}

/// `delta-seconds`; what is none counts as nothing said (RFC 3261 section 10.2.1.1).
fn seconds(value: Option<&[u8]>) -> Option<u64> {
    decimal(value?).map(|seconds| seconds.min(u64::from(u32::MAX)))
}

/// `qvalue`: 0 to 1 with up to three digits.
fn thousandths(value: &[u8]) -> Option<u16> {
    let (whole, part) = value.split_at_checked(1)?;
    let part = part.strip_prefix(b".").unwrap_or(part);
    let mut digits = part.iter().chain(b"000").take(3);
    let part = digits
        .try_fold(0_u16, |sum, digit| digit.is_ascii_digit().then(|| sum * 10 + u16::from(digit - b'0')))?;
    match whole {
        b"0" => Some(part),
        b"1" => Some(1000),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
