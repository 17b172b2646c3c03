//! Which shard a message belongs to.
//!
//! Everything of one dialog carries one Call-ID. The Call-IDs that we choose end in our shard's number; all others
//! are spread by a hash, so that a carrier that sends everything from one address still uses every shard.

/// One shard of several.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    /// Its number, from zero.
    pub index: usize,
    /// How many there are; at least one, at most 256.
    pub count: usize,
}

impl Shard {
    /// Number of the shard, of `count`, that a datagram belongs to, found without parsing it. What has no Call-ID
    /// goes to the first shard, which will count it as malformed.
    #[must_use]
    pub fn of_datagram(datagram: &[u8], count: usize) -> usize {
        if count <= 1 {
            return 0;
        }
        Self::peek_call_id(datagram).map_or(0, |call_id| Self::of_call_id(call_id, count))
    }

    /// Number of the shard, of `count`, that a message with this Call-ID belongs to.
    #[must_use]
    pub fn of_call_id(call_id: &[u8], count: usize) -> usize {
        own_shard(call_id).filter(|index| *index < count).unwrap_or_else(|| spread(call_id, count))
    }

    /// Value of the first line that names Call-ID, long or compact, in any case.
    #[must_use]
    pub fn peek_call_id(datagram: &[u8]) -> Option<&[u8]> {
        // Line ends before a message are no end of its head (RFC 3261 section 7.5).
        let mut rest = datagram.trim_ascii_start();
        while let Some(end) = memchr::memchr(b'\n', rest) {
            let (line, behind) = (&rest[..end], &rest[end + 1..]);
            if let Some(colon) = memchr::memchr(b':', line) {
                let name = line[..colon].trim_ascii_end();
                if name.eq_ignore_ascii_case(b"call-id") || name.eq_ignore_ascii_case(b"i") {
                    return Some(line[colon + 1..].trim_ascii());
                }
            }
            if line.trim_ascii().is_empty() {
                return None;
            }
            rest = behind;
        }
        None
    }
}

/// The shard number in a Call-ID of ours: 32 digits, a dash, and two digits.
fn own_shard(call_id: &[u8]) -> Option<usize> {
    let (random, number) = call_id.split_at_checked(32)?;
    let number = number.strip_prefix(b"-").filter(|number| number.len() == 2)?;
    let hexadecimal = random.iter().chain(number).all(u8::is_ascii_hexdigit);
    let text = std::str::from_utf8(number).ok()?;
    hexadecimal.then(|| usize::from_str_radix(text, 16).ok()).flatten()
}

/// Whether a Call-ID is one that we choose.
pub(super) fn is_own_call_id(call_id: &[u8]) -> bool {
    own_shard(call_id).is_some()
}

/// FNV-1a: stable over restarts and cheap for the short strings that Call-IDs are.
fn spread(call_id: &[u8], count: usize) -> usize {
    let hash = call_id.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3)
    });
    // The high half mixes better than the low bits, and the remainder is less than `count`.
    usize::try_from((hash >> 32) % (count.max(1) as u64)).unwrap_or(0)
}

/// The number that a tag of ours writes.
pub(crate) fn tag_number(tag: &[u8]) -> Option<u64> {
    let digits = std::str::from_utf8(tag).ok().filter(|tag| tag.len() == 16)?;
    u64::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests;
