//! Buckets: their depth, their rate, and clocks that wrap.

use proptest::prelude::*;

use super::{Budget, DEPTH_TICKS, Rate, TICK_NS_SHIFT};

const SECOND_NS: u64 = 1_000_000_000;

/// How many of `packets` of `bytes`, one each `every_ns`, are taken.
fn taken(rate: Rate, packets: u64, bytes: u64, every_ns: u64) -> u64 {
    let mut budget = Budget::default();
    let arrivals = (0..packets).map(|number| 5 * SECOND_NS + number * every_ns);
    let accepted = arrivals.filter(|now_ns| match budget.after(*now_ns, bytes, rate) {
        Some(after) => {
            budget = after;
            true
        }
        None => false,
    });
    accepted.count() as u64
}

#[test]
fn what_keeps_to_the_rate_is_taken_whole() {
    let rate = Rate::of(100, 20_000);
    assert_eq!(taken(rate, 10_000, 200, SECOND_NS / 100), 10_000);
    assert_eq!(taken(rate, 10_000, 100, SECOND_NS / 100), 10_000);
}

#[test]
fn what_exceeds_either_rate_is_cut_to_it() {
    // Ten seconds, and the depth of two more; costs are whole ticks, in favour of the sender.
    let rows =
        [(1000, 10, 1200..1230), (1000, 200, 1200..1230), (100, 400, 595..610), (4000, 20, 1200..1230)];
    for (per_second, bytes, expected) in rows {
        let got = taken(Rate::of(100, 20_000), 10 * per_second, bytes, SECOND_NS / per_second);
        assert!(expected.contains(&got), "{per_second} of {bytes}: {got}");
    }
}

#[test]
fn two_seconds_may_come_at_once() {
    let got = taken(Rate::of(100, 0), 1000, 200, 0);
    assert!((200..=204).contains(&got), "{got}");
}

#[test]
fn no_rate_is_no_bound_and_an_impossible_packet_is_never_taken() {
    assert_eq!(taken(Rate::default(), 1000, 60_000, 0), 1000);
    assert_eq!(taken(Rate::of(0, 1), 3, 200, SECOND_NS), 0);
}

proptest! {
    /// Whatever is left in a word, and whenever: a packet that comes after two quiet seconds is taken.
    #[test]
    fn a_stale_word_stops_nobody_for_longer_than_the_bucket_is_deep(
        (packets, bytes) in any::<(u32, u32)>(),
        now_ns in any::<u64>(),
    ) {
        let (budget, rate) = (Budget { packets, bytes }, Rate::of(50, 50_000));
        let later = now_ns.wrapping_add(u64::from(DEPTH_TICKS) << TICK_NS_SHIFT);
        prop_assert!(budget.after(now_ns, 200, rate).is_some() || budget.after(later, 200, rate).is_some());
    }

    #[test]
    fn both_buckets_or_none(packets in 0..DEPTH_TICKS, bytes in 0..DEPTH_TICKS) {
        let before = Budget { packets, bytes };
        if let Some(after) = before.after(0, 200, Rate::of(50, 50_000)) {
            prop_assert!(after.packets > before.packets && after.bytes > before.bytes);
        }
    }
}
