//! What was negotiated: payload types, and how many packets.

use alloc::vec;
use alloc::vec::Vec;

use super::{Case, Tally, drops, from_carrier, ipv6, relay, relays, to_rtcp_port, towards_pbx};
use crate::abi::{Endpoint, Handling, PAYLOAD_TYPES, PROFILE_COUNTS_ONLY, PayloadRule, Profile};
use crate::budget::{DEPTH_TICKS, Rate};
use crate::payload::{LAW_BYTES_MAX, in_alaw, in_ulaw};
use crate::testing::packet::{Packet, UdpChecksum, rtp};
use crate::testing::scene::Family::{V4, V6};
use crate::testing::scene::{CARRIER, FAR, Family, LOCAL_A, LOCAL_B, PBX, Scene, station};
use crate::verdict::DropReason::{OverRate, PayloadType, TooBig, WrongEntry};
use crate::verdict::Egress;
use crate::wire::Payload;

/// Payload type that a packet of the carrier has in these cases, beside that of its speech.
pub(super) const EVENT: u8 = 101;

pub(super) fn cases() -> Vec<Case> {
    [payload_types(), rates(), renumbered(), converted()].into_iter().flatten().collect()
}

/// A profile of these payload types, without a rate.
pub(super) fn profile(rules: &[(u8, u8, Handling)]) -> Profile {
    let mut profile = Profile { rules: [None; PAYLOAD_TYPES], rate: Rate::default(), flags: 0 };
    for (arrives_as, leaves_as, handling) in rules {
        profile.rules[usize::from(*arrives_as)] =
            Some(PayloadRule { leaves_as: *leaves_as, handling: *handling, is_watched: false });
    }
    profile
}

/// Speech and events, which cross as they are.
pub(super) fn plain() -> Profile {
    profile(&[(8, 8, Handling::Plain), (EVENT, EVENT, Handling::Event)])
}

fn counting(profile: Profile) -> Profile {
    Profile { flags: PROFILE_COUNTS_ONLY, ..profile }
}

/// A rate that one packet uses up for two seconds.
pub(super) fn single(profile: Profile) -> Profile {
    Profile { rate: Rate { per_packet: DEPTH_TICKS, per_byte: 0 }, ..profile }
}

pub(super) fn of_type(payload_type: u8) -> Packet {
    from_carrier().with(|packet| packet.payload[1] = payload_type)
}

fn payload_types() -> Vec<Case> {
    let scene = || Scene::call().carrier_sends(plain());
    let foreign = of_type(0);
    let event = of_type(EVENT);
    let marked = of_type(0x80 | EVENT);
    let speech = from_carrier();
    let numbered = |packet: &Packet, sequence: u8| packet.clone().with(|packet| packet.payload[3] = sequence);
    let interleaved = [(&speech, 1), (&event, 2), (&speech, 3), (&marked, 4)];
    let interleaved: Vec<Vec<u8>> =
        interleaved.iter().map(|(packet, sequence)| numbered(packet, *sequence).build()).collect();
    let bytes = interleaved.iter().map(Vec::len).sum::<usize>() as u64;
    vec![
        Case { scene: scene(), ..relays("a_negotiated_payload_type", &speech) },
        Case { scene: scene(), ..relays("a_marked_payload_type", &marked) },
        Case { scene: scene(), ..drops("a_payload_type_that_was_not_negotiated", PayloadType, &foreign) },
        Case { scene: scene(), ..drops("the_highest_payload_type", PayloadType, &of_type(0xff)) },
        Case {
            scene: Scene::call().carrier_sends(counting(plain())),
            tally: Tally { let_pass: (1, 0), ..relays("", &foreign).tally },
            ..relays("a_foreign_payload_type_where_it_is_only_counted", &foreign)
        },
        Case {
            scene: scene().near(|e| *e = Endpoint { profile: 0xffff, ..*e }),
            ..drops("profile_outside_the_table", WrongEntry, &speech)
        },
        Case { scene: scene(), ..rtcp("rtcp_has_no_payload_type") },
        Case {
            scene: scene(),
            frames: interleaved,
            tally: Tally { rtp: (4, bytes), ..Tally::default() },
            ..relays("events_between_speech", &numbered(&marked, 4))
        },
    ]
}

