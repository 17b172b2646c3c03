//! The fixed RTP header (RFC 3550 section 5.1). CSRC list, extension and padding follow it and do not matter here.

use zerocopy::byteorder::network_endian::{U16, U32};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Bytes of the fixed header.
pub const LEN: usize = size_of::<Rtp>();

/// The fixed header.
#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C, align(2))]
pub struct Rtp {
    /// Version, padding, extension, CSRC count.
    pub first: u8,
    /// Marker and payload type.
    pub marker_payload_type: u8,
    /// Sequence number.
    pub sequence: U16,
    /// Media timestamp in clock ticks.
    pub timestamp: U32,
    /// Synchronisation source.
    pub ssrc: U32,
}

const _: () = assert!(LEN == 12);

/// Whether a first byte may begin RTP or RTCP: 128 to 191 (RFC 7983 section 7), which is version 2.
#[inline(always)]
#[must_use]
pub const fn is_rtp_or_rtcp(first: u8) -> bool {
    first >> 6 == 2
}
