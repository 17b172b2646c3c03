//! The common RTCP header (RFC 3550 section 6.4.1).

use zerocopy::byteorder::network_endian::{U16, U32};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Bytes of the common header with the sender's SSRC.
pub const LEN: usize = size_of::<Rtcp>();

/// Start of the first packet of a compound.
#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C, align(2))]
pub struct Rtcp {
    /// Version, padding, count.
    pub first: u8,
    /// Packet type.
    pub packet_type: u8,
    /// Length in 32-bit words, less one.
    pub length: U16,
    /// Synchronisation source of the sender.
    pub ssrc: U32,
}

const _: () = assert!(LEN == 8);

impl Rtcp {
    /// Bytes that the first packet of the compound claims.
    #[inline(always)]
    #[must_use]
    pub const fn packet_len(&self) -> usize {
        (self.length.get() as usize + 1) * 4
    }
}

/// Whether a second byte is an RTCP packet type: 192 to 223, which no RTP payload type may meet (RFC 5761 section 4).
#[inline(always)]
#[must_use]
pub const fn is_packet_type(second: u8) -> bool {
    matches!(second, 192..=223)
}