/// What the PBX is to get of the carrier's packet.
pub(super) fn becomes(
    name: &'static str,
    scene: Scene,
    sent: &Packet,
    change: impl FnOnce(&mut Packet),
) -> Case {
    let leaves = towards_pbx(sent).with(change).build();
    Case { scene, leaves, ..relays(name, sent) }
}

fn renumbered() -> Vec<Case> {
    let rules = [(8, 8, Handling::Plain), (EVENT, 96, Handling::Event)];
    let scene = || Scene::call().carrier_sends(profile(&rules));
    let over = |legs: (Family, Family)| Scene::between(legs.0, legs.1).carrier_sends(profile(&rules));
    let unsummed = of_type(EVENT).with(|packet| packet.udp_checksum = UdpChecksum::None);
    let to_96 = |packet: &mut Packet| packet.payload[1] = 96;
    vec![
        becomes("another_payload_type", scene(), &of_type(EVENT), to_96),
        becomes("another_payload_type_keeps_its_marker", scene(), &of_type(0x80 | EVENT), |p| {
            p.payload[1] = 0xe0
        }),
        becomes("another_payload_type_without_a_checksum", scene(), &unsummed, to_96),
        becomes("speech_beside_another_payload_type", scene(), &from_carrier(), |_| {}),
        over_v6("another_payload_type_to_v6", over((V4, V6)), (V4, V6)),
        over_v6("another_payload_type_from_v6", over((V6, V4)), (V6, V4)),
        over_v6("another_payload_type_within_v6", over((V6, V6)), (V6, V6)),
    ]
}

/// An event that leaves by 96.
fn over_v6(name: &'static str, scene: Scene, legs: (Family, Family)) -> Case {
    let sent = ipv6::from_carrier(legs.0).with(|packet| packet.payload[1] = EVENT);
    let leaves = ipv6::leaves(legs, &sent).with(|packet| packet.payload[1] = 96).build();
    Case { scene, leaves, ..relays(name, &sent) }
}

fn converted() -> Vec<Case> {
    let rules = [(8, 0, Handling::AlawToUlaw), (13, 13, Handling::Plain), (EVENT, EVENT, Handling::Event)];
    let scene = || Scene::call().carrier_sends(profile(&rules));
    let back = [(0, 8, Handling::UlawToAlaw), (EVENT, EVENT, Handling::Event)];
    let to_ulaw = |packet: &mut Packet| {
        packet.payload[1] = 0;
        in_ulaw(&mut packet.payload[12..]);
    };
    let all: Vec<u8> = (0..=u8::MAX).collect();
    let carrying = |speech: &[u8]| {
        from_carrier().with(|p| {
            p.payload.truncate(12);
            p.payload.extend_from_slice(speech);
        })
    };
    let longest: Vec<u8> = all.iter().copied().cycle().take(LAW_BYTES_MAX - 12).collect();
    let unsummed = carrying(&all).with(|packet| packet.udp_checksum = UdpChecksum::None);
    let jumbo: Vec<u8> = all.iter().copied().cycle().take(LAW_BYTES_MAX - 11).collect();
    let wide = || scene().hop(|hop| hop.mtu = 9000);
    vec![
        becomes("every_octet_of_alaw", scene(), &carrying(&all), to_ulaw),
        every_octet_of_ulaw(Scene::call().pbx_sends(profile(&back)), &all),
        becomes("alaw_of_odd_length", scene(), &carrying(&all[..33]), to_ulaw),
        becomes("one_octet_of_alaw", scene(), &carrying(&all[..1]), to_ulaw),
        becomes("no_octet_of_alaw", scene(), &carrying(&[]), to_ulaw),
        becomes("alaw_without_a_checksum", scene(), &unsummed, to_ulaw),
        becomes("alaw_as_long_as_a_frame", wide(), &carrying(&longest), to_ulaw),
        Case { scene: wide(), ..drops("alaw_that_is_too_long", TooBig, &carrying(&jumbo)) },
        becomes("comfort_noise_is_not_converted", scene(), &of_type(13), |_| {}),
        becomes("events_are_not_converted", scene(), &of_type(EVENT), |_| {}),
        decorated(scene()),
        becomes("alaw_with_more_padding_than_packet", scene(), &headed(0x20, &[8, 8, 200]), |p| {
            p.payload[1] = 0
        }),
        becomes("alaw_with_padding_only", scene(), &headed(0x20, &[0, 0, 3]), |p| p.payload[1] = 0),
        becomes("alaw_with_an_extension_beyond_it", scene(), &headed(0x10, &[0, 0, 0xff, 0xff, 8]), |p| {
            p.payload[1] = 0
        }),
        becomes("alaw_with_half_an_extension", scene(), &headed(0x10, &[0, 0]), |p| p.payload[1] = 0),
        becomes("alaw_with_csrcs_beyond_it", scene(), &headed(0x0f, &[8, 8, 8, 8]), |p| p.payload[1] = 0),
    ]
}

