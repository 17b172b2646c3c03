//! The table of cases once more with 802.1Q tags on the way in, on the way out, and on both; and what there is with tags alone.

use alloc::vec;
use alloc::vec::Vec;

use super::cases::{Case, Tally, cases};
use super::packet::{Packet, rtp};
use super::scene::{CARRIER, INGRESS, LOCAL_A, Scene};
use crate::abi::{EgressTag, VlanKey};
use crate::verdict::{Egress, PassReason, RelayPath, Verdict};

/// The VLAN that frames come in from.
pub const VID: u16 = 5;
/// The VLAN that frames leave into.
pub const OTHER_VID: u16 = 4094;
/// Index of the device of [`VID`].
pub const VLAN_DEVICE: u32 = 11;
/// The slot of the device of [`OTHER_VID`], and the one of the device below it.
pub const TAGGED_SLOT: u32 = 2;
const PLAIN_SLOT: u32 = 1;
/// A VLAN of another realm.
const FOREIGN_VID: u16 = 6;
const FOREIGN_DEVICE: u32 = 12;

/// The frame with a tag: what its IP header says decides about the priority.
#[must_use]
pub fn tagged(frame: &[u8], vid: u16) -> Vec<u8> {
    let traffic_class = match frame.get(14..16) {
        Some([first, second]) if first >> 4 == 6 => first << 4 | second >> 4,
        Some([_, second]) => *second,
        _ => 0,
    };
    with_control(frame, u16::from(traffic_class >> 5) << 13 | vid)
}

fn with_control(frame: &[u8], control: u16) -> Vec<u8> {
    let mut bytes = frame.to_vec();
    let tag = [0x8100_u16.to_be_bytes(), control.to_be_bytes()].concat();
    bytes.splice(12..12, tag);
    bytes
}

/// The scene with media that comes in from [`VID`], where `came` says so, and with what leaves by the other device in [`OTHER_VID`],
/// where `leaves` does.
#[must_use]
pub fn vlans(mut scene: Scene, came: bool, leaves: bool) -> Scene {
    let key = |vid: u16| VlanKey { parent: INGRESS, vid: vid.into() };
    scene.vlans = vec![(key(VID), VLAN_DEVICE), (key(FOREIGN_VID), FOREIGN_DEVICE)];
    scene.tags = vec![(TAGGED_SLOT, EgressTag { vid: OTHER_VID.into(), device: PLAIN_SLOT })];
    if came {
        for row in scene.media_addresses.iter_mut().filter(|row| row.ifindex == INGRESS) {
            row.ifindex = VLAN_DEVICE;
        }
    }
    for hop in scene.next_hops.iter_mut().flatten() {
        if came && hop.ifindex == INGRESS {
            hop.ifindex = VLAN_DEVICE;
        }
        if leaves && u32::from(hop.device) == PLAIN_SLOT {
            hop.device = TAGGED_SLOT as u16;
        }
    }
    scene
}

/// Every case of the table with tags, and those of tags.
#[must_use]
pub fn tagged_cases() -> Vec<Case> {
    let again = |(came, leaves)| {
        let plain = cases().into_iter().filter(|case| case.name != "vlan");
        plain.map(move |case| between(case, came, leaves))
    };
    let ways = [(true, false), (false, true), (true, true)];
    ways.into_iter().flat_map(again).chain(priority()).chain(elsewhere()).collect()
}

/// The same case with other tags. What is counted is the frame without them.
fn between(case: Case, came: bool, leaves: bool) -> Case {
    let arrives = |frame: &Vec<u8>| if came { with_control(frame, VID) } else { frame.clone() };
    let last = case.frames.last().expect("a case has a frame");
    let left = match case.verdict {
        Verdict::Relay(RelayPath { egress: Egress::SameDevice, .. }) if came => tagged(&case.leaves, VID),
        Verdict::Relay(RelayPath { egress: Egress::Device(_), .. }) if leaves => {
            tagged(&case.leaves, OTHER_VID)
        }
        Verdict::Pass(_) | Verdict::Drop(_) if case.leaves == *last => arrives(&case.leaves),
        // What a stage drops had lost its tag.
        Verdict::Relay(_) | Verdict::Pass(_) | Verdict::Drop(_) => case.leaves.clone(),
    };
    let verdict = |verdict| by_slot(verdict, leaves);
    Case {
        before: case.before.iter().map(|(frame, found)| (arrives(frame), verdict(*found))).collect(),
        frames: case.frames.iter().map(arrives).collect(),
        verdict: verdict(case.verdict),
        leaves: left,
        scene: vlans(case.scene, came, leaves),
        ..case
    }
}

