//! Buckets for times of any length, as HDR histograms have them: so many to each power of two, told by the first bits of a value.

/// The bucket of a value, when 2^`PRECISION` of them share a power of two: each is 2^-`PRECISION` of its value wide at most.
#[inline(always)]
#[must_use]
#[expect(
    clippy::cast_possible_truncation,
    reason = "a value without its shift has one bit more than the precision"
)]
pub const fn log_bucket<const PRECISION: u32>(value: u64) -> u32 {
    let per_octave = 1 << PRECISION;
    if value < per_octave as u64 {
        return value as u32;
    }
    let shift = (63 - value.leading_zeros()).wrapping_sub(PRECISION);
    shift * per_octave + (value >> shift) as u32
}

/// The largest value of a bucket.
#[must_use]
pub const fn largest_of<const PRECISION: u32>(bucket: u32) -> u64 {
    let per_octave = 1 << PRECISION;
    if bucket < per_octave {
        return bucket as u64;
    }
    let shift = bucket / per_octave - 1;
    (((bucket % per_octave + per_octave) as u64 + 1) << shift) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_bucket_ends_where_the_next_one_begins() {
        for bucket in 0..200 {
            let largest = largest_of::<2>(bucket);
            if largest > u64::MAX >> 1 {
                break;
            }
            assert_eq!((log_bucket::<2>(largest), log_bucket::<2>(largest + 1)), (bucket, bucket + 1));
        }
        assert_eq!([127, 128, 159, 160].map(log_bucket::<2>), [23, 24, 24, 25]);
    }
}
