//! Which addresses and ports are media, and where their endpoints begin.
//!
//! The table is a hash with open addressing: a row is found in one or two array lookups, without the cost
//! of a BPF hash map on every packet that passes through, ours or not.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use super::{Address, MEDIA_ADDRESS_ROWS};

/// Rows that a lookup visits at most; userspace refuses a set of addresses that would need more.
pub const PROBES_MAX: u32 = 16;

/// The media ports of one local address. A row without pairs is empty and ends a search.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct MediaAddress {
    /// The local address.
    pub ip: Address,
    /// Index of the endpoint of its first port pair.
    pub base: u32,
    /// First port; even.
    pub first_port: u16,
    /// Number of RTP/RTCP port pairs; 0 marks an empty row.
    pub pairs: u16,
    /// The interface that its media comes in through; the same address on another network is not believed.
    pub ifindex: u32,
    /// 0.
    pub reserved: u32,
}

const _: () = assert!(size_of::<MediaAddress>() == 32);

impl MediaAddress {
    /// Index of the endpoint that owns `port`, or `None` when the port is not for media.
    #[inline(always)]
    #[must_use]
    pub const fn endpoint(&self, port: u16) -> Option<u32> {
        let pair = port.wrapping_sub(self.first_port) / 2;
        if port < self.first_port || pair >= self.pairs {
            return None;
        }
        // Of a row that nobody sane has written it is some index, whose endpoint repeats another key.
        Some(self.base.wrapping_add(pair as u32))
    }
}

/// The row where the search for an address begins; the next ones follow, wrapping around.
#[inline(always)]
#[must_use]
pub const fn first_row(address: Address) -> u32 {
    // Fibonacci hashing spreads addresses that differ in few bits, which is what a host's addresses do.
    let [upper, lower] = address.words();
    let folded = upper ^ lower;
    #[expect(clippy::cast_possible_truncation, reason = "the upper half is folded in")]
    let word = (folded ^ folded >> 32) as u32;
    word.wrapping_mul(0x9e37_79b1) >> (u32::BITS - MEDIA_ADDRESS_ROWS.trailing_zeros())
}
