//! The table of cases over tables in memory, and what must hold for any frame at all.

mod families;
mod sources;

use std::vec::Vec;

use proptest::prelude::*;

use super::forward;
use crate::abi::Endpoint;
use crate::tables::Tables;
use crate::testing::{
    BytesFrame, CARRIER, Case, INGRESS, LOCAL_A, LOCAL_B, MemoryTables, NEAR, PBX, Packet, Scene, Tally,
    UdpChecksum, any_tables, cases, rtp,
};
use crate::verdict::{DropReason, PassReason, Verdict};
use crate::wire::Payload;

#[test]
fn every_case() {
    for case in cases() {
        run(&case);
    }
}

#[test]
fn every_reason_has_a_case() {
    let seen: Vec<Verdict> = cases().iter().map(|case| case.verdict).collect();
    for reason in PassReason::ALL {
        assert!(seen.contains(&Verdict::Pass(*reason)), "no case passes for {reason:?}");
    }
    // The devmap is asked after the decision: only the loaded program can miss a device, or a stage. And an entry that changes
    // under three reads takes a writer that does nothing else, not a table. Headroom is `families`' affair.
    let elsewhere =
        [DropReason::NoDevice, DropReason::NoStage, DropReason::EntryChanging, DropReason::NoHeadroom];
    for reason in DropReason::ALL.iter().filter(|reason| !elsewhere.contains(reason)) {
        assert!(seen.contains(&Verdict::Drop(*reason)), "no case drops for {reason:?}");
    }
}

#[test]
fn truncation_to_every_length_is_refused() {
    let whole = media().build();
    for len in 0..whole.len() {
        let (verdict, frame, _) = decide(&Scene::call(), &whole[..len]);
        assert!(!matches!(verdict, Verdict::Relay(_)), "{len} bytes were relayed");
        assert_eq!(frame, whole[..len], "{len} bytes were changed");
    }
}

#[test]
fn new_call_on_a_port_starts_from_zero() {
    let scene = Scene::call();
    let tables = MemoryTables::from(&scene);
    assert!(matches!(decide_in(&tables, &media().build()).0, Verdict::Relay(_)));
    let renumber = |endpoint: &Endpoint| Endpoint { call: endpoint.call + 1, ..*endpoint };
    for (index, endpoint) in (0..).zip(&scene.endpoints).filter(|(_, endpoint)| endpoint.call != 0) {
        tables.endpoint(index).expect("the scene has it").write(&renumber(endpoint));
    }
    assert!(matches!(decide_in(&tables, &media().build()).0, Verdict::Relay(_)));
    assert_eq!(tally(&tables, NEAR).rtp.0, 1);
}

#[test]
fn seeds_of_the_fuzzer_keep_what_must_hold() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fuzz/seeds/forward");
    let seeds: Vec<_> = std::fs::read_dir(path).expect("the seeds are in the repository").collect();
    assert!(!seeds.is_empty());
    for seed in seeds {
        any_tables(&std::fs::read(seed.expect("an entry").path()).expect("a readable seed"));
    }
}

