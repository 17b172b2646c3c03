//! `name-addr` and `addr-spec` with their header parameters (RFC 3261 section 20.10): From, To, Contact,
//! Route and P-Asserted-Identity.
//!
//! Invariant: a URI inside a quoted display name is text. Without angle brackets, parameters belong to the
//! header.

use std::borrow::Cow;

use bytes::Bytes;

use super::grammar::{self, Params, Span};
use super::uri::{Uri, UriError};

/// Why a value is no address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NameAddrError {
    /// A quoted display name that does not end, or that no `<` follows.
    #[error("a bad display name")]
    Display,
    /// A `<` without its `>`.
    #[error("an unclosed angle bracket")]
    Bracket,
    /// The URI is not readable.
    #[error("its URI has {0}")]
    Uri(#[from] UriError),
    /// Without angle brackets a URI must not hold a question mark or a comma (RFC 3261 section 20).
    #[error("a URI that needs angle brackets")]
    NeedsBrackets,
    /// Parameters that are not `;name` or `;name=value`.
    #[error("a bad parameter")]
    Param,
}

/// An address with display name and header parameters, over the bytes it was read from.
#[derive(Debug, Clone)]
pub struct NameAddr {
    raw: Bytes,
    display: Option<Span>,
    uri: Uri,
    params: Span,
    tag: Option<Span>,
}

impl NameAddr {
    /// Reads one value, which must be trimmed; a comma list has to be split before.
    ///
    /// # Errors
    /// [`NameAddrError`] names the part that is wrong.
    pub fn parse(raw: Bytes) -> Result<Self, NameAddrError> {
        let Layout { display, uri, params } = Layout::read(&raw)?;
        Params::new(params).check().map_err(|grammar::BadParam| NameAddrError::Param)?;
        let tag = Params::new(params).word(b"tag").map_err(|grammar::BadParam| NameAddrError::Param)?;
        Ok(Self {
            display: display.map(|display| Span::of(display, &raw)),
            uri: Uri::parse(raw.slice(Span::of(uri, &raw).range()))?,
            params: Span::of(params, &raw),
            tag: tag.map(|tag| Span::of(tag, &raw)),
            raw,
        })
    }

    /// The value as it was written.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.raw
    }

    /// The display name without its quotes and with its escapes resolved.
    #[must_use]
    pub fn display(&self) -> Option<Cow<'_, [u8]>> {
        let written = self.display?.of_bytes(&self.raw);
        match written.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\"")) {
            Some(quoted) => Some(unquote(quoted)),
            None => Some(Cow::Borrowed(written)),
        }
    }

    /// The display name as written, quotes included: what may be copied into another header.
    #[must_use]
    pub fn raw_display(&self) -> Option<&[u8]> {
        self.display.map(|span| span.of_bytes(&self.raw))
    }

    /// The address itself.
    #[must_use]
    pub const fn uri(&self) -> &Uri {
        &self.uri
    }

    /// The dialog's tag.
    #[must_use]
    pub fn tag(&self) -> Option<&[u8]> {
        self.tag.map(|span| span.of_bytes(&self.raw))
    }

    /// All header parameters.
    #[must_use]
    pub fn params(&self) -> Params<'_> {
        Params::new(self.params.of_bytes(&self.raw))
    }
}

/// Where the parts of a value lie.
struct Layout<'a> {
    display: Option<&'a [u8]>,
    uri: &'a [u8],
    params: &'a [u8],
}

impl<'a> Layout<'a> {
    fn read(raw: &'a [u8]) -> Result<Self, NameAddrError> {
        if raw.first() == Some(&b'"') {
            let (display, rest) = raw.split_at(grammar::quoted_length(raw).ok_or(NameAddrError::Display)?);
            let rest = grammar::trim_start(rest).strip_prefix(b"<").ok_or(NameAddrError::Display)?;
            return Self::read_bracketed(Some(display), rest);
        }
        match memchr::memchr(b'<', raw) {
            Some(bracket) => {
                let display = grammar::trim(&raw[..bracket]);
                if memchr::memchr3(b'"', b'>', b';', display).is_some() {
                    return Err(NameAddrError::Display);
                }
                Self::read_bracketed((!display.is_empty()).then_some(display), &raw[bracket + 1..])
            }
            None => Self::read_addr_spec(raw),
        }
    }

    /// `rest` starts behind the opening bracket.
    fn read_bracketed(display: Option<&'a [u8]>, rest: &'a [u8]) -> Result<Self, NameAddrError> {
        let close = memchr::memchr(b'>', rest).ok_or(NameAddrError::Bracket)?;
        Ok(Self { display, uri: &rest[..close], params: &rest[close + 1..] })
    }

    fn read_addr_spec(raw: &'a [u8]) -> Result<Self, NameAddrError> {
        let (uri, params) = grammar::split_where(raw, |byte| byte == b';');
        if memchr::memchr2(b'?', b',', uri).is_some() {
            return Err(NameAddrError::NeedsBrackets);
        }
        Ok(Self { display: None, uri: grammar::trim_end(uri), params })
    }
}

/// The text of a quoted string: backslash escapes resolved.
fn unquote(quoted: &[u8]) -> Cow<'_, [u8]> {
    if memchr::memchr(b'\\', quoted).is_none() {
        return Cow::Borrowed(quoted);
    }
    let mut text = Vec::with_capacity(quoted.len());
    let mut bytes = quoted.iter();
    while let Some(byte) = bytes.next() {
        let meant = if *byte == b'\\' { bytes.next().unwrap_or(byte) } else { byte };
        text.push(*meant);
    }
    Cow::Owned(text)
}

#[cfg(test)]
mod tests;
