//! IPv6 on both legs, or on one: what crosses, what does not, and what a packet becomes in the other family.

use alloc::vec;
use alloc::vec::Vec;

use super::{Case, Tally, drops, passes, passes_bytes, relay, relays};
use crate::abi::{Address, Endpoint, NextHop, SOURCE_LATCH, SOURCE_PORT, SOURCE_SUBNET};
use crate::testing::packet::{Packet, UdpChecksum, rtcp, rtp};
use crate::testing::scene::Family::{V4, V6};
use crate::testing::scene::{
    CARRIER, CARRIER_V6, FAR, Family, LOCAL_A, LOCAL_A_V6, LOCAL_B, LOCAL_B_V6, PBX, PBX_V6, Scene, station,
};
use crate::verdict::DropReason::{self, *};
use crate::verdict::Egress;
use crate::verdict::PassReason::*;
use crate::wire::Payload;

const FRAGMENT: u8 = 44;
const UDP: u8 = 17;
/// A port of the carrier's that signalling did not name.
const OTHER_PORT: u16 = 31_007;

pub(super) fn cases() -> Vec<Case> {
    [relayed(), unsummed(), too_big(), passed(), dropped(), sources(), latched()]
        .into_iter()
        .flatten()
        .collect()
}

fn relayed() -> Vec<Case> {
    let long = |packet: &mut Packet| packet.payload = rtp(1, 160, 9, 1400);
    let odd = |packet: &mut Packet| packet.payload = rtp(1, 160, 9, 161);
    let padded = |packet: &mut Packet| {
        packet.payload = rtp(1, 160, 9, 0);
        packet.padding = 6;
    };
    let (v6, to_v4, to_v6) = ((V6, V6), (V6, V4), (V4, V6));
    let sent = |(from, _): (Family, Family)| from_carrier(from);
    vec![
        crosses("v6_rtp", v6, &sent(v6)),
        crosses("v6_rtp_to_v4", to_v4, &sent(to_v4)),
        crosses("v4_rtp_to_v6", to_v6, &sent(to_v6)),
        crosses("v6_rtp_of_mtu_size", v6, &sent(v6).with(long)),
        crosses("v6_rtp_of_mtu_size_to_v4", to_v4, &sent(to_v4).with(long)),
        crosses("v6_rtp_of_odd_length", v6, &sent(v6).with(odd)),
        crosses("v6_rtp_of_odd_length_to_v4", to_v4, &sent(to_v4).with(odd)),
        crosses("v4_rtp_of_odd_length_to_v6", to_v6, &sent(to_v6).with(odd)),
        crosses("v6_rtp_with_ethernet_padding_to_v4", to_v4, &sent(to_v4).with(padded)),
        crosses("v4_rtp_with_ethernet_padding_to_v6", to_v6, &sent(to_v6).with(padded)),
        crosses("v6_rtp_with_hop_limit_one", v6, &sent(v6).with(|p| p.ttl = 1)),
        crosses("v6_rtp_whose_new_udp_checksum_is_zero", v6, &zero_after_rewrite(v6)),
        crosses("v6_rtp_to_v4_whose_new_udp_checksum_is_zero", to_v4, &zero_after_rewrite(to_v4)),
        crosses("v4_rtp_to_v6_whose_new_udp_checksum_is_zero", to_v6, &zero_after_rewrite(to_v6)),
        marked("v6_rtp_is_marked_and_keeps_its_ecn", v6),
        marked("v6_rtp_to_v4_is_marked_and_keeps_its_ecn", to_v4),
        marked("v4_rtp_to_v6_is_marked_and_keeps_its_ecn", to_v6),
        reports("v6_rtcp", v6),
        reports("v6_rtcp_to_v4", to_v4),
        reports("v4_rtcp_to_v6", to_v6),
        back("v6_rtp_back", V6, V6),
        back("v6_rtp_back_to_v4", V4, V6),
        back("v4_rtp_back_to_v6", V6, V4),
    ]
}

