//! What is not RTP with RTCP on the next port: UDPTL, and RTCP on RTP's port.

use alloc::vec;
use alloc::vec::Vec;

use super::{Case, Tally, drops, from_carrier, relay, relays, to_rtcp_port, towards_pbx};
use crate::abi::{Endpoint, FLAG_RTCP_MUX, FLAG_UDPTL, SOURCE_LATCH};
use crate::testing::packet::{Packet, rtcp, rtp};
use crate::testing::scene::{CARRIER, LOCAL_A, LOCAL_B, PBX, Scene, station};
use crate::verdict::DropReason::{LatchedElsewhere, NotRtp, ShortRtp, SourceNotKnown, UnexpectedSource};
use crate::verdict::{DropReason, Egress, Verdict};
use crate::wire::Payload;

pub(super) fn cases() -> Vec<Case> {
    [fax(), latched_fax(), muxed()].into_iter().flatten().collect()
}

/// T.38 section 9.1: sequence number, one byte of `no-signal`, no secondary packets.
fn udptl(sequence: u16) -> Vec<u8> {
    let [high, low] = sequence.to_be_bytes();
    vec![high, low, 1, 0, 0, 0]
}

fn fax_packet(sequence: u16) -> Packet {
    from_carrier().with(|packet| packet.payload = udptl(sequence))
}

fn fax_call() -> Scene {
    flagged(Scene::call(), FLAG_UDPTL)
}

fn flagged(scene: Scene, flags: u8) -> Scene {
    scene.near(|e| e.flags = flags).far(|e| e.flags = flags)
}

fn crosses(packet: &Packet) -> (Vec<u8>, Verdict) {
    (packet.build(), relay(Payload::Udptl, Egress::Device(1)))
}

fn udptl_relays(name: &'static str, sent: &Packet) -> Case {
    Case { scene: fax_call(), verdict: relay(Payload::Udptl, Egress::Device(1)), ..relays(name, sent) }
}

fn udptl_drops(name: &'static str, reason: DropReason, sent: &Packet) -> Case {
    Case { scene: fax_call(), ..drops(name, reason, sent) }
}

fn fax() -> Vec<Case> {
    let long = fax_packet(7).with(|packet| packet.payload.resize(1400, 0xff));
    let short = fax_packet(0).with(|packet| packet.payload.truncate(5));
    let to_rtcp = to_rtcp_port(fax_packet(0)).with(|packet| packet.payload = [0; 20].to_vec());
    let speech = from_carrier();
    let bytes = (speech.build().len() + fax_packet(0).build().len() + speech.build().len()) as u64;
    let mixed = Tally { rtp: (3, bytes), ..Tally::default() };
    vec![
        udptl_relays("udptl_to_other_device", &fax_packet(0)),
        udptl_relays("udptl_of_mtu_size", &long),
        udptl_relays("udptl_whose_number_looks_like_rtp", &fax_packet(0x8008)),
        udptl_drops("five_bytes_of_udptl", ShortRtp, &short),
        udptl_drops("udptl_from_elsewhere", UnexpectedSource, &fax_packet(0).with(|p| p.source.1 += 2)),
        udptl_drops("udptl_on_rtcp_port", NotRtp, &to_rtcp),
        drops("udptl_without_its_flag", NotRtp, &fax_packet(0).with(|packet| packet.payload.resize(20, 0))),
        // The last speech of a call that became a fax: it is no harm there, and nobody could tell.
        Case {
            before: vec![crosses(&speech), crosses(&fax_packet(0))],
            tally: mixed,
            ..udptl_relays("udptl_is_no_run_and_no_loss", &speech.with(|p| p.payload = rtp(900, 160, 9, 160)))
        },
    ]
}

