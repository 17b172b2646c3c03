//! What packets of speech leave as while a digit is ordered.

use std::vec::Vec;

use super::{Rides, step};
use crate::abi::{DigitOrder, DigitSending};

/// Its name, the timestamps of speech, and what leaves.
type Case<'a> = (&'a str, &'a [u32], &'a [Option<(u16, bool)>]);

/// What leaves: its duration, and `true` at the end; `None` is speech.
fn leaves(order: DigitOrder, timestamps: &[u32]) -> Vec<Option<(u16, bool)>> {
    let mut sending = DigitSending::default();
    let mut firsts = 0;
    let said = timestamps.iter().map(|timestamp| {
        let (next, rides) = step(sending, order, *timestamp, 160);
        sending = next;
        firsts += usize::from(rides.is_some_and(|rides| rides.is_first));
        rides.map(|Rides { duration, is_end, .. }| (duration, is_end))
    });
    let said = said.collect();
    assert!(firsts <= 1, "one packet is marked");
    said
}

#[test]
fn a_digit_grows_with_the_speech_under_it() {
    let order = DigitOrder { call: 1, number: 1, event: 5, duration_ticks: 400 };
    let (go, end) = (|ticks| Some((ticks, false)), Some((400, true)));
    let at = |number: u32| 1000_u32.wrapping_add(number * 160);
    let rows: [Case<'_>; 6] = [
        (
            "as it should",
            &[at(0), at(1), at(2), at(3), at(4), at(5)],
            &[go(160), go(320), end, end, end, None],
        ),
        ("a packet is lost", &[at(0), at(2), at(3), at(4), at(5)], &[go(160), end, end, end, None]),
        ("speech of before it comes late", &[at(1), at(0), at(2), at(3)], &[go(160), None, go(320), end]),
        ("the same packet twice", &[at(0), at(0), at(1)], &[go(160), go(160), go(320)]),
        (
            "packets change places at the end",
            &[at(0), at(2), at(1), at(3), at(4)],
            &[go(160), end, end, end, None],
        ),
        ("the source begins anew", &[900_000, 100, 260, 420], &[go(160), end, end, end]),
    ];
    for (name, timestamps, expected) in rows {
        assert_eq!(leaves(order, timestamps), expected, "{name}");
    }
    let wrapping = leaves(order, &[u32::MAX - 100, 59, 219, 379, 539, 699]);
    assert_eq!(wrapping, [go(160), go(320), end, end, end, None]);
}

#[test]
fn one_that_is_shorter_than_a_packet_is_over_at_once() {
    let order = DigitOrder { call: 1, number: 1, event: 5, duration_ticks: 100 };
    let end = Some((100, true));
    assert_eq!(leaves(order, &[0, 160, 320, 480]), [end, end, end, None]);
}
