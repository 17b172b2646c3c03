//! An IP address as the maps hold it: sixteen bytes, IPv4 mapped into IPv6 (RFC 4291 section 2.5.5.2).

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// An IP address in network byte order, kept as two words so that comparing takes two instructions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Address {
    words: [u64; 2],
}

impl Address {
    /// No address at all.
    pub const UNSPECIFIED: Self = Self { words: [0; 2] };

    /// Bits of an address; those of IPv4 are the last 32.
    pub const BITS: u32 = 128;

    /// An IPv4 address, mapped.
    #[inline(always)]
    #[must_use]
    pub const fn v4(octets: [u8; 4]) -> Self {
        let v4 = u32::from_ne_bytes(octets) as u64;
        let mapped = if cfg!(target_endian = "little") { v4 << 32 | 0xffff_0000 } else { v4 | 0xffff << 32 };
        Self { words: [0, mapped] }
    }

    /// An IPv6 address.
    #[inline(always)]
    #[must_use]
    pub const fn v6(octets: [u8; 16]) -> Self {
        let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = octets;
        Self {
            words: [
                u64::from_ne_bytes([a, b, c, d, e, f, g, h]),
                u64::from_ne_bytes([i, j, k, l, m, n, o, p]),
            ],
        }
    }

    /// Whether the first `bits` are those of `other`; a prefix of an IPv4 address has 96 more than it is written with.
    /// No bits are no prefix, and more than 128 are 128.
    #[inline(always)]
    #[must_use]
    pub const fn shares_prefix(self, other: Self, bits: u8) -> bool {
        let upper = u64::from_be(self.words[0]) ^ u64::from_be(other.words[0]);
        let lower = u64::from_be(self.words[1]) ^ u64::from_be(other.words[1]);
        match bits {
            0 => false,
            1..=64 => upper >> (64 - bits) == 0,
            65..=127 => upper == 0 && lower >> (128 - bits) == 0,
            128.. => upper == 0 && lower == 0,
        }
    }

    /// Whether this is an IPv4 address, mapped.
    #[inline(always)]
    #[must_use]
    pub const fn is_v4(self) -> bool {
        let mapped = if cfg!(target_endian = "little") { self.words[1] } else { self.words[1].swap_bytes() };
        self.words[0] == 0 && mapped & 0xffff_ffff == 0xffff_0000
    }

    /// What one host is known by: an IPv4 address, or the /64 of an IPv6 address, of which a host has all.
    #[inline(always)]
    #[must_use]
    pub const fn host(self) -> Self {
        if self.is_v4() { self } else { Self { words: [self.words[0], 0] } }
    }

    /// All octets: the whole of an IPv6 address.
    #[inline(always)]
    #[must_use]
    pub const fn to_v6(self) -> [u8; 16] {
        let [a, b, c, d, e, f, g, h] = self.words[0].to_ne_bytes();
        let [i, j, k, l, m, n, o, p] = self.words[1].to_ne_bytes();
        [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p]
    }

    /// This address with other last four octets.
    #[inline(always)]
    #[must_use]
    pub const fn with_tail(self, tail: [u8; 4]) -> Self {
        let [a, b, c, d, _, _, _, _] = self.words[1].to_ne_bytes();
        let [e, f, g, h] = tail;
        Self { words: [self.words[0], u64::from_ne_bytes([a, b, c, d, e, f, g, h])] }
    }

    /// From its two halves as they lie in memory.
    #[inline(always)]
    #[must_use]
    pub(crate) const fn from_words(words: [u64; 2]) -> Self {
        Self { words }
    }

    /// The two halves as they lie in memory.
    #[inline(always)]
    #[must_use]
    pub(crate) const fn words(self) -> [u64; 2] {
        self.words
    }

    /// The last four octets: the whole of an IPv4 address.
    #[inline(always)]
    #[must_use]
    pub const fn to_v4(self) -> [u8; 4] {
        let [_, _, _, _, a, b, c, d] = self.words[1].to_ne_bytes();
        [a, b, c, d]
    }
}

const _: () = assert!(size_of::<Address>() == 16);
