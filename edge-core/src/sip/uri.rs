//! SIP, SIPS and tel URIs (RFC 3261 section 19.1, RFC 3966); the original bytes are kept.
//!
//! The user part stays as it was written, with `;npdi;rn=` and escapes; [`Uri::number`] gives it decoded for
//! routing.

use std::borrow::Cow;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use bytes::Bytes;

use super::grammar::{self, Params, Span};

/// The scheme of a URI.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// `sip:`
    Sip,
    /// `sips:`
    Sips,
    /// `tel:` (RFC 3966).
    Tel,
    /// Any other; only its bytes are known.
    Other,
}

/// Why bytes are not a URI that can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UriError {
    /// No scheme in front of a colon.
    #[error("no scheme")]
    Scheme,
    /// A byte that must not stand in a URI: white space, a control, a quote or an angle bracket.
    #[error("a byte that must be escaped")]
    Byte,
    /// A percent sign without two hexadecimal digits.
    #[error("a bad escape")]
    Escape,
    /// No host, or not a host name, an IPv4 address or a bracketed IPv6 address.
    #[error("a bad host")]
    Host,
    /// A port that is not from 1 to 65,535.
    #[error("a bad port")]
    Port,
    /// Parameters that are not `;name` or `;name=value`.
    #[error("a bad parameter")]
    Param,
    /// A telephone number without a digit.
    #[error("a bad telephone number")]
    Number,
}

/// A URI over the bytes it was read from.
#[derive(Debug, Clone)]
pub struct Uri {
    raw: Bytes,
    scheme: Scheme,
    user: Option<Span>,
    host: Span,
    port: Option<u16>,
    params: Span,
    headers: Option<Span>,
}

impl Uri {
    /// Reads a whole URI.
    ///
    /// # Errors
    /// [`UriError`] when `raw` is not a URI, white space around it included.
    pub fn parse(raw: Bytes) -> Result<Self, UriError> {
        if raw.iter().any(|byte| *byte <= b' ' || matches!(byte, b'"' | b'<' | b'>' | 0x7f)) {
            return Err(UriError::Byte);
        }
        let colon = memchr::memchr(b':', &raw).ok_or(UriError::Scheme)?;
        let scheme = read_scheme(&raw[..colon])?;
        let parts = match scheme {
            Scheme::Sip | Scheme::Sips => SipParts::read(&raw[colon + 1..])?,
            Scheme::Tel => SipParts::read_tel(&raw[colon + 1..])?,
            Scheme::Other => SipParts::default(),
        };
        let SipParts { user, host, port, params, headers } = parts;
        Ok(Self {
            scheme,
            user: user.map(|user| Span::of(user, &raw)),
            host: if host.is_empty() { Span::default() } else { Span::of(host, &raw) },
            port,
            params: if params.is_empty() { Span::default() } else { Span::of(params, &raw) },
            headers: headers.map(|headers| Span::of(headers, &raw)),
            raw,
        })
    }

