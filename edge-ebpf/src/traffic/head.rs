//! The first 96 bytes of a packet of the bench: all headers, and its mark.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Words of a [`Head`].
pub const HEAD_WORDS: usize = 12;
/// Bytes of a [`Head`].
pub const HEAD_LEN: usize = HEAD_WORDS * 8;
/// Bytes of a frame: Ethernet, IPv4, UDP, RTP, 160 octets of G.711.
pub const FRAME_LEN: usize = 14 + 20 + 8 + 12 + 160;
/// Ticks of the RTP clock that a packet lasts: 20 ms.
pub const TICKS: u32 = 160;
/// PCMA.
pub const PAYLOAD_TYPE: u8 = 8;

/// Ethernet, IPv4, UDP and RTP header (54 bytes), and the mark: 2 bytes that tell the bench's packets from others, stream,
/// number in the stream, time of departure, and the complement of all that varies, RTP's number and timestamp included.
///
/// Eight bytes each, so that a packet costs its generator twelve stores.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C, align(8))]
pub struct Head {
    /// As they lie on the wire.
    pub words: [u64; HEAD_WORDS],
}

/// What a packet says of itself, from byte 54 on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C, align(2))]
pub struct Mark {
    magic: [u8; 2],
    stream: [[u8; 2]; 2],
    number: [[u8; 2]; 2],
    departed_ns: [[u8; 2]; 4],
}

const MAGIC: [u8; 2] = *b"eB";

impl Mark {
    /// Where it lies in a frame.
    pub const OFFSET: usize = 54;

    /// Whether a packet is the bench's.
    #[inline(always)]
    #[must_use]
    pub const fn is_ours(&self) -> bool {
        u16::from_ne_bytes(self.magic) == u16::from_ne_bytes(MAGIC)
    }

    /// Its stream.
    #[inline(always)]
    #[must_use]
    pub const fn stream(&self) -> u32 {
        let [lower, upper] = self.stream;
        u16::from_le_bytes(lower) as u32 | (u16::from_le_bytes(upper) as u32) << 16
    }

    /// Its number in the stream, from 0 on.
    #[inline(always)]
    #[must_use]
    pub const fn number(&self) -> u32 {
        let [lower, upper] = self.number;
        u16::from_le_bytes(lower) as u32 | (u16::from_le_bytes(upper) as u32) << 16
    }

    /// When it was made, on `CLOCK_MONOTONIC`.
    #[inline(always)]
    #[must_use]
    pub const fn departed_ns(&self) -> u64 {
        let [a, b, c, d] = self.departed_ns;
        (u16::from_le_bytes(a) as u64)
            | (u16::from_le_bytes(b) as u64) << 16
            | (u16::from_le_bytes(c) as u64) << 32
            | (u16::from_le_bytes(d) as u64) << 48
    }
}

impl Head {
    /// The head of a stream: its Ethernet, IPv4 and UDP header with all checksums, which do not change, and its SSRC.
    #[must_use]
    pub fn of_stream(headers: [u8; 42], ssrc: u32, stream: u32) -> Self {
        let mut bytes = [0; HEAD_LEN];
        bytes[..42].copy_from_slice(&headers);
        bytes[42..44].copy_from_slice(&[0x80, PAYLOAD_TYPE]);
        bytes[50..54].copy_from_slice(&ssrc.to_be_bytes());
        bytes[54..56].copy_from_slice(&MAGIC);
        bytes[56..60].copy_from_slice(&stream.to_le_bytes());
        zerocopy::transmute!(bytes)
    }

    /// That of the packet `number` of the stream, made now.
    #[inline(always)]
    #[must_use]
    pub const fn stamped(&self, number: u32, now_ns: u64) -> Self {
        let mut words = self.words;
        let sequence = (number as u16).to_be() as u64;
        let timestamp = number.wrapping_mul(TICKS).to_be() as u64;
        words[5] |= sequence << 32 | (timestamp & 0xffff) << 48;
        words[6] |= timestamp >> 16;
        words[7] |= (number as u64) << 32;
        words[8] = now_ns;
        words[9] = (!number as u64) | (sequence ^ 0xffff) << 32;
        words[10] = timestamp ^ 0xffff_ffff;
        words[11] = !now_ns;
        Self { words }
    }
}
