//! RTCP at another address than RTP's (RFC 3605).

use alloc::vec;
use alloc::vec::Vec;

use super::{Case, Tally, drops, from_carrier, relay, relays, to_rtcp_port, towards_pbx};
use crate::abi::{Address, FLAG_RTCP_MUX, RtcpPlace, SOURCE_LATCH, SOURCE_PORT, SOURCE_SUBNET};
use crate::testing::packet::Packet;
use crate::testing::scene::{CARRIER, FAR, NEAR, PBX, Scene, station};
use crate::verdict::DropReason::*;
use crate::verdict::Egress;
use crate::wire::Payload;

/// Who watches over the PBX's media, and the port there.
const MONITOR: ([u8; 4], u16) = ([198, 51, 100, 99], 5005);
/// The same of the carrier.
const COLLECTOR: ([u8; 4], u16) = ([192, 0, 2, 99], 5007);

pub(super) fn cases() -> Vec<Case> {
    [towards(), from()].into_iter().flatten().collect()
}

fn place(at: ([u8; 4], u16), next_hop: u16) -> RtcpPlace {
    RtcpPlace { remote: Address::v4(at.0), next_hop }
}

/// RTCP of the PBX is at its monitor, behind the hop in row 3, which is on the device that frames come in on.
fn pbx_apart(second: bool) -> Scene {
    let mut scene =
        Scene::call().rtcp_at(FAR, second, place(MONITOR, 3)).far(|e| e.remote_rtcp_port = MONITOR.1);
    let hop = scene.next_hops[1].map(|hop| crate::abi::NextHop { destination: Some(station(0x83)), ..hop });
    scene.next_hops[3] = hop;
    scene
}

fn towards() -> Vec<Case> {
    let sent = || to_rtcp_port(from_carrier());
    let leaves = || {
        towards_pbx(&sent()).with(|packet| {
            packet.destination = MONITOR;
            packet.stations = [station(0x83), station(1)];
        })
    };
    let crosses = |name, scene| Case {
        scene,
        verdict: relay(Payload::Rtcp, Egress::SameDevice),
        leaves: leaves().build(),
        tally: Tally { rtcp: (1, sent().build().len() as u64), ..Tally::default() },
        ..relays(name, &sent())
    };
    let muxed = pbx_apart(false).near(|endpoint| endpoint.flags |= FLAG_RTCP_MUX);
    let on_rtp =
        sent().with(|packet| (packet.source.1, packet.destination.1) = (CARRIER.1, packet.destination.1 - 1));
    let latching = pbx_apart(false).far(|e| (e.source_policy, e.source_prefix) = (SOURCE_LATCH, 128));
    vec![
        crosses("rtcp_goes_to_another_address", pbx_apart(false)),
        crosses("rtcp_goes_to_the_second_place", pbx_apart(true)),
        Case { frames: vec![on_rtp.build()], ..crosses("muxed_rtcp_goes_to_another_address", muxed) },
        crosses("rtcp_goes_where_it_is_named_though_rtp_is_latched", latching),
        Case { scene: pbx_apart(true), ..relays("rtp_goes_where_it_always_goes", &from_carrier()) },
        Case {
            scene: pbx_apart(true).rtcp_at(FAR, true, place(MONITOR, 0)),
            ..drops("rtcp_without_a_way", NoNextHop, &sent())
        },
        Case {
            scene: pbx_apart(true).far(|e| e.remote_rtcp_port = 0),
            ..drops("rtcp_without_a_port", NoRemote, &sent())
        },
    ]
}

/// RTCP of the carrier comes from its collector, and from nowhere else.
fn from() -> Vec<Case> {
    let scene = |policy| {
        let scene = Scene::call().rtcp_at(NEAR, true, place(COLLECTOR, 1));
        scene.near(|e| (e.source_policy, e.source_prefix, e.remote_rtcp_port) = (policy, 120, COLLECTOR.1))
    };
    let sent = |source| to_rtcp_port(from_carrier()).with(|packet| packet.source = source);
    let crosses = |name, policy, source| {
        let sent: Packet = sent(source);
        let tally = Tally { rtcp: (1, sent.build().len() as u64), ..Tally::default() };
        let leaves = towards_pbx(&sent).with(|packet| packet.destination = (PBX.0, PBX.1 + 1)).build();
        let verdict = relay(Payload::Rtcp, Egress::Device(1));
        Case { scene: scene(policy), verdict, leaves, tally, ..relays(name, &sent) }
    };
    let refused =
        |name, policy, source| Case { scene: scene(policy), ..drops(name, UnexpectedSource, &sent(source)) };
    let other_port = (COLLECTOR.0, 6001);
    let beside = ([192, 0, 2, 98], COLLECTOR.1);
    vec![
        crosses("rtcp_from_another_address", 0, COLLECTOR),
        refused("rtcp_from_another_port_of_it", 0, other_port),
        refused("rtcp_from_where_rtp_comes_from", 0, (CARRIER.0, CARRIER.1 + 1)),
        crosses("rtcp_from_another_port_of_it_where_it_may", SOURCE_PORT, other_port),
        refused("rtcp_from_beside_it", SOURCE_PORT, beside),
        crosses("rtcp_from_beside_it_where_it_may", SOURCE_SUBNET, beside),
        crosses("rtcp_from_another_port_of_it_where_rtp_is_latched", SOURCE_LATCH, other_port),
        refused("rtcp_from_beside_it_where_rtp_is_latched", SOURCE_LATCH, beside),
        Case { scene: scene(0), ..relays("rtp_from_where_it_always_comes", &from_carrier()) },
        Case {
            scene: scene(0),
            ..drops(
                "rtp_from_where_rtcp_comes_from",
                UnexpectedSource,
                &from_carrier().with(|p| p.source.0 = COLLECTOR.0),
            )
        },
    ]
}
