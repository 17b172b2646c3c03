//! What shares a port with RTP and RTCP, told apart by its first octet (RFC 7983): STUN and DTLS cross where they may.

use alloc::vec;
use alloc::vec::Vec;

use super::profiles::{plain, single};
use super::{Case, Tally, drops, from_carrier, ipv6, relay, relays, to_rtcp_port, towards_pbx};
use crate::abi::{FLAG_DTLS, FLAG_RTCP_MUX, FLAG_STUN, FLAG_UDPTL, SOURCE_LATCH, SOURCE_PORT};
use crate::testing::packet::{Packet, rtcp, rtp};
use crate::testing::scene::Family::{V4, V6};
use crate::testing::scene::{CARRIER, PBX, Scene};
use crate::verdict::DropReason::*;
use crate::verdict::{Egress, Verdict};
use crate::wire::Payload;

pub(super) fn cases() -> Vec<Case> {
    [octets(), passed(), admitted(), latched(), handshakes(), handshakes_latch()]
        .into_iter()
        .flatten()
        .collect()
}

/// A binding request (RFC 8489 section 5) without attributes.
fn stun() -> Packet {
    let header = [0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];
    from_carrier().with(|packet| packet.payload = header.to_vec())
}

fn beginning(first: u8) -> Packet {
    stun().with(|packet| packet.payload[0] = first)
}

/// Every edge of the ranges, none of which may cross.
fn octets() -> Vec<Case> {
    let on_rtcp = |first| to_rtcp_port(stun()).with(|packet| packet.payload = beginning(first).payload);
    vec![
        drops("stun", Stun, &stun()),
        drops("stun_last_octet", Stun, &beginning(3)),
        drops("octet_between_stun_and_zrtp", NotRtp, &beginning(4)),
        drops("zrtp", NotRtp, &beginning(16)),
        drops("octet_before_dtls", NotRtp, &beginning(19)),
        drops("dtls_first_octet", Dtls, &beginning(20)),
        drops("dtls_handshake", Dtls, &beginning(22)),
        drops("dtls_last_octet", Dtls, &beginning(63)),
        drops("turn_channel", NotRtp, &beginning(64)),
        drops("octet_before_rtp", NotRtp, &beginning(127)),
        drops("octet_behind_rtp", NotRtp, &beginning(192)),
        drops("stun_on_rtcp_port", Stun, &on_rtcp(1)),
        drops("dtls_on_rtcp_port", Dtls, &on_rtcp(23)),
        drops("fax_that_begins_as_stun", NotRtp, &stun().with(|packet| packet.payload[4] = 0)),
        drops("short_stun", ShortRtp, &stun().with(|packet| packet.payload.truncate(11))),
        Case {
            scene: Scene::call().near(|e| e.flags = FLAG_STUN),
            ..drops("dtls_where_stun_crosses", Dtls, &beginning(22))
        },
    ]
}

fn scene() -> Scene {
    Scene::call().near(|endpoint| endpoint.flags |= FLAG_STUN)
}

/// It crosses, and is no media of the endpoint's.
fn crosses(name: &'static str, scene: Scene, sent: &Packet) -> Case {
    let verdict = relay(Payload::Stun, Egress::Device(1));
    Case { scene, verdict, tally: Tally::default(), ..relays(name, sent) }
}

fn passed() -> Vec<Case> {
    let on_rtcp = || {
        stun().with(|packet| {
            (packet.source.1, packet.destination.1) = (packet.source.1 + 1, packet.destination.1 + 1)
        })
    };
    let to_rtp = towards_pbx(&on_rtcp())
        .with(|packet| (packet.source.1, packet.destination.1) = (packet.source.1 - 1, PBX.1));
    let muxed = scene().far(|endpoint| endpoint.flags = FLAG_RTCP_MUX);
    let v6 = Scene::between(V4, V6).near(|endpoint| endpoint.flags = FLAG_STUN);
    let fax = Scene::call().near(|endpoint| endpoint.flags = FLAG_UDPTL);
    let on_fax = Tally { rtp: (1, stun().build().len() as u64), ..Tally::default() };
    vec![
        crosses("stun_crosses", scene(), &stun()),
        crosses(
            "stun_without_a_checksum_crosses",
            scene(),
            &stun().with(|p| p.udp_checksum = crate::testing::packet::UdpChecksum::None),
        ),
        crosses("stun_of_rtcp_crosses_by_rtcps_port", scene(), &on_rtcp()),
        Case {
            leaves: to_rtp.build(),
            ..crosses("stun_of_rtcp_crosses_to_where_rtcp_is_muxed", muxed, &on_rtcp())
        },
        Case {
            leaves: ipv6::leaves((V4, V6), &stun()).build(),
            ..crosses("stun_crosses_to_v6", v6, &stun())
        },
        // UDPTL begins with a sequence number: what is STUN cannot be told there.
        Case {
            verdict: relay(Payload::Udptl, Egress::Device(1)),
            tally: on_fax,
            ..crosses("stun_or_udptl", fax, &stun())
        },
    ]
}

