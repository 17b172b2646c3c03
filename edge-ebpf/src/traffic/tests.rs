use std::vec::Vec;

use zerocopy::{FromBytes, transmute};

use super::*;
use crate::wire::checksum::Checksum;

#[test]
fn a_latency_is_in_the_bucket_whose_bounds_it_lies_between() {
    for bits in 0..37 {
        for ns in [1_u64 << bits, (1 << bits) + 1, (1 << bits) - 1, (1 << bits) * 3 / 2] {
            let bucket = bucket(ns);
            if bucket == BUCKETS - 1 {
                assert!(ns >= longest(BUCKETS - 2));
                continue;
            }
            assert!(ns <= longest(bucket), "{ns}");
            assert!(bucket == 0 || ns > longest(bucket - 1), "{ns}");
            assert!(longest(bucket) - ns <= ns / 32 + 1, "{ns}");
        }
    }
    assert_eq!(bucket(u64::MAX), BUCKETS - 1);
}

#[test]
fn buckets_follow_one_another() {
    for index in 1..BUCKETS {
        assert_eq!(bucket(longest(index - 1) + 1), index);
    }
}

#[test]
fn a_window_tells_new_from_old() {
    let window = Window::default();
    let arrivals: Vec<Arrival> =
        [0, 1, 1, 3, 2, 2, 0, 70, 5, 7, 70, 71].iter().map(|number| window.record(*number)).collect();
    let expected = [
        Arrival::New,
        Arrival::New,
        Arrival::Duplicate,
        Arrival::New,
        Arrival::New,
        Arrival::Duplicate,
        Arrival::Duplicate,
        Arrival::New,
        Arrival::Late,
        Arrival::New,
        Arrival::Duplicate,
        Arrival::New,
    ];
    assert_eq!(arrivals, expected);
}

#[test]
fn what_is_due_grows_with_time_and_ends_with_the_order() {
    let orders = Orders::default();
    orders.packets_a_second.store(1_000_000);
    orders.duration_ns.store(1_000_000_000);
    assert_eq!(orders.due(0, 0), 0);
    assert_eq!(orders.due(10_000, 0), 10);
    assert_eq!(orders.due(10_000, 12), 0);
    assert_eq!(orders.due(1_000_000_000, 0), 0);
    orders.packets_a_second.store(u64::MAX);
    orders.duration_ns.store(180_000_000_000);
    assert!(orders.due(179_000_000_000, 0) > BATCH);
}

#[test]
fn a_mark_says_what_was_stamped_and_the_sum_stays() {
    let headers: [u8; 42] = core::array::from_fn(|index| u8::try_from(index).unwrap_or(0));
    let head = Head::of_stream(headers, 0x1234_5678, 77);
    let sum = |head: Head| {
        let words: [[u8; 2]; HEAD_LEN / 2] = transmute!(head);
        Checksum::over(words)
    };
    for (number, now) in [(0, 0), (1, 1), (65_535, 5), (65_536, u64::MAX), (u32::MAX, 0x0102_0304_0506_0708)]
    {
        let stamped = head.stamped(number, now);
        let bytes: [u8; HEAD_LEN] = transmute!(stamped);
        assert_eq!(bytes[..42], headers);
        let mark = Mark::read_from_prefix(&bytes[Mark::OFFSET..]).expect("a head has a mark").0;
        assert!(mark.is_ours());
        assert_eq!((mark.stream(), mark.number(), mark.departed_ns()), (77, number, now));
        assert_eq!(bytes[44..46], u16::try_from(number & 0xffff).expect("16 bits").to_be_bytes());
        assert_eq!(bytes[46..50], number.wrapping_mul(TICKS).to_be_bytes());
        assert_eq!(bytes[50..54], 0x1234_5678_u32.to_be_bytes());
        assert_eq!(sum(stamped), sum(head));
    }
}