fn latched_fax() -> Vec<Case> {
    let scene =
        || fax_call().near(|e| *e = Endpoint { source_policy: SOURCE_LATCH, source_prefix: 120, ..*e });
    let elsewhere = |sequence| fax_packet(sequence).with(|packet| packet.source.1 = 555);
    let after =
        |count: u64| Tally { rtp: (count, count * fax_packet(0).build().len() as u64), ..Tally::default() };
    let again = Case { before: vec![crosses(&elsewhere(0))], ..udptl_relays("udptl_latches", &elsewhere(1)) };
    let moved = udptl_drops("udptl_latches_once", LatchedElsewhere, &fax_packet(1));
    vec![
        Case { scene: scene(), tally: after(2), ..again },
        Case {
            before: vec![crosses(&elsewhere(0))],
            scene: scene(),
            tally: Tally { drop: moved.tally.drop, ..after(1) },
            ..moved
        },
        Case { scene: scene(), ..udptl_drops("late_rtp_does_not_latch", SourceNotKnown, &from_carrier()) },
    ]
}

fn muxed() -> Vec<Case> {
    let report = from_carrier().with(|packet| packet.payload = rtcp(9));
    let odd = to_rtcp_port(from_carrier());
    let to_odd = to_rtcp_port(report.clone());
    let counted = |packet: &Packet| Tally { rtcp: (1, packet.build().len() as u64), ..Tally::default() };
    let case = |name, sent: &Packet, leaves: Packet, scene| Case {
        scene,
        verdict: relay(Payload::Rtcp, Egress::Device(1)),
        leaves: leaves.build(),
        tally: counted(sent),
        ..relays(name, sent)
    };
    let near_only = || Scene::call().near(|e| e.flags = FLAG_RTCP_MUX);
    let far_only = || Scene::call().far(|e| e.flags = FLAG_RTCP_MUX);
    let latching =
        near_only().near(|e| *e = Endpoint { source_policy: SOURCE_LATCH, source_prefix: 120, ..*e });
    let spoofed = report.clone().with(|packet| packet.source.1 = 555);
    let speech = relay(Payload::Rtp, Egress::Device(1));
    let rtp_bytes = from_carrier().build().len() as u64;
    let refused = drops("muxed_rtcp_moves_no_latch", LatchedElsewhere, &spoofed);
    vec![
        case("muxed_rtcp_to_muxed", &report, towards_pbx(&report), flagged(Scene::call(), FLAG_RTCP_MUX)),
        case("muxed_rtcp_to_a_port_of_its_own", &report, towards_pbx(&to_odd), near_only()),
        case("rtcp_of_a_port_of_its_own_to_muxed", &odd, onto_rtp_port(&odd), far_only()),
        Case { scene: near_only(), ..relays("rtp_beside_muxed_rtcp", &from_carrier()) },
        Case {
            before: vec![(from_carrier().build(), speech)],
            scene: latching,
            tally: Tally { rtp: (1, rtp_bytes), ..refused.tally },
            ..refused
        },
        back_muxed(),
    ]
}

fn onto_rtp_port(sent: &Packet) -> Packet {
    towards_pbx(sent).with(|packet| (packet.source, packet.destination) = (LOCAL_B, PBX))
}

/// From the PBX's RTCP port to the carrier's RTP port.
fn back_muxed() -> Case {
    let sent = to_rtcp_port(Packet::udp(PBX, LOCAL_B, rtcp(9)));
    let leaves = sent.clone().with(|packet| {
        packet.stations = [station(0x81), station(1)];
        packet.ttl = 64;
        (packet.source, packet.destination) = (LOCAL_A, CARRIER);
    });
    Case {
        scene: Scene::call().near(|e| e.flags = FLAG_RTCP_MUX),
        verdict: relay(Payload::Rtcp, Egress::SameDevice),
        leaves: leaves.build(),
        tally: Tally { rtcp: (1, sent.build().len() as u64), ..Tally::default() },
        endpoint: super::super::scene::FAR,
        ..relays("rtcp_back_to_muxed", &sent)
    }
}
