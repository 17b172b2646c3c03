//! How long packets that are relayed take from one end of the programs to the other, by the device that they came in by: the edge's
//! own share of what they are late.
//!
//! Each 64th packet of a CPU is measured. A row is one CPU's, so that counting is plain.

use super::word::Word;
use crate::stats::log_bucket;

/// One packet in so many is measured; a power of two.
pub const LATENCY_SAMPLED: u64 = 64;
/// Buckets of a row: four to each power of two of nanoseconds. The last one begins at 7.5 s, and has no end.
pub const LATENCY_BUCKETS: usize = 128;
/// Four.
pub const LATENCY_PRECISION: u32 = 2;

/// Latencies of packets of one device: a row of [`LATENCIES`](super::LATENCIES).
#[derive(Debug)]
#[cfg_attr(not(target_arch = "bpf"), derive(zerocopy::FromBytes, zerocopy::IntoBytes))]
#[repr(C)]
pub struct LatencyRow {
    sum_ns: Word,
    counts: [Word; LATENCY_BUCKETS],
}

const _: () = assert!(size_of::<LatencyRow>() == 1032);

impl LatencyRow {
    /// Counts `packets` that took so long.
    #[inline(always)]
    pub fn record(&self, ns: u64, packets: u64) {
        self.sum_ns.add(ns.wrapping_mul(packets));
        let bucket = log_bucket::<LATENCY_PRECISION>(ns) as usize;
        let last = LATENCY_BUCKETS - 1;
        if let Some(count) = self.counts.get(if bucket < last { bucket } else { last }) {
            count.add(packets);
        }
    }

    /// The sum of the latencies in nanoseconds, and how many there were in each bucket.
    #[must_use]
    pub fn read(&self) -> (u64, [u64; LATENCY_BUCKETS]) {
        (self.sum_ns.load(), core::array::from_fn(|bucket| self.counts[bucket].load()))
    }
}
