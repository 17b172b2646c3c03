//! What a datagram on a media port is, by its first octet (RFC 7983 section 7). UDPTL has no octet of its own, and begins with a
//! number, so that STUN has to show its cookie, too (RFC 8489 section 5).

/// What stands in the second word of each STUN packet.
const MAGIC_COOKIE: u32 = 0x2112_a442;

/// What shares a port with RTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sharing {
    /// 0 to 3: STUN (RFC 8489), which checks and keeps paths.
    Stun,
    /// 20 to 63: DTLS, which agrees on keys (RFC 5764).
    Dtls,
    /// 128 to 191: RTP and RTCP.
    Media,
    /// ZRTP, TURN channels, and what nobody has a number for.
    Other,
}

impl Sharing {
    /// What begins with this octet, and has this second word.
    #[inline(always)]
    #[must_use]
    pub const fn of(first: u8, second_word: u32) -> Self {
        match first {
            0..=3 if second_word == MAGIC_COOKIE => Self::Stun,
            20..=63 => Self::Dtls,
            128..=191 => Self::Media,
            0..=19 | 64..=127 | 192.. => Self::Other,
        }
    }
}
