//! One Via value (RFC 3261 sections 18.2 and 20.42, RFC 3581).

use std::net::{IpAddr, SocketAddr};

use bytes::Bytes;

use super::grammar::{self, Params, Span};
use super::uri::{host_ip, read_host_port};

/// Port of SIP over UDP and TCP when none is written (RFC 3261 section 19.1.2).
const SIP_PORT: u16 = 5060;
/// Port of SIP over TLS when none is written.
const SIPS_PORT: u16 = 5061;

/// The transport that a Via names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Transport {
    /// `UDP`
    Udp,
    /// `TCP`
    Tcp,
    /// `TLS`
    Tls,
    /// `SCTP`
    Sctp,
    /// `WS` (RFC 7118)
    Ws,
    /// `WSS` (RFC 7118)
    Wss,
    /// Any other token.
    Other,
}

/// Why a Via value cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ViaError {
    /// Not `SIP / version / transport`.
    #[error("a bad sent-protocol")]
    Protocol,
    /// Not `host [ ":" port ]`.
    #[error("a bad sent-by")]
    SentBy,
    /// Parameters that are not `;name` or `;name=value`.
    #[error("a bad parameter")]
    Param,
}

/// One hop of a Via list, over the bytes it was read from.
#[derive(Debug, Clone)]
pub struct Via {
    raw: Bytes,
    transport: Transport,
    host: Span,
    port: Option<u16>,
    params: Span,
    branch: Option<Span>,
}

impl Via {
    /// Reads one value; white space and folds may stand between its parts.
    ///
    /// # Errors
    /// [`ViaError`] names the part that is wrong.
    pub fn parse(raw: Bytes) -> Result<Self, ViaError> {
        let (name, rest) = protocol_part(&raw).ok_or(ViaError::Protocol)?;
        let (version, rest) = protocol_part(rest).ok_or(ViaError::Protocol)?;
        let (transport, rest) =
            grammar::split_where(grammar::trim_start(rest), |byte| !grammar::is_token(byte));
        if !name.eq_ignore_ascii_case(b"SIP") || version != b"2.0" || transport.is_empty() {
            return Err(ViaError::Protocol);
        }
        if !rest.first().copied().is_some_and(grammar::is_lws) {
            return Err(ViaError::Protocol);
        }
        let (sent_by, params) = grammar::split_where(grammar::trim_start(rest), |byte| byte == b';');
        let (host, port) = read_sent_by(grammar::trim_end(sent_by))?;
        Params::new(params).check().map_err(|grammar::BadParam| ViaError::Param)?;
        let branch = Params::new(params).word(b"branch").map_err(|grammar::BadParam| ViaError::Param)?;
        Ok(Self {
            transport: read_transport(transport),
            host: Span::of(host, &raw),
            port,
            params: Span::of(params, &raw),
            branch: branch.map(|branch| Span::of(branch, &raw)),
            raw,
        })
    }

    /// The value as it was written.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.raw
    }

    /// Transport that the request was sent over.
    #[must_use]
    pub const fn transport(&self) -> Transport {
        self.transport
    }

    /// Host of sent-by as written, an IPv6 address in its brackets.
    #[must_use]
    pub fn host(&self) -> &[u8] {
        self.host.of_bytes(&self.raw)
    }

    /// Host of sent-by when it is an address.
    #[must_use]
    pub fn host_ip(&self) -> Option<IpAddr> {
        host_ip(self.host())
    }

    /// Port of sent-by when it is written.
    #[must_use]
    pub const fn port(&self) -> Option<u16> {
        self.port
    }

    /// The branch: the transaction's name, when it starts with `z9hG4bK` (RFC 3261 section 8.1.1.7).
    #[must_use]
    pub fn branch(&self) -> Option<&[u8]> {
        self.branch.map(|span| span.of_bytes(&self.raw))
    }

    /// Address that the previous receiver saw, IPv6 with or without brackets (RFC 5118 section 4.5).
    #[must_use]
    pub fn received(&self) -> Option<IpAddr> {
        self.value(b"received").and_then(host_ip)
    }

    /// RFC 3581: `Some(None)` asks for the port, `Some(Some(port))` tells it.
    #[must_use]
    pub fn rport(&self) -> Option<Option<u16>> {
        self.params().get(b"rport").map(|param| param.value.and_then(grammar::port))
    }

    /// Host to answer instead of sent-by, as written.
    #[must_use]
    pub fn maddr(&self) -> Option<&[u8]> {
        self.value(b"maddr")
    }

    /// Time to live for multicast.
    #[must_use]
    pub fn ttl(&self) -> Option<u8> {
        self.value(b"ttl").and_then(grammar::decimal).and_then(|ttl| u8::try_from(ttl).ok())
    }

    /// All parameters.
    #[must_use]
    pub fn params(&self) -> Params<'_> {
        Params::new(self.params.of_bytes(&self.raw))
    }

    /// Where an answer to a request from `source` goes over UDP: back to `source` when it asked so with
    /// `rport` (RFC 3581 section 4), else to the source address at sent-by's port (RFC 3261 section 18.2.2).
    /// `maddr` is ignored: it would let a peer point our answers at others.
    #[must_use]
    pub fn reply_address(&self, source: SocketAddr) -> SocketAddr {
        if self.rport().is_some() {
            return source;
        }
        self.sent_by_address(source)
    }

    /// The source's address at the port of sent-by, or at its transport's own: where a peer on a stream listens.
    #[must_use]
    pub fn sent_by_address(&self, source: SocketAddr) -> SocketAddr {
        let default = if self.transport == Transport::Tls { SIPS_PORT } else { SIP_PORT };
        SocketAddr::new(source.ip(), self.port.unwrap_or(default))
    }

    /// What stands before the parameters.
    pub(super) fn head(&self) -> &[u8] {
        grammar::trim_end(&self.raw[..self.params.range().start])
    }

    fn value(&self, name: &[u8]) -> Option<&[u8]> {
        self.params().get(name).and_then(|param| param.value)
    }
}

/// A token, and what follows the slash behind it.
fn protocol_part(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (token, rest) = grammar::split_where(grammar::trim_start(bytes), |byte| !grammar::is_token(byte));
    grammar::trim_start(rest).strip_prefix(b"/").map(|rest| (token, rest))
}

/// Like a URI's host and port, but white space may stand around the colon.
fn read_sent_by(sent_by: &[u8]) -> Result<(&[u8], Option<u16>), ViaError> {
    let colon = sent_by.iter().rposition(|byte| *byte == b':').filter(|_| sent_by.last() != Some(&b']'));
    let (host, port) = match colon {
        Some(colon) => (&sent_by[..colon], Some(grammar::trim_start(&sent_by[colon + 1..]))),
        None => (sent_by, None),
    };
    let port = port.map(|port| grammar::port(port).ok_or(ViaError::SentBy)).transpose()?;
    match read_host_port(grammar::trim_end(host)) {
        Ok((host, None)) => Ok((host, port)),
        Ok((_, Some(_))) | Err(_) => Err(ViaError::SentBy),
    }
}

fn read_transport(token: &[u8]) -> Transport {
    let is = |name: &[u8]| token.eq_ignore_ascii_case(name);
    match token.len() {
        3 if is(b"UDP") => Transport::Udp,
        3 if is(b"TCP") => Transport::Tcp,
        3 if is(b"TLS") => Transport::Tls,
        4 if is(b"SCTP") => Transport::Sctp,
        2 if is(b"WS") => Transport::Ws,
        3 if is(b"WSS") => Transport::Wss,
        _ => Transport::Other,
    }
}

#[cfg(test)]
mod tests;
