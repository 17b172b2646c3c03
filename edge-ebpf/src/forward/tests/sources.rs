//! Nobody but the peer moves a flow, whatever they send and in whatever order.

use std::vec::Vec;

use proptest::prelude::*;

use super::{addresses, decide_in};
use crate::abi::{Endpoint, Latch, SOURCE_LATCH, SOURCE_PORT, SOURCE_STRICT, SOURCE_SUBNET};
use crate::tables::Tables;
use crate::testing::{CALL, CARRIER, LOCAL_A, LOCAL_B, MemoryTables, NEAR, PBX, Packet, Scene, rtcp, rtp};
use crate::verdict::{DropReason, Verdict};
use crate::wire::Stream;

const SSRC: u32 = 9;

#[test]
fn a_new_description_of_the_far_side_forgets_the_latch() {
    let tables = tables(SOURCE_LATCH);
    assert!(is_relayed(&tables, &from(CARRIER.0, 31_000, SSRC, 1)));
    assert_eq!(target(&tables), Some((CARRIER.0, 31_000)));
    change(&tables, |e| e.generation += 1);
    assert_eq!(target(&tables), Some(CARRIER), "until it sends again");
    assert!(is_relayed(&tables, &from(CARRIER.0, 32_000, 8, 70)));
    assert_eq!(target(&tables), Some((CARRIER.0, 32_000)));
}

#[test]
fn a_new_call_on_the_port_forgets_the_latch() {
    let tables = tables(SOURCE_LATCH);
    assert!(is_relayed(&tables, &from(CARRIER.0, 31_000, SSRC, 1)));
    let state = tables.state(NEAR).expect("the scene has it");
    let generation =
        tables.endpoint(NEAR).expect("the scene has it").read().expect("nobody writes").generation;
    assert!(state.latch(Stream::Rtp, CALL, generation).is_some());
    assert_eq!(state.latch(Stream::Rtp, CALL + 1, generation), None);
    assert_eq!(state.adopted(CALL, CALL + 1).latch(Stream::Rtp, CALL + 1, generation), None);
}

/// A packet of the old description that is still under way on another CPU stores its latch after the change.
#[test]
fn a_latch_of_a_former_description_does_not_hold() {
    let tables = tables(SOURCE_LATCH);
    change(&tables, |e| e.generation = 7);
    let state = tables.state(NEAR).expect("the scene has it").adopted(0, CALL);
    state.keep_latch(Stream::Rtp, Latch { tail: [192, 0, 2, 66], port: 666, generation: 6 });
    assert_eq!(target(&tables), Some(CARRIER));
    assert!(is_relayed(&tables, &from(CARRIER.0, 31_000, SSRC, 1)));
}

#[test]
fn a_latch_is_taken_before_anything_can_be_relayed() {
    let tables = tables(SOURCE_LATCH);
    let far = tables.endpoint(crate::testing::FAR).expect("the scene has it");
    let described = far.read().expect("nobody writes");
    far.write(&Endpoint { remote_rtp_port: 0, ..described });
    let verdict = decide_in(&tables, &from(CARRIER.0, 31_000, SSRC, 1)).0;
    assert_eq!(verdict, Verdict::Drop(DropReason::NoRemote));
    let verdict = decide_in(&tables, &from(CARRIER.0, 32_000, 8, 2)).0;
    assert_eq!(verdict, Verdict::Drop(DropReason::LatchedElsewhere));
    far.write(&described);
    assert_eq!(target(&tables), Some((CARRIER.0, 31_000)));
}

