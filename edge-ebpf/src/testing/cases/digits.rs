//! Digits: telephone-events that are told, masked or held, and speech that becomes one.

use alloc::vec;
use alloc::vec::Vec;

use super::profiles::{EVENT, becomes, of_type, plain, profile};
use super::{Case, Tally, from_carrier, ipv6, relays, towards_pbx};
use crate::abi::{
    Handling, PROFILE_HOLDS_EVENTS, PROFILE_MASKS_EVENTS, PROFILE_TELLS_EVENTS, Profile, profile_digits_as,
};
use crate::payload::in_ulaw;
use crate::testing::packet::{Packet, UdpChecksum, rtp};
use crate::testing::scene::Family::{V4, V6};
use crate::testing::scene::{Family, Scene};
use crate::verdict::{DropReason, Verdict};

pub(super) fn cases() -> Vec<Case> {
    [told(), masked(), held(), ridden(), ridden_otherwise()].into_iter().flatten().collect()
}

/// This profile with all of it watched.
fn watched(mut profile: Profile, flags: u64) -> Profile {
    profile.rules.iter_mut().flatten().for_each(|rule| rule.is_watched = true);
    Profile { flags, ..profile }
}

fn scene(flags: u64) -> Scene {
    Scene::call().carrier_sends(watched(plain(), flags))
}

/// A packet of an event: its timestamp, and RFC 4733's four octets.
fn event(timestamp: u8, payload: [u8; 4]) -> Packet {
    of_type(EVENT).with(|packet| {
        packet.payload[7] = timestamp;
        packet.payload.truncate(12);
        packet.payload.extend(payload);
    })
}

fn begin() -> Packet {
    event(1, [5, 10, 0, 160])
}

fn end() -> Packet {
    event(1, [5, 0x80 | 10, 3, 0x20])
}

/// These packets in a row, numbered; the last one crosses as it is.
fn all(name: &'static str, scene: Scene, packets: &[Packet], told: &[(u8, u16)]) -> Case {
    let numbered: Vec<Packet> = (0..)
        .zip(packets)
        .map(|(number, packet)| packet.clone().with(|packet| packet.payload[3] = number))
        .collect();
    let frames: Vec<Vec<u8>> = numbered.iter().map(Packet::build).collect();
    let bytes = frames.iter().map(Vec::len).sum::<usize>() as u64;
    let last = numbered.last().expect("a few packets");
    let tally = Tally { rtp: (packets.len() as u64, bytes), ..Tally::default() };
    Case { scene, frames, tally, told: told.to_vec(), ..relays(name, last) }
}

fn told() -> Vec<Case> {
    let tells = || scene(PROFILE_TELLS_EVENTS);
    let next = event(2, [6, 0x80 | 10, 1, 0x90]);
    let short = event(1, [5, 0x80, 0, 0]).with(|packet| packet.payload.truncate(15));
    let sent = ipv6::from_carrier(V4).with(|packet| packet.payload = end().payload);
    let over_v6 = Case {
        scene: Scene::between(V4, V6).carrier_sends(watched(plain(), PROFILE_TELLS_EVENTS)),
        leaves: ipv6::leaves((V4, V6), &sent).build(),
        told: vec![(5, 800)],
        ..relays("an_event_to_v6", &sent)
    };
    vec![
        all("three_ends_are_one_event", tells(), &[begin(), end(), end(), end()], &[(5, 800)]),
        all("an_event_that_lost_its_end", tells(), &[begin(), next], &[(5, 160), (6, 400)]),
        all("speech_between_packets_of_an_event", tells(), &[begin(), from_carrier(), end()], &[(5, 800)]),
        all("an_event_in_another_order", tells(), &[end(), begin(), end()], &[(5, 800)]),
        all("events_that_nobody_asks_for", scene(0), &[begin(), end()], &[]),
        becomes("an_event_of_three_octets", tells(), &short, |_| {}),
        over_v6,
    ]
}

fn masked() -> Vec<Case> {
    let masks = || scene(PROFILE_MASKS_EVENTS);
    let to_star = |packet: &mut Packet| packet.payload[12] = 10;
    let flash = event(1, [16, 0x80, 0, 1]);
    let unsummed = end().with(|packet| packet.udp_checksum = UdpChecksum::None);
    let told = vec![(5, 800)];
    let both = scene(PROFILE_MASKS_EVENTS | PROFILE_TELLS_EVENTS);
    vec![
        becomes("a_digit_is_masked", masks(), &begin(), to_star),
        becomes("a_digit_is_masked_without_a_checksum", masks(), &unsummed, to_star),
        becomes("flash_is_not_masked", masks(), &flash, |_| {}),
        becomes("speech_is_not_masked", masks(), &from_carrier(), |_| {}),
        Case { told, ..becomes("a_masked_digit_is_told", both, &end(), to_star) },
    ]
}

fn held() -> Vec<Case> {
    let holds = || scene(PROFILE_HOLDS_EVENTS | PROFILE_TELLS_EVENTS);
    let held = |name, packet: &Packet, told: &[(u8, u16)]| {
        let case = relays(name, packet);
        let tally = Tally { drop: Some((DropReason::EventHeld, 1)), ..case.tally };
        let verdict = Verdict::Drop(DropReason::EventHeld);
        Case { scene: holds(), verdict, tally, told: told.to_vec(), ..case }
    };
    vec![
        held("an_event_is_held", &begin(), &[]),
        held("the_end_of_an_event_is_held", &end(), &[(5, 800)]),
        becomes("speech_is_not_held", holds(), &from_carrier(), |_| {}),
    ]
}

