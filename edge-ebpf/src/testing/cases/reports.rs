//! What RTCP reports is kept at the endpoint that it comes to, and the packet crosses as it is.

use alloc::vec;
use alloc::vec::Vec;

use super::{Case, Tally, from_carrier, relay, relays};
use crate::abi::{FLAG_ENCRYPTED, FLAG_RTCP_MUX, Rated, ReceptionReport};
use crate::testing::packet::Packet;
use crate::testing::scene::{CARRIER, FAR, LOCAL_A, LOCAL_B, PBX, Scene, station};
use crate::verdict::Egress;
use crate::wire::Payload;

/// SSRC of what the carrier sends, so of what the PBX is sent.
const SENT: u32 = 9;

/// A receiver report with this block, and what it says.
const BLOCK: [u32; 6] = [SENT, 0x1400_0003, 100, 6, 0, 0];
const SAID: ReceptionReport = ReceptionReport {
    reports: 1,
    lost: 3,
    fraction_lost: 0x14,
    jitter_ticks: 6,
    round_trip: None,
    rated: Rated { r_factor: None, mos: [None; 2], discarded: 0 },
};
const RATED: Rated = Rated { r_factor: Some(77), mos: [Some(38), Some(35)], discarded: 64 };

pub(super) fn cases() -> Vec<Case> {
    [said(), not_said(), broken()].into_iter().flatten().collect()
}

/// A packet of this type, with so many blocks it says, and these words behind its header.
fn rtcp(packet_type: u8, count: u8, rest: &[u32]) -> Vec<u8> {
    let len = u16::try_from(rest.len()).expect("a short packet").to_be_bytes();
    let mut packet = vec![0x80 | count, packet_type, len[0], len[1]];
    packet.extend(rest.iter().flat_map(|word| word.to_be_bytes()));
    packet
}

/// A receiver report.
fn listener(blocks: &[[u32; 6]]) -> Vec<u8> {
    let count = u8::try_from(blocks.len()).expect("a few blocks");
    rtcp(201, count, &[&[66][..], blocks.as_flattened()].concat())
}

/// A sender report.
fn sender(blocks: &[[u32; 6]]) -> Vec<u8> {
    let count = u8::try_from(blocks.len()).expect("a few blocks");
    rtcp(200, count, &[&[66, 1, 2, 3, 4, 5][..], blocks.as_flattened()].concat())
}

/// An extended report with a VoIP metrics block.
fn ratings(about: u32) -> Vec<u8> {
    let block = [0x0700_0008, about, 0x0a40_0000, 0, 0, 0, 0x4d7f_2623, 0, 0];
    rtcp(207, 0, &[&[66, 0x0400_0002, 1, 2][..], &block].concat())
}

/// RTCP of the PBX crosses to the carrier, when the carrier has sent; the PBX has reported so.
fn reports(name: &'static str, payload: Vec<u8>, reception_report: ReceptionReport) -> Case {
    of(Scene::call(), name, payload, reception_report)
}

fn of(scene: Scene, name: &'static str, payload: Vec<u8>, reception_report: ReceptionReport) -> Case {
    let next = |(address, port): ([u8; 4], u16)| (address, port + 1);
    let sent = Packet::udp(next(PBX), next(LOCAL_B), payload);
    let leaves = sent.clone().with(|packet| {
        packet.stations = [station(0x81), station(1)];
        packet.ttl = 64;
        packet.source = next(LOCAL_A);
        packet.destination = next(CARRIER);
    });
    let rtcp = (1, sent.build().len() as u64);
    Case {
        scene,
        before: vec![(from_carrier().build(), relay(Payload::Rtp, Egress::Device(1)))],
        verdict: relay(Payload::Rtcp, Egress::SameDevice),
        endpoint: FAR,
        tally: Tally { rtcp, reception_report, ..Tally::default() },
        leaves: leaves.build(),
        ..relays(name, &sent)
    }
}

