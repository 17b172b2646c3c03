//! What a registrar says: what it grants, what it wants instead, and what it tells of us.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;

use crate::dialog::SIP_PORT;
use crate::policy::{Number, NumberPlan, Register, TOKEN};
use crate::sip::{HeaderName, Message, NameAddr, Response, StatusCode, Uri};

/// Longest registration that is believed, and asked for because a registrar wants it so.
const EXPIRES_MAX: Duration = Duration::from_secs(86_400);

/// Routes and identities that are kept. Networks have one or two routes, accounts a handful of numbers.
const KEPT_MAX: usize = 8;

/// What an answer to a REGISTER amounts to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// We are registered for so long.
    Granted(Duration),
    /// Not for less than this (423).
    AtLeast(Duration),
    /// This server does not now; another one may, this one again after the time that it says (503).
    Elsewhere,
    /// No; why.
    Refused(String),
}

impl Verdict {
    /// Reads the final answer to a REGISTER for `contact` that asked for `asked`.
    pub(super) fn of(response: &Response, register: &Register, contact: &Uri, asked: Duration) -> Self {
        let message = &response.message;
        match response.code {
            code if code.is_success() => match granted(message, register, contact, asked) {
                Some(granted) if !granted.is_zero() => Self::Granted(granted.min(EXPIRES_MAX)),
                Some(_) => Self::Refused("the registrar grants no time at all".to_owned()),
                None => Self::Refused("the registrar's answer does not list our Contact".to_owned()),
            },
            StatusCode::INTERVAL_TOO_BRIEF => match seconds(message.first(HeaderName::MinExpires)) {
                Some(least) if least > asked && least <= EXPIRES_MAX => Self::AtLeast(least),
                Some(_) | None => Self::Refused(said(response)),
            },
            StatusCode::SERVICE_UNAVAILABLE | StatusCode::REQUEST_TIMEOUT => Self::Elsewhere,
            _ => Self::Refused(said(response)),
        }
    }
}

/// A refusal in words.
pub(super) fn said(response: &Response) -> String {
    let reason = String::from_utf8_lossy(response.message.reason().unwrap_or_default()).into_owned();
    match response.code {
        StatusCode::UNAUTHORIZED | StatusCode::PROXY_AUTHENTICATION_REQUIRED => format!(
            "the registrar answers {} {reason}: user name or password are wrong, or its challenge is not one that we answer",
            response.code
        ),
        code => format!("the registrar answers {code} {reason}"),
    }
}

/// For how long our Contact is registered: what it says itself, else the message (RFC 3261 section 10.2.4). Of other Contacts,
/// which are other devices of the account, nothing is read.
fn granted(message: &Message, register: &Register, contact: &Uri, asked: Duration) -> Option<Duration> {
    let general = seconds(message.first(HeaderName::Expires)).unwrap_or(asked);
    let mut contacts = message.values(HeaderName::Contact).peekable();
    // Some answer with no Contact at all, which says the same as what we asked for.
    if contacts.peek().is_none() {
        return Some(general);
    }
    let ours = contacts
        .filter_map(|value| NameAddr::parse(message.share(value)).ok())
        .find(|listed| is_ours(listed.uri(), register, contact))?;
    let own = ours.params().get(b"expires").and_then(|expires| seconds(expires.value));
    Some(own.unwrap_or(general))
}

/// Whether a listed Contact is what we have registered. A registrar that is told of a NAT may write another host.
fn is_ours(listed: &Uri, register: &Register, contact: &Uri) -> bool {
    match listed.params().get(TOKEN).and_then(|token| token.value) {
        Some(token) => token == register.token.as_bytes(),
        None => {
            let port = |uri: &Uri| uri.port().unwrap_or(SIP_PORT);
            let same_host = listed.host().eq_ignore_ascii_case(contact.host());
            listed.user() == contact.user() && same_host && port(listed) == port(contact)
        }
    }
}

fn seconds(value: Option<&[u8]>) -> Option<Duration> {
    let digits = std::str::from_utf8(value?).ok()?.trim();
    digits.parse::<u32>().ok().map(|seconds| Duration::from_secs(seconds.into()))
}

/// Where our requests have to pass (RFC 3608).
pub(super) fn service_route(message: &Message) -> Vec<Bytes> {
    kept(message.values(HeaderName::ServiceRoute))
}

/// Who we are there: URIs.
pub(super) fn associated(message: &Message) -> Vec<Bytes> {
    let named = message.headers().filter(|header| header.raw_name.eq_ignore_ascii_case(b"P-Associated-URI"));
    let values = named.flat_map(|header| header.value.split(|byte| *byte == b','));
    let uri = |value: &[u8]| Some(NameAddr::parse(message.share(value.trim_ascii())).ok()?.uri().clone());
    let uris: Vec<Uri> = values.filter_map(uri).collect();
    kept(uris.iter().map(Uri::as_bytes))
}

/// The numbers of these URIs, as routes match them; none twice.
pub(super) fn numbers(associated: &[Bytes], plan: &NumberPlan) -> Vec<Number> {
    let uris = associated.iter().filter_map(|uri| Uri::parse(uri.clone()).ok());
    let mut numbers: Vec<Number> = Vec::new();
    for number in uris.map(|uri| plan.read(&uri)) {
        if !number.as_str().is_empty() && !numbers.contains(&number) {
            numbers.push(number);
        }
    }
    numbers
}

/// By which address the other end sees us (RFC 3581 section 4); `None` where it does not say all of it.
pub(super) fn seen_as(response: &Response) -> Option<SocketAddr> {
    let via = &response.via;
    let address = via.received().or_else(|| via.host_ip())?;
    Some(SocketAddr::new(address, via.rport().flatten()?))
}

fn kept<'a>(values: impl Iterator<Item = &'a [u8]>) -> Vec<Bytes> {
    values.take(KEPT_MAX).map(Bytes::copy_from_slice).collect()
}