proptest! {
    #[test]
    fn any_tables_keep_what_must_hold(data in prop::collection::vec(any::<u8>(), 0..300)) {
        any_tables(&data);
    }

    #[test]
    fn any_bytes_end_in_a_verdict_and_only_relayed_ones_change(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let (verdict, frame, tables) = decide(&Scene::call(), &bytes);
        prop_assert!(!matches!(verdict, Verdict::Relay(_)));
        prop_assert_eq!(frame, bytes);
        prop_assert_eq!(tally(&tables, NEAR).rtp.0, 0);
    }

    #[test]
    fn rewrites_are_what_a_sender_would_have_built(
        payload in prop::collection::vec(any::<u8>(), 12..1400),
        (ttl, traffic_class, identification) in any::<(u8, u8, u16)>(),
        (summed, padding) in (any::<bool>(), 0_usize..20),
    ) {
        let udp_checksum = if summed { UdpChecksum::Right } else { UdpChecksum::None };
        let sent = media().with(|packet| {
            *packet = Packet { ttl, traffic_class, identification, udp_checksum, padding, payload, ..packet.clone() };
            packet.payload[..2].copy_from_slice(&[0x80, 8]);
        });
        let expected = sent.clone().with(|packet| {
            (packet.source, packet.destination, packet.ttl) = (LOCAL_B, PBX, 64);
            packet.stations = [crate::testing::station(0x82), crate::testing::station(2)];
        });
        let (verdict, frame, _) = decide(&Scene::call(), &sent.build());
        prop_assert!(matches!(verdict, Verdict::Relay(_)));
        prop_assert_eq!(frame, expected.build());
    }

    #[test]
    fn a_mutated_frame_leaves_only_between_endpoints(
        flips in prop::collection::vec((0_usize..214, any::<u8>()), 1..6),
    ) {
        let mut bytes = media().build();
        for (position, value) in flips {
            bytes[position] = value;
        }
        let (verdict, frame, tables) = decide(&Scene::call(), &bytes);
        match verdict {
            Verdict::Relay(path) => {
                let port = u16::from(path.payload == Payload::Rtcp);
                prop_assert_eq!(addresses(&frame), (LOCAL_B.0, PBX.0, LOCAL_B.1 + port, PBX.1 + port));
                prop_assert_eq!(addresses(&bytes), (CARRIER.0, LOCAL_A.0, CARRIER.1 + port, LOCAL_A.1 + port));
                prop_assert_eq!(&frame[42..], &bytes[42..]);
                prop_assert_eq!(frame.len(), bytes.len());
            }
            Verdict::Pass(_) | Verdict::Drop(_) => prop_assert_eq!(frame, bytes),
        }
        prop_assert!(counted(&tables) <= 1, "one packet, at most one count");
    }
}

fn run(case: &Case) {
    let tables = MemoryTables::from(&case.scene);
    for (frame, verdict) in &case.before {
        assert_eq!(decide_in(&tables, frame).0, *verdict, "{}", case.name);
    }
    let mut leaves = Vec::new();
    for frame in &case.frames {
        let (verdict, frame) = decide_in(&tables, frame);
        assert_eq!(verdict, case.verdict, "{}", case.name);
        leaves = frame;
    }
    assert_eq!(leaves, case.leaves, "{}", case.name);
    assert_eq!(tally(&tables, case.endpoint), case.tally, "{}", case.name);
    let told: Vec<(u8, u16)> =
        tables.told.take().iter().map(|told| (told.event, told.duration_ticks)).collect();
    assert_eq!(told, case.told, "{}", case.name);
}

fn decide(scene: &Scene, bytes: &[u8]) -> (Verdict, Vec<u8>, MemoryTables) {
    let tables = MemoryTables::from(scene);
    let (verdict, frame) = decide_in(&tables, bytes);
    (verdict, frame, tables)
}

fn decide_in(tables: &MemoryTables, bytes: &[u8]) -> (Verdict, Vec<u8>) {
    let mut frame = BytesFrame { bytes: bytes.to_vec(), ifindex: INGRESS, headroom: 256, arrival_ns: 1 };
    let verdict = forward(&mut frame, tables);
    (verdict, frame.bytes)
}

fn media() -> Packet {
    Packet::udp(CARRIER, LOCAL_A, rtp(1, 160, 9, 160))
}

fn tally(tables: &MemoryTables, index: u32) -> Tally {
    Tally::from(tables.state(index).expect("the scene has it"))
}

fn counted(tables: &MemoryTables) -> u64 {
    let states = (0..).map_while(|index| tables.state(index));
    states
        .map(|state| {
            let drops: u32 = DropReason::ALL.iter().map(|reason| state.drops(*reason)).sum();
            state.rtp_packets() + state.rtcp_packets() + u64::from(drops)
        })
        .sum()
}

/// Source and destination address, source and destination port.
fn addresses(frame: &[u8]) -> ([u8; 4], [u8; 4], u16, u16) {
    let octets = |at: usize| [frame[at], frame[at + 1], frame[at + 2], frame[at + 3]];
    let port = |at: usize| u16::from_be_bytes([frame[at], frame[at + 1]]);
    (octets(26), octets(30), port(34), port(36))
}
