//! Bodies of several parts (RFC 2046 section 5.1, RFC 5621): cut into parts, byte for byte.
//!
//! Bound: [`PARTS_MAX`] parts. What nests is another body, for its reader to bound.

use bytes::Bytes;
use memchr::memmem::Finder;

/// Parts of one body. A session description comes with one to three others: ISUP, a location, a photograph of the caller.
const PARTS_MAX: usize = 16;
/// Bytes of the head of one part; like a message's it has a handful of headers.
const HEAD_BYTES_MAX: usize = 4096;
/// RFC 2046 section 5.1.1.
const BOUNDARY_BYTES_MAX: usize = 70;

/// One part: its head and its body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    head: Bytes,
    /// The body, without the line end that belongs to the boundary behind it.
    pub body: Bytes,
}

impl Part {
    /// The value of its first header of this name, without regard to case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        self.head.split(|byte| *byte == b'\n').find_map(|line| {
            let colon = memchr::memchr(b':', line)?;
            let (found, value) = (line[..colon].trim_ascii(), line[colon + 1..].trim_ascii());
            found.eq_ignore_ascii_case(name.as_bytes()).then_some(value)
        })
    }
}

/// The parts of `body`, whose Content-Type has this value; `None` when it cannot be cut as it says.
#[must_use]
pub fn parts(content_type: &[u8], body: &Bytes) -> Option<Vec<Part>> {
    let boundary = boundary(content_type)?;
    let delimiter = [b"--", boundary.as_slice()].concat();
    let finder = Finder::new(&delimiter);
    let (mut parts, mut begin) = (Vec::new(), None);
    let mut from = 0;
    while let Some(found) = finder.find(&body[from..]) {
        let at = from + found;
        from = at + delimiter.len();
        // A boundary begins a line; what looks like one elsewhere is content.
        let Some(line_end) = line_end_before(body, at) else { continue };
        let Some((after, last)) = behind(&body[from..]) else { continue };
        if let Some(begin) = begin {
            parts.push(part(body, begin, line_end.max(begin))?);
        }
        if last {
            return Some(parts);
        }
        if parts.len() == PARTS_MAX {
            return None;
        }
        from += after;
        begin = Some(from);
    }
    None
}

/// Where the line before `at` ends, if `at` begins one.
fn line_end_before(body: &[u8], at: usize) -> Option<usize> {
    match &body[..at] {
        [] => Some(0),
        [.., b'\r', b'\n'] => Some(at - 2),
        [.., b'\n'] => Some(at - 1),
        _ => None,
    }
}

/// What stands behind a boundary: the length of the rest of its line, and whether it is the last one.
fn behind(rest: &[u8]) -> Option<(usize, bool)> {
    if rest.starts_with(b"--") {
        return Some((2, true));
    }
    let padding = rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    match &rest[padding..] {
        [b'\r', b'\n', ..] => Some((padding + 2, false)),
        [b'\n', ..] => Some((padding + 1, false)),
        _ => None,
    }
}

/// A head ends with an empty line; a part that begins with one has none.
fn part(body: &Bytes, begin: usize, end: usize) -> Option<Part> {
    let text = &body[begin..end];
    let mut at = 0;
    while at < text.len().min(HEAD_BYTES_MAX) {
        let length = memchr::memchr(b'\n', &text[at..]).map_or(text.len() - at, |newline| newline + 1);
        if text[at..at + length].trim_ascii().is_empty() {
            let head = body.slice(begin..begin + at);
            return Some(Part { head, body: body.slice(begin + at + length..end) });
        }
        at += length;
    }
    (at >= text.len()).then(|| Part { head: body.slice(begin..end), body: Bytes::new() })
}

/// The parameter of that name: a token or a quoted string.
fn boundary(content_type: &[u8]) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(content_type).ok()?;
    let mut params = text.split(';').skip(1).filter_map(|param| param.split_once('='));
    let (_, value) = params.find(|(name, _)| name.trim().eq_ignore_ascii_case("boundary"))?;
    let value = value.trim();
    let value = value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value);
    let right = !value.is_empty() && value.len() <= BOUNDARY_BYTES_MAX && !value.ends_with(' ');
    (right && value.bytes().all(|byte| matches!(byte, b' '..=b'~') && byte != b'"'))
        .then(|| value.as_bytes().to_vec())
}

#[cfg(test)]
mod tests;