proptest! {
    #[test]
    fn only_latch_moves_a_flow(policy in 0_u8..3, sprayed in prop::collection::vec(spray(), 1..60)) {
        let tables = tables(policy);
        for packet in sprayed {
            let (verdict, _) = decide_in(&tables, &packet.frame());
            let signalled = packet.address == CARRIER.0 && packet.port == CARRIER.1;
            let allowed = match policy {
                SOURCE_STRICT => signalled,
                SOURCE_PORT => packet.address == CARRIER.0,
                _ => packet.address[..3] == CARRIER.0[..3],
            };
            prop_assert_eq!(matches!(verdict, Verdict::Relay(_)), allowed);
            prop_assert_eq!(target(&tables), Some(CARRIER));
        }
    }

    #[test]
    fn whoever_does_not_know_the_ssrc_moves_no_latch(sprayed in prop::collection::vec(spray(), 1..60)) {
        let tables = tables(SOURCE_LATCH);
        let is_the_peer = |packet: &Spray| packet.ssrc == SSRC || packet.port == 31_000;
        let sprayed = sprayed.into_iter().filter(|packet| !is_the_peer(packet));
        for (sequence, packet) in (1..).zip(sprayed) {
            prop_assert!(is_relayed(&tables, &from(CARRIER.0, 31_000, SSRC, sequence)));
            prop_assert!(!is_relayed(&tables, &packet.frame()));
            prop_assert!(!is_relayed(&tables, &packet.report()));
            prop_assert_eq!(target(&tables), Some((CARRIER.0, 31_000)));
        }
    }

    #[test]
    fn whatever_is_relayed_from_a_latched_peer_is_where_packets_go(
        sent in prop::collection::vec((0_u16..4, 0_u32..3, any::<u16>()), 1..60),
    ) {
        let tables = tables(SOURCE_LATCH);
        for (port, ssrc, sequence) in sent {
            if is_relayed(&tables, &from(CARRIER.0, 31_000 + port, ssrc, sequence)) {
                prop_assert_eq!(target(&tables), Some((CARRIER.0, 31_000 + port)));
            }
        }
    }
}

/// A packet of somebody who may have guessed the address, the port, or neither.
#[derive(Debug)]
struct Spray {
    address: [u8; 4],
    port: u16,
    ssrc: u32,
    sequence: u16,
}

fn spray() -> impl Strategy<Value = Spray> {
    let address = prop_oneof![Just(CARRIER.0), Just([192, 0, 2, 77]), Just([203, 0, 113, 5])];
    let port = prop_oneof![Just(CARRIER.1), Just(31_000), 1_u16..];
    (address, port, any::<u32>(), any::<u16>()).prop_map(|(address, port, ssrc, sequence)| Spray {
        address,
        port,
        ssrc,
        sequence,
    })
}

impl Spray {
    fn frame(&self) -> Vec<u8> {
        from(self.address, self.port, self.ssrc, self.sequence)
    }

    fn report(&self) -> Vec<u8> {
        let to = (LOCAL_A.0, LOCAL_A.1 + 1);
        Packet::udp((self.address, self.port), to, rtcp(self.ssrc)).build()
    }
}

/// The call, with this policy and the carrier's /24 (its address alone under `latch`).
fn tables(source_policy: u8) -> MemoryTables {
    let source_prefix = if source_policy == SOURCE_SUBNET { 120 } else { 128 };
    MemoryTables::from(&Scene::call().near(|e| *e = Endpoint { source_policy, source_prefix, ..*e }))
}

fn change(tables: &MemoryTables, change: impl FnOnce(&mut Endpoint)) {
    let slot = tables.endpoint(NEAR).expect("the scene has it");
    let mut endpoint = slot.read().expect("nobody writes");
    change(&mut endpoint);
    slot.write(&endpoint);
}

fn from(address: [u8; 4], port: u16, ssrc: u32, sequence: u16) -> Vec<u8> {
    Packet::udp((address, port), LOCAL_A, rtp(sequence, 160, ssrc, 160)).build()
}

fn is_relayed(tables: &MemoryTables, frame: &[u8]) -> bool {
    matches!(decide_in(tables, frame).0, Verdict::Relay(_))
}

/// Where a packet of the PBX goes now.
fn target(tables: &MemoryTables) -> Option<([u8; 4], u16)> {
    let (verdict, frame) = decide_in(tables, &Packet::udp(PBX, LOCAL_B, rtp(1, 160, 5, 20)).build());
    let (_, address, _, port) = addresses(&frame);
    matches!(verdict, Verdict::Relay(_)).then_some((address, port))
}
