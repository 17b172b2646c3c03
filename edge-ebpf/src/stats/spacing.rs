//! How far apart packets come: a histogram by powers of two, and the unit that it and the largest gap are kept in.

/// Buckets of the histogram.
pub const SPACING_BUCKETS: usize = 8;

/// The first bucket ends at 2^22 ns, 4.19 ms; each next one at twice as much, and the last one has no end.
const FIRST_SHIFT: u32 = 22;
/// A gap is kept in units of 2^10 ns, 1.024 us: 32 bits of them are 73 minutes.
const UNIT_SHIFT: u32 = 10;

/// Bucket of packets that come `elapsed_ns` after the one before.
///
/// Without a comparison, because each would be two ways for the verifier to follow.
#[inline(always)]
#[must_use]
pub const fn bucket(elapsed_ns: u64) -> usize {
    let units = elapsed_ns >> FIRST_SHIFT;
    // All bits below the highest one; of these, seven: what has a higher one has all of them.
    let units = units | units >> 1;
    let units = units | units >> 2;
    let units = units | units >> 4;
    let units = units | units >> 8;
    let units = (units | units >> 16 | units >> 32) & 0x7f;
    let pairs = (units & 0x55) + (units >> 1 & 0x55);
    let fours = (pairs & 0x33) + (pairs >> 2 & 0x33);
    ((fours & 0x0f) + (fours >> 4)) as usize & (SPACING_BUCKETS - 1)
}

/// Where a bucket ends, in nanoseconds; `None` for the last one.
#[must_use]
pub const fn bucket_end_ns(bucket: usize) -> Option<u64> {
    if bucket + 1 < SPACING_BUCKETS { Some(1 << (FIRST_SHIFT as usize + bucket)) } else { None }
}

/// A gap as it is kept.
#[inline(always)]
#[must_use]
#[expect(clippy::cast_possible_truncation, reason = "checked in the same line")]
pub const fn gap_units(elapsed_ns: u64) -> u32 {
    let units = elapsed_ns >> UNIT_SHIFT;
    if units > u32::MAX as u64 { u32::MAX } else { units as u32 }
}

/// A gap that was kept, in nanoseconds.
#[must_use]
pub const fn gap_ns(units: u32) -> u64 {
    (units as u64) << UNIT_SHIFT
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_double() {
        let ends: [_; SPACING_BUCKETS] = core::array::from_fn(bucket_end_ns);
        let mut begin = 0;
        for (number, end) in ends.into_iter().enumerate() {
            assert_eq!(bucket(begin), number);
            let Some(end) = end else { continue };
            assert_eq!((bucket(end - 1), bucket(end)), (number, number + 1));
            begin = end;
        }
        assert_eq!(bucket(20_000_000), 3, "16.8 to 33.6 ms");
        assert_eq!(bucket(u64::MAX), SPACING_BUCKETS - 1);
    }

    #[test]
    fn a_gap_is_kept_to_a_microsecond() {
        assert_eq!(gap_ns(gap_units(20_000_000)), 20_000_000 / 1024 * 1024);
        assert_eq!(gap_units(u64::MAX), u32::MAX);
    }
}