/// Its source is looked at as RTP's is, and it takes of the same rate.
fn admitted() -> Vec<Case> {
    let elsewhere = || stun().with(|packet| packet.source.0 = [203, 0, 113, 5]);
    let other_port = || stun().with(|packet| packet.source.1 = 30_002);
    let any_port = || scene().near(|endpoint| endpoint.source_policy = SOURCE_PORT);
    let spent = scene().carrier_sends(single(plain()));
    let first = vec![(from_carrier().build(), relay(Payload::Rtp, Egress::Device(1)))];
    let dropped = drops("stun_beyond_the_rate", OverRate, &stun());
    let tally = Tally { rtp: (1, from_carrier().build().len() as u64), ..dropped.tally };
    vec![
        Case { scene: scene(), ..drops("stun_from_elsewhere", UnexpectedSource, &elsewhere()) },
        Case { scene: scene(), ..drops("stun_from_another_port", UnexpectedSource, &other_port()) },
        crosses("stun_from_another_port_where_it_may", any_port(), &other_port()),
        Case { scene: spent, before: first, tally, ..dropped },
        Case {
            scene: scene().far(|e| e.remote_rtp_port = 0),
            ..drops("stun_to_a_side_on_hold", NoRemote, &stun())
        },
    ]
}

/// It is no latch, and goes where the latch is.
fn latched() -> Vec<Case> {
    let scene =
        || scene().near(|endpoint| (endpoint.source_policy, endpoint.source_prefix) = (SOURCE_LATCH, 128));
    let first = || -> Vec<(Vec<u8>, Verdict)> {
        vec![(from_carrier().build(), relay(Payload::Rtp, Egress::Device(1)))]
    };
    let tally = Tally { rtp: (1, from_carrier().build().len() as u64), ..Tally::default() };
    let other = || stun().with(|packet| packet.source.1 = CARRIER.1 + 8);
    let refused = drops("stun_from_beside_the_latch", LatchedElsewhere, &other());
    let refused_tally = Tally { rtp: tally.rtp, ..refused.tally };
    let after_stun = vec![(other().build(), Verdict::Drop(SourceNotKnown))];
    let after = Tally { drop: Some((SourceNotKnown, 1)), ..tally };
    vec![
        Case { scene: scene(), ..drops("stun_is_no_latch", SourceNotKnown, &stun()) },
        Case {
            before: after_stun,
            scene: scene(),
            tally: after,
            ..relays("rtp_latches_after_stun_from_elsewhere", &from_carrier())
        },
        Case { before: first(), tally, ..crosses("stun_from_the_latch", scene(), &stun()) },
        Case { before: first(), scene: scene(), tally: refused_tally, ..refused },
    ]
}

/// The beginning of a record (RFC 6347 section 4.1) of this content type.
fn dtls(content_type: u8) -> Packet {
    let header = [content_type, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 1, 0, 4, 1, 2, 3, 4];
    from_carrier().with(|packet| packet.payload = header.to_vec())
}

fn shaking() -> Scene {
    Scene::call().near(|endpoint| endpoint.flags |= FLAG_DTLS)
}

fn handshake_crosses(name: &'static str, scene: Scene, sent: &Packet) -> Case {
    Case { verdict: relay(Payload::Dtls, Egress::Device(1)), ..crosses(name, scene, sent) }
}

