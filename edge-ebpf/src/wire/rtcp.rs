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

/// Sender report (RFC 3550 section 6.4.1).
pub const SR: u8 = 200;
/// Receiver report (section 6.4.2).
pub const RR: u8 = 201;
/// Source description (section 6.5).
pub const SDES: u8 = 202;
/// Goodbye (section 6.6).
pub const BYE: u8 = 203;
/// Application-defined (section 6.7).
pub const APP: u8 = 204;
/// Transport layer feedback (RFC 4585 section 6.2).
pub const RTPFB: u8 = 205;
/// Payload-specific feedback (RFC 4585 section 6.3).
pub const PSFB: u8 = 206;
/// Extended reports (RFC 3611 section 2).
pub const XR: u8 = 207;

/// What a sender report has behind the sender's SSRC.
#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C, align(2))]
pub struct SenderInfo {
    /// NTP time: seconds, fraction.
    pub ntp: [U32; 2],
    /// The RTP timestamp of that time.
    pub timestamp: U32,
    /// Packets sent so far.
    pub packets: U32,
    /// Octets of payload sent so far.
    pub octets: U32,
}

/// A report block.
#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C, align(2))]
pub struct Block {
    /// The source that it is about.
    pub ssrc: U32,
    /// Fraction lost in the upper eight bits, and packets lost so far, signed, in the lower 24.
    pub lost: U32,
    /// The highest sequence number, extended.
    pub highest: U32,
    /// Interarrival jitter in ticks.
    pub jitter: U32,
    /// The middle 32 bits of the NTP time of the last sender report; 0 when there was none.
    pub last_report: U32,
    /// Time since then, in 2^-16 s.
    pub delay: U32,
}

/// Four octets within a packet.
#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C, align(2))]
pub struct Cell(pub U32);

const _: () = assert!(size_of::<SenderInfo>() == 20 && size_of::<Block>() == 24 && size_of::<Cell>() == 4);
