//! Latencies in buckets that are 3 % wide at most, as HDR histograms have them.

use crate::stats::{largest_of, log_bucket};

/// Buckets: up to 2^36 ns.
pub const BUCKETS: u32 = 1024;

/// Bits of a value that its bucket keeps beside the first.
const PRECISION: u32 = 5;

/// The bucket of a latency. What is longer than 2^36 ns counts as that.
#[inline(always)]
#[must_use]
pub const fn bucket(ns: u64) -> u32 {
    let bucket = log_bucket::<PRECISION>(ns);
    if bucket < BUCKETS { bucket } else { BUCKETS - 1 }
}

/// The longest latency of a bucket, in nanoseconds.
#[must_use]
pub const fn longest(bucket: u32) -> u64 {
    largest_of::<PRECISION>(bucket)
}