/// A sender over IPv4 may leave the checksum out; over IPv6 it must be there.
fn unsummed() -> Vec<Case> {
    let legs = (V4, V6);
    let sent = |len| {
        from_carrier(V4).with(|p| {
            p.udp_checksum = UdpChecksum::None;
            p.payload = rtp(1, 160, 9, len);
        })
    };
    let summed = |name, len| {
        let leaves = leaves(legs, &sent(len)).with(|p| p.udp_checksum = UdpChecksum::Right);
        Case { leaves: leaves.build(), ..crosses(name, legs, &sent(len)) }
    };
    let jumbo = Scene::between(V4, V6).hop(|hop| hop.mtu = 9000);
    vec![
        summed("unsummed_rtp_to_v6", 160),
        summed("unsummed_rtp_without_payload_to_v6", 0),
        summed("unsummed_rtp_of_odd_length_to_v6", 33),
        summed("unsummed_rtp_two_bytes_over_a_block_to_v6", 6),
        summed("unsummed_rtp_seven_bytes_over_a_block_to_v6", 11),
        summed("unsummed_rtp_of_mtu_size_to_v6", 1440),
        refused("unsummed_rtp_too_long_to_sum_to_v6", jumbo, NoUdpChecksum, &sent(1461)),
    ]
}

fn too_big() -> Vec<Case> {
    let sent = |len| from_carrier(V4).with(|p| p.payload = rtp(1, 160, 9, len));
    let narrow = |hop: &mut NextHop| hop.mtu = 220;
    let scene = |mtu| Scene::between(V6, V6).hop(|hop| hop.mtu = mtu);
    vec![
        crosses("v4_rtp_that_just_fits_as_v6", (V4, V6), &sent(1440)),
        refused("v4_rtp_that_is_too_long_as_v6", Scene::between(V4, V6), TooBig, &sent(1441)),
        Case {
            scene: Scene::between(V4, V6).hop(narrow),
            ..crosses("v4_as_v6_as_long_as_the_mtu", (V4, V6), &sent(160))
        },
        Case { scene: scene(220), ..crosses("v6_as_long_as_the_mtu", (V6, V6), &from_carrier(V6)) },
        refused("v6_longer_than_the_mtu", scene(219), TooBig, &from_carrier(V6)),
        refused(
            "v6_to_v4_longer_than_the_mtu",
            Scene::between(V6, V4).hop(|hop| hop.mtu = 199),
            TooBig,
            &from_carrier(V6),
        ),
    ]
}

fn passed() -> Vec<Case> {
    let packet = || from_carrier(V6);
    let next = |protocol| packet().with(|p| p.protocol = protocol);
    let with_v6 = |case: Case| Case { scene: Scene::between(V6, V6), ..case };
    let later = fragment(UDP, 0x10);
    let of_sip = fragment(UDP, 1).with(|p| p.destination.1 = 5060);
    let elsewhere = packet().with(|p| p.v6 = Some([CARRIER_V6.0, PBX_V6.0]));
    let cases = vec![
        passes("ip_version_four_in_ipv6_frame", NotIp, &packet().with(|p| p.version_ihl = Some(0x45))),
        passes("icmp_v6", NotUdp, &next(58)),
        passes("v6_tcp_to_media_port", NotUdp, &next(6)),
        passes("hop_by_hop_options", ExtensionHeaders, &next(0)),
        passes("routing_header", ExtensionHeaders, &next(43)),
        passes("destination_options", ExtensionHeaders, &next(60)),
        passes("v6_later_fragment", LaterFragment, &later),
        passes("v6_first_fragment_of_sip", NotMedia, &of_sip),
        passes("v6_first_fragment_of_tcp", NotUdp, &fragment(6, 1)),
        passes("options_in_a_fragment", ExtensionHeaders, &fragment(60, 1)),
        passes("v6_foreign_address", NotMedia, &elsewhere),
        passes("v6_sip_port", NotMedia, &packet().with(|p| p.destination.1 = 5060)),
        passes_bytes("half_ipv6_header", Incomplete, packet().build()[..52].to_vec()),
        passes_bytes("half_udp_header_in_ipv6", Incomplete, packet().build()[..60].to_vec()),
        passes_bytes("half_fragment_header", Incomplete, fragment(UDP, 1).build()[..60].to_vec()),
    ];
    cases.into_iter().map(with_v6).collect()
}