fn said() -> Vec<Case> {
    let twice = [0xffff_fffe_u32 & 0x00ff_ffff, 0x00ff_ffff];
    let negative = [[SENT, twice[0], 100, 6, 0, 0]];
    let cname = rtcp(202, 1, &[66, 0x0102_6162, 0]);
    let compound = [sender(&[BLOCK]), cname.clone(), ratings(SENT)].concat();
    let several = [[1, 2, 3, 4, 5, 6], [7; 6], BLOCK, [SENT, 0, 0, 0, 0, 0]];
    let steady = Scene::call().pbx_hears(0x1234_abcd).near(|endpoint| endpoint.ns_per_tick = u32::MAX);
    let muxed = reports("reports_on_the_port_of_rtp", listener(&[BLOCK]), SAID);
    vec![
        reports("a_listener_reports", listener(&[BLOCK]), SAID),
        reports("a_sender_reports_in_a_compound", compound, ReceptionReport { rated: RATED, ..SAID }),
        reports("the_first_of_several_blocks_about_the_stream", listener(&several), SAID),
        reports("a_second_packet_reports", [cname, listener(&[BLOCK])].concat(), SAID),
        reports(
            "less_than_nothing_was_lost",
            listener(&negative),
            ReceptionReport { lost: -2, fraction_lost: 0, ..SAID },
        ),
        reports(
            "ratings_of_reduced_size",
            ratings(SENT),
            ReceptionReport { rated: RATED, ..ReceptionReport::default() },
        ),
        Case { scene: muxed.scene.clone().near(|endpoint| endpoint.flags |= FLAG_RTCP_MUX), ..to_mux(muxed) },
        // The source's own number means nothing to a leg that knows one stream of ours.
        Case {
            leaves: of(steady.clone(), "", listener(&[BLOCK]), SAID).leaves,
            ..of(
                steady,
                "a_steady_leg_does_not_know_the_source",
                listener(&[BLOCK]),
                ReceptionReport::default(),
            )
        },
    ]
}

/// The carrier takes RTCP where it takes RTP.
fn to_mux(case: Case) -> Case {
    let next = |(address, port): ([u8; 4], u16)| (address, port + 1);
    let leaves = Packet::udp(next(PBX), next(LOCAL_B), listener(&[BLOCK])).with(|packet| {
        packet.stations = [station(0x81), station(1)];
        packet.ttl = 64;
        (packet.source, packet.destination) = (LOCAL_A, CARRIER);
    });
    Case { leaves: leaves.build(), ..case }
}

fn not_said() -> Vec<Case> {
    let encrypted = Scene::call().far(|endpoint| endpoint.flags |= FLAG_ENCRYPTED);
    let none = ReceptionReport::default();
    let before_any = reports("a_report_before_any_packet", listener(&[BLOCK]), none);
    vec![
        reports("a_report_on_another_source", listener(&[[8; 6]]), none),
        reports("ratings_of_another_source", ratings(8), none),
        of(encrypted, "an_encrypted_report_is_not_read", listener(&[BLOCK]), none),
        Case { before: vec![], ..before_any },
    ]
}

/// Lengths that lie. What is well-formed of the first packet crosses, as ever.
fn broken() -> Vec<Case> {
    let none = ReceptionReport::default();
    let more_than_there_are = rtcp(201, 31, &[&[66][..], &BLOCK].concat());
    let half_a_block = rtcp(201, 1, &[&[66][..], &BLOCK[..4]].concat());
    let beyond = {
        let mut second = listener(&[BLOCK]);
        second[3] += 1;
        [rtcp(202, 1, &[66, 0x0102_6162, 0]), second].concat()
    };
    let other_version = {
        let mut second = listener(&[BLOCK]);
        second[0] = 0x41;
        [rtcp(202, 1, &[66, 0x0102_6162, 0]), second].concat()
    };
    let short_sender = rtcp(200, 1, &[66, 1, 2]);
    let block_beyond = rtcp(207, 0, &[66, 0x0700_0009, SENT, 0x0a40_0000, 0, 0, 0, 0x4d7f_2623, 0, 0]);
    let tiny: Vec<u8> = (0..20).flat_map(|_| rtcp(202, 0, &[])).collect();
    let late = [listener(&[]), tiny, listener(&[BLOCK])].concat();
    let odd = [listener(&[BLOCK]), vec![0x80, 201]].concat();
    vec![
        reports("fewer_blocks_than_are_claimed", more_than_there_are, SAID),
        reports("half_a_block", half_a_block, none),
        reports("a_report_that_ends_beyond_its_datagram", beyond, none),
        reports("a_report_of_another_version", other_version, none),
        reports("a_sender_report_without_its_sender", short_sender, none),
        reports("ratings_that_end_beyond_their_report", block_beyond, none),
        reports("a_report_behind_too_many_packets", late, none),
        reports("half_a_header_behind_a_report", odd, SAID),
    ]
}
