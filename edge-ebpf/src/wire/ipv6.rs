//! The IPv6 header (RFC 8200 section 3) and the fragment header (section 4.5).

use zerocopy::byteorder::network_endian::{U16, U32};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Bytes of the fixed header.
pub const LEN: usize = size_of::<Ipv6>();
/// Bytes of the fragment header.
pub const FRAGMENT_LEN: usize = size_of::<Fragment>();
/// Next header: a fragment header follows.
pub const FRAGMENT: u8 = 44;

const FRAGMENT_OFFSET: u16 = 0xfff8;

/// The fixed header.
#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C, align(2))]
pub struct Ipv6 {
    /// Version (6), traffic class and flow label: 4, 8 and 20 bits.
    pub version_class_flow: [u8; 4],
    /// Bytes after this header.
    pub payload_length: U16,
    /// What follows this header.
    pub next_header: u8,
    /// Hops that it may still take.
    pub hop_limit: u8,
    /// Source address.
    pub source: [u8; 16],
    /// Destination address.
    pub destination: [u8; 16],
}

const _: () = assert!(LEN == 40);

impl Ipv6 {
    /// A header without anything in it: traffic class 0, flow label 0, no addresses.
    pub const FRESH: Self = Self {
        version_class_flow: [6 << 4, 0, 0, 0],
        payload_length: U16::ZERO,
        next_header: 0,
        hop_limit: 0,
        source: [0; 16],
        destination: [0; 16],
    };

    /// IP version; 6 in a valid header.
    #[inline(always)]
    #[must_use]
    pub const fn version(&self) -> u8 {
        self.version_class_flow[0] >> 4
    }

    /// DSCP and ECN.
    #[inline(always)]
    #[must_use]
    pub const fn traffic_class(&self) -> u8 {
        self.version_class_flow[0] << 4 | self.version_class_flow[1] >> 4
    }

    /// The first four bytes with another traffic class; the flow label stays with its flow.
    #[inline(always)]
    #[must_use]
    pub const fn with_traffic_class(&self, class: u8) -> [u8; 4] {
        let [_, second, third, fourth] = self.version_class_flow;
        [6 << 4 | class >> 4, class << 4 | second & 0xf, third, fourth]
    }
}

/// What stands before the payload of a fragment.
#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C, align(2))]
pub struct Fragment {
    /// What follows the fragment header.
    pub next_header: u8,
    /// 0.
    pub reserved: u8,
    /// Offset in the upper 13 bits; the lowest says that more fragments follow.
    pub offset_more: U16,
    /// Number of the fragmented packet.
    pub identification: U32,
}

const _: () = assert!(FRAGMENT_LEN == 8);

impl Fragment {
    /// Whether this is a fragment that does not start its datagram, so that it has no UDP header.
    #[inline(always)]
    #[must_use]
    pub const fn is_later(&self) -> bool {
        self.offset_more.get() & FRAGMENT_OFFSET != 0
    }
}
