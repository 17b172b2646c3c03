//! How far away the far side is, and what becomes of its reports when sources follow one another. What single packets say is among
//! the cases that every host runs.

use alloc::vec::Vec;

use crate::forward::forward;
use crate::tables::Tables;
use crate::testing::{
    BytesFrame, CARRIER, FAR, INGRESS, LOCAL_A, LOCAL_B, MemoryTables, PBX, Packet, Scene, rtp,
};
use crate::verdict::Verdict;

const SECOND: u64 = 1_000_000_000;
/// A millisecond in 2^-16 s.
const MS: u32 = 65;

struct Leg(([u8; 4], u16), ([u8; 4], u16));

const OF_CARRIER: Leg = Leg(CARRIER, LOCAL_A);
const OF_PBX: Leg = Leg(PBX, LOCAL_B);

fn crosses(tables: &MemoryTables, Leg(from, to): &Leg, port: u16, payload: Vec<u8>, arrival_ns: u64) {
    let bytes = Packet::udp((from.0, from.1 + port), (to.0, to.1 + port), payload).build();
    let mut frame = BytesFrame { bytes, ifindex: INGRESS, headroom: 256, arrival_ns };
    assert!(matches!(forward(&mut frame, tables), Verdict::Relay(_)));
}

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_be_bytes()).collect()
}

/// The carrier's sender report at 1234.5 s by its clock.
fn sender_report() -> Vec<u8> {
    words(&[0x80c8_0006, 9, 1234, 0x8000_0000, 0, 1, 160])
}

/// The middle of that time.
const ITS_TIME: u32 = 1234 << 16 | 0x8000;

fn listener(ssrc: u32, lost: u32, [last, delay]: [u32; 2]) -> Vec<u8> {
    words(&[0x81c9_0007, 66, ssrc, lost, 100, 6, last, delay])
}

fn round_trip(tables: &MemoryTables) -> Option<u32> {
    tables.state(FAR).expect("the scene has it").reception_report().round_trip
}

/// Both sides have sent, and the carrier a sender report at 10 s.
fn reported() -> MemoryTables {
    let tables = MemoryTables::from(&Scene::call());
    crosses(&tables, &OF_PBX, 0, rtp(1, 160, 5, 160), 9 * SECOND);
    crosses(&tables, &OF_CARRIER, 0, rtp(1, 160, 9, 160), 9 * SECOND);
    crosses(&tables, &OF_CARRIER, 1, sender_report(), 10 * SECOND);
    tables
}

#[test]
fn the_round_trip_is_that_to_whoever_answers() {
    let tables = reported();
    assert_eq!(round_trip(&tables), None);
    // It has kept it for two seconds.
    let answer = || listener(9, 0, [ITS_TIME, 2 << 16]);
    crosses(&tables, &OF_PBX, 1, answer(), 12 * SECOND + 40_000_000);
    let found = round_trip(&tables).expect("it was answered");
    assert!((40 * MS..=41 * MS).contains(&found), "{found}");
    // By its clock it has kept it for longer than it was away.
    crosses(&tables, &OF_PBX, 1, answer(), 12 * SECOND - 1_000_000);
    assert_eq!(round_trip(&tables), Some(0));
}

#[test]
fn what_answers_nothing_tells_no_round_trip() {
    let tables = reported();
    for since in [[0, 0], [ITS_TIME + 1, 2 << 16], [ITS_TIME, 200 << 16]] {
        crosses(&tables, &OF_PBX, 1, listener(9, 0, since), 12 * SECOND);
        assert_eq!(round_trip(&tables), None, "{since:?}");
    }
    assert_eq!(tables.state(FAR).expect("it is there").reception_report().reports, 3);
}

#[test]
fn what_is_lost_of_one_source_is_added_to_that_of_the_next() {
    let tables = reported();
    let lost = |ssrc, lost| {
        crosses(&tables, &OF_PBX, 1, listener(ssrc, lost, [0, 0]), 12 * SECOND);
        tables.state(FAR).expect("it is there").reception_report().lost
    };
    assert_eq!((lost(9, 4), lost(9, 7)), (7 - 3, 7));
    crosses(&tables, &OF_CARRIER, 0, rtp(500, 160, 10, 160), 12 * SECOND);
    assert_eq!((lost(10, 0), lost(10, 2), lost(9, 50)), (7, 9, 9), "and of the one before nothing more");
}

#[test]
fn another_call_begins_without_reports() {
    let tables = reported();
    crosses(&tables, &OF_PBX, 1, listener(9, 7, [ITS_TIME, 2 << 16]), 13 * SECOND);
    let state = tables.state(FAR).expect("it is there");
    assert_eq!(state.reception_report().reports, 1);
    assert_eq!(state.adopted(state.owner(), 8).reception_report(), crate::abi::ReceptionReport::default());
}