/// Speech that digits ride on, in a profile of these codecs.
fn ridden_scene(scene: Scene, rules: &[(u8, u8, Handling)]) -> Scene {
    scene.carrier_sends(watched(profile(rules), profile_digits_as(EVENT, 160)))
}

const SPEECH: &[(u8, u8, Handling)] = &[(8, 8, Handling::Plain)];

/// What a packet of speech leaves as.
fn as_event(timestamp: u32, first: bool, payload: [u8; 4]) -> impl FnOnce(&mut Packet) {
    move |packet| {
        packet.payload[0] = 0x80;
        packet.payload[1] = if first { 0x80 | EVENT } else { EVENT };
        packet.payload[4..8].copy_from_slice(&timestamp.to_be_bytes());
        packet.payload.truncate(12);
        packet.payload.extend(payload);
        packet.padding = 0;
    }
}

/// Packet `number` of speech.
fn speech(number: u8) -> Packet {
    from_carrier().with(|packet| packet.payload = rtp(number.into(), 1000 + u32::from(number) * 160, 9, 160))
}

/// The first packets of speech up to `number`, of which the last one leaves so.
fn rides(
    name: &'static str,
    scene: Scene,
    number: u8,
    told: &[(u8, u16)],
    change: impl FnOnce(&mut Packet),
) -> Case {
    let frames: Vec<Vec<u8>> = (0..=number).map(|number| speech(number).build()).collect();
    let bytes = frames.iter().map(Vec::len).sum::<usize>() as u64;
    let tally = Tally { rtp: (frames.len() as u64, bytes), ..Tally::default() };
    let leaves = towards_pbx(&speech(number)).with(change).build();
    Case { scene, frames, leaves, tally, told: told.to_vec(), ..relays(name, &speech(number)) }
}

fn ridden() -> Vec<Case> {
    let ordered = || ridden_scene(Scene::call(), SPEECH).ordered(5, 400);
    let other_call = ordered().near(|endpoint| endpoint.call = 8).far(|endpoint| endpoint.call = 8);
    let over = [5, 0x80 | 10, 1, 0x90];
    let done = &[(5, 400)];
    vec![
        rides("speech_becomes_a_digit", ordered(), 0, &[], as_event(1000, true, [5, 10, 0, 160])),
        rides("the_digit_goes_on", ordered(), 1, &[], as_event(1000, false, [5, 10, 1, 0x40])),
        rides("the_digit_ends", ordered(), 2, &[], as_event(1000, false, over)),
        rides("its_end_is_said_three_times", ordered(), 4, done, as_event(1000, false, over)),
        rides("speech_goes_on_behind_it", ordered(), 5, done, |_| {}),
        rides("a_digit_of_another_call", other_call, 0, &[], |_| {}),
        rides("no_digit_is_ordered", ridden_scene(Scene::call(), SPEECH), 0, &[], |_| {}),
    ]
}

fn ridden_otherwise() -> Vec<Case> {
    let begin = || as_event(1000, true, [5, 10, 0, 160]);
    let ordered = |rules| ridden_scene(Scene::call(), rules).ordered(5, 400);
    let law = &[(8, 0, Handling::AlawToUlaw)];
    let others = &[(8, 8, Handling::Plain), (13, 13, Handling::Plain)];
    let mut not_noise = ridden_scene(Scene::call(), others).ordered(5, 400);
    if let Some(profile) = &mut not_noise.profiles[1] {
        profile.rules[13] =
            profile.rules[13].map(|rule| crate::abi::PayloadRule { is_watched: false, ..rule });
    }
    let decorated = speech(0).with(|packet| {
        packet.payload[0] = 0xb1;
        packet.padding = 7;
    });
    let tiny = speech(0).with(|packet| packet.payload.truncate(13));
    let unsummed = speech(0).with(|packet| packet.udp_checksum = UdpChecksum::None);
    let jumbo = speech(0).with(|packet| packet.payload.resize(1400, 8));
    let converted = |packet: &mut Packet| {
        packet.payload[1] = 0;
        in_ulaw(&mut packet.payload[12..]);
    };
    let over = |legs: (Family, Family), name| {
        let scene = ridden_scene(Scene::between(legs.0, legs.1), SPEECH).ordered(5, 400);
        let sent = ipv6::from_carrier(legs.0).with(|packet| packet.payload = speech(0).payload);
        let leaves = ipv6::leaves(legs, &sent).with(begin()).build();
        Case { scene, leaves, ..relays(name, &sent) }
    };
    vec![
        rides("speech_of_another_law_becomes_a_digit", ordered(law), 0, &[], begin()),
        rides("speech_of_another_law_goes_on", ordered(law), 5, &[(5, 400)], converted),
        becomes("a_digit_rides_on_any_header", ordered(SPEECH), &decorated, begin()),
        becomes("a_digit_needs_no_checksum", ordered(SPEECH), &unsummed, begin()),
        becomes("a_digit_rides_on_a_long_packet", ordered(SPEECH), &jumbo, begin()),
        becomes("a_digit_does_not_ride_on_less_than_it_is", ordered(SPEECH), &tiny, |_| {}),
        becomes("a_digit_does_not_ride_on_noise", not_noise, &of_type(13), |_| {}),
        over((V4, V6), "a_digit_rides_to_v6"),
        over((V6, V4), "a_digit_rides_from_v6"),
        over((V6, V6), "a_digit_rides_within_v6"),
    ]
}
