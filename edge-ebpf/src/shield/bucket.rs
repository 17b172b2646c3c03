//! Token buckets of one word: the time at which the bucket is full again (the generic cell rate algorithm of ITU-T I.371).
//!
//! Two CPUs at once may take one unit twice: that is a packet more in a burst of many. A bucket that has nothing left is
//! only read, so a flood does not make the CPUs take its line from one another.

use crate::abi::{Rate, Word};

/// Whether a unit would be there.
#[inline(always)]
pub(super) fn has_room(bucket: &Word, rate: &Rate, now_ns: u64) -> bool {
    next(bucket, rate, 0, now_ns).is_some()
}

/// Takes a unit, or the part of one that `shift` says, if it is there.
#[inline(always)]
pub(super) fn take(bucket: &Word, rate: &Rate, shift: u32, now_ns: u64) -> bool {
    let Some(full_at_ns) = next(bucket, rate, shift, now_ns) else { return false };
    bucket.store(full_at_ns);
    true
}

/// When the bucket is full again with a unit less in it.
#[inline(always)]
fn next(bucket: &Word, rate: &Rate, shift: u32, now_ns: u64) -> Option<u64> {
    let (interval_ns, burst_ns) = (rate.interval_ns.load(), rate.burst_ns.load());
    let full_at_ns = bucket.load().max(now_ns).saturating_add(interval_ns >> shift);
    (full_at_ns - now_ns <= burst_ns).then_some(full_at_ns)
}
