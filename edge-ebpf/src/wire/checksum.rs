//! The Internet checksum (RFC 1071) and its incremental update (RFC 1624).
//!
//! One's complement sums do not depend on byte order (RFC 1071 section 2 B), so words are summed as they lie in
//! memory.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use crate::abi::Address;

/// A checksum field as it lies in a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C, align(2))]
pub struct Checksum {
    bytes: [u8; 2],
}

/// The difference that changed words make to any checksum over them.
#[derive(Debug, Clone, Copy, Default)]
pub struct Change {
    sum: u64,
}

impl Change {
    /// Nothing changed.
    pub const NONE: Self = Self { sum: 0 };

    /// One more 16-bit word changed.
    #[inline(always)]
    #[must_use]
    pub const fn word(self, old: [u8; 2], new: [u8; 2]) -> Self {
        let removed = !u16::from_ne_bytes(old);
        Self { sum: self.sum + removed as u64 + u16::from_ne_bytes(new) as u64 }
    }

    /// One more IPv4 address changed.
    #[inline(always)]
    #[must_use]
    pub const fn address(self, old: [u8; 4], new: [u8; 4]) -> Self {
        // A 32-bit word is congruent to the sum of its halves modulo 2^16 - 1.
        let removed = !u32::from_ne_bytes(old);
        Self { sum: self.sum + removed as u64 + u32::from_ne_bytes(new) as u64 }
    }

    /// One more IP address changed, of either family: an IPv4 address mapped into IPv6 sums up to itself, because its
    /// prefix `::ffff` adds 2^16 - 1. So what a UDP pseudo-header of one family (RFC 768) and one of the other (RFC
    /// 8200 section 8.1) differ in is their addresses.
    #[inline(always)]
    #[must_use]
    pub const fn mapped_address(self, old: Address, new: Address) -> Self {
        let ([a, b], [c, d]) = (old.words(), new.words());
        self.taken(a).taken(b).with(c).with(d)
    }

    /// One more 16-bit word is covered, as it lies in memory.
    #[inline(always)]
    #[must_use]
    pub const fn added(self, word: u16) -> Self {
        Self { sum: self.sum + word as u64 }
    }

    #[inline(always)]
    const fn with(self, word: u64) -> Self {
        // A 64-bit word is congruent to the sum of its halves, too.
        Self { sum: self.sum + (word & 0xffff_ffff) + (word >> 32) }
    }

    #[inline(always)]
    const fn taken(self, word: u64) -> Self {
        self.with(!word)
    }
}

impl Checksum {
    /// The checksum over nothing: a [`Change`] of additions makes it one over them.
    pub const OVER_NOTHING: Self = Self { bytes: [0xff; 2] };

    /// As it lies on the wire.
    #[inline(always)]
    #[must_use]
    pub const fn new(bytes: [u8; 2]) -> Self {
        Self { bytes }
    }

    /// The checksum over `words`, the field itself counted as zero.
    #[inline(always)]
    #[must_use]
    pub fn over(words: impl IntoIterator<Item = [u8; 2]>) -> Self {
        let sum = words.into_iter().fold(0, |sum, word| sum + u64::from(u16::from_ne_bytes(word)));
        Self { bytes: (!fold(sum)).to_ne_bytes() }
    }

    /// This checksum after a change: `HC' = ~(~HC + ~m + m')` (RFC 1624, equation 3).
    #[inline(always)]
    #[must_use]
    pub const fn after(self, change: Change) -> Self {
        let sum = !u16::from_ne_bytes(self.bytes) as u64 + change.sum;
        Self { bytes: (!fold(sum)).to_ne_bytes() }
    }

    /// A UDP checksum after a change (RFC 768): zero means "none" and stays, and a computed zero is sent as all ones.
    #[inline(always)]
    #[must_use]
    pub const fn udp_after(self, change: Change) -> Self {
        if self.is_none() { self } else { self.udp_over(change) }
    }

    /// Whether this is a UDP sender's "none".
    #[inline(always)]
    #[must_use]
    pub const fn is_none(self) -> bool {
        u16::from_ne_bytes(self.bytes) == 0
    }

    /// A UDP checksum that is there, after a change.
    #[inline(always)]
    #[must_use]
    pub const fn udp_over(self, change: Change) -> Self {
        let changed = self.after(change);
        if changed.is_none() { Self { bytes: [0xff; 2] } } else { changed }
    }
}

/// Adds the carries back in until none is left: a sum of 64 bits needs four rounds.
#[inline(always)]
#[expect(clippy::cast_possible_truncation, reason = "the rounds leave 16 bits")]
const fn fold(mut sum: u64) -> u16 {
    sum = (sum & 0xffff_ffff) + (sum >> 32);
    sum = (sum & 0xffff) + ((sum >> 16) & 0xffff) + (sum >> 32);
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    sum as u16
}
