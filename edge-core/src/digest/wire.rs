//! `challenge` and `credentials` of RFC 7235 section 2.1: schemes, and parameters joined by commas.

use crate::sip::grammar::{is_lws, is_token, quoted_length, split_where, trim_start};

/// Longest value that is read. Realms are names, nonces a hash or two; what is longer is no challenge that we answer.
const VALUE_MAX: usize = 1024;

/// One piece of a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    /// The name of a scheme; what follows is its.
    Scheme(&'a [u8]),
    /// A parameter; of a quoted value what stands between the quotes.
    Param(&'a [u8], &'a [u8]),
    /// Something else: nothing behind it is understood.
    Broken,
}

/// The pieces of a header's value, in order.
#[derive(Debug, Clone)]
pub(super) struct Pieces<'a> {
    rest: &'a [u8],
}

impl<'a> Pieces<'a> {
    pub(super) const fn new(value: &'a [u8]) -> Self {
        Self { rest: value }
    }
}

impl<'a> Iterator for Pieces<'a> {
    type Item = Piece<'a>;

    fn next(&mut self) -> Option<Piece<'a>> {
        let between = self.rest.iter().position(|byte| !is_lws(*byte) && *byte != b',');
        let at = &self.rest[between.unwrap_or(self.rest.len())..];
        if at.is_empty() {
            self.rest = at;
            return None;
        }
        let (name, rest) = split_where(at, |byte| !is_token(byte));
        let behind = trim_start(rest);
        let value = behind.strip_prefix(b"=").filter(|_| !name.is_empty());
        let (piece, rest) = match value.map(|value| take_value(trim_start(value))) {
            None if !name.is_empty() => (Piece::Scheme(name), rest),
            Some(Some((value, rest))) => (Piece::Param(name, value), rest),
            None | Some(None) => (Piece::Broken, [].as_slice()),
        };
        self.rest = rest;
        Some(piece)
    }
}

fn take_value(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (value, rest) = if bytes.first() == Some(&b'"') {
        let (quoted, rest) = bytes.split_at(quoted_length(bytes)?);
        (&quoted[1..quoted.len() - 1], rest)
    } else {
        // Base64 is no token, and stands here without quotes all the same.
        split_where(bytes, |byte| !is_token(byte) && !b"/=:@".contains(&byte))
    };
    let fits = value.len() <= VALUE_MAX && !value.iter().any(u8::is_ascii_control);
    fits.then_some((value, rest))
}

/// Adds a parameter in quotes.
pub(super) fn push_quoted(out: &mut Vec<u8>, name: &str, value: &[u8]) {
    push_name(out, name);
    out.push(b'"');
    out.extend_from_slice(value);
    out.push(b'"');
}

/// Adds a parameter that is a token.
pub(super) fn push_token(out: &mut Vec<u8>, name: &str, value: &str) {
    push_name(out, name);
    out.extend_from_slice(value.as_bytes());
}

fn push_name(out: &mut Vec<u8>, name: &str) {
    // The first one stands behind the name of the scheme.
    out.extend_from_slice(if out.last() == Some(&b' ') { b"" } else { b", " });
    out.extend_from_slice(name.as_bytes());
    out.push(b'=');
}
