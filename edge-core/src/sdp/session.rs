//! The lines of a description (RFC 8866 section 5), kept as they are; meaning is read elsewhere.
//!
//! Lines end with CRLF or LF, the last one may lack its end. A CR, LF or NUL inside a line is refused, so a
//! line that is copied stays one line.

use std::ops::Range;

use bytes::Bytes;

use super::{Protocol, SdpError};

/// Bytes of a description. Real ones have 200 to 4,000; it came in a datagram anyway.
const DESCRIPTION_BYTES_MAX: usize = 32_768;
/// Lines of a description.
pub(super) const LINES_MAX: usize = 512;

/// A description, line by line.
#[derive(Debug, Clone)]
pub struct SessionDescription {
    text: Bytes,
    lines: Vec<Line>,
    /// Index of each m= line.
    media: Vec<usize>,
}

#[derive(Debug, Clone)]
struct Line {
    kind: u8,
    value: Range<usize>,
}

/// One m= line with the lines that belong to it.
#[derive(Debug, Clone, Copy)]
pub struct MediaDescription<'a> {
    session: &'a SessionDescription,
    /// Position among the m= lines.
    pub index: usize,
    /// Number of the m= line, from 1, for errors.
    pub(super) line: usize,
    /// `audio`, `video`, `image` ...
    pub kind: &'a str,
    /// Port; zero refuses or withdraws the stream.
    pub port: u16,
    /// Ports that it wants, one unless written.
    pub count: u16,
    /// Transport as written.
    pub transport: &'a str,
    /// Formats as written, separated by spaces.
    pub formats: &'a str,
}

impl SessionDescription {
    /// Splits `text` into lines and checks the shape of each m= line.
    ///
    /// # Errors
    /// [`SdpError::TooLarge`] or [`SdpError::Malformed`].
    pub fn parse(text: &[u8]) -> Result<Self, SdpError> {
        if text.len() > DESCRIPTION_BYTES_MAX {
            return Err(SdpError::TooLarge);
        }
        let mut session = Self { text: Bytes::copy_from_slice(text), lines: Vec::new(), media: Vec::new() };
        session.split_lines()?;
        if session.lines.first().is_none_or(|line| line.kind != b'v' || session.value(line) != b"0") {
            return Err(SdpError::Malformed { line: 1 });
        }
        for index in 0..session.media.len() {
            session.read_media(index)?;
        }
        Ok(session)
    }

    fn split_lines(&mut self) -> Result<(), SdpError> {
        let mut at = 0;
        while at < self.text.len() {
            let rest = &self.text[at..];
            let end = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
            let line = rest[..end].strip_suffix(b"\r").unwrap_or(&rest[..end]);
            if line.is_empty() && rest.iter().all(|byte| matches!(byte, b'\r' | b'\n')) {
                return Ok(()); // Some peers end with an empty line.
            }
            let malformed = SdpError::Malformed { line: self.lines.len() + 1 };
            let (kind, value) = match line {
                [kind @ b'a'..=b'z', b'=', value @ ..] => (*kind, value),
                _ => return Err(malformed),
            };
            if memchr::memchr2(b'\r', 0, value).is_some() {
                return Err(malformed);
            }
            if self.lines.len() == LINES_MAX {
                return Err(SdpError::TooLarge);
            }
            if kind == b'm' {
                self.media.push(self.lines.len());
            }
            self.lines.push(Line { kind, value: at + 2..at + line.len() });
            at += end + 1;
        }
        Ok(())
    }