fn dropped() -> Vec<Case> {
    let packet = || from_carrier(V6);
    let drops_in = |name, reason, sent: &Packet| refused(name, Scene::between(V6, V6), reason, sent);
    let mapped = Scene::between(V6, V6).far(|e| e.remote = Address::v4(PBX.0));
    let unsummed = packet().with(|p| p.udp_checksum = UdpChecksum::None);
    vec![
        drops_in("v6_without_udp_checksum", NoUdpChecksum, &unsummed),
        drops_in("v6_first_fragment", FirstFragment, &fragment(UDP, 1)),
        drops_in("v6_atomic_fragment", FirstFragment, &fragment(UDP, 0)),
        drops_in("v6_length_beyond_frame", Truncated, &packet().with(|p| p.total_length = Some(600))),
        drops_in("v6_length_zero", Truncated, &packet().with(|p| p.total_length = Some(0))),
        drops_in("udp_length_beyond_ipv6", Truncated, &packet().with(|p| p.udp_length = Some(600))),
        drops_in("udp_length_below_header_in_ipv6", Truncated, &packet().with(|p| p.udp_length = Some(7))),
        drops_in("v6_cut_off", Truncated, &packet()).cut(80),
        drops_in("v6_empty_datagram", ShortRtp, &packet().with(|p| p.payload.clear())),
        drops_in("v6_noise", NotRtp, &packet().with(|p| p.payload[0] = 0)),
        refused("legs_of_two_families_in_one_entry", mapped, WrongEntry, &packet()),
    ]
}

fn sources() -> Vec<Case> {
    let policy = |source_policy, source_prefix| {
        Scene::between(V6, V6).near(|e| *e = Endpoint { source_policy, source_prefix, generation: 3, ..*e })
    };
    let strict = || Scene::between(V6, V6);
    let subnet = |bits| policy(SOURCE_SUBNET, bits);
    let relayed = |name, scene, sent: &Packet| Case { scene, ..crosses(name, (V6, V6), sent) };
    vec![
        refused("v6_foreign_source_address", strict(), UnexpectedSource, &neighbour(15, 0x11)),
        refused("v6_foreign_source_network", strict(), UnexpectedSource, &neighbour(7, 1)),
        refused("v6_foreign_source_port", strict(), UnexpectedSource, &from_port(OTHER_PORT)),
        relayed("v6_port_policy_takes_another_port", policy(SOURCE_PORT, 0), &from_port(OTHER_PORT)),
        refused(
            "v6_port_policy_refuses_another_address",
            policy(SOURCE_PORT, 0),
            UnexpectedSource,
            &neighbour(15, 0x11),
        ),
        relayed("v6_subnet_policy_takes_a_neighbour", subnet(64), &neighbour(8, 0x80)),
        refused("v6_subnet_policy_refuses_what_is_outside", subnet(64), UnexpectedSource, &neighbour(7, 1)),
        relayed("v6_subnet_policy_of_half_a_word", subnet(48), &neighbour(7, 1)),
        refused("v6_subnet_policy_counts_bits", subnet(65), UnexpectedSource, &neighbour(8, 0x80)),
        relayed("v6_subnet_policy_of_low_bits", subnet(124), &neighbour(15, 0x1f)),
        refused(
            "v6_subnet_policy_of_low_bits_counts_them",
            subnet(124),
            UnexpectedSource,
            &neighbour(15, 0x20),
        ),
        refused("v6_no_prefix_is_not_every_address", subnet(0), UnexpectedSource, &from_carrier(V6)),
    ]
}

