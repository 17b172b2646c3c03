//! Between IP families, and within IPv6: what must hold for any payload, any damage and any driver.

use std::vec::Vec;

use proptest::prelude::*;

use super::{counted, decide, decide_in};
use crate::forward::forward;
use crate::testing::Family::{V4, V6};
use crate::testing::{
    BytesFrame, CARRIER, CARRIER_V6, Family, INGRESS, LOCAL_A, LOCAL_A_V6, LOCAL_B, LOCAL_B_V6, MemoryTables,
    PBX, PBX_V6, Packet, Scene, UdpChecksum, rtp, station,
};
use crate::verdict::{DropReason, Verdict};

const PAIRS: [(Family, Family); 4] = [(V4, V4), (V4, V6), (V6, V4), (V6, V6)];

#[test]
fn a_driver_without_headroom_costs_the_packet_and_changes_nothing() {
    let bytes = sent(V4).build();
    let tables = MemoryTables::from(&Scene::between(V4, V6));
    for headroom in [0, 18, 19] {
        let mut frame = BytesFrame { bytes: bytes.clone(), ifindex: INGRESS, headroom, arrival_ns: 1 };
        assert_eq!(forward(&mut frame, &tables), Verdict::Drop(DropReason::NoHeadroom));
        assert_eq!(frame.bytes, bytes);
    }
    let mut frame = BytesFrame { bytes, ifindex: INGRESS, headroom: 20, arrival_ns: 1 };
    assert!(matches!(forward(&mut frame, &tables), Verdict::Relay(_)));
}

#[test]
fn truncation_to_every_length_is_refused() {
    for (from, to) in PAIRS {
        let whole = sent(from).build();
        for len in 0..whole.len() {
            let (verdict, frame, _) = decide(&Scene::between(from, to), &whole[..len]);
            assert!(!matches!(verdict, Verdict::Relay(_)), "{len} bytes were relayed");
            assert_eq!(frame, whole[..len], "{len} bytes were changed");
        }
    }
}

proptest! {
    #[test]
    fn rewrites_are_what_a_sender_would_have_built(
        pair in prop::sample::select(&PAIRS[..]),
        payload in prop::collection::vec(any::<u8>(), 12..1430),
        (ttl, traffic_class, flow_label) in (any::<u8>(), any::<u8>(), 0_u32..1 << 20),
        (summed, padding) in (any::<bool>(), 0_usize..20),
    ) {
        let (from, to) = pair;
        let udp_checksum = if summed || from == V6 { UdpChecksum::Right } else { UdpChecksum::None };
        let sent = sent(from).with(|packet| {
            *packet = Packet { ttl, traffic_class, flow_label, udp_checksum, padding, payload, ..packet.clone() };
            packet.payload[..2].copy_from_slice(&[0x80, 8]);
        });
        let expected = towards_pbx(from, to, &sent);
        let (verdict, frame, _) = decide(&Scene::between(from, to), &sent.build());
        prop_assert!(matches!(verdict, Verdict::Relay(_)));
        prop_assert_eq!(frame, expected.build());
    }

    /// Damage that leaves a packet deliverable leaves it between the two endpoints, and its payload as it was.
    #[test]
    fn a_mutated_frame_leaves_only_between_endpoints(
        pair in prop::sample::select(&PAIRS[..]),
        flips in prop::collection::vec((0_usize..214, any::<u8>()), 1..6),
    ) {
        let (from, to) = pair;
        let mut bytes = sent(from).build();
        for (position, value) in flips {
            bytes[position] = value;
        }
        let tables = MemoryTables::from(&Scene::between(from, to));
        let (verdict, frame) = decide_in(&tables, &bytes);
        match verdict {
            Verdict::Relay(_) => {
                let leaves = towards_pbx(from, to, &sent(from)).build();
                prop_assert_eq!(addresses(to, &frame), addresses(to, &leaves));
                prop_assert_eq!(ports(to, &frame), ports(to, &leaves));
                prop_assert_eq!(ports(from, &bytes), ports(from, &sent(from).build()));
                prop_assert_eq!(&frame[udp(to) + 8..], &bytes[udp(from) + 8..]);
            }
            Verdict::Pass(_) | Verdict::Drop(_) => prop_assert_eq!(frame, bytes),
        }
        prop_assert!(counted(&tables) <= 1, "one packet, at most one count");
    }
}

/// RTP from the carrier.
fn sent(family: Family) -> Packet {
    match family {
        V4 => Packet::udp(CARRIER, LOCAL_A, rtp(1, 160, 9, 160)),
        V6 => Packet::udp_v6(CARRIER_V6, LOCAL_A_V6, rtp(1, 160, 9, 160)),
    }
}

/// What a sender at our address towards the PBX would have built of it.
fn towards_pbx(from: Family, to: Family, sent: &Packet) -> Packet {
    let packet = match to {
        V4 => sent.clone().between_v4(LOCAL_B, PBX),
        V6 => sent.clone().between_v6(LOCAL_B_V6, PBX_V6),
    };
    packet.with(|packet| {
        (packet.ttl, packet.stations) = (64, [station(0x82), station(2)]);
        if (from, to) == (V4, V6) {
            (packet.flow_label, packet.udp_checksum) = (0, UdpChecksum::Right);
        }
        if (from, to) == (V6, V4) {
            (packet.identification, packet.fragment) = (0, 0x4000);
        }
    })
}

/// Where the UDP header lies.
const fn udp(family: Family) -> usize {
    match family {
        V4 => 34,
        V6 => 54,
    }
}

fn ports(family: Family, frame: &[u8]) -> Vec<u8> {
    frame[udp(family)..udp(family) + 4].to_vec()
}

/// Both addresses as they lie in a frame.
fn addresses(family: Family, frame: &[u8]) -> Vec<u8> {
    match family {
        V4 => frame[26..34].to_vec(),
        V6 => frame[22..54].to_vec(),
    }
}