    /// The m= lines, in order.
    pub fn media(&self) -> impl Iterator<Item = MediaDescription<'_>> {
        // Parsing has read every m= line once, so none is lost here.
        (0..self.media.len()).filter_map(|index| self.read_media(index).ok())
    }

    /// Values of the lines of type `kind` before the first m= line, with their line numbers.
    pub(super) fn session_lines(&self, kind: u8) -> impl Iterator<Item = (usize, &[u8])> {
        self.lines_in(0..self.media.first().copied().unwrap_or(self.lines.len()), kind)
    }

    /// The description again, every line ended by CRLF.
    #[must_use]
    pub fn to_bytes(&self) -> Bytes {
        let mut out = Vec::with_capacity(self.text.len() + self.lines.len());
        for line in &self.lines {
            out.extend_from_slice(&[line.kind, b'=']);
            out.extend_from_slice(self.value(line));
            out.extend_from_slice(b"\r\n");
        }
        out.into()
    }

    /// `<media> <port>[/<count>] <proto> <fmt> ...` (RFC 8866 section 5.14).
    fn read_media(&self, index: usize) -> Result<MediaDescription<'_>, SdpError> {
        let at = self.media[index];
        let malformed = SdpError::Malformed { line: at + 1 };
        let text = std::str::from_utf8(self.value(&self.lines[at])).ok().ok_or(malformed)?;
        let mut fields = text.splitn(4, ' ');
        let mut field = || fields.next().filter(|field| !field.is_empty()).ok_or(malformed);
        let (kind, port, transport, formats) = (field()?, field()?, field()?, field()?);
        let (port, count) = port.split_once('/').unwrap_or((port, "1"));
        let port = port.parse().ok().ok_or(malformed)?;
        let count = count.parse().ok().ok_or(malformed)?;
        Ok(MediaDescription { session: self, index, line: at + 1, kind, port, count, transport, formats })
    }

    fn lines_in(&self, range: Range<usize>, kind: u8) -> impl Iterator<Item = (usize, &[u8])> {
        let numbered = self.lines[range.clone()].iter().zip(range.start + 1..);
        numbered.filter(move |(line, _)| line.kind == kind).map(|(line, number)| (number, self.value(line)))
    }

    fn value(&self, line: &Line) -> &[u8] {
        &self.text[line.value.clone()]
    }
}

impl<'a> MediaDescription<'a> {
    /// What its transport means.
    #[must_use]
    pub fn protocol(&self) -> Protocol {
        match self.transport {
            "RTP/AVP" => Protocol::Avp,
            "RTP/AVPF" => Protocol::Avpf,
            "RTP/SAVP" => Protocol::Savp,
            "RTP/SAVPF" => Protocol::Savpf,
            "UDP/TLS/RTP/SAVP" => Protocol::TlsSavp,
            "UDP/TLS/RTP/SAVPF" => Protocol::TlsSavpf,
            transport if transport.eq_ignore_ascii_case("udptl") => Protocol::Udptl,
            _ => Protocol::Other,
        }
    }

    /// Whether the description has no other m= line.
    pub(super) fn is_only_one(&self) -> bool {
        self.session.media.len() == 1
    }

    /// Values of its lines of type `kind`, with their line numbers.
    pub(super) fn lines(&self, kind: u8) -> impl Iterator<Item = (usize, &'a [u8])> + use<'a> {
        let session = self.session;
        let end = session.media.get(self.index + 1).copied().unwrap_or(session.lines.len());
        session.lines_in(self.line..end, kind)
    }

    /// Session-level lines of type `kind`, with their line numbers.
    pub(super) fn session_lines(&self, kind: u8) -> impl Iterator<Item = (usize, &'a [u8])> + use<'a> {
        self.session.session_lines(kind)
    }

    /// Its attributes that are text, as (line number, name, value).
    pub(super) fn attributes(&self) -> impl Iterator<Item = (usize, &'a str, &'a str)> + use<'a> {
        self.lines(b'a').filter_map(|(number, value)| {
            let (name, value) = attribute(value)?;
            Some((number, name, value))
        })
    }
}

/// `name` or `name:value` (RFC 8866 section 5.13).
pub(super) fn attribute(line: &[u8]) -> Option<(&str, &str)> {
    let text = std::str::from_utf8(line).ok()?;
    Some(text.split_once(':').unwrap_or((text, "")))
}

#[cfg(test)]
mod tests;