/// A-law whose header has these bits, and what follows the fixed header.
fn headed(bits: u8, behind: &[u8]) -> Packet {
    from_carrier().with(|packet| {
        packet.payload[0] = 0x80 | bits;
        packet.payload.truncate(12);
        packet.payload.extend_from_slice(behind);
    })
}

/// Two CSRCs, an extension of one word, and three octets of padding: none of them is speech.
fn decorated(scene: Scene) -> Case {
    let behind = [0, 0, 0, 1, 0, 0, 0, 2, 0xbe, 0xde, 0, 1, 8, 8, 8, 8];
    let sent = from_carrier().with(|packet| {
        packet.payload[0] = 0x80 | 0x20 | 0x10 | 2;
        packet.payload.splice(12..12, behind);
        packet.payload.extend([8, 8, 3]);
    });
    becomes("alaw_with_csrcs_extension_and_padding", scene, &sent, |packet| {
        packet.payload[1] = 0;
        let end = packet.payload.len() - 3;
        in_ulaw(&mut packet.payload[28..end]);
    })
}

fn every_octet_of_ulaw(scene: Scene, all: &[u8]) -> Case {
    let sent = Packet::udp(PBX, LOCAL_B, rtp(500, 3, 77, 0)).with(|packet| {
        packet.payload[1] = 0;
        packet.payload.extend_from_slice(all);
    });
    let leaves = sent.clone().with(|packet| {
        packet.stations = [station(0x81), station(1)];
        (packet.ttl, packet.source, packet.destination) = (64, LOCAL_A, CARRIER);
        packet.payload[1] = 8;
        in_alaw(&mut packet.payload[12..]);
    });
    let verdict = relay(Payload::Rtp, Egress::SameDevice);
    Case { scene, verdict, leaves: leaves.build(), endpoint: FAR, ..relays("every_octet_of_ulaw", &sent) }
}

fn rates() -> Vec<Case> {
    let scene = || Scene::call().carrier_sends(single(plain()));
    let speech = from_carrier().with(|packet| packet.payload[3] = 2);
    let first = || vec![(from_carrier().build(), relay(Payload::Rtp, Egress::Device(1)))];
    let len = speech.build().len() as u64;
    let dropped = drops("more_than_the_rate", OverRate, &speech);
    let both = Tally { rtp: (2, 2 * len), ..Tally::default() };
    let wide = Scene::call().carrier_sends(Profile { rate: Rate::of(50, 20_000), ..plain() });
    vec![
        Case { scene: scene(), ..relays("as_much_as_the_rate", &speech) },
        Case { scene: scene(), before: first(), tally: Tally { rtp: (1, len), ..dropped.tally }, ..dropped },
        Case {
            scene: Scene::call().carrier_sends(single(counting(plain()))),
            before: first(),
            tally: Tally { let_pass: (0, 1), ..both },
            ..relays("more_than_the_rate_where_it_is_only_counted", &speech)
        },
        Case { scene: wide, before: first(), tally: both, ..relays("two_at_once_within_the_rate", &speech) },
        Case {
            scene: scene(),
            before: first(),
            tally: Tally { rtp: (1, len), ..dropped_rtcp().tally },
            ..dropped_rtcp()
        },
    ]
}

fn rtcp(name: &'static str) -> Case {
    let sent = to_rtcp_port(from_carrier());
    let tally = Tally { rtcp: (1, sent.build().len() as u64), ..Tally::default() };
    Case { verdict: relay(Payload::Rtcp, Egress::Device(1)), tally, ..relays(name, &sent) }
}

/// RTCP costs as RTP does.
fn dropped_rtcp() -> Case {
    drops("rtcp_beyond_the_rate", OverRate, &to_rtcp_port(from_carrier()))
}
