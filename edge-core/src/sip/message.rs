//! Framing: from a datagram to a start line, header lines and a body (RFC 3261 sections 7 and 18.3).
//!
//! A [`Message`] remembers where things are, not what they mean. A length that does not fit is kept as a
//! [`BodyFault`] instead of an error, so that the request can still be answered with 400.
//!
//! Invariants: every offset is inside the bytes; a header name is a token; CR and LF occur in a value only as
//! a fold.

use bytes::Bytes;
use smallvec::SmallVec;

use super::grammar::{self, Span};
use super::{HeaderName, MessageLimits, Method, StatusCode};

/// Header lines that fit without an allocation; trunk INVITEs have 15 to 25.
const HEADERS_INLINE: usize = 32;

/// Why bytes are no SIP message at all; there is nothing to answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FramingError {
    /// Nothing but line ends: a keepalive (RFC 5626 section 3.5.1).
    #[error("a keepalive")]
    KeepAlive,
    /// More bytes than [`MessageLimits::message_bytes_max`].
    #[error("more bytes than allowed")]
    TooLong,
    /// The first line is neither a request line nor a status line.
    #[error("no SIP start line")]
    StartLine,
    /// A status code that is not from 100 to 699.
    #[error("a status code out of range")]
    StatusCode,
    /// A CR without LF, or an LF without CR, before the body.
    #[error("a line that does not end with CRLF")]
    LineEnd,
    /// A header line without a colon, or with a name that is not a token.
    #[error("a malformed header line")]
    Header,
    /// More header lines than [`MessageLimits::headers_max`].
    #[error("more headers than allowed")]
    TooManyHeaders,
    /// A header or start line of more bytes or folds than the limits allow.
    #[error("a line longer than allowed")]
    HeaderTooLong,
    /// The empty line before the body is missing.
    #[error("cut off before the end of the headers")]
    Truncated,
}

/// A Content-Length that does not describe the body of a datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BodyFault {
    /// Not a number, or a negative one.
    #[error("Bad Content-Length")]
    Unreadable,
    /// Two of them that differ.
    #[error("Conflicting Content-Length")]
    Conflicting,
    /// More than the datagram holds.
    #[error("Content-Length Exceeds Datagram")]
    BeyondDatagram,
}

/// A message over the bytes that arrived. Cloning shares them.
#[derive(Debug, Clone)]
pub struct Message {
    bytes: Bytes,
    start: StartLine,
    headers: SmallVec<[HeaderRef; HEADERS_INLINE]>,
    body: Span,
    body_fault: Option<BodyFault>,
}

/// One header line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header<'a> {
    /// The name, as far as it is known.
    pub name: HeaderName,
    /// The name as written.
    pub raw_name: &'a [u8],
    /// The value as written, without white space around it; may hold folds (CRLF and white space).
    pub value: &'a [u8],
}

#[derive(Debug, Clone)]
enum StartLine {
    Request { method: Method, uri: Span, version: Span },
    Response { code: StatusCode, reason: Span },
}

#[derive(Debug, Clone, Copy)]
struct HeaderRef {
    name: HeaderName,
    raw_name: Span,
    value: Span,
}

impl Message {
    /// Reads one datagram. Line ends in front of the start line and bytes behind the body are ignored.
    ///
    /// # Errors
    /// [`FramingError`]; [`FramingError::KeepAlive`] when there is nothing but line ends.
    pub fn parse(bytes: Bytes, limits: &MessageLimits) -> Result<Self, FramingError> {
        if bytes.len() > limits.message_bytes_max.min(usize::from(u16::MAX)) {
            return Err(FramingError::TooLong);
        }
        let first =
            bytes.iter().position(|byte| !matches!(byte, b'\r' | b'\n')).ok_or(FramingError::KeepAlive)?;
        let (line, mut at) = line_at(&bytes, first)?;
        if line.len() > limits.value_bytes_max {
            return Err(FramingError::HeaderTooLong);
        }
        let start = StartLine::read(&bytes, line)?;
        let mut headers = SmallVec::new();
        loop {
            let (line, next) = header_line_at(&bytes, at, limits)?;
            at = next;
            if line.is_empty() {
                break;
            }
            if headers.len() == limits.headers_max {
                return Err(FramingError::TooManyHeaders);
            }
            headers.push(HeaderRef::read(&bytes, line)?);
        }
        let mut message = Self { start, headers, body: Span::new(at, bytes.len()), body_fault: None, bytes };
        message.frame_body(at);
        Ok(message)
    }

