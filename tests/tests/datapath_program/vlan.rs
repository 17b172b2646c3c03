//! Frames with 802.1Q tags through the program on real devices. They are made and taken by packet sockets, because a kernel need not
//! have VLAN devices for that; `tests/vlan.rs` has calls where it has.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use edge_ebpf::abi::EgressTag;
use edge_ebpf::testing::{
    BytesFrame, CARRIER, INGRESS, LOCAL_A, MemoryTables, OTHER_VID, Packet, Scene, TAGGED_SLOT, VID, rtp,
    tagged, vlans,
};
use edge_tests::frames::Frames;
use edge_tests::lab::{Lab, PEER_DEVICE, Side};

use super::kernel::Kernel;
use super::{Verdict, forward};

const PATIENCE: Duration = Duration::from_secs(5);
const PACKETS: u16 = 20;

/// Where what is relayed leaves: a device of its own, or the one that it came in by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Out {
    Other,
    Same,
}

#[test]
#[ignore = "needs root and the eBPF object: cargo xtask test"]
fn every_way_between_vlans_to_another_device() -> Result<()> {
    every_way(Out::Other)
}

#[test]
#[ignore = "needs root and the eBPF object: cargo xtask test"]
fn every_way_between_vlans_of_one_device() -> Result<()> {
    every_way(Out::Same)
}

fn every_way(out: Out) -> Result<()> {
    for (came, leaves) in [(false, true), (true, false), (true, true)] {
        cross(came, leaves, out).with_context(|| format!("tagged {came} -> {leaves}"))?;
    }
    Ok(())
}

/// Twenty packets of the carrier; what arrives is what the host's decision made of each, to the last byte.
fn cross(came: bool, leaves: bool, out: Out) -> Result<()> {
    Lab::drill(|lab| {
        let scene = scene(came, leaves, out);
        let mut kernel = attach(lab, &scene)?;
        let carrier = Frames::at(lab.peer(Side::Carrier), PEER_DEVICE)?;
        let pbx = Frames::at(lab.peer(Side::Pbx), PEER_DEVICE)?;
        let tables = MemoryTables::from(&scene);
        for sequence in 0..PACKETS {
            let frame = media(sequence);
            let frame = if came { tagged(&frame, VID) } else { frame };
            let mut expected =
                BytesFrame { bytes: frame.clone(), ifindex: INGRESS, headroom: 256, arrival_ns: 1 };
            let verdict = forward(&mut expected, &tables);
            ensure!(matches!(verdict, Verdict::Relay(_)), "{verdict:?}");
            carrier.send(&frame)?;
            let arrives = if out == Out::Other { &pbx } else { &carrier };
            arrives
                .receive(PATIENCE, |frame| frame == expected.bytes)
                .with_context(|| format!("packet {sequence}; counted: {:?}", kernel.counted()))?;
        }
        Ok(())
    })
}

#[test]
#[ignore = "needs root and the eBPF object: cargo xtask test"]
fn frames_of_other_vlans_reach_the_host_as_they_came() -> Result<()> {
    Lab::drill(|lab| {
        let _kernel = attach(lab, &scene(true, true, Out::Other))?;
        let carrier = Frames::at(lab.peer(Side::Carrier), PEER_DEVICE)?;
        let host = Frames::at(lab.edge(), Side::Carrier.edge_device())?;
        let media = media(1);
        // Of nobody, of another realm, with other bits of the tag; and what is no media, in the VLAN of a realm.
        let other = Packet::udp(CARRIER, (LOCAL_A.0, 5060), b"OPTIONS".to_vec()).build();
        for (frame, vid) in [(&media, 77), (&media, 6), (&media, 0x7000 | 6), (&other, 0x2000 | VID)] {
            let frame = tagged(frame, vid);
            carrier.send(&frame)?;
            host.receive(PATIENCE, |found| found == frame).context(format!("{vid:#x}"))?;
        }
        Ok(())
    })
}

fn media(sequence: u16) -> Vec<u8> {
    Packet::udp(CARRIER, LOCAL_A, rtp(sequence, u32::from(sequence) * 160, 9, 160)).build()
}

/// A veth does not turn frames back by itself, so what leaves by the same device is redirected to it.
fn scene(came: bool, leaves: bool, out: Out) -> Scene {
    let mut scene = vlans(Scene::call(), came, leaves);
    if out == Out::Same {
        scene.tags = vec![(TAGGED_SLOT, EgressTag { vid: OTHER_VID.into(), device: 0 })];
        scene = scene.hop(|hop| {
            if !leaves {
                hop.device = 0;
            }
        });
    }
    scene
}

/// The program on both devices, with the scene; it speaks of the carrier's as [`INGRESS`], which has another index here.
fn attach(lab: &Lab, scene: &Scene) -> Result<Kernel> {
    let indexes = Side::BOTH.map(|side| lab.edge().device(side.edge_device()).map(|device| device.index));
    let [outside, inside] = indexes;
    let devices = [outside?, inside?];
    let mut scene = scene.clone();
    for row in scene.media_addresses.iter_mut().filter(|row| row.ifindex == INGRESS) {
        row.ifindex = devices[0];
    }
    // Nothing turns back on a veth.
    scene.next_hops.iter_mut().flatten().for_each(|hop| hop.ifindex = 0);
    scene.vlans.iter_mut().for_each(|(key, _)| key.parent = devices[0]);
    lab.edge().run(|| {
        let mut kernel = Kernel::load();
        kernel.set(&scene);
        kernel.attach(&devices);
        kernel
    })
}
