//! One stream of what several sources send, and RTCP in the numbers of the other leg.

use alloc::vec;
use alloc::vec::Vec;

use super::profiles::{EVENT, of_type, profile};
use super::{Case, Tally, from_carrier, ipv6, relay, relays, towards_pbx};
use crate::abi::{Handling, ReceptionReport};
use crate::testing::packet::{Packet, UdpChecksum, rtp};
use crate::testing::scene::Family::{V4, V6};
use crate::testing::scene::{CARRIER, FAR, LOCAL_A, LOCAL_B, PBX, Scene, station};
use crate::verdict::{DropReason, Egress, Verdict};
use crate::wire::Payload;

/// SSRC of the stream that the PBX is sent.
const OURS: u32 = 0x1234_abcd;

pub(super) fn cases() -> Vec<Case> {
    [streams(), towards(), from(), broken()].into_iter().flatten().collect()
}

/// With ticks so long that tests on any machine are over within one.
fn scene() -> Scene {
    steady(Scene::call())
}

fn steady(scene: Scene) -> Scene {
    scene.pbx_hears(OURS).near(|endpoint| endpoint.ns_per_tick = u32::MAX)
}

fn speech(sequence: u16, timestamp: u32, ssrc: u32) -> Packet {
    from_carrier().with(|packet| packet.payload = rtp(sequence, timestamp, ssrc, 160))
}

/// RTP with these numbers.
fn numbered(sequence: u16, timestamp: u32, marker: bool) -> impl FnOnce(&mut Packet) {
    move |packet| {
        packet.payload[1] |= if marker { 0x80 } else { 0 };
        packet.payload[2..4].copy_from_slice(&sequence.to_be_bytes());
        packet.payload[4..8].copy_from_slice(&timestamp.to_be_bytes());
        packet.payload[8..12].copy_from_slice(&OURS.to_be_bytes());
    }
}

/// These packets of RTP in a row, of which the last one leaves so.
fn all(name: &'static str, sent: &[Packet], change: impl FnOnce(&mut Packet)) -> Case {
    let frames: Vec<Vec<u8>> = sent.iter().map(Packet::build).collect();
    let bytes = frames.iter().map(Vec::len).sum::<usize>() as u64;
    let last = sent.last().expect("a few packets");
    let leaves = towards_pbx(last).with(change).build();
    let tally = Tally { rtp: (frames.len() as u64, bytes), ..Tally::default() };
    Case { scene: scene(), frames, leaves, tally, ..relays(name, last) }
}

fn streams() -> Vec<Case> {
    let (first, other) = (speech(100, 5000, 9), speech(7, 77, 10));
    let over_the_wraps = [speech(65535, u32::MAX, 9), other.clone(), speech(8, 237, 10)];
    let unsummed = first.clone().with(|packet| packet.udp_checksum = UdpChecksum::None);
    let sent = ipv6::from_carrier(V4).with(|packet| packet.payload = first.payload.clone());
    let to_v6 = ipv6::leaves((V4, V6), &sent).with(numbered(100, 5000, false)).build();
    let event = of_type(EVENT).with(|packet| packet.payload[8..12].copy_from_slice(&[0, 0, 0, 9]));
    let both = |packet: &mut Packet| {
        packet.payload[1] = 96;
        packet.payload[8..12].copy_from_slice(&OURS.to_be_bytes());
    };
    let rules = [(8, 8, Handling::Plain), (EVENT, 96, Handling::Event)];
    let refused = {
        let before = [first.clone(), other.clone()];
        let [a, b] = before.each_ref().map(|packet| packet.build());
        let later = speech(101, 5160, 9);
        let bytes = (a.len() + b.len() + later.build().len()) as u64;
        let across = relay(Payload::Rtp, Egress::Device(1));
        Case {
            scene: scene(),
            before: vec![(a, across), (b, across)],
            verdict: Verdict::Drop(DropReason::OtherSource),
            tally: Tally { rtp: (3, bytes), drop: Some((DropReason::OtherSource, 1)), ..Tally::default() },
            ..relays("a_source_that_another_one_has_followed", &later)
        }
    };
    let gap = all(
        "one_stream_keeps_gaps",
        &[first.clone(), other.clone(), speech(17, 1677, 10)],
        numbered(111, 6600, false),
    );
    let gap = Case { tally: Tally { lost: 9, ..gap.tally }, ..gap };
    vec![
        all("one_stream_has_its_own_ssrc", core::slice::from_ref(&first), numbered(100, 5000, false)),
        all(
            "one_stream_goes_on_with_another_source",
            &[first.clone(), other.clone()],
            numbered(101, 5000, true),
        ),
        all("one_stream_over_the_wraps_of_its_numbers", &over_the_wraps, numbered(1, 159, false)),
        all(
            "one_stream_keeps_what_is_late_late",
            &[first.clone(), other.clone(), speech(98, 4680, 9)],
            numbered(98, 4680, false),
        ),
        gap,
        all("one_stream_without_udp_checksums", &[unsummed], numbered(100, 5000, false)),
        Case { scene: steady(Scene::between(V4, V6)), leaves: to_v6, ..relays("one_stream_to_v6", &sent) },
        Case {
            scene: steady(Scene::call().carrier_sends(profile(&rules))),
            ..all("one_stream_of_other_payload_types", &[event], both)
        },
        refused,
    ]
}