fn latched() -> Vec<Case> {
    let policy = |source_prefix| {
        Scene::between(V6, V4)
            .near(|e| *e = Endpoint { source_policy: SOURCE_LATCH, source_prefix, generation: 3, ..*e })
    };
    let relayed = |name, scene, sent: &Packet| Case { scene, ..crosses(name, (V6, V4), sent) };
    let first = |packet: &Packet| vec![(packet.build(), relay(Payload::Rtp, Egress::Device(1)))];
    let answer = || from_pbx(V4);
    let to_latch = leaves_to(V6, &answer(), (neighbour_address(15, 0x11), CARRIER_V6.1));
    let stranger = from_carrier(V6).with(|p| p.payload = rtp(2, 320, 8, 160));
    let once = Tally { rtp: (1, from_port(OTHER_PORT).build().len() as u64), ..Tally::default() };
    let dropped = Tally { drop: Some((LatchedElsewhere, 1)), ..once };
    vec![
        relayed("v6_latch_takes_the_first", policy(128), &from_port(OTHER_PORT)),
        relayed("v6_latch_takes_a_neighbour", policy(96), &neighbour(15, 0x11)),
        refused("v6_latch_refuses_what_is_outside", policy(128), UnexpectedSource, &neighbour(15, 0x11)),
        refused("v6_latch_keeps_no_wider_prefix", policy(95), UnexpectedSource, &from_carrier(V6)),
        Case {
            before: first(&from_port(OTHER_PORT)),
            tally: dropped,
            ..refused("v6_latch_refuses_the_second", policy(128), LatchedElsewhere, &stranger)
        },
        Case {
            before: first(&neighbour(15, 0x11)),
            scene: policy(120),
            leaves: to_latch.build(),
            ..back("v4_rtp_goes_to_the_v6_latch", V6, V4)
        },
    ]
}

/// RTP from the carrier, bound for the PBX.
pub(super) fn from_carrier(family: Family) -> Packet {
    match family {
        V4 => Packet::udp(CARRIER, LOCAL_A, rtp(1, 160, 9, 160)),
        V6 => Packet::udp_v6(CARRIER_V6, LOCAL_A_V6, rtp(1, 160, 9, 160)),
    }
}

/// RTP from the PBX, bound for the carrier.
fn from_pbx(family: Family) -> Packet {
    match family {
        V4 => Packet::udp(PBX, LOCAL_B, rtp(500, 3, 77, 160)),
        V6 => Packet::udp_v6(PBX_V6, LOCAL_B_V6, rtp(500, 3, 77, 160)),
    }
}

fn from_port(port: u16) -> Packet {
    from_carrier(V6).with(|packet| packet.source.1 = port)
}

/// The carrier's packet from an address with another octet.
fn neighbour(position: usize, octet: u8) -> Packet {
    from_carrier(V6).with(|packet| packet.v6 = Some([neighbour_address(position, octet), LOCAL_A_V6.0]))
}

fn neighbour_address(position: usize, octet: u8) -> [u8; 16] {
    let mut address = CARRIER_V6.0;
    address[position] = octet;
    address
}

/// The carrier's packet in a fragment with this next header and these offset and flags.
fn fragment(next_header: u8, offset_more: u16) -> Packet {
    from_carrier(V6).with(|packet| {
        packet.protocol = FRAGMENT;
        packet.options = vec![next_header, 0];
        packet.options.extend(offset_more.to_be_bytes());
        packet.options.extend([0, 0, 0x12, 0x34]);
    })
}