    /// The URI as it was written.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.raw
    }

    /// Its scheme.
    #[must_use]
    pub const fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// The user part as written, without the password; for `tel:` the number as written.
    #[must_use]
    pub fn user(&self) -> Option<&[u8]> {
        self.user.map(|span| span.of_bytes(&self.raw))
    }

    /// The user part up to its first parameter (`;npdi`, `;rn=`), with escapes decoded and in `tel:` without
    /// visual separators (RFC 3966 section 5.1.1): what a route looks up. `None` without a user, or when the
    /// decoded bytes are not UTF-8.
    #[must_use]
    pub fn number(&self) -> Option<Cow<'_, str>> {
        let (number, _) = grammar::split_where(self.user()?, |byte| byte == b';');
        let plain = if self.scheme == Scheme::Tel { without_separators(number) } else { unescape(number) };
        match plain {
            Cow::Borrowed(bytes) => std::str::from_utf8(bytes).ok().map(Cow::Borrowed),
            Cow::Owned(bytes) => String::from_utf8(bytes).ok().map(Cow::Owned),
        }
    }

    /// Parameters of the number: of `tel:` all, of the others those in the user part (RFC 3261 section 19.1.6).
    #[must_use]
    pub fn number_params(&self) -> Params<'_> {
        if self.scheme == Scheme::Tel {
            return self.params();
        }
        Params::new(grammar::split_where(self.user().unwrap_or_default(), |byte| byte == b';').1)
    }

    /// Host as written, an IPv6 address in its brackets; empty when the scheme has none.
    #[must_use]
    pub fn host(&self) -> &[u8] {
        self.host.of_bytes(&self.raw)
    }

    /// The host when it is an address.
    #[must_use]
    pub fn host_ip(&self) -> Option<IpAddr> {
        host_ip(self.host())
    }

    /// The port when it is written.
    #[must_use]
    pub const fn port(&self) -> Option<u16> {
        self.port
    }

    /// Host and port as written.
    #[must_use]
    pub fn host_port(&self) -> (&[u8], Option<u16>) {
        (self.host(), self.port)
    }

    /// URI parameters, those of the user part not included.
    #[must_use]
    pub fn params(&self) -> Params<'_> {
        Params::new(self.params.of_bytes(&self.raw))
    }

    /// What follows the question mark.
    #[must_use]
    pub fn headers(&self) -> Option<&[u8]> {
        self.headers.map(|span| span.of_bytes(&self.raw))
    }

    /// Whether both name the same resource: scheme, user, host and port of RFC 3261 section 19.1.4, escapes
    /// decoded; parameters and headers are not compared. URIs of other schemes compare by their bytes.
    #[must_use]
    pub fn same_target(&self, other: &Self) -> bool {
        if self.scheme != other.scheme {
            return false;
        }
        if self.scheme == Scheme::Other {
            return self.raw == other.raw;
        }
        self.port == other.port
            && self.host().eq_ignore_ascii_case(other.host())
            && self.user().map(unescape) == other.user().map(unescape)
    }
}

impl AsRef<[u8]> for Uri {
    fn as_ref(&self) -> &[u8] {
        &self.raw
    }
}

impl fmt::Display for Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.raw))
    }
}

/// The parts after the scheme, as slices of the URI.
#[derive(Default)]
struct SipParts<'a> {
    user: Option<&'a [u8]>,
    host: &'a [u8],
    port: Option<u16>,
    params: &'a [u8],
    headers: Option<&'a [u8]>,
}

impl<'a> SipParts<'a> {
    fn read(rest: &'a [u8]) -> Result<Self, UriError> {
        let (user, rest) = match memchr::memchr(b'@', rest) {
            Some(at) => (Some(read_user(&rest[..at])?), &rest[at + 1..]),
            None => (None, rest),
        };
        let (rest, headers) = match memchr::memchr(b'?', rest) {
            Some(mark) => (&rest[..mark], Some(&rest[mark + 1..])),
            None => (rest, None),
        };
        let (host_port, params) = grammar::split_where(rest, |byte| byte == b';');
        Params::new(params).check().map_err(|grammar::BadParam| UriError::Param)?;
        let (host, port) = read_host_port(host_port)?;
        Ok(Self { user, host, port, params, headers })
    }

    /// RFC 3966: digits with visual separators, a `+` in front of a global number, then parameters.
    fn read_tel(rest: &'a [u8]) -> Result<Self, UriError> {
        let (number, params) = grammar::split_where(rest, |byte| byte == b';');
        Params::new(params).check().map_err(|grammar::BadParam| UriError::Param)?;
        let digits = number.strip_prefix(b"+").unwrap_or(number);
        let is_digit = |byte: &u8| byte.is_ascii_hexdigit() || matches!(byte, b'*' | b'#');
        if !digits.iter().any(is_digit) || !digits.iter().all(|byte| is_digit(byte) || is_separator(*byte)) {
            return Err(UriError::Number);
        }
        Ok(Self { user: Some(number), params, ..Self::default() })
    }
}

fn read_scheme(name: &[u8]) -> Result<Scheme, UriError> {
    let tail = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
    match name.split_first() {
        Some((first, rest)) if first.is_ascii_alphabetic() && rest.iter().all(tail) => {}
        _ => return Err(UriError::Scheme),
    }
    let is = |scheme: &[u8]| name.eq_ignore_ascii_case(scheme);
    Ok(match name.len() {
        3 if is(b"sip") => Scheme::Sip,
        4 if is(b"sips") => Scheme::Sips,
        3 if is(b"tel") => Scheme::Tel,
        _ => Scheme::Other,
    })
}

