//! What holds of a stream whoever is behind it: generated sources that lose, repeat and overtake packets, over the wraps.

use std::vec::Vec;

use proptest::prelude::*;

use super::rtp::{Packet, Place, place};
use crate::abi::SteadySlot;

const OURS: u32 = 0x0102_0304;
const MS: u64 = 1_000_000;

fn slot() -> SteadySlot {
    let slot = SteadySlot::default();
    slot.describe(7, OURS, None);
    slot.begin(None);
    slot
}

fn packet(ssrc: u32, sequence: u16, timestamp: u32, ms: u64) -> Packet {
    Packet { ssrc, sequence, timestamp, generation: 1, ns: 1 + ms * MS, ns_per_tick: 125_000 }
}

fn placed(slot: &SteadySlot, packet: Packet) -> (u16, u32, bool) {
    let Place { sequence, timestamp, marks } = place(slot, packet).expect("a place");
    (sequence, timestamp, marks)
}

#[test]
fn timestamps_go_on_by_the_time_between_sources() {
    let slot = slot();
    assert_eq!(placed(&slot, packet(1, 10, 1000, 0)), (10, 1000, false));
    assert_eq!(placed(&slot, packet(2, 500, 7, 100)), (11, 1800, true), "100 ms are 800 ticks");
    assert_eq!(placed(&slot, packet(2, 501, 167, 120)), (12, 1960, false));
    assert_eq!(placed(&slot, packet(3, 0, 0, 121)), (13, 2120, true), "a packet has 20 ms");
}

#[test]
fn an_event_takes_no_time_from_what_follows() {
    let slot = slot();
    placed(&slot, packet(1, 10, 1000, 0));
    // Packets of one event have the timestamp of its begin (RFC 4733 section 2.2.2).
    for number in 1..10 {
        assert_eq!(placed(&slot, packet(1, 10 + number, 1160, 20 * u64::from(number))).1, 1160);
    }
    assert_eq!(placed(&slot, packet(2, 0, 0, 200)), (20, 1160 + 180 * 8, true));
}

#[test]
fn a_source_that_was_followed_gets_the_stream_back_after_a_silence_or_when_it_is_signalled() {
    let slot = slot();
    placed(&slot, packet(1, 10, 1000, 0));
    placed(&slot, packet(2, 500, 7, 20));
    assert_eq!(place(&slot, packet(1, 11, 1160, 21)), None);
    assert_eq!(placed(&slot, packet(1, 9, 840, 22)), (9, 840, false), "late, and its own");
    assert_eq!(placed(&slot, packet(1, 40, 5800, 600)).0, 12, "the other one is silent");
    placed(&slot, packet(2, 501, 167, 1200));
    let signalled = Packet { generation: 2, ..packet(1, 41, 5960, 1210) };
    assert_eq!(placed(&slot, signalled).0, 14);
}

#[test]
fn the_same_source_that_begins_anew_is_another_one_when_it_is_signalled() {
    let slot = slot();
    placed(&slot, packet(1, 10, 1000, 0));
    let anew = Packet { generation: 2, ..packet(1, 40_000, 9, 20) };
    assert_eq!(placed(&slot, anew), (11, 1160, true));
    let goes_on = Packet { generation: 3, ..packet(1, 40_001, 169, 40) };
    assert_eq!(placed(&slot, goes_on), (12, 1320, false), "nothing has changed");
    assert_eq!(
        placed(&slot, Packet { generation: 3, ..packet(1, 5, 1, 60) }).0,
        5u16.wrapping_sub(40_001).wrapping_add(12),
        "lost its way by itself"
    );
}

#[test]
fn a_stream_that_left_by_another_endpoint_goes_on_here() {
    let former = slot();
    placed(&former, packet(1, 10, 1000, 0));
    let slot = SteadySlot::default();
    slot.describe(8, OURS, Some(3));
    assert_eq!((slot.is_new(), slot.follows()), (true, Some(3)));
    assert_eq!(former.left(OURS + 1), None);
    slot.begin(former.left(slot.ssrc()));
    assert!(!slot.is_new());
    assert_eq!(placed(&slot, packet(2, 500, 7, 40)), (11, 1320, true));
    slot.describe(9, OURS, None);
    assert!(slot.is_new() && slot.reached().is_none(), "another call");
}

/// What sources do: who sends, how far on its numbers, and after how long.
#[derive(Debug, Clone)]
struct Sent {
    source: u32,
    ahead: i8,
    ms: u64,
}

fn sent() -> impl Strategy<Value = Vec<Sent>> {
    let one = (prop::sample::select(std::vec![0_u32, 0, 0, 0, 0, 0, 1, 2]), -3_i8..6, 1_u64..60);
    prop::collection::vec(one.prop_map(|(source, ahead, ms)| Sent { source, ahead, ms }), 1..200)
}

proptest! {
    #[test]
    fn within_a_source_differences_stay_and_at_a_change_nothing_goes_back(
        events in sent(),
        starts in any::<[(u16, u32); 3]>(),
    ) {
        let slot = slot();
        let (mut sources, mut now_ms, mut current) = (starts, 0, 0_u32);
        // What the source that has the stream sent first, and how that left; the highest numbers of the stream.
        let mut base: Option<(u32, Packet, Place)> = None;
        let mut highest: Option<(u16, u32)> = None;
        for Sent { source, ahead, ms } in events {
            current = (current + source) % 3;
            now_ms += ms;
            let (sequence, timestamp) = sources[current as usize];
            let step = i32::from(ahead);
            let packet = packet(
                current + 1,
                sequence.wrapping_add_signed(step as i16),
                timestamp.wrapping_add_signed(step * 160),
                now_ms,
            );
            if step > 0 {
                sources[current as usize] = (packet.sequence, packet.timestamp);
            }
            let Some(leaves) = place(&slot, packet) else { continue };
            let has_it = base.as_ref().filter(|(ssrc, ..)| *ssrc == packet.ssrc);
            if leaves.marks || base.is_none() {
                if let Some((sequence, timestamp)) = highest {
                    prop_assert_eq!(leaves.sequence, sequence.wrapping_add(1));
                    prop_assert!((leaves.timestamp.wrapping_sub(timestamp) as i32) >= 160);
                }
                base = Some((packet.ssrc, packet, leaves));
            } else if let Some((_, first, left)) = has_it {
                prop_assert_eq!(
                    leaves.sequence.wrapping_sub(left.sequence),
                    packet.sequence.wrapping_sub(first.sequence)
                );
                prop_assert_eq!(
                    leaves.timestamp.wrapping_sub(left.timestamp),
                    packet.timestamp.wrapping_sub(first.timestamp)
                );
            } else {
                // Late, of the source before: the stream is further on.
                continue;
            }
            let (sequence, timestamp) = highest.unwrap_or((leaves.sequence, leaves.timestamp));
            if leaves.sequence.wrapping_sub(sequence) < 1 << 15 {
                highest = Some((leaves.sequence, leaves.timestamp));
            } else {
                highest = Some((sequence, timestamp));
            }
        }
    }
}
