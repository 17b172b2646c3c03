//! The IPv4 header without options (RFC 791 section 3.1).

use zerocopy::byteorder::network_endian::U16;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, transmute};

use super::checksum::Checksum;

/// Bytes of the header without options.
pub const LEN: usize = size_of::<Ipv4>();
/// Protocol number of UDP.
pub const UDP: u8 = 17;

/// Flags and offset of a datagram that is whole, and must not be fragmented.
pub const DO_NOT_FRAGMENT: u16 = 0x4000;

const MORE_FRAGMENTS: u16 = 0x2000;
const FRAGMENT_OFFSET: u16 = 0x1fff;

/// The fixed part of an IPv4 header.
#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C, align(2))]
pub struct Ipv4 {
    /// Version (4) and header length in 32-bit words.
    pub version_ihl: u8,
    /// DSCP and ECN.
    pub traffic_class: u8,
    /// Bytes of header and payload.
    pub total_length: U16,
    /// Identification of a fragmented datagram.
    pub identification: U16,
    /// Flags and fragment offset.
    pub fragment: U16,
    /// Time to live and protocol: one word of the checksum.
    pub ttl_protocol: [u8; 2],
    /// Header checksum.
    pub checksum: Checksum,
    /// Source address.
    pub source: [u8; 4],
    /// Destination address.
    pub destination: [u8; 4],
}

const _: () = assert!(LEN == 20);

impl Ipv4 {
    /// IP version; 4 in a valid header.
    #[inline(always)]
    #[must_use]
    pub const fn version(&self) -> u8 {
        self.version_ihl >> 4
    }

    /// Bytes of the header with its options: 0 to 60, at least 20 in a valid one.
    #[inline(always)]
    #[must_use]
    pub const fn header_len(&self) -> usize {
        (self.version_ihl & 0xf) as usize * 4
    }

    /// Protocol of the payload.
    #[inline(always)]
    #[must_use]
    pub const fn protocol(&self) -> u8 {
        self.ttl_protocol[1]
    }

    /// Whether this is a fragment that does not start its datagram, so that it has no UDP header.
    #[inline(always)]
    #[must_use]
    pub const fn is_later_fragment(&self) -> bool {
        self.fragment.get() & FRAGMENT_OFFSET != 0
    }

    /// Whether more fragments follow.
    #[inline(always)]
    #[must_use]
    pub const fn has_more_fragments(&self) -> bool {
        self.fragment.get() & MORE_FRAGMENTS != 0
    }

    /// Whether the checksum fits a header without options: the sum over everything, the field included, is
    /// all ones.
    #[inline(always)]
    #[must_use]
    pub fn checksum_is_right(&self) -> bool {
        let words: [[u8; 2]; LEN / 2] = transmute!(*self);
        Checksum::over(words) == Checksum::new([0, 0])
    }
}
