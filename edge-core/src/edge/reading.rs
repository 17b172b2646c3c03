//! From bytes to a message that is worth a transaction: in time, readable, and within the operator's bounds.

use std::time::Instant;

use bytes::Bytes;

use crate::policy::{OverBound, TrunkId};
use crate::sip::{FramingError, HeaderName, Incoming, Method, ParseError, Request, StatusCode, Uri};
use crate::transaction::Path;

use super::overload::{STALE, Verdict};
use super::{Edge, Urgency};

/// Longest request-URI that is looked at for an emergency number, in bytes: one of those is short.
const URGENT_URI_MAX: usize = 256;

impl Edge {
    /// Whether a message is not read for want of time; counts it then.
    pub(super) fn passes_over(&mut self, trunk: TrunkId, path: Path, bytes: &[u8], now: Instant) -> bool {
        if Urgency::of(bytes) == Urgency::Standing {
            return false;
        }
        if self.overload.is_late()
            && self.may_be_emergency(trunk, path, bytes)
            && self.overload.admits_urgent(now)
        {
            return false;
        }
        if !path.is_reliable() && self.overload.waited() >= STALE {
            self.counters.requests_stale += 1;
            return true;
        }
        let is_call = bytes.trim_ascii_start().starts_with(b"INVITE ");
        let ignored = is_call && self.overload.judge(trunk, now) == Verdict::Ignore && !path.is_reliable();
        self.counters.calls_ignored += u64::from(ignored);
        ignored
    }

    /// Whether a message that nobody has read yet is an INVITE to a number of a priority route: its first line says so, and nothing
    /// else of it is looked at. At an address that trunks share it may be any one's.
    fn may_be_emergency(&self, trunk: TrunkId, path: Path, bytes: &[u8]) -> bool {
        let line = bytes.trim_ascii_start().split(|byte| *byte == b'\r').next().unwrap_or_default();
        let uri = line.strip_prefix(b"INVITE ").and_then(|line| line.strip_suffix(b" SIP/2.0"));
        let Some(uri) = uri.filter(|uri| uri.len() <= URGENT_URI_MAX) else { return false };
        let Ok(uri) = Uri::parse(Bytes::copy_from_slice(uri)) else { return false };
        let calls = |id: TrunkId| {
            let number = self.policy.trunk(id).numbers.read(&uri);
            self.policy.routes.may_be_urgent(id, number.as_str())
        };
        calls(trunk)
            || path.proven.is_none() && self.policy.sharing(path.listener.realm, path.peer.ip()).any(calls)
    }

    /// Passes on what is within the operator's bounds, and counts what is not, by bound.
    pub(super) fn within_bounds(&mut self, incoming: Incoming) -> Result<Incoming, ParseError> {
        let message = match &incoming {
            Incoming::Request(request) => &request.message,
            Incoming::Response(response) => &response.message,
            Incoming::KeepAlive => return Ok(incoming),
        };
        let Err(over) = self.policy.message_bounds.check(message) else { return Ok(incoming) };
        self.counters.count_over(over);
        let reason = match over {
            OverBound::Message => "Message Too Large",
            OverBound::Headers => "Too Many Headers",
            OverBound::Header => "Header Too Long",
            OverBound::Vias => "Too Many Via",
        };
        match incoming {
            Incoming::Request(Request { message, method, .. }) if method != Method::Ack => {
                let (message, status) = (Box::new(message), StatusCode::MESSAGE_TOO_LARGE);
                Err(ParseError::BadRequest { message, status, reason })
            }
            Incoming::Request(_) | Incoming::Response(_) | Incoming::KeepAlive => {
                Err(ParseError::Unanswerable { reason })
            }
        }
    }

    /// A message as the operator wants to have it from its trunk; as it came where it could not be read then.
    pub(super) fn ruled(&self, trunk: TrunkId, incoming: Incoming) -> Incoming {
        let Some(rules) = &self.policy.trunk(trunk).headers.inbound else { return incoming };
        let bytes = match &incoming {
            Incoming::Request(request) => request.message.bytes().clone(),
            Incoming::Response(response) => response.message.bytes().clone(),
            Incoming::KeepAlive => return incoming,
        };
        Incoming::parse(rules.apply(bytes), &self.limits).unwrap_or(incoming)
    }

    /// What was not even read for its size counts as over the bound, too.
    pub(super) const fn count_framing(&mut self, error: &ParseError) {
        let ParseError::Framing(framing) = error else { return };
        match framing {
            FramingError::TooLong => self.counters.count_over(OverBound::Message),
            FramingError::TooManyHeaders => self.counters.count_over(OverBound::Headers),
            FramingError::HeaderTooLong => self.counters.count_over(OverBound::Header),
            FramingError::KeepAlive
            | FramingError::StartLine
            | FramingError::StatusCode
            | FramingError::LineEnd
            | FramingError::Header
            | FramingError::Truncated => {}
        }
    }

    /// On a stream nothing but Content-Length says where a message ends (RFC 3261 section 18.3).
    pub(super) fn parse(&self, path: Path, bytes: Bytes) -> Result<Incoming, ParseError> {
        let incoming = Incoming::parse(bytes, &self.limits)?;
        let Incoming::Request(request) = incoming else { return Ok(incoming) };
        if !path.is_reliable() || request.message.first(HeaderName::ContentLength).is_some() {
            return Ok(Incoming::Request(request));
        }
        let reason = "Missing Content-Length";
        if request.method == Method::Ack {
            return Err(ParseError::Unanswerable { reason });
        }
        let message = Box::new(request.message);
        Err(ParseError::BadRequest { message, status: StatusCode::BAD_REQUEST, reason })
    }
}