/// Where keys are agreed on by DTLS its records cross, and nothing else that did not.
fn handshakes() -> Vec<Case> {
    let on_rtcp = || to_rtcp_port(dtls(22)).with(|packet| packet.payload = dtls(22).payload);
    let muxed = shaking().far(|endpoint| endpoint.flags = FLAG_RTCP_MUX);
    let on_one_port =
        towards_pbx(&on_rtcp()).with(|p| (p.source.1, p.destination.1) = (p.source.1 - 1, PBX.1));
    let v6 = Scene::between(V4, V6).near(|endpoint| endpoint.flags = FLAG_DTLS);
    let first = vec![(from_carrier().build(), relay(Payload::Rtp, Egress::Device(1)))];
    let spent = drops("dtls_beyond_the_rate", OverRate, &dtls(22));
    let tally = Tally { rtp: (1, from_carrier().build().len() as u64), ..spent.tally };
    let elsewhere = dtls(22).with(|packet| packet.source.0 = [203, 0, 113, 5]);
    let stray = |name, reason, sent: &Packet| Case { scene: shaking(), ..drops(name, reason, sent) };
    vec![
        handshake_crosses("dtls_crosses", shaking(), &dtls(22)),
        handshake_crosses("dtls_of_the_first_octet_crosses", shaking(), &dtls(20)),
        handshake_crosses("dtls_of_the_last_octet_crosses", shaking(), &dtls(63)),
        handshake_crosses("dtls_of_rtcp_crosses_by_rtcps_port", shaking(), &on_rtcp()),
        Case {
            leaves: on_one_port.build(),
            ..handshake_crosses("dtls_of_rtcp_crosses_to_where_rtcp_is_muxed", muxed, &on_rtcp())
        },
        Case {
            leaves: ipv6::leaves((V4, V6), &dtls(22)).build(),
            ..handshake_crosses("dtls_crosses_to_v6", v6, &dtls(22))
        },
        Case { scene: shaking().carrier_sends(single(plain())), before: first, tally, ..spent },
        stray("dtls_from_elsewhere", UnexpectedSource, &elsewhere),
        stray("stun_where_dtls_crosses", Stun, &stun()),
        stray("octet_before_dtls_where_it_crosses", NotRtp, &beginning(19)),
        stray("octet_behind_dtls_where_it_crosses", NotRtp, &beginning(64)),
        Case {
            scene: shaking().far(|e| e.remote_rtp_port = 0),
            ..drops("dtls_to_a_side_on_hold", NoRemote, &dtls(22))
        },
    ]
}

/// The first of a handshake is a latch, and no later one; RTP of the same sender needs none of its own.
fn handshakes_latch() -> Vec<Case> {
    let scene =
        || shaking().near(|endpoint| (endpoint.source_policy, endpoint.source_prefix) = (SOURCE_LATCH, 128));
    let handshake = || vec![(dtls(22).build(), relay(Payload::Dtls, Egress::Device(1)))];
    let media = || vec![(from_carrier().build(), relay(Payload::Rtp, Egress::Device(1)))];
    let after_media = Tally { rtp: (1, from_carrier().build().len() as u64), ..Tally::default() };
    let beside = |packet: Packet| packet.with(|packet| packet.source.1 = CARRIER.1 + 8);
    let on_rtcp = || to_rtcp_port(dtls(22)).with(|packet| packet.payload = dtls(22).payload);
    let nobodys_report = || to_rtcp_port(dtls(22)).with(|packet| packet.payload = rtcp(0));
    let nobodys = || from_carrier().with(|packet| packet.payload = rtp(1, 160, 0, 160));
    let refused = drops("dtls_from_beside_the_latch", LatchedElsewhere, &beside(dtls(22)));
    let moved = Tally { rtp: after_media.rtp, ..refused.tally };
    let early = drops("dtls_of_rtcp_before_that_of_rtp", SourceNotKnown, &on_rtcp());
    vec![
        handshake_crosses("dtls_is_a_latch", scene(), &dtls(22)),
        Case { before: handshake(), scene: scene(), ..relays("rtp_follows_its_handshake", &from_carrier()) },
        Case {
            before: handshake(),
            scene: scene(),
            ..drops("rtp_of_another_than_shook_hands", LatchedElsewhere, &beside(from_carrier()))
        },
        Case {
            before: handshake(),
            scene: scene(),
            ..drops("rtp_of_ssrc_0_from_beside_who_shook_hands", LatchedElsewhere, &beside(nobodys()))
        },
        Case {
            before: handshake(),
            scene: scene(),
            ..drops("rtcp_of_ssrc_0_behind_a_handshake", LatchedElsewhere, &nobodys_report())
        },
        Case {
            before: media(),
            tally: after_media,
            ..handshake_crosses("dtls_from_the_latch", scene(), &dtls(22))
        },
        Case { before: media(), scene: scene(), tally: moved, ..refused },
        Case { scene: scene(), ..early },
        Case {
            before: handshake(),
            ..handshake_crosses("dtls_of_rtcp_behind_that_of_rtp", scene(), &on_rtcp())
        },
    ]
}
