//! What the far side of one endpoint has reported by RTCP of the stream that it is sent (RFC 3550 section 6.4.1, RFC 3611 section
//! 4.7), and how far away it is: a part of its [`EndpointState`](super::EndpointState).
//!
//! It is kept apart from what is counted here: whoever sends RTCP may say anything. It has no bearing on any packet.
//!
//! RTCP of one far side comes on one CPU at a time, so each word has one writer: `sent` the RTCP of the other leg, all others that
//! of this one.

use super::word::Word;
use crate::wire::rtcp::Block;

/// The lower 24 bits of a report: packets lost so far, signed.
const LOST: u32 = 0x00ff_ffff;
/// Bits of a round trip: up to 256 s.
const ROUND_TRIP: u32 = 0x00ff_ffff;
/// A round trip may come out so much below nothing, because two clocks measure it: 1/16 s.
const SKEW_MAX: u32 = 1 << 12;
/// The best R factor; what is above it says that none is known.
const RATING_MAX: u8 = 120;

/// What was reported, in four words.
#[derive(Debug, Default)]
#[cfg_attr(not(target_arch = "bpf"), derive(zerocopy::FromBytes, zerocopy::IntoBytes))]
#[repr(C)]
pub(super) struct ReceptionReportWords {
    /// The source that the last report is about, and what was lost of those before it.
    about: Word,
    /// What was lost of that source, and its jitter.
    lost_jitter: Word,
    /// The middle of the NTP time of the sender report that crossed to the far side last, and when: in 2^-16 s.
    sent: Word,
    /// Round trip in 2^-16 s and one more (0: not known), fraction lost, and what was rated.
    round_trip_rated: Word,
}

/// What the far side has reported last of the stream that it is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ReceptionReport {
    /// How many reports there were.
    pub reports: u32,
    /// Packets lost, over all sources of the call; less than nothing where packets came twice.
    pub lost: i32,
    /// The part that was lost between the last two reports, in 1/256.
    pub fraction_lost: u8,
    /// Interarrival jitter in ticks of the stream's clock.
    pub jitter_ticks: u32,
    /// From here to the far side and back, in 2^-16 s; `None` before anything told it.
    pub round_trip: Option<u32>,
    /// What the far side rates the sound at.
    pub rated: Rated,
}

/// What a VoIP metrics block says (RFC 3611 section 4.7); what it does not know is `None`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rated {
    /// R factor, 0 to 120.
    pub r_factor: Option<u8>,
    /// Listening and conversational quality as a mean opinion score, in tenths: 10 to 50.
    pub mos: [Option<u8>; 2],
    /// The part of the packets that came and was thrown away by its jitter buffer, in 1/256.
    pub discarded: u8,
}

impl Rated {
    /// Of the octets of the block: discard rate, R factor, MOS-LQ, MOS-CQ.
    #[inline(always)]
    #[must_use]
    pub const fn of([discarded, r_factor, listening, conversational]: [u8; 4]) -> Self {
        let r_factor = if r_factor <= RATING_MAX { Some(r_factor) } else { None };
        Self { r_factor, mos: [opinion(listening), opinion(conversational)], discarded }
    }

    /// As a number; 0 when nothing is known.
    #[inline(always)]
    const fn bits(octets: [u8; 4]) -> u32 {
        let [discarded, r_factor, listening, conversational] = octets;
        let r_factor = if r_factor <= RATING_MAX { r_factor + 1 } else { 0 };
        u32::from_be_bytes([discarded, r_factor, listening, conversational])
    }

    const fn from_bits(bits: u32) -> Self {
        let [discarded, r_factor, listening, conversational] = bits.to_be_bytes();
        Self {
            r_factor: r_factor.checked_sub(1),
            mos: [opinion(listening), opinion(conversational)],
            discarded,
        }
    }
}

#[inline(always)]
const fn opinion(tenths: u8) -> Option<u8> {
    if tenths >= 10 && tenths <= 50 { Some(tenths) } else { None }
}

/// A time on `CLOCK_MONOTONIC` in 2^-16 s, as RTCP counts delays; it wraps after 18 hours.
#[inline(always)]
#[expect(clippy::cast_possible_truncation, reason = "it wraps")]
const fn rtcp_time(ns: u64) -> u32 {
    const NS: u64 = 1_000_000_000;
    (((ns / NS) << 16) + ((ns % NS) << 16) / NS) as u32
}

/// Writing: the kernel's side.
impl ReceptionReportWords {
    /// Clears what another call left.
    #[inline(always)]
    pub(super) fn begin_call(&self) {
        for word in [&self.about, &self.lost_jitter, &self.sent, &self.round_trip_rated] {
            word.clear();
        }
    }

    /// A sender report crosses to the far side, with this in the middle of its NTP time.
    #[inline(always)]
    pub(super) fn send(&self, middle: u32, now_ns: u64) {
        self.sent.store_halves(middle, rtcp_time(now_ns));
    }

    /// Takes a report on the stream that the far side is sent.
    #[inline(always)]
    pub(super) fn take(&self, block: &Block, now_ns: u64) {
        let ssrc = block.ssrc.get();
        let said = block.lost.get();
        let ((about, before), (last, _)) = (self.about.load_halves(), self.lost_jitter.load_halves());
        if about != ssrc {
            self.about.store_halves(ssrc, before.wrapping_add(last));
        }
        // The sign of 24 bits.
        let lost = ((said << 8).cast_signed() >> 8).cast_unsigned();
        self.lost_jitter.store_halves(lost, block.jitter.get());
        let (former, rated) = self.round_trip_rated.load_halves();
        let round_trip = match self.round_trip(block, now_ns) {
            Some(round_trip) => round_trip + 1,
            None => former & ROUND_TRIP,
        };
        self.round_trip_rated.store_halves(said & !LOST | round_trip, rated);
    }

    /// Takes what the far side rates the stream at.
    #[inline(always)]
    pub(super) fn rate(&self, octets: [u8; 4]) {
        let (round_trip, _) = self.round_trip_rated.load_halves();
        self.round_trip_rated.store_halves(round_trip, Rated::bits(octets));
    }

    /// The time since the sender report that the block answers, without the time that the far side had it.
    #[inline(always)]
    fn round_trip(&self, block: &Block, now_ns: u64) -> Option<u32> {
        let (middle, at) = self.sent.load_halves();
        if middle == 0 || block.last_report.get() != middle {
            return None;
        }
        let round_trip = rtcp_time(now_ns).wrapping_sub(at).wrapping_sub(block.delay.get());
        if round_trip < ROUND_TRIP {
            Some(round_trip)
        } else if round_trip.wrapping_neg() <= SKEW_MAX {
            Some(0)
        } else {
            None
        }
    }
}

/// Reading.
impl ReceptionReportWords {
    /// What was reported, of which there were so many.
    pub(super) fn read(&self, reports: u32) -> ReceptionReport {
        let ((_, before), (lost, jitter_ticks)) = (self.about.load_halves(), self.lost_jitter.load_halves());
        let (round_trip, rated) = self.round_trip_rated.load_halves();
        let [fraction_lost, ..] = round_trip.to_be_bytes();
        ReceptionReport {
            reports,
            lost: before.wrapping_add(lost).cast_signed(),
            fraction_lost,
            jitter_ticks,
            round_trip: (round_trip & ROUND_TRIP).checked_sub(1),
            rated: Rated::from_bits(rated),
        }
    }
}