/// Words on the wire.
fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_be_bytes()).collect()
}

fn from_carrier_rtcp(payload: Vec<u8>) -> Packet {
    let next = |(address, port): ([u8; 4], u16)| (address, port + 1);
    Packet::udp(next(CARRIER), next(LOCAL_A), payload)
}

fn from_pbx_rtcp(payload: Vec<u8>) -> Packet {
    let next = |(address, port): ([u8; 4], u16)| (address, port + 1);
    Packet::udp(next(PBX), next(LOCAL_B), payload)
}

/// What has crossed before: two sources, of which the second has sent numbers 7 and 8 as 101 and 102, its timestamps 4923 ahead.
fn before() -> Vec<(Vec<u8>, Verdict)> {
    let sent = [speech(100, 5000, 9), speech(7, 77, 10), speech(8, 237, 10)];
    sent.iter().map(|packet| (packet.build(), relay(Payload::Rtp, Egress::Device(1)))).collect()
}

fn bytes_of(frames: &[(Vec<u8>, Verdict)]) -> u64 {
    frames.iter().map(|(frame, _)| frame.len() as u64).sum()
}

/// RTCP of the carrier leaves so towards the PBX.
fn crosses(name: &'static str, sent: Vec<u8>, leaves: Vec<u8>) -> Case {
    let (sent, before) = (from_carrier_rtcp(sent), before());
    let rtcp = (1, sent.build().len() as u64);
    Case {
        scene: scene(),
        verdict: relay(Payload::Rtcp, Egress::Device(1)),
        tally: Tally { rtp: (3, bytes_of(&before)), rtcp, ..Tally::default() },
        before,
        leaves: towards_pbx(&sent).with(|packet| packet.payload = leaves).build(),
        ..relays(name, &sent)
    }
}

/// RTCP of the PBX leaves so towards the carrier.
fn comes_back(name: &'static str, sent: Vec<u8>, leaves: Vec<u8>) -> Case {
    let sent = from_pbx_rtcp(sent);
    let leaving = sent.clone().with(|packet| {
        packet.stations = [station(0x81), station(1)];
        packet.ttl = 64;
        packet.source = (LOCAL_A.0, LOCAL_A.1 + 1);
        packet.destination = (CARRIER.0, CARRIER.1 + 1);
        packet.payload = leaves;
    });
    let rtcp = (1, sent.build().len() as u64);
    Case {
        scene: scene(),
        before: before(),
        verdict: relay(Payload::Rtcp, Egress::SameDevice),
        endpoint: FAR,
        tally: Tally { rtcp, ..Tally::default() },
        leaves: leaving.build(),
        ..relays(name, &sent)
    }
}

const NTP: [u32; 2] = [0xaaaa_1111, 0x2222_bbbb];

/// A sender report with these numbers, and a report block that is none of ours.
fn sender(ssrc: u32, timestamp: u32) -> Vec<u8> {
    words(&[0x81c8_000c, ssrc, NTP[0], NTP[1], timestamp, 50, 8000, 77, 0, 5, 6, 0, 0])
}

/// What a description becomes that had so many words.
fn described(len: u32) -> Vec<u8> {
    let mut description = words(&[0x81ca_0000 | (len - 1), OURS, 0x0108_3132, 0x3334_6162, 0x6364_0000]);
    description.resize(len as usize * 4, 0);
    description
}

