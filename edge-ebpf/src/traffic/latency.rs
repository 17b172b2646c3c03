//! Latencies in buckets that are 3 % wide at most, as HDR histograms have them.

/// Buckets: up to 2^36 ns.
pub const BUCKETS: u32 = 1024;

/// Bits of a value that its bucket keeps beside the first.
const PRECISION: u32 = 5;
const PER_OCTAVE: u32 = 1 << PRECISION;

/// The bucket of a latency. What is longer than 2^36 ns counts as that.
#[inline(always)]
#[must_use]
#[expect(clippy::cast_possible_truncation, reason = "a value without its shift has six bits")]
pub const fn bucket(ns: u64) -> u32 {
    if ns < PER_OCTAVE as u64 {
        return ns as u32;
    }
    let shift = (63 - ns.leading_zeros()).wrapping_sub(PRECISION);
    let bucket = shift * PER_OCTAVE + (ns >> shift) as u32;
    if bucket < BUCKETS { bucket } else { BUCKETS - 1 }
}

/// The longest latency of a bucket, in nanoseconds.
#[must_use]
pub const fn longest(bucket: u32) -> u64 {
    if bucket < PER_OCTAVE {
        return bucket as u64;
    }
    let shift = bucket / PER_OCTAVE - 1;
    (((bucket % PER_OCTAVE + PER_OCTAVE) as u64 + 1) << shift) - 1
}
