//! Framing of streams: from the bytes of a connection to messages (RFC 3261 section 18.3, RFC 5626 section 4.4.1).
//!
//! Invariants:
//! - What comes out depends on the bytes alone, never on how they were cut into pieces.
//! - The decoder holds at most one message and what was pushed behind it; work is linear in the bytes.
//! - After a fault nobody knows where the next message starts, so nothing more comes out.

use bytes::{Buf, Bytes, BytesMut};

use super::{BodyFault, Message, MessageLimits};

/// Most bytes of a message up to the empty line that ends its head; real ones have 1-4 kB.
const HEAD_BYTES_MAX: usize = 32_768;

/// Cuts one direction of a connection into messages.
#[derive(Debug)]
pub struct StreamDecoder {
    limits: MessageLimits,
    buffer: BytesMut,
    /// Bytes of the buffer in which the end of the head has been looked for.
    searched: usize,
    /// Length of the head and of the whole message at the front, once known.
    framed: Option<usize>,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Line ends may stand here.
    Between,
    /// The start line has not ended.
    StartLine,
    /// The start line is one of SIP's.
    Head,
    /// Nothing can be told any more.
    Lost,
}

/// What stands next in a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StreamItem {
    /// A message, with memory of its own.
    Message(Bytes),
    /// Two line ends: the peer wants one back (RFC 5626 section 4.4.1).
    Ping,
}

/// Why a stream cannot be read on; the connection is to be closed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StreamFault {
    /// Not SIP.
    #[error("not SIP")]
    Garbage,
    /// No empty line within the bound of a head, or a start line longer than allowed.
    #[error("a head longer than allowed")]
    HeadTooLong,
    /// A head that does not say where the message ends: Content-Length is missing, unreadable or too large.
    #[error("Content-Length does not say where the message ends")]
    Unframed {
        /// The head, which may be answered with 400 before the connection is closed.
        head: Bytes,
    },
}

impl Default for StreamDecoder {
    fn default() -> Self {
        Self::new(MessageLimits::default())
    }
}

impl StreamDecoder {
    /// A decoder at the beginning of a connection.
    #[must_use]
    pub fn new(limits: MessageLimits) -> Self {
        Self { limits, buffer: BytesMut::new(), searched: 0, framed: None, state: State::Between }
    }

    /// Takes what was read from the connection. Take all items before the next push: it bounds the memory.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.state != State::Lost {
            self.buffer.extend_from_slice(bytes);
        }
    }

    /// The next item, once it is complete.
    #[expect(clippy::should_implement_trait, reason = "it is no iterator: `None` is not the end")]
    pub fn next(&mut self) -> Option<Result<StreamItem, StreamFault>> {
        let item = self.read();
        if let Some(Err(_)) = item {
            self.state = State::Lost;
            self.buffer = BytesMut::new();
        }
        item
    }

    /// Whether a message has begun that has not ended.
    #[must_use]
    pub fn is_within_message(&self) -> bool {
        matches!(self.state, State::StartLine | State::Head)
    }

    fn read(&mut self) -> Option<Result<StreamItem, StreamFault>> {
        if self.state == State::Between
            && let Some(item) = self.line_ends()?
        {
            return Some(item);
        }
        if self.state == State::StartLine
            && let Err(fault) = self.start_line()?
        {
            return Some(Err(fault));
        }
        if self.state != State::Head {
            return None;
        }
        let end = match self.framed {
            Some(end) => end,
            None => match self.head()? {
                Ok(end) => *self.framed.insert(end),
                Err(fault) => return Some(Err(fault)),
            },
        };
        (self.buffer.len() >= end).then(|| Ok(self.take(end)))
    }

    /// Passes over line ends; `Some(None)` when a message begins, `None` when more bytes must tell.
    #[expect(clippy::option_option, reason = "outer: known, inner: something stands there")]
    fn line_ends(&mut self) -> Option<Option<Result<StreamItem, StreamFault>>> {
        loop {
            match *self.buffer {
                [] | [b'\r'] | [b'\r', b'\n'] | [b'\r', b'\n', b'\r'] => return None,
                [b'\r', b'\n', b'\r', b'\n', ..] => {
                    self.buffer.advance(4);
                    return Some(Some(Ok(StreamItem::Ping)));
                }
                [b'\r', b'\n', ..] => self.buffer.advance(2),
                [b'\r' | b'\n', ..] => return Some(Some(Err(StreamFault::Garbage))),
                [..] => {
                    self.state = State::StartLine;
                    return Some(None);
                }
            }
        }
    }

    /// Looks at the start line as soon as it is there, so that what is not SIP is not waited for.
    fn start_line(&mut self) -> Option<Result<(), StreamFault>> {
        let Some(end) = memchr::memchr2(b'\r', b'\n', &self.buffer[self.searched..]) else {
            self.searched = self.buffer.len();
            let too_long = self.buffer.len() > self.limits.value_bytes_max;
            return too_long.then_some(Err(StreamFault::HeadTooLong));
        };
        let line = &self.buffer[..self.searched + end];
        if line.len() > self.limits.value_bytes_max {
            return Some(Err(StreamFault::HeadTooLong));
        }
        let is_sip = line.starts_with(b"SIP/2.0 ") || memchr::memmem::find(line, b" SIP/").is_some();
        self.searched = 0;
        self.state = State::Head;
        Some(if is_sip { Ok(()) } else { Err(StreamFault::Garbage) })
    }

    /// Looks for the end of the head; then says where the message ends.
    fn head(&mut self) -> Option<Result<usize, StreamFault>> {
        // The empty line may have begun in what was searched before.
        let from = self.searched.saturating_sub(3);
        let Some(found) = memchr::memmem::find(&self.buffer[from..], b"\r\n\r\n") else {
            self.searched = self.buffer.len();
            return (self.buffer.len() > HEAD_BYTES_MAX).then_some(Err(StreamFault::HeadTooLong));
        };
        let end = from + found + 4;
        if end > HEAD_BYTES_MAX {
            return Some(Err(StreamFault::HeadTooLong));
        }
        let head = Bytes::copy_from_slice(&self.buffer[..end]);
        Some(self.message_end(head))
    }

    fn message_end(&self, head: Bytes) -> Result<usize, StreamFault> {
        let message = Message::parse(head.clone(), &self.limits).map_err(|_framing| StreamFault::Garbage)?;
        let length: Result<Option<usize>, BodyFault> = message.content_length();
        let end = length.ok().flatten().and_then(|length| head.len().checked_add(length));
        end.filter(|end| *end <= self.limits.message_bytes_max).ok_or(StreamFault::Unframed { head })
    }

    fn take(&mut self, end: usize) -> StreamItem {
        let message = Bytes::copy_from_slice(&self.buffer[..end]);
        self.buffer.advance(end);
        (self.searched, self.framed, self.state) = (0, None, State::Between);
        if self.buffer.is_empty() {
            // A connection that rests holds no memory of its largest message.
            self.buffer = BytesMut::new();
        }
        StreamItem::Message(message)
    }
}

#[cfg(test)]
mod tests;
