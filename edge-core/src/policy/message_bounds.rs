//! How large a message may be that a trunk sends: what an operator sets, within what is read at all
//! ([`MessageLimits`](crate::sip::MessageLimits)).

use crate::sip::{HeaderName, Message};

/// Bounds on one message. Whoever sends a larger request hears 513; larger responses and ACKs are passed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MessageBounds {
    /// Bytes of a whole message.
    pub message_bytes_max: usize,
    /// Header lines of a message.
    pub headers_max: usize,
    /// Bytes of one header, name and folds included.
    pub header_bytes_max: usize,
    /// Hops that a request says it has come through.
    pub vias_max: usize,
}

impl Default for MessageBounds {
    /// Ten times what trunks send: 32 kB, 128 headers of 4 kB, and as many Via as Max-Forwards lets be (RFC 3261 section
    /// 8.1.1.6).
    fn default() -> Self {
        Self { message_bytes_max: 32_768, headers_max: 128, header_bytes_max: 4_096, vias_max: 70 }
    }
}

/// Which bound a message is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OverBound {
    /// More bytes than `message_bytes`.
    #[error("Message Too Large")]
    Message,
    /// More headers than `headers`.
    #[error("Too Many Headers")]
    Headers,
    /// A header of more bytes than `header_bytes`.
    #[error("Header Too Long")]
    Header,
    /// More Via than `vias`.
    #[error("Too Many Via")]
    Vias,
}

impl MessageBounds {
    /// Whether `message` is within the bounds.
    ///
    /// # Errors
    /// [`OverBound`], the first that it is over.
    pub fn check(&self, message: &Message) -> Result<(), OverBound> {
        if message.bytes().len() > self.message_bytes_max {
            return Err(OverBound::Message);
        }
        if message.headers().nth(self.headers_max).is_some() {
            return Err(OverBound::Headers);
        }
        let bytes = |header: crate::sip::Header<'_>| header.raw_name.len() + header.value.len();
        if message.headers().any(|header| bytes(header) > self.header_bytes_max) {
            return Err(OverBound::Header);
        }
        if message.values(HeaderName::Via).nth(self.vias_max).is_some() {
            return Err(OverBound::Vias);
        }
        Ok(())
    }
}
