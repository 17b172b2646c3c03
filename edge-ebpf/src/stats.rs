//! RTP arithmetic: sequence numbers (RFC 3550 appendix A.1) and jitter (A.8); what is lost, and how it clusters (`losses`);
//! how far apart packets come (`spacing`); times of any length (`buckets`).
//!
//! One departure from A.1: there is no probation. A source was admitted by its address before it is counted
//! here, so its first packet already counts.

mod buckets;
mod losses;
mod spacing;

pub use buckets::{largest_of, log_bucket};
pub use losses::{Bursts, Cluster, GMIN, Gone, Late, WAIT, Window};
pub use spacing::{SPACING_BUCKETS, bucket, bucket_end_ns, gap_ns, gap_units};

/// Gap up to which a higher number counts as loss (RFC 3550 appendix A.1).
const MAX_DROPOUT: u16 = 3000;
/// Distance up to which a lower number counts as late or duplicate (RFC 3550 appendix A.1).
const MAX_MISORDER: u16 = 100;
/// "No number was out of place": above every sequence number.
const NO_BAD_SEQUENCE: u32 = 1 << 16;

/// One RTP packet as the statistics see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arrival {
    /// Time of arrival in nanoseconds, on any clock that only rises.
    pub ns: u64,
    /// Bytes on the wire, Ethernet header included.
    pub bytes: u32,
    /// Synchronisation source.
    pub ssrc: u32,
    /// RTP timestamp.
    pub timestamp: u32,
    /// Sequence number.
    pub sequence: u16,
}

/// A stretch of packets whose sequence numbers belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run {
    /// Highest sequence number, extended by the count of wraps in the upper 16 bits; wraps after 2^32 packets.
    pub last: u32,
    /// The number after one that was out of place; above 65,535 when there is none.
    pub bad: u32,
}

/// What a sequence number meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// So much above the highest one, and the highest one now: 1 is the next, more leaves a gap.
    Ahead(u16),
    /// So much below the highest one: late or duplicate; 0 is that one again.
    Behind(u16),
    /// Far out of place; not part of the run unless the next one follows it.
    Stray,
    /// The second in a row that is out of place: the source started anew here.
    Restarted,
}

impl Run {
    /// A run whose first packet has this number.
    #[inline(always)]
    #[must_use]
    pub const fn starting_at(sequence: u16) -> Self {
        Self { last: sequence as u32, bad: NO_BAD_SEQUENCE }
    }

    /// Takes the next sequence number (`update_seq` of appendix A.1).
    #[inline(always)]
    pub const fn step(&mut self, sequence: u16) -> Step {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "the lower half of an extended number is the number"
        )]
        let ahead = sequence.wrapping_sub(self.last as u16);
        if ahead == 0 {
            Step::Behind(0)
        } else if ahead < MAX_DROPOUT {
            self.last = self.last.wrapping_add(ahead as u32);
            Step::Ahead(ahead)
        } else if ahead > u16::MAX - MAX_MISORDER {
            Step::Behind(ahead.wrapping_neg())
        } else if self.bad == sequence as u32 {
            Step::Restarted
        } else {
            self.bad = sequence.wrapping_add(1) as u32;
            Step::Stray
        }
    }

    /// Whether this number may be the next, or come after a gap.
    #[inline(always)]
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "the lower half of an extended number is the number")]
    pub const fn is_continued_by(&self, sequence: u16) -> bool {
        let ahead = sequence.wrapping_sub(self.last as u16);
        ahead != 0 && ahead < MAX_DROPOUT
    }
}

/// Mean deviation of packet spacing, in nanoseconds (RFC 3550 section 6.4.1), kept sixteenfold as in A.8.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Jitter {
    ns_x16: u64,
}

impl Jitter {
    /// From its stored form.
    #[inline(always)]
    #[must_use]
    pub const fn from_quarter_ns(quarter_ns: u32) -> Self {
        Self { ns_x16: (quarter_ns as u64) << 2 }
    }

    /// Its stored form: quarters of a nanosecond, up to a second of them.
    #[inline(always)]
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "checked in the same line")]
    pub const fn quarter_ns(self) -> u32 {
        let quarters = self.ns_x16 >> 2;
        if quarters > u32::MAX as u64 { u32::MAX } else { quarters as u32 }
    }

    /// In nanoseconds.
    #[inline(always)]
    #[must_use]
    pub const fn ns(self) -> u64 {
        self.ns_x16 >> 4
    }

    /// Takes a packet that came `elapsed_ns` after the one before, stamped `ticks` later (modulo 2^32).
    #[inline(always)]
    pub const fn observe(&mut self, elapsed_ns: u64, ticks: u32, ns_per_tick: u32) {
        let stamped_ns = ticks.cast_signed() as i64 * ns_per_tick as i64;
        let deviation_ns = elapsed_ns.cast_signed().wrapping_sub(stamped_ns).unsigned_abs();
        self.ns_x16 = self.ns_x16.saturating_add(deviation_ns).saturating_sub((self.ns_x16 + 8) >> 4);
    }
}

#[cfg(test)]
mod tests;
