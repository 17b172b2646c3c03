//! What a message may cost: every part that a peer can make grow has a bound.

/// Bounds on one message; whatever is larger is refused before anything is read from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MessageLimits {
    /// Bytes of a whole message. Offsets are 16 bits wide, so more than 65,535 is never read.
    pub message_bytes_max: usize,
    /// Header lines of a message.
    pub headers_max: usize,
    /// Bytes of one header with its name and folds, and of the start line.
    pub value_bytes_max: usize,
    /// Continuation lines of one header.
    pub folds_max: usize,
}

impl Default for MessageLimits {
    /// 64 kB, the largest datagram; 256 headers of 8 kB; 32 folds. Real trunk INVITEs have 1-4 kB and 15-40
    /// headers.
    fn default() -> Self {
        Self { message_bytes_max: 65_535, headers_max: 256, value_bytes_max: 8_192, folds_max: 32 }
    }
}