fn towards() -> Vec<Case> {
    // "carrier@192.0.2.10", and a tool.
    let mut description = words(&[0x81ca_000b, 10]);
    description.extend(b"\x01\x12carrier@192.0.2.10\x06\x0fsomething 1.2.3");
    description.resize(48, 0);
    let bye = words(&[0x81cb_0001, 10]);
    let void = words(&[0x80c9_0001, OURS]);
    let compound = [sender(10, 400), description, bye].concat();
    let translated = [sender(OURS, 5323), described(12), void].concat();
    let short = words(&[0x81ca_0003, 10, 0x0101_6100, 0]);
    let app = words(&[0x80cc_0003, 10, 0x6564_6765, 1]);
    let report = |ssrc: u32| words(&[0x81c9_0007, ssrc, 77, 0, 5, 6, 7, 8]);
    let unknown = words(&[0x82d1_0002, 10, 77]);
    vec![
        crosses("rtcp_of_the_source_is_of_the_stream", compound, translated),
        crosses("rtcp_of_a_listener_is_of_the_stream", report(4711), report(OURS)),
        crosses("a_description_too_short_for_ours", short, words(&[0x80c9_0003, OURS, 0x0101_6100, 0])),
        crosses("an_application_is_of_the_stream", app, words(&[0x80cc_0003, OURS, 0x6564_6765, 1])),
        crosses("rtcp_that_nobody_understands", unknown, words(&[0x80c9_0002, OURS, 77])),
    ]
}

fn from() -> Vec<Case> {
    let report = |ssrc: u32, lost: u32, highest: u32, since: [u32; 2]| {
        words(&[0x81c9_0007, 66, ssrc, lost, highest, 6, since[0], since[1]])
    };
    let mut no_block = report(OURS, 0x0500_0003, 100, [0, 0]);
    no_block[0] = 0x80;
    let nack = |ssrc: u32, number: u32| words(&[0x81cd_0003, 66, ssrc, number << 16 | 1]);
    let picture = |ssrc: u32| words(&[0x81ce_0002, 66, ssrc]);
    let extended = |ssrc: u32, interval: u32| {
        words(&[0x80cf_000b, 66, 0x0600_0003, ssrc, interval, 1, 0x0400_0002, 8, 9, 0x0900_0002, 77, 5])
    };
    let many: Vec<u32> = (0..9).flat_map(|_| [0x81ce_0002, 66, OURS]).collect();
    let many_back: Vec<u32> = (0..9).flat_map(|_| [0x81ce_0002, 66, 10]).collect();
    let its_source = comes_back(
        "a_report_on_the_stream_is_on_its_source",
        report(OURS, 0x0500_0003, 0x0001_0066, [7, 9]),
        report(10, 0x0500_0003, 8, [0, 0]),
    );
    let earlier =
        comes_back("a_report_on_an_earlier_source", report(OURS, 0x0500_0003, 100, [0, 0]), no_block);
    // Of the stream it is told, whichever source it is about.
    let told = |case: Case| Case {
        tally: Tally {
            reception_report: ReceptionReport {
                reports: 1,
                lost: 3,
                fraction_lost: 5,
                jitter_ticks: 6,
                ..ReceptionReport::default()
            },
            ..case.tally
        },
        ..case
    };
    vec![
        told(its_source),
        told(earlier),
        comes_back("a_report_on_another_stream", report(55, 3, 100, [1, 2]), report(55, 3, 100, [1, 2])),
        comes_back("a_packet_that_is_asked_for_again", nack(OURS, 101), nack(10, 7)),
        comes_back(
            "a_packet_of_an_earlier_source_is_asked_for",
            nack(OURS, 99),
            words(&[0x80c9_0003, 66, 10, 99 << 16 | 1]),
        ),
        comes_back("a_picture_is_asked_for", picture(OURS), picture(10)),
        comes_back(
            "an_extended_report_on_the_stream",
            extended(OURS, 101 << 16 | 103),
            extended(10, 7 << 16 | 9),
        ),
        comes_back("a_compound_for_several_programs", words(&many), words(&many_back)),
        comes_back("goodbye_of_the_leg_itself", words(&[0x81cb_0001, 66]), words(&[0x81cb_0001, 66])),
    ]
}

fn broken() -> Vec<Case> {
    let dropped = |name, sent: Vec<u8>, leaves: Vec<u8>, reason| {
        let case = crosses(name, sent, leaves);
        Case {
            verdict: Verdict::Drop(reason),
            tally: Tally { drop: Some((reason, 1)), ..case.tally },
            ..case
        }
    };
    let beyond = [sender(10, 400), words(&[0x81cb_0005, 10])].concat();
    let half = [sender(OURS, 5323), words(&[0x81cb_0005, 10])].concat();
    let endless: Vec<u32> = (0..100).flat_map(|_| [0x80c9_0001, 10]).collect();
    let mut translated = endless.clone();
    translated.iter_mut().skip(1).step_by(2).take(48).for_each(|ssrc| *ssrc = OURS);
    vec![
        dropped(
            "a_sender_report_of_an_earlier_source",
            sender(9, 400),
            sender(9, 400),
            DropReason::OtherSource,
        ),
        dropped("a_compound_that_ends_beyond_its_datagram", beyond, half, DropReason::BadRtcp),
        dropped("a_compound_without_end", words(&endless), words(&translated), DropReason::BadRtcp),
    ]
}
