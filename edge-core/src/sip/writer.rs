//! Writes messages: a start line, headers in the order they are given, and a body with its length.
//!
//! Invariant: no value starts a header of its own. Line ends in a value become spaces, so a value with folds
//! comes out on one line with the same meaning (RFC 3261 section 7.3.1); NUL, which would cut the message
//! short for a peer that reads C strings, becomes a question mark.

use std::sync::Arc;

use bytes::Bytes;

use super::grammar::is_token;
use super::{HeaderName, HeaderRules, Message, Method, StatusCode};

/// Room for nearly every message, so that the buffer rarely grows; and no more, so that an allocator has one at hand.
const CAPACITY: usize = 1024;

/// A message under construction.
#[derive(Debug)]
#[must_use = "a message is complete only after `body` or `empty`"]
pub struct MessageWriter {
    out: Vec<u8>,
    rules: Option<Arc<HeaderRules>>,
}

impl MessageWriter {
    /// Starts a request.
    pub fn request(method: &Method, uri: impl AsRef<[u8]>) -> Self {
        let mut writer = Self { out: Vec::with_capacity(CAPACITY), rules: None };
        writer.out.extend_from_slice(method.as_bytes());
        writer.out.push(b' ');
        writer.out.extend(uri.as_ref().iter().filter(|byte| **byte > b' '));
        writer.out.extend_from_slice(b" SIP/2.0\r\n");
        writer
    }

    /// Starts a response; `reason` goes out exactly as it is.
    pub fn response(code: StatusCode, reason: impl AsRef<[u8]>) -> Self {
        let mut writer = Self { out: Vec::with_capacity(CAPACITY), rules: None };
        writer.out.extend_from_slice(b"SIP/2.0 ");
        writer.push_number(usize::from(code.as_u16()));
        writer.out.push(b' ');
        writer.push_value(reason.as_ref());
        writer.out.extend_from_slice(b"\r\n");
        writer
    }

    /// Changes the message by these rules when it is complete.
    pub fn ruled(self, rules: Option<&Arc<HeaderRules>>) -> Self {
        Self { rules: rules.cloned(), ..self }
    }

    /// Adds a header of a known name. [`HeaderName::Other`] has no name and adds nothing: use [`Self::raw`].
    pub fn header(self, name: HeaderName, value: impl AsRef<[u8]>) -> Self {
        if name == HeaderName::Other {
            return self;
        }
        self.raw(name.as_str(), value)
    }

    /// Adds a header whose name is given as bytes; what is no token character is left out of the name.
    pub fn raw(mut self, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Self {
        self.out.extend(name.as_ref().iter().filter(|byte| is_token(**byte)));
        self.out.extend_from_slice(b": ");
        self.push_value(value.as_ref());
        self.out.extend_from_slice(b"\r\n");
        self
    }

    /// Adds a header of a known name whose value is these parts, one behind the other.
    pub fn parts(mut self, name: HeaderName, parts: &[&[u8]]) -> Self {
        if name == HeaderName::Other {
            return self;
        }
        self.begin(name);
        parts.iter().for_each(|part| self.push_value(part));
        self.out.extend_from_slice(b"\r\n");
        self
    }

    /// The same, of a value that begins with a number.
    pub fn number(mut self, name: HeaderName, number: u32, behind: &[&[u8]]) -> Self {
        if name == HeaderName::Other {
            return self;
        }
        self.begin(name);
        self.push_number(number as usize);
        behind.iter().for_each(|part| self.push_value(part));
        self.out.extend_from_slice(b"\r\n");
        self
    }

    /// Copies all headers of `message` called `name`, in order; folded ones come out on one line.
    pub fn copy(self, message: &Message, name: HeaderName) -> Self {
        message.all(name).fold(self, |writer, value| writer.header(name, value))
    }

    /// Ends the message with a body.
    #[must_use]
    pub fn body(self, content_type: impl AsRef<[u8]>, body: impl AsRef<[u8]>) -> Bytes {
        self.header(HeaderName::ContentType, content_type).end(body.as_ref())
    }

    /// Ends the message without a body.
    #[must_use]
    pub fn empty(self) -> Bytes {
        self.end(&[])
    }

    fn end(mut self, body: &[u8]) -> Bytes {
        self.out.extend_from_slice(b"Content-Length: ");
        self.push_number(body.len());
        self.out.extend_from_slice(b"\r\n\r\n");
        self.out.extend_from_slice(body);
        match self.rules {
            Some(rules) => rules.apply(self.out.into()),
            // As long as it is: a transaction may keep it for half a minute, and a call for an hour.
            None => Bytes::copy_from_slice(&self.out),
        }
    }

    fn begin(&mut self, name: HeaderName) {
        self.out.extend_from_slice(name.as_str().as_bytes());
        self.out.extend_from_slice(b": ");
    }

    fn push_value(&mut self, value: &[u8]) {
        let start = self.out.len();
        self.out.extend_from_slice(value);
        for byte in &mut self.out[start..] {
            match *byte {
                b'\r' | b'\n' => *byte = b' ',
                0 => *byte = b'?',
                _ => {}
            }
        }
    }

    fn push_number(&mut self, number: usize) {
        let mut digits = [0; 20];
        let mut at = digits.len();
        let mut rest = number;
        loop {
            at -= 1;
            digits[at] = b'0' + u8::try_from(rest % 10).unwrap_or_default();
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        self.out.extend_from_slice(&digits[at..]);
    }
}

#[cfg(test)]
mod tests;
