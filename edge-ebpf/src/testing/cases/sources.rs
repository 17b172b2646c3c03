//! Source policies: who gets through, and where packets the other way go then.

use alloc::vec;
use alloc::vec::Vec;

use super::{Case, Tally, drops, from_carrier, relay, relays, to_rtcp_port};
use crate::abi::{Address, Endpoint, SOURCE_LATCH, SOURCE_PORT, SOURCE_SUBNET};
use crate::testing::packet::{Packet, rtcp, rtp};
use crate::testing::scene::{CARRIER, FAR, LOCAL_A, LOCAL_B, PBX, Scene, station};
use crate::verdict::DropReason::{self, *};
use crate::verdict::{Egress, Verdict};
use crate::wire::Payload;

/// A port of the carrier's that signalling did not name.
const OTHER_PORT: u16 = 31_007;
/// An address beside the carrier's, and a port of it.
const NEIGHBOUR: ([u8; 4], u16) = ([192, 0, 2, 77], 30_000);

pub(super) fn cases() -> Vec<Case> {
    [port(), subnet(), latched(), moved(), latched_rtcp(), towards_latched()].into_iter().flatten().collect()
}

fn port() -> Vec<Case> {
    let scene = || policy(SOURCE_PORT, 0);
    let unknown = Scene::call().near(|e| e.source_policy = 0xff);
    vec![
        Case { scene: scene(), ..relays("port_policy_takes_another_port", &from(OTHER_PORT)) },
        refused("port_policy_refuses_another_address", scene(), UnexpectedSource, &from_neighbour()),
        refused(
            "port_policy_before_the_far_side_spoke",
            scene().near(|e| e.remote_rtp_port = 0),
            SourceNotKnown,
            &from(OTHER_PORT),
        ),
        refused("a_policy_of_the_future_admits_nobody", unknown, UnexpectedSource, &from_carrier()),
    ]
}

fn subnet() -> Vec<Case> {
    let outside = from_carrier().with(|p| p.source.0 = [192, 0, 3, 10]);
    let halves = |prefix| policy(SOURCE_SUBNET, prefix);
    vec![
        Case { scene: halves(120), ..relays("subnet_policy_takes_a_neighbour", &from_neighbour()) },
        refused("subnet_policy_refuses_what_is_outside", halves(120), UnexpectedSource, &outside),
        refused("subnet_policy_counts_bits", halves(122), UnexpectedSource, &from_neighbour()),
        Case { scene: halves(121), ..relays("subnet_policy_takes_the_same_half", &from_neighbour()) },
        refused("no_prefix_is_not_every_address", halves(0), UnexpectedSource, &from_carrier()),
    ]
}

fn latched() -> Vec<Case> {
    let scene = || policy(SOURCE_LATCH, 128);
    let unsignalled = scene().near(|e| e.remote_rtp_port = 0);
    let first = || vec![crosses(&from(OTHER_PORT))];
    let with_ssrc = |ssrc| from_carrier().with(|p| p.payload = rtp(2, 320, ssrc, 160));
    vec![
        Case { scene: scene(), ..relays("latch_takes_the_first", &from(OTHER_PORT)) },
        Case { scene: unsignalled, ..relays("latch_needs_no_signalled_port", &from(OTHER_PORT)) },
        Case { scene: policy(SOURCE_LATCH, 120), ..relays("latch_takes_a_neighbour", &from_neighbour()) },
        refused("latch_refuses_what_is_outside", scene(), UnexpectedSource, &from_neighbour()),
        refused("latch_refuses_port_zero", scene(), UnexpectedSource, &from(0)),
        refused(
            "latch_before_the_far_side_spoke",
            scene().near(|e| e.remote = Address::UNSPECIFIED),
            SourceNotKnown,
            &from(OTHER_PORT),
        ),
        after(first(), refused("latch_refuses_the_second", scene(), LatchedElsewhere, &with_ssrc(8))),
        after(
            first(),
            refused("latch_holds_against_a_repetition", scene(), LatchedElsewhere, &from_carrier()),
        ),
    ]
}

/// The same sender from another port, and who only claims to be it.
fn moved() -> Vec<Case> {
    let scene = || policy(SOURCE_LATCH, 128);
    let numbered = |sequence| from_carrier().with(|p| p.payload = rtp(sequence, 160, 9, 160));
    let first = || vec![crosses(&from(OTHER_PORT))];
    let twice = vec![crosses(&from(OTHER_PORT)), crosses(&numbered(2))];
    let back = from(OTHER_PORT).with(|p| p.payload = rtp(2, 160, 9, 160));
    let whole = numbered(2).build().len() as u64;
    let two = Tally { rtp: (2, 2 * whole), ..Tally::default() };
    let far_ahead = Tally { lost: 2998, ..two };
    let dropped = Tally { drop: Some((LatchedElsewhere, 1)), ..two };
    vec![
        Case {
            before: first(),
            scene: scene(),
            tally: two,
            ..relays("latch_follows_its_source", &numbered(2))
        },
        Case {
            before: first(),
            scene: scene(),
            tally: far_ahead,
            ..relays("latch_follows_over_a_gap", &numbered(3000))
        },
        after(first(), refused("latch_does_not_follow_a_jump", scene(), LatchedElsewhere, &numbered(3001))),
        after(first(), refused("latch_does_not_follow_backwards", scene(), LatchedElsewhere, &numbered(0))),
        Case {
            before: twice,
            tally: dropped,
            ..refused("latch_leaves_the_old_port", scene(), LatchedElsewhere, &back)
        },
    ]
}

