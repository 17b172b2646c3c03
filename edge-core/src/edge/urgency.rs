//! What may wait or be lost when there is too much to do, told from a message's first bytes.

/// Whether losing the message loses more than a try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Urgency {
    /// It asks for something new, or is nothing known: who sends it tries again, here or elsewhere.
    New,
    /// It answers, ends or goes on with what was begun.
    Standing,
}

impl Urgency {
    /// The urgency of a message, found without parsing it. A request within a dialog has a tag in To.
    #[must_use]
    pub fn of(message: &[u8]) -> Self {
        let message = message.trim_ascii_start();
        let ends = [&b"SIP/2.0 "[..], b"ACK ", b"BYE ", b"CANCEL ", b"PRACK "];
        if ends.iter().any(|start| message.starts_with(start)) || to_has_tag(message) {
            Self::Standing
        } else {
            Self::New
        }
    }
}

/// Whether the first line that names To, long or compact, in any case, has a tag. A folded one is taken for one without: such
/// peers are rare, and lose a retransmission by it at worst.
fn to_has_tag(message: &[u8]) -> bool {
    let mut rest = message;
    while let Some(end) = memchr::memchr(b'\n', rest) {
        let (line, behind) = (&rest[..end], &rest[end + 1..]);
        if let Some(colon) = memchr::memchr(b':', line) {
            let name = line[..colon].trim_ascii_end();
            if name.eq_ignore_ascii_case(b"to") || name.eq_ignore_ascii_case(b"t") {
                return line.windows(5).any(|part| part.eq_ignore_ascii_case(b";tag="));
            }
        }
        if line.trim_ascii().is_empty() {
            return false;
        }
        rest = behind;
    }
    false
}

#[cfg(test)]
mod tests;
