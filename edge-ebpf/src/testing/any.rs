//! Any tables and any frames, from any bytes: what a fuzzer plays with, and what must hold whatever it makes.
//!
//! The first bytes change the tables of a call that is up: entries that name what is not there, halves of changes,
//! addresses that overlap, networks behind a tag. What follows are frames: packets of that call with bytes changed, with a tag or without, or bytes.

use alloc::vec::Vec;

use super::packet::{Packet, rtcp, rtp};
use super::scene::{CARRIER, INGRESS, LOCAL_A, LOCAL_B, MemoryTables, PBX, Scene};
use super::{BytesFrame, Family, VID, tagged, vlans};
use crate::abi::{Address, Endpoint, PAYLOAD_TYPES, PayloadRule, Profile};
use crate::budget::Rate;
use crate::forward::forward;
use crate::verdict::{DropReason, Verdict};

/// Frames of one run; more only repeat.
const FRAMES_MAX: usize = 16;

/// What is left of the bytes that decide.
struct Choices<'a>(&'a [u8]);

impl Choices<'_> {
    /// The next byte; zero when there is none.
    fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    fn number(&mut self) -> u32 {
        u32::from_be_bytes([self.byte(), self.byte(), self.byte(), self.byte()])
    }

    fn short(&mut self) -> u16 {
        u16::from_be_bytes([self.byte(), self.byte()])
    }

    /// One of the addresses of the call, or another one.
    fn address(&mut self) -> Address {
        match self.byte() % 6 {
            0 => Address::v4(CARRIER.0),
            1 => Address::v4(PBX.0),
            2 => Address::v4(LOCAL_A.0),
            3 => Address::v4(LOCAL_B.0),
            4 => Address::v4([127, 0, 0, 1]),
            _ => Address::v4([self.byte(), self.byte(), self.byte(), self.byte()]),
        }
    }
}

/// Decides about the frames that `data` makes over the tables that it makes.
///
/// # Panics
/// When something does not hold that must.
pub fn any_tables(data: &[u8]) {
    let mut choices = Choices(data);
    let scene = scene(&mut choices);
    let tables = MemoryTables::from(&scene);
    for arrival_ns in 0..FRAMES_MAX as u64 {
        if choices.0.is_empty() {
            return;
        }
        let bytes = frame(&mut choices);
        let mut decided = BytesFrame { bytes: bytes.clone(), ifindex: INGRESS, headroom: 256, arrival_ns };
        match forward(&mut decided, &tables) {
            // It was on its way already: the stages behind the decision drop these, too.
            Verdict::Drop(DropReason::EventHeld | DropReason::OtherSource | DropReason::BadRtcp) => {}
            Verdict::Relay(_) => leaves_between_endpoints(&scene, &decided.bytes),
            Verdict::Pass(_) | Verdict::Drop(_) => {
                assert_eq!(decided.bytes, bytes, "changed and not relayed")
            }
        }
    }
}

fn scene(choices: &mut Choices<'_>) -> Scene {
    let family = [Family::V4, Family::V6];
    let kinds = choices.byte();
    let mut scene = Scene::between(family[usize::from(kinds & 1)], family[usize::from(kinds >> 1 & 1)]);
    if kinds >> 2 & 1 != 0 {
        scene = scene.carrier_sends(profile(choices)).ordered(choices.byte(), choices.short());
    }
    if kinds >> 3 & 1 != 0 {
        scene = vlans(scene, kinds >> 4 & 1 != 0, kinds >> 5 & 1 != 0);
    }
    for _ in 0..choices.byte() % 8 {
        let index = usize::from(choices.byte()) % scene.endpoints.len();
        match choices.byte() % 4 {
            0 => change_endpoint(&mut scene.endpoints[index], choices),
            1 => scene.torn = u32::try_from(index).ok(),
            2 => {
                let row = usize::from(choices.byte()) % scene.media_addresses.len();
                let media = &mut scene.media_addresses[row];
                media.ip = choices.address();
                (media.base, media.first_port, media.pairs) =
                    (choices.number(), choices.short(), choices.short());
            }
            _ => {
                let row = 1 + usize::from(choices.byte()) % 2;
                if let Some(hop) = &mut scene.next_hops[row] {
                    (hop.mtu, hop.ifindex) = (choices.short(), choices.number());
                    hop.destination = hop.destination.filter(|_| choices.byte() != 0);
                }
            }
        }
    }
    scene
}

