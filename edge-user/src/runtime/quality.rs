//! How the calls of each trunk have sounded: histograms of jitter, loss, spacing and round trip, of calls that are over.
//!
//! A call is counted once, with its record: what it was like as a whole. Histograms of calls that stand would have to be made by
//! walking all of them at each look, and would count a long call at each.
//!
//! Invariant: a trunk is one that the operator has named, so the number of rows is bounded; what comes in counts for the trunk that
//! it came from, and what a trunk has reported of what it was sent beside it.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use edge_core::call::{CallRecord, LegRecord};
use edge_core::media::SPACING_BUCKETS;

/// Trunks of all files that were in force in the life of the process: more than any file has.
const TRUNKS_MAX: usize = 16_384;

/// Packets of a side that make a figure worth counting: a second of speech.
const PACKETS_MIN: u64 = 50;

/// Where buckets end: jitter and round trips in microseconds, losses in millionths.
const JITTER_US: [u64; 9] = [1_000, 2_000, 5_000, 10_000, 20_000, 30_000, 50_000, 100_000, 200_000];
/// The same of the part that was lost.
const LOSS_PPM: [u64; 9] = [0, 1_000, 5_000, 10_000, 20_000, 50_000, 100_000, 200_000, 500_000];
/// The same of round trips.
const ROUND_TRIP_US: [u64; 9] = [1_000, 5_000, 10_000, 25_000, 50_000, 100_000, 150_000, 300_000, 600_000];

/// Observations by size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Observed {
    /// Where buckets end.
    pub ends: &'static [u64; 9],
    /// How many were up to the end of each bucket, and above that of the one before; the last ones are above all.
    pub counts: [u64; 10],
    /// All of them together.
    pub sum: u64,
}

impl Observed {
    const fn new(ends: &'static [u64; 9]) -> Self {
        Self { ends, counts: [0; 10], sum: 0 }
    }

    fn observe(&mut self, value: u64) {
        let bucket = self.ends.partition_point(|end| *end < value);
        self.counts[bucket] += 1;
        self.sum = self.sum.saturating_add(value);
    }
}

/// One direction of a trunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Way {
    /// Jitter of each call in microseconds.
    pub jitter_us: Observed,
    /// What each call has lost, in millionths.
    pub loss_ppm: Observed,
}

impl Way {
    const fn new() -> Self {
        Self { jitter_us: Observed::new(&JITTER_US), loss_ppm: Observed::new(&LOSS_PPM) }
    }

    fn observe(&mut self, jitter_us: u64, loss: f64) {
        self.jitter_us.observe(jitter_us);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "between 0 and a million"
        )]
        self.loss_ppm.observe((loss.clamp(0.0, 1.0) * 1e6).round() as u64);
    }
}

/// How the calls of one trunk have sounded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TrunkQuality {
    /// What came from it.
    pub received: Way,
    /// What was sent to it, by its own account.
    pub reported: Way,
    /// RTP packets that came from it, by the time since the one before: see `received.spacing` of a record.
    pub spacing: [u64; SPACING_BUCKETS],
    /// From here to it and back, in microseconds, of each call that told it.
    pub round_trip_us: Observed,
}

impl TrunkQuality {
    const fn new() -> Self {
        Self {
            received: Way::new(),
            reported: Way::new(),
            spacing: [0; SPACING_BUCKETS],
            round_trip_us: Observed::new(&ROUND_TRIP_US),
        }
    }
}

/// How the calls of all trunks have sounded.
#[derive(Debug, Default)]
pub struct Quality {
    trunks: Mutex<BTreeMap<String, TrunkQuality>>,
}

impl Quality {
    /// Counts a call that is over.
    pub(super) fn observe(&self, record: &CallRecord) {
        let mut trunks = self.trunks.lock().unwrap_or_else(PoisonError::into_inner);
        let sides = [(Some(&record.a), record.b.as_ref()), (record.b.as_ref(), Some(&record.a))];
        for (side, other) in sides {
            let Some(side) = side.filter(|side| side.media.packets > 0) else { continue };
            // Names are looked up before they are copied: nearly all calls are of a trunk that is known.
            if !trunks.contains_key(&side.trunk) {
                if trunks.len() >= TRUNKS_MAX {
                    continue;
                }
                trunks.insert(side.trunk.clone(), TrunkQuality::new());
            }
            if let Some(quality) = trunks.get_mut(&side.trunk) {
                count(quality, side, other);
            }
        }
    }

    /// How the calls of a trunk have sounded; `None` before its first one with media.
    #[must_use]
    pub fn of(&self, trunk: &str) -> Option<TrunkQuality> {
        self.trunks.lock().unwrap_or_else(PoisonError::into_inner).get(trunk).copied()
    }
}

fn count(quality: &mut TrunkQuality, side: &LegRecord, other: Option<&LegRecord>) {
    let (rtp, reported) = (&side.media.rtp, &side.media.reported);
    for (sum, more) in quality.spacing.iter_mut().zip(rtp.spacing) {
        *sum += more;
    }
    if rtp.expected() >= PACKETS_MIN {
        quality.received.observe(rtp.jitter_us, rtp.loss());
    }
    let sent = other.map_or(0, |other| other.media.rtp.expected());
    if reported.reports > 0 && sent >= PACKETS_MIN {
        quality.reported.observe(reported.jitter_us, reported.lost.max(0) as f64 / sent as f64);
    }
    if let Some(round_trip_us) = reported.round_trip_us {
        quality.round_trip_us.observe(round_trip_us);
    }
}

#[cfg(test)]
mod tests;
