//! Counters: each verdict has one of its own.

use std::collections::BTreeSet;
use std::vec::Vec;

use super::*;
use crate::abi::COUNTERS_MAX;

#[test]
fn every_counter_has_its_own_slot_and_name() {
    let slots: Vec<CounterSlot> = counters().collect();
    let indices: BTreeSet<u32> = slots.iter().map(|slot| slot.index).collect();
    let names: BTreeSet<(u8, &str)> = slots.iter().map(|slot| (slot.kind as u8, slot.name)).collect();
    assert_eq!((indices.len(), names.len()), (slots.len(), slots.len()));
    assert!(indices.iter().all(|index| *index < COUNTERS_MAX));
}

#[test]
fn relays_are_counted_by_stream_and_way_out() {
    let relay = |payload, egress| Verdict::Relay(RelayPath { payload, egress }).counter();
    let name = |index| counters().find(|slot| slot.index == index).map(|slot| slot.name);
    assert_eq!(name(relay(Payload::Rtp, Egress::SameDevice)), Some("rtp_same_device"));
    assert_eq!(name(relay(Payload::Rtp, Egress::Device(5))), Some("rtp_other_device"));
    assert_eq!(name(relay(Payload::Rtcp, Egress::SameDevice)), Some("rtcp_same_device"));
    assert_eq!(name(relay(Payload::Rtcp, Egress::Device(0))), Some("rtcp_other_device"));
}
