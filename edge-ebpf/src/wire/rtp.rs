//! The fixed RTP header (RFC 3550 section 5.1), and what it says of the CSRC list, extension and padding that follow it.

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

/// Bytes of the header of an extension.
pub const EXTENSION_LEN: usize = 4;

const _: () = assert!(LEN == 12);

/// The marker's bit, beside the payload type.
pub const MARKER: u8 = 0x80;

const PADDING: u8 = 0x20;
const EXTENSION: u8 = 0x10;
const CSRC_COUNT: u8 = 0x0f;

impl Rtp {
    /// Payload type, 0 to 127.
    #[inline(always)]
    #[must_use]
    pub const fn payload_type(&self) -> u8 {
        self.marker_payload_type & !MARKER
    }

    /// Bytes of the CSRC list behind the fixed header: up to 60.
    #[inline(always)]
    #[must_use]
    pub const fn csrc_octets(&self) -> usize {
        (self.first & CSRC_COUNT) as usize * 4
    }

    /// Whether an extension stands behind the CSRC list (section 5.3.1).
    #[inline(always)]
    #[must_use]
    pub const fn has_extension(&self) -> bool {
        self.first & EXTENSION != 0
    }

    /// Whether the last octet of the packet counts octets of padding, itself among them.
    #[inline(always)]
    #[must_use]
    pub const fn has_padding(&self) -> bool {
        self.first & PADDING != 0
    }
}

/// Whether a first byte may begin RTP or RTCP: 128 to 191 (RFC 7983 section 7), which is version 2.
#[inline(always)]
#[must_use]
pub const fn is_rtp_or_rtcp(first: u8) -> bool {
    first >> 6 == 2
}