/// The user without its password. What RFC 3261 wants escaped but cannot be misread (`#`) is taken as it is.
fn read_user(user_info: &[u8]) -> Result<&[u8], UriError> {
    let mut rest = user_info;
    while let Some(percent) = memchr::memchr(b'%', rest) {
        match rest.get(percent + 1..percent + 3) {
            Some(digits) if digits.iter().all(u8::is_ascii_hexdigit) => rest = &rest[percent + 3..],
            _ => return Err(UriError::Escape),
        }
    }
    Ok(grammar::split_where(user_info, |byte| byte == b':').0)
}

/// `host [ ":" port ]` of RFC 3261 section 25.1; used by URIs and by Via.
pub(super) fn read_host_port(bytes: &[u8]) -> Result<(&[u8], Option<u16>), UriError> {
    let host_length = match bytes.first() {
        Some(b'[') => memchr::memchr(b']', bytes).ok_or(UriError::Host)? + 1,
        _ => bytes.iter().position(|byte| *byte == b':').unwrap_or(bytes.len()),
    };
    let (host, rest) = bytes.split_at(host_length);
    if !is_host(host) {
        return Err(UriError::Host);
    }
    match rest.strip_prefix(b":") {
        Some(port) => Ok((host, Some(grammar::port(port).ok_or(UriError::Port)?))),
        None if rest.is_empty() => Ok((host, None)),
        None => Err(UriError::Host),
    }
}

fn is_host(host: &[u8]) -> bool {
    if host.first() == Some(&b'[') {
        return host_ip(host).is_some();
    }
    // The underscore is no part of a host name, but Windows names have it and nothing else can be meant.
    !host.is_empty()
        && host.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_'))
}

/// The address that `host` is, IPv6 in brackets or (as some peers write `received`) without.
pub(super) fn host_ip(host: &[u8]) -> Option<IpAddr> {
    let bare = host.strip_prefix(b"[").and_then(|rest| rest.strip_suffix(b"]"));
    let text = std::str::from_utf8(bare.unwrap_or(host)).ok()?;
    match bare {
        Some(_) => text.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
        None if text.contains(':') => text.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
        None => text.parse::<Ipv4Addr>().ok().map(IpAddr::V4),
    }
}

fn is_separator(byte: u8) -> bool {
    matches!(byte, b'-' | b'.' | b'(' | b')')
}

/// A telephone number as it is dialled.
fn without_separators(number: &[u8]) -> Cow<'_, [u8]> {
    if number.iter().copied().any(is_separator) {
        Cow::Owned(number.iter().copied().filter(|byte| !is_separator(*byte)).collect())
    } else {
        Cow::Borrowed(number)
    }
}

/// `bytes` with its percent escapes decoded.
fn unescape(bytes: &[u8]) -> Cow<'_, [u8]> {
    if memchr::memchr(b'%', bytes).is_none() {
        return Cow::Borrowed(bytes);
    }
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((byte, tail)) = rest.split_first() {
        match (byte, escaped_byte(tail)) {
            (b'%', Some(value)) => {
                decoded.push(value);
                rest = &tail[2..];
            }
            _ => {
                decoded.push(*byte);
                rest = tail;
            }
        }
    }
    Cow::Owned(decoded)
}

/// A number as the user part of a URI: what RFC 3261's `user` does not allow is escaped, and what could be read as a
/// parameter, a header or a path, too.
#[must_use]
pub fn escape_user(number: &str) -> String {
    const ALLOWED: &[u8] = b"-_.!~*'()+";
    let mut escaped = String::with_capacity(number.len());
    for byte in number.bytes() {
        if byte.is_ascii_alphanumeric() || ALLOWED.contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            escaped.push_str(&format!("%{byte:02X}"));
        }
    }
    escaped
}

fn escaped_byte(digits: &[u8]) -> Option<u8> {
    let digit =
        |at: usize| char::from(*digits.get(at)?).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    Some(digit(0)? << 4 | digit(1)?)
}

#[cfg(test)]
mod tests;
