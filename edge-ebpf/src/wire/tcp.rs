//! The TCP header (RFC 9293 section 3.1), without options.

use zerocopy::byteorder::network_endian::{U16, U32};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use super::checksum::Checksum;

/// Protocol number of TCP.
pub const PROTOCOL: u8 = 6;

const SYN: u8 = 0x02;
const ACK: u8 = 0x10;

/// The fixed part of the header.
#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C, align(2))]
pub struct Tcp {
    /// Source port.
    pub source: U16,
    /// Destination port.
    pub destination: U16,
    /// Number of its first byte.
    pub sequence: U32,
    /// Number of the byte that is waited for.
    pub acknowledgment: U32,
    /// Length of the header in 32-bit words, in the upper half.
    pub offset: u8,
    /// Control bits.
    pub flags: u8,
    /// Bytes that may be sent.
    pub window: U16,
    /// Checksum over pseudo-header, header and payload.
    pub checksum: Checksum,
    /// Where urgent data ends.
    pub urgent: U16,
}

const _: () = assert!(size_of::<Tcp>() == 20);

impl Tcp {
    /// Whether it opens a connection.
    #[inline(always)]
    #[must_use]
    pub const fn opens(&self) -> bool {
        self.flags & (SYN | ACK) == SYN
    }
}