    /// RFC 3261 section 18.3: without Content-Length the body ends with the datagram; bytes behind it are
    /// ignored.
    fn frame_body(&mut self, start: usize) {
        let available = self.bytes.len() - start;
        match self.content_length() {
            Ok(None) => {}
            Ok(Some(length)) if length <= available => self.body = Span::new(start, start + length),
            Ok(Some(_)) => self.body_fault = Some(BodyFault::BeyondDatagram),
            Err(fault) => self.body_fault = Some(fault),
        }
    }

    pub(super) fn content_length(&self) -> Result<Option<usize>, BodyFault> {
        let mut found = None;
        for value in self.all(HeaderName::ContentLength) {
            let length = grammar::decimal(value).ok_or(BodyFault::Unreadable)?;
            let length = usize::try_from(length).unwrap_or(usize::MAX);
            if found.is_some_and(|other| other != length) {
                return Err(BodyFault::Conflicting);
            }
            found = Some(length);
        }
        Ok(found)
    }

    /// Whether it is a request.
    #[must_use]
    pub const fn is_request(&self) -> bool {
        matches!(self.start, StartLine::Request { .. })
    }

    /// Method of a request.
    #[must_use]
    pub const fn method(&self) -> Option<&Method> {
        match &self.start {
            StartLine::Request { method, .. } => Some(method),
            StartLine::Response { .. } => None,
        }
    }

    /// The first line, without its end.
    #[must_use]
    pub fn start_line(&self) -> &[u8] {
        let start = self.bytes.iter().position(|byte| !matches!(byte, b'\r' | b'\n')).unwrap_or_default();
        grammar::split_where(&self.bytes[start..], |byte| byte == b'\r').0
    }

    /// Request-URI as written, with any white space that does not belong there.
    #[must_use]
    pub fn request_uri(&self) -> Option<&[u8]> {
        match &self.start {
            StartLine::Request { uri, .. } => Some(uri.of_bytes(&self.bytes)),
            StartLine::Response { .. } => None,
        }
    }

    /// Whether the start line says SIP/2.0. A response of another version is no [`Message`].
    #[must_use]
    pub fn is_version_2(&self) -> bool {
        match &self.start {
            StartLine::Request { version, .. } => version.of_bytes(&self.bytes).eq_ignore_ascii_case(VERSION),
            StartLine::Response { .. } => true,
        }
    }

    /// Status code of a response.
    #[must_use]
    pub const fn status(&self) -> Option<StatusCode> {
        match &self.start {
            StartLine::Request { .. } => None,
            StartLine::Response { code, .. } => Some(*code),
        }
    }

    /// Reason phrase of a response, exactly as it arrived; may be empty.
    #[must_use]
    pub fn reason(&self) -> Option<&[u8]> {
        match &self.start {
            StartLine::Request { .. } => None,
            StartLine::Response { reason, .. } => Some(reason.of_bytes(&self.bytes)),
        }
    }

    /// All header lines, in order.
    pub fn headers(&self) -> impl Iterator<Item = Header<'_>> {
        self.headers.iter().map(|header| header.view(&self.bytes))
    }

    /// Value of the first header called `name`.
    #[must_use]
    pub fn first(&self, name: HeaderName) -> Option<&[u8]> {
        self.all(name).next()
    }

    /// Values of all headers called `name`, a line each, in order.
    pub fn all(&self, name: HeaderName) -> impl Iterator<Item = &[u8]> {
        let found = self.headers.iter().filter(move |header| header.name == name);
        found.map(|header| header.value.of_bytes(&self.bytes))
    }

    /// Values of all headers called `name`, comma lists split, in order.
    pub fn values(&self, name: HeaderName) -> impl Iterator<Item = &[u8]> {
        self.all(name).flat_map(grammar::comma_values)
    }

    /// The body.
    #[must_use]
    pub fn body(&self) -> Bytes {
        self.bytes.slice(self.body.range())
    }

    /// What is wrong with Content-Length; [`Message::body`] is then what the datagram holds.
    #[must_use]
    pub const fn body_fault(&self) -> Option<BodyFault> {
        self.body_fault
    }

    /// The whole datagram as it arrived.
    #[must_use]
    pub const fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// `part`, which must come from this message, as bytes that share its memory.
    ///
    /// # Panics
    /// When `part` is not a slice of this message.
    #[must_use]
    pub fn share(&self, part: &[u8]) -> Bytes {
        self.bytes.slice_ref(part)
    }
}

/// The only version that we speak.
const VERSION: &[u8] = b"SIP/2.0";