fn by_slot(verdict: Verdict, leaves_tagged: bool) -> Verdict {
    match verdict {
        Verdict::Relay(RelayPath { payload, egress: Egress::Device(PLAIN_SLOT) }) if leaves_tagged => {
            Verdict::Relay(RelayPath { payload, egress: Egress::Device(TAGGED_SLOT) })
        }
        Verdict::Relay(_) | Verdict::Pass(_) | Verdict::Drop(_) => verdict,
    }
}

/// A tag of VLAN 0 says nothing of a network: every case with one is as without, but that it is gone from what is relayed.
fn priority() -> impl Iterator<Item = Case> {
    const PRIORITY: u16 = 5 << 13;
    let arrives = |frame: &Vec<u8>| with_control(frame, PRIORITY);
    cases().into_iter().filter(|case| case.name != "vlan").map(move |case| {
        let untouched = case.frames.last() == Some(&case.leaves);
        Case {
            before: case.before.iter().map(|(frame, found)| (arrives(frame), *found)).collect(),
            frames: case.frames.iter().map(arrives).collect(),
            leaves: if untouched { arrives(&case.leaves) } else { case.leaves.clone() },
            ..case
        }
    })
}

/// Media that comes from another VLAN than its own, and what is not read.
fn elsewhere() -> Vec<Case> {
    let media = Packet::udp(CARRIER, LOCAL_A, rtp(1, 160, 9, 160));
    let sent = |control| with_control(&media.build(), control);
    let passes = |name, reason, frame| passes_in(name, reason, vlans(Scene::call(), true, true), frame);
    let kind = |kind: u16| with_control(&media.clone().with(|packet| packet.kind = kind).build(), VID);
    let (tagged, other) = (PassReason::Tagged, PassReason::OtherDevice);
    vec![
        passes("from_a_vlan_of_nobody", tagged, sent(7)),
        passes("from_the_reserved_vlan", tagged, sent(0xfff)),
        passes("from_the_vlan_of_another_realm", other, sent(FOREIGN_VID)),
        passes("with_every_bit_beside_the_vlan", other, sent(0xf000 | FOREIGN_VID)),
        passes("from_the_vlan_that_it_would_leave_into", tagged, sent(OTHER_VID)),
        passes("for_a_vlan_and_without_a_tag", other, media.build()),
        passes("for_a_vlan_and_with_a_priority_alone", other, sent(0xa000)),
        passes_in("for_no_vlan_and_with_a_tag", other, vlans(Scene::call(), false, false), sent(VID)),
        passes("with_two_tags", tagged, with_control(&sent(VID), VID)),
        passes("with_a_priority_and_a_tag", tagged, with_control(&sent(VID), 0)),
        passes("with_a_providers_tag_inside", tagged, kind(0x88a8)),
        passes("arp_in_a_vlan", PassReason::NotIp, kind(0x0806)),
        passes("half_a_tag", PassReason::Incomplete, sent(VID)[..15].to_vec()),
        passes("a_tag_and_nothing_behind_it", PassReason::Incomplete, sent(VID)[..16].to_vec()),
    ]
}

fn passes_in(name: &'static str, reason: PassReason, scene: Scene, frame: Vec<u8>) -> Case {
    let (verdict, leaves, frames) = (Verdict::Pass(reason), frame.clone(), vec![frame]);
    let (before, told, endpoint, tally) = (vec![], vec![], super::NEAR, Tally::default());
    Case { name, scene, before, frames, verdict, leaves, endpoint, tally, told }
}
