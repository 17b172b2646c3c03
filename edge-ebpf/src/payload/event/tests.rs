//! Every way that packets of events can arrive, and what is told of it.

use std::vec::Vec;

use proptest::prelude::*;

use super::{Packet, step, taken};
use crate::abi::DigitSlot;

const MS_NS: u64 = 1_000_000;

/// A packet: timestamp, event, whether it is the end, duration.
type Row = (u32, u8, bool, u16);

/// Its name, the packets, and what is told: event and ticks.
type Case<'a> = (&'a str, &'a [Row], &'a [(u8, u16)]);

/// What is told of these packets: event and ticks.
fn told(packets: &[Row]) -> Vec<(u8, u16)> {
    let slot = DigitSlot::default();
    let mut told = Vec::new();
    for (timestamp, event, is_end, duration) in packets.iter().copied() {
        let (heard, over) = step(slot.heard(), Packet { timestamp, event, is_end, volume: 10, duration });
        slot.keep_heard(heard, 1);
        assert_eq!(slot.heard(), heard, "the words hold all of it");
        told.extend(over.into_iter().flatten().map(|over| (over.event, over.duration_ticks)));
    }
    told
}

#[test]
fn an_event_is_told_once_however_it_arrives() {
    let (begin, middle, end) = ((100, 5, false, 160), (100, 5, false, 320), (100, 5, true, 800));
    let next = (2100, 6, false, 160);
    let segment = (100 + 0xffff, 5, true, 1600);
    let rows: [Case<'_>; 13] = [
        ("nothing of it is over", &[begin, middle], &[]),
        ("three ends are one event", &[begin, middle, end, end, end], &[(5, 800)]),
        ("its begin is lost", &[middle, end, end], &[(5, 800)]),
        ("only one end is left of it", &[end], &[(5, 800)]),
        ("its end is lost", &[begin, middle, next], &[(5, 320)]),
        ("both are lost around it", &[begin, (2100, 6, true, 400)], &[(5, 160), (6, 400)]),
        ("a packet of its begin comes late", &[begin, end, middle, end], &[(5, 800)]),
        (
            "a packet of the one before comes late",
            &[end, next, end, (2100, 6, true, 400)],
            &[(5, 800), (6, 400)],
        ),
        ("the same digit twice is two", &[end, end, (2100, 5, true, 800)], &[(5, 800), (5, 800)]),
        (
            "another source begins far behind",
            &[(9_000_000, 5, true, 800), (100, 6, true, 400)],
            &[(5, 800), (6, 400)],
        ),
        ("timestamps wrap", &[(u32::MAX - 10, 5, true, 800), (3000, 6, true, 400)], &[(5, 800), (6, 400)]),
        ("a long one in segments", &[begin, (100, 5, false, 0xffff), segment], &[(5, 1600)]),
        (
            "another one after a long one",
            &[(100, 5, false, 0xffff), (99_999, 5, true, 160)],
            &[(5, 0xffff), (5, 160)],
        ),
    ];
    for (name, packets, expected) in rows {
        assert_eq!(told(packets), expected, "{name}");
    }
}

#[test]
fn sixteen_at_once_and_fifteen_a_second() {
    let count = |times: u64, every_ns: u64| {
        let mut full_at = 0;
        (0..times)
            .filter(|number| {
                taken(full_at, number * every_ns).is_some_and(|next| {
                    full_at = next;
                    true
                })
            })
            .count()
    };
    assert_eq!(count(600, 0), 16);
    // Ten seconds of sixty a second.
    assert!((150..=175).contains(&count(600, 1000 * MS_NS / 60)));
    // As people dial.
    assert_eq!(count(120, 100 * MS_NS), 120);
}

proptest! {
    /// Any packets at all: no event is told more than once.
    #[test]
    fn never_more_than_once(packets in prop::collection::vec((0_u32..6, 0_u8..3, any::<bool>(), 0_u16..0xfff0), 0..40)) {
        let packets: Vec<Row> =
            packets.into_iter().map(|(number, event, end, ticks)| (number * 2000, event, end, ticks)).collect();
        let mut newest = None;
        let mut events = 0;
        for (timestamp, ..) in &packets {
            if newest.is_none_or(|newest| *timestamp > newest) {
                newest = Some(*timestamp);
                events += 1;
            }
        }
        prop_assert!(told(&packets).len() <= events);
    }
}