fn latched_rtcp() -> Vec<Case> {
    let scene = || policy(SOURCE_LATCH, 120);
    let from = |source: ([u8; 4], u16), ssrc| {
        to_rtcp_port(from_carrier()).with(|p| {
            p.source = source;
            p.payload = rtcp(ssrc);
        })
    };
    let own = from((CARRIER.0, 555), 9);
    let first = || vec![crosses(&from_carrier())];
    let rtp_bytes = from_carrier().build().len() as u64;
    let both = Tally { rtp: (1, rtp_bytes), rtcp: (1, own.build().len() as u64), ..Tally::default() };
    let relayed = Case {
        verdict: relay(Payload::Rtcp, Egress::Device(1)),
        before: first(),
        scene: scene(),
        tally: both,
        ..relays("rtcp_latches_apart_from_rtp", &own)
    };
    vec![
        relayed,
        refused("rtcp_does_not_latch_before_rtp", scene(), SourceNotKnown, &own),
        after(
            first(),
            refused("rtcp_of_another_ssrc", scene(), LatchedElsewhere, &from((CARRIER.0, 555), 8)),
        ),
        after(first(), refused("rtcp_of_a_neighbour", scene(), LatchedElsewhere, &from(NEIGHBOUR, 9))),
    ]
}

/// From the PBX to a carrier whose source is learnt.
fn towards_latched() -> Vec<Case> {
    let unsignalled = |e: &mut Endpoint| e.remote_rtp_port = 0;
    let sent = Packet::udp(PBX, LOCAL_B, rtp(500, 3, 77, 160));
    let learnt = || vec![crosses(&from_neighbour())];
    let scene = || policy(SOURCE_LATCH, 120);
    let held = scene().near(|e| e.remote = Address::UNSPECIFIED);
    let back = |name, to: ([u8; 4], u16), scene| Case {
        verdict: relay(Payload::Rtp, Egress::SameDevice),
        leaves: towards_carrier(&sent, to).build(),
        endpoint: FAR,
        scene,
        ..relays(name, &sent)
    };
    let stays = |name, reason, scene| Case { endpoint: FAR, ..refused(name, scene, reason, &sent) };
    vec![
        Case { before: learnt(), ..back("goes_to_the_latch", NEIGHBOUR, scene()) },
        Case {
            before: learnt(),
            ..back("goes_to_the_latch_of_a_silent_sdp", NEIGHBOUR, scene().near(unsignalled))
        },
        back("goes_where_sdp_says_until_latched", CARRIER, scene()),
        stays("goes_nowhere_until_latched", NotLatched, scene().near(unsignalled)),
        stays("goes_nowhere_on_hold", NoRemote, held),
    ]
}

/// The call, with this policy towards the carrier.
fn policy(source_policy: u8, source_prefix: u8) -> Scene {
    Scene::call().near(|e| *e = Endpoint { source_policy, source_prefix, generation: 3, ..*e })
}

fn from(port: u16) -> Packet {
    from_carrier().with(|packet| packet.source.1 = port)
}

fn from_neighbour() -> Packet {
    from_carrier().with(|packet| packet.source = NEIGHBOUR)
}

fn crosses(packet: &Packet) -> (Vec<u8>, Verdict) {
    (packet.build(), relay(Payload::Rtp, Egress::Device(1)))
}

fn refused(name: &'static str, scene: Scene, reason: DropReason, sent: &Packet) -> Case {
    Case { scene, ..drops(name, reason, sent) }
}

/// A refusal after frames that crossed, which are counted too.
fn after(before: Vec<(Vec<u8>, Verdict)>, case: Case) -> Case {
    let bytes = before.iter().map(|(frame, _)| frame.len() as u64).sum();
    let tally = Tally { rtp: (before.len() as u64, bytes), ..case.tally };
    Case { before, tally, ..case }
}

fn towards_carrier(sent: &Packet, to: ([u8; 4], u16)) -> Packet {
    sent.clone().with(|packet| {
        packet.stations = [station(0x81), station(1)];
        packet.ttl = 64;
        packet.source = LOCAL_A;
        packet.destination = to;
    })
}