/// What must leave towards the PBX. Within a family everything stays that is not an address or the hop limit; from
/// one to the other only the traffic class and what UDP carries.
pub(super) fn leaves((from, to): (Family, Family), sent: &Packet) -> Packet {
    let ports = sent.destination.1 - LOCAL_A.1;
    let packet = match to {
        V4 => sent.clone().between_v4((LOCAL_B.0, LOCAL_B.1 + ports), (PBX.0, PBX.1 + ports)),
        V6 => sent.clone().between_v6((LOCAL_B_V6.0, LOCAL_B_V6.1 + ports), (PBX_V6.0, PBX_V6.1 + ports)),
    };
    made_anew(from, to, packet).with(|packet| packet.stations = [station(0x82), station(2)])
}

/// What must leave towards `to` at the carrier.
fn leaves_to(carrier: Family, sent: &Packet, to: ([u8; 16], u16)) -> Packet {
    let from = if sent.v6.is_some() { V6 } else { V4 };
    let packet = match carrier {
        V4 => sent.clone().between_v4(LOCAL_A, CARRIER),
        V6 => sent.clone().between_v6(LOCAL_A_V6, to),
    };
    made_anew(from, carrier, packet).with(|packet| packet.stations = [station(0x81), station(1)])
}

fn made_anew(from: Family, to: Family, packet: Packet) -> Packet {
    let packet = packet.with(|packet| packet.ttl = 64);
    match (from, to) {
        (V4, V6) => packet.with(|packet| packet.flow_label = 0),
        (V6, V4) => packet.with(|packet| (packet.identification, packet.fragment) = (0, 0x4000)),
        (V4, V4) | (V6, V6) => packet,
    }
}

fn crosses(name: &'static str, legs: (Family, Family), sent: &Packet) -> Case {
    Case { scene: Scene::between(legs.0, legs.1), leaves: leaves(legs, sent).build(), ..relays(name, sent) }
}

fn marked(name: &'static str, legs: (Family, Family)) -> Case {
    let sent = from_carrier(legs.0).with(|packet| packet.traffic_class = 0x03);
    let leaves = leaves(legs, &sent).with(|packet| packet.traffic_class = 0xbb).build();
    let scene = Scene::between(legs.0, legs.1).far(|e| e.dscp = 46);
    Case { scene, leaves, ..crosses(name, legs, &sent) }
}

fn reports(name: &'static str, legs: (Family, Family)) -> Case {
    let sent = from_carrier(legs.0).with(|packet| {
        packet.source.1 += 1;
        packet.destination.1 += 1;
        packet.payload = rtcp(9);
    });
    let tally = Tally { rtcp: (1, sent.build().len() as u64), ..Tally::default() };
    Case { verdict: relay(Payload::Rtcp, Egress::Device(1)), tally, ..crosses(name, legs, &sent) }
}

/// From the PBX to the carrier, whose families these are.
fn back(name: &'static str, carrier: Family, pbx: Family) -> Case {
    let sent = from_pbx(pbx);
    Case {
        verdict: relay(Payload::Rtp, Egress::SameDevice),
        scene: Scene::between(carrier, pbx),
        leaves: leaves_to(carrier, &sent, CARRIER_V6).build(),
        endpoint: FAR,
        ..relays(name, &sent)
    }
}

fn refused(name: &'static str, scene: Scene, reason: DropReason, sent: &Packet) -> Case {
    Case { scene, ..drops(name, reason, sent) }
}

/// A packet whose UDP checksum comes out as zero after the rewrite, so that all ones must be sent.
fn zero_after_rewrite(legs: (Family, Family)) -> Packet {
    let at = if legs.1 == V6 { 60 } else { 40 };
    let candidate = |word: u16| {
        from_carrier(legs.0).with(|packet| packet.payload[12..14].copy_from_slice(&word.to_be_bytes()))
    };
    (0..=u16::MAX)
        .map(candidate)
        .find(|packet| leaves(legs, packet).build()[at..at + 2] == [0xff, 0xff])
        .expect("some payload word sums to all ones")
}
