//! The table of cases between VLANs, what a tag says of its frame, and what no frame may bring about.

use std::vec::Vec;

use proptest::prelude::*;

use super::*;
use crate::forward::forward;
use crate::testing::{
    BytesFrame, CARRIER, INGRESS, LOCAL_A, LOCAL_B, MemoryTables, NEAR, OTHER_VID, PBX, Packet, Scene, Tally,
    VID, rtp, station, tagged, tagged_cases, vlans,
};

#[test]
fn every_case() {
    let cases = tagged_cases();
    assert!(cases.len() > 400, "{}", cases.len());
    for case in cases {
        let tables = MemoryTables::from(&case.scene);
        for (frame, verdict) in &case.before {
            assert_eq!(decided(&tables, frame, 256).0, *verdict, "{}", case.name);
        }
        let mut leaves = Vec::new();
        for frame in &case.frames {
            let (verdict, frame) = decided(&tables, frame, 256);
            assert_eq!(verdict, case.verdict, "{}", case.name);
            leaves = frame;
        }
        assert_eq!(leaves, case.leaves, "{}", case.name);
        let state = tables.state(case.endpoint).expect("the scene has it");
        assert_eq!(Tally::from(state), case.tally, "{}", case.name);
    }
}

/// DSCP, and the priority that a switch would give it: CS0, CS1, AF21, CS3, AF41, EF, CS6, CS7.
const PRIORITIES: &[(u8, u16)] =
    &[(0, 0), (7, 0), (8, 1), (18, 2), (24, 3), (34, 4), (46, 5), (48, 6), (56, 7), (63, 7)];

#[test]
fn the_priority_of_a_tag_is_the_class_selector() {
    for (dscp, priority) in PRIORITIES {
        for frame in [
            Packet::udp(CARRIER, LOCAL_A, rtp(1, 160, 9, 160)).with(|p| p.traffic_class = dscp << 2 | 3),
            Packet::udp_v6(([1; 16], 1), ([2; 16], 2), rtp(1, 160, 9, 160))
                .with(|p| p.traffic_class = dscp << 2 | 3),
        ] {
            let mut frame = BytesFrame { bytes: frame.build(), ifindex: 1, headroom: 4, arrival_ns: 1 };
            let before = frame.bytes.clone();
            put_on(&mut frame, OTHER_VID).expect("room for a tag");
            let control = priority << 13 | OTHER_VID;
            assert_eq!(frame.bytes[..12], before[..12]);
            assert_eq!(frame.bytes[12..16], [[0x81, 0], control.to_be_bytes()].concat());
            assert_eq!(frame.bytes[16..], before[12..]);
        }
    }
}

#[test]
fn without_room_for_a_tag_a_frame_is_dropped_and_counted() {
    let frame = Packet::udp(CARRIER, LOCAL_A, rtp(1, 160, 9, 160)).build();
    let tables = MemoryTables::from(&vlans(Scene::call(), false, true));
    assert_eq!(decided(&tables, &frame, 3).0, Verdict::Drop(DropReason::NoHeadroom));
    assert!(matches!(decided(&tables, &frame, 4).0, Verdict::Relay(_)));
    // The room that its own tag took is enough for the next one.
    let tables = MemoryTables::from(&vlans(Scene::call(), true, true));
    assert!(matches!(decided(&tables, &tagged(&frame, VID), 0).0, Verdict::Relay(_)));
}

proptest! {
    #[test]
    fn any_tag_crosses_only_from_the_vlan_of_its_realm(control in any::<u16>(), came in any::<bool>()) {
        let sent = Packet { vlan: Some(control), ..Packet::udp(CARRIER, LOCAL_A, rtp(1, 160, 9, 160)) };
        let tables = MemoryTables::from(&vlans(Scene::call(), came, true));
        let (verdict, frame) = decided(&tables, &sent.build(), 256);
        let own = control & 0xfff == if came { VID } else { 0 };
        prop_assert_eq!(matches!(verdict, Verdict::Relay(_)), own);
        let expected = if own {
            let leaves = Packet { vlan: None, ..sent }.with(|packet| {
                (packet.source, packet.destination, packet.ttl) = (LOCAL_B, PBX, 64);
                packet.stations = [station(0x82), station(2)];
            });
            tagged(&leaves.build(), OTHER_VID)
        } else {
            sent.build()
        };
        prop_assert_eq!(frame, expected);
    }

    #[test]
    fn any_bytes_behind_a_tag_end_in_a_verdict_and_only_relayed_ones_change(
        bytes in prop::collection::vec(any::<u8>(), 0..120),
    ) {
        let mut frame = [2; 12].to_vec();
        frame.extend([0x81, 0, 0, VID as u8]);
        frame.extend(&bytes);
        let tables = MemoryTables::from(&vlans(Scene::call(), true, true));
        let (verdict, after) = decided(&tables, &frame, 256);
        prop_assert!(!matches!(verdict, Verdict::Relay(_)));
        prop_assert_eq!(after, frame);
        prop_assert_eq!(tables.state(NEAR).expect("the scene has it").rtp_packets(), 0);
    }
}

fn decided(tables: &MemoryTables, bytes: &[u8], headroom: usize) -> (Verdict, Vec<u8>) {
    let mut frame = BytesFrame { bytes: bytes.to_vec(), ifindex: INGRESS, headroom, arrival_ns: 1 };
    let verdict = forward(&mut frame, tables);
    (verdict, frame.bytes)
}