impl StartLine {
    fn read(bytes: &Bytes, line: &[u8]) -> Result<Self, FramingError> {
        match line.get(..4) {
            Some(prefix) if prefix.eq_ignore_ascii_case(b"SIP/") => Self::read_status(bytes, line),
            Some(_) => Self::read_request(bytes, line),
            None => Err(FramingError::StartLine),
        }
    }

    /// `SIP-Version SP Status-Code SP Reason-Phrase`; the second space may be missing.
    fn read_status(bytes: &Bytes, line: &[u8]) -> Result<Self, FramingError> {
        let (version, rest) = grammar::split_where(line, |byte| byte == b' ');
        if !version.eq_ignore_ascii_case(VERSION) {
            return Err(FramingError::StartLine);
        }
        let (digits, rest) = grammar::split_where(rest.get(1..).unwrap_or_default(), |byte| byte == b' ');
        let number =
            grammar::decimal(digits).filter(|_| digits.len() == 3).ok_or(FramingError::StatusCode)?;
        let code = u16::try_from(number).ok().and_then(StatusCode::new).ok_or(FramingError::StatusCode)?;
        let reason = rest.get(1..).unwrap_or_default();
        let reason = if reason.is_empty() { Span::default() } else { Span::of(reason, bytes) };
        Ok(Self::Response { code, reason })
    }

    /// `Method SP Request-URI SP SIP-Version`: up to the first space, up to the last one, and the rest.
    fn read_request(bytes: &Bytes, line: &[u8]) -> Result<Self, FramingError> {
        let line = grammar::trim_end(line);
        let first = memchr::memchr(b' ', line).ok_or(FramingError::StartLine)?;
        let last = memchr::memrchr(b' ', line).filter(|last| *last > first).ok_or(FramingError::StartLine)?;
        let (uri, version) = (&line[first + 1..last], &line[last + 1..]);
        if !version.get(..4).is_some_and(|prefix| prefix.eq_ignore_ascii_case(b"SIP/")) {
            return Err(FramingError::StartLine);
        }
        let method = Method::parse(&bytes.slice_ref(&line[..first])).ok_or(FramingError::StartLine)?;
        Ok(Self::Request { method, uri: Span::of(uri, bytes), version: Span::of(version, bytes) })
    }
}

impl HeaderRef {
    fn read(bytes: &[u8], line: &[u8]) -> Result<Self, FramingError> {
        let colon = memchr::memchr(b':', line).ok_or(FramingError::Header)?;
        let raw_name = line[..colon].trim_ascii_end();
        if raw_name.is_empty() || !raw_name.iter().copied().all(grammar::is_token) {
            return Err(FramingError::Header);
        }
        let value = grammar::trim(&line[colon + 1..]);
        let name = HeaderName::parse(raw_name);
        Ok(Self { name, raw_name: Span::of(raw_name, bytes), value: Span::of(value, bytes) })
    }

    fn view<'a>(&self, bytes: &'a [u8]) -> Header<'a> {
        let Self { name, raw_name, value } = self;
        Header { name: *name, raw_name: raw_name.of_bytes(bytes), value: value.of_bytes(bytes) }
    }
}

/// The line that starts at `at`, without its CRLF, and where the next one starts.
fn line_at(bytes: &[u8], at: usize) -> Result<(&[u8], usize), FramingError> {
    let rest = bytes.get(at..).unwrap_or_default();
    let end = memchr::memchr2(b'\r', b'\n', rest).ok_or(FramingError::Truncated)?;
    match (rest[end], rest.get(end + 1)) {
        (b'\r', Some(b'\n')) => Ok((&rest[..end], at + end + 2)),
        (b'\r', None) => Err(FramingError::Truncated),
        _ => Err(FramingError::LineEnd),
    }
}

/// Like [`line_at`], with the continuation lines that follow (RFC 3261 section 7.3.1).
fn header_line_at<'a>(
    bytes: &'a [u8],
    at: usize,
    limits: &MessageLimits,
) -> Result<(&'a [u8], usize), FramingError> {
    let (line, mut next) = line_at(bytes, at)?;
    let mut length = line.len();
    let mut folds = 0;
    while !line.is_empty() && matches!(bytes.get(next), Some(b' ' | b'\t')) {
        let (continuation, behind) = line_at(bytes, next)?;
        length = next + continuation.len() - at;
        next = behind;
        folds += 1;
    }
    if length > limits.value_bytes_max || folds > limits.folds_max {
        return Err(FramingError::HeaderTooLong);
    }
    Ok((&bytes[at..at + length], next))
}

#[cfg(test)]
mod tests;
