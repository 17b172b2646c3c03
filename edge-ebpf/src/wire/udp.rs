//! The UDP header (RFC 768).

use zerocopy::byteorder::network_endian::U16;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use super::checksum::Checksum;

/// Bytes of the header.
pub const LEN: usize = size_of::<Udp>();

/// Ports, length and checksum.
#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C, align(2))]
pub struct Udp {
    /// Source port.
    pub source: U16,
    /// Destination port.
    pub destination: U16,
    /// Bytes of header and payload.
    pub length: U16,
    /// Checksum over pseudo-header, header and payload; zero when the sender made none.
    pub checksum: Checksum,
}

const _: () = assert!(LEN == 8);