/// Payload types of which each may be watched, or converted, or left out.
fn profile(choices: &mut Choices<'_>) -> Profile {
    let mut profile =
        Profile { rules: [None; PAYLOAD_TYPES], rate: Rate::default(), flags: choices.number().into() };
    for _ in 0..choices.byte() % 8 {
        let rule = PayloadRule::from_bits(choices.short());
        profile.rules[usize::from(choices.byte()) % PAYLOAD_TYPES] = rule;
        profile.rules[8] = rule;
    }
    profile
}

fn change_endpoint(endpoint: &mut Endpoint, choices: &mut Choices<'_>) {
    match choices.byte() % 8 {
        0 => endpoint.call = choices.number(),
        1 => endpoint.peer = choices.number(),
        2 => (endpoint.next_hop, endpoint.profile) = (choices.short(), choices.short()),
        3 => (endpoint.local, endpoint.local_port) = (choices.address(), choices.short()),
        4 => (endpoint.remote, endpoint.remote_rtp_port) = (choices.address(), choices.short()),
        5 => (endpoint.source_policy, endpoint.source_prefix) = (choices.byte(), choices.byte()),
        6 => {
            (endpoint.generation, endpoint.dscp, endpoint.flags) =
                (choices.short(), choices.byte(), choices.byte())
        }
        _ => (endpoint.remote_rtcp_port, endpoint.ns_per_tick) = (choices.short(), choices.number()),
    }
}

/// A packet of the call, one way or the other, with bytes changed; or nothing but bytes.
fn frame(choices: &mut Choices<'_>) -> Vec<u8> {
    let kind = choices.byte();
    let sequence = choices.short();
    let next = |(address, port): ([u8; 4], u16)| (address, port + 1);
    let packet = match kind % 5 {
        0 => Packet::udp(CARRIER, LOCAL_A, rtp(sequence, 160, 9, 160)),
        1 => Packet::udp(PBX, LOCAL_B, rtp(sequence, 160, 9, 160)),
        2 => Packet::udp(next(CARRIER), next(LOCAL_A), rtcp(9)),
        3 => Packet::udp(CARRIER, LOCAL_A, Vec::new()),
        _ => {
            let length = choices.0.len().min(usize::from(sequence) % 256);
            let (bytes, rest) = choices.0.split_at(length);
            choices.0 = rest;
            return bytes.to_vec();
        }
    };
    let mut bytes = packet.build();
    for _ in 0..kind / 5 % 6 {
        let at = usize::from(choices.byte()) % bytes.len();
        bytes[at] = choices.byte();
    }
    match kind / 30 {
        // With the tag of the call's VLAN, or with any.
        1..=3 => tagged(&bytes, VID),
        4 => tagged(&bytes, choices.short()),
        _ => bytes,
    }
}

/// What leaves has the address of an endpoint that another one of the same call names as its peer. (Half-way through a
/// change it is the former entry's, which the scene does not keep.)
fn leaves_between_endpoints(scene: &Scene, frame: &[u8]) {
    let leaves_by = |near: &Endpoint| {
        let far = scene.endpoints.get(near.peer as usize);
        near.call != 0 && far.is_some_and(|far| far.call == near.call && names(frame, far.local))
    };
    let live = scene.endpoints.iter().any(leaves_by);
    assert!(live || scene.torn.is_some(), "no live endpoint sends from there: {frame:02x?}");
}

/// Whether the source address of an IP frame is `address`.
fn names(frame: &[u8], address: Address) -> bool {
    let octets = address.to_v6();
    // The network that it leaves into says nothing of that.
    let behind = if frame.get(12..14) == Some(&[0x81, 0]) { 4 } else { 0 };
    let frame = frame.get(behind..).unwrap_or_default();
    match frame.get(12..14) {
        Some([0x08, 0x00]) => frame.get(26..30) == Some(&octets[12..]),
        _ => frame.get(22..38) == Some(&octets[..]),
    }
}
