//! The Ethernet II header.

use zerocopy::byteorder::network_endian::U16;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Bytes of the header.
pub const LEN: usize = size_of::<Ethernet>();
/// EtherType of IPv4.
pub const IPV4: u16 = 0x0800;
/// EtherType of IPv6.
pub const IPV6: u16 = 0x86dd;

/// Destination, source and type.
#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C, align(2))]
pub struct Ethernet {
    /// Station that the frame is for.
    pub destination: [u8; 6],
    /// Station that sent it.
    pub source: [u8; 6],
    /// EtherType of the payload.
    pub kind: U16,
}

const _: () = assert!(LEN == 14);
