//! Calls with realms on VLAN devices: native XDP on the device below them, generic XDP on them, and the userspace relay.
//!
//! A kernel without VLAN devices (`CONFIG_VLAN_8021Q`) cannot have these drills; they say so. What tags do to frames is proven there, too,
//! by `datapath_program`, which makes them by hand.

use anyhow::{Context, Result};
use edge_tests::drill::{PATIENCE, caller, not_proven, start};
use edge_tests::edge::{counters, wait_for_cdrs};
use edge_tests::lab::{Lab, Side};
use edge_tests::process::wait_until;
use edge_tests::vlan::{self, Tags};
use edge_tests::{EdgeConfig, EdgeProcess, Leg, Sipp, scenario};

const SECONDS: u32 = 2;
/// Packets of one stream.
const PACKETS: u32 = SECONDS * 50;
const CARRIER_VID: u16 = 5;
const PBX_VID: u16 = 4094;

/// Runs a drill with these sides in VLANs, where the kernel has any.
fn between_vlans(sides: &[Side], tags: Tags, drill: impl FnOnce(&Lab) -> Result<()>) -> Result<()> {
    Lab::drill(|lab| {
        if !vlan::are_there(lab)? {
            return not_proven(
                "this kernel makes no VLAN devices (CONFIG_VLAN_8021Q is not set), so no call was placed between \
                 VLANs; datapath_program has the frames, and cargo xtask kernels a kernel that makes them",
            );
        }
        for side in sides {
            let vid = if *side == Side::Carrier { CARRIER_VID } else { PBX_VID };
            vlan::make(lab, *side, vid, tags)?;
        }
        drill(lab)
    })
}

/// A call from each side, with RTP both ways, of which the edge's own counters and records miss nothing.
fn calls_both_ways(lab: &Lab, edge: &EdgeProcess<'_>) -> Result<()> {
    for (calls, from) in (1..).zip(Side::BOTH) {
        let called = Sipp::called(from.other(), scenario!("answers")).seconds(SECONDS);
        start(lab, caller(from, scenario!("caller-hangs-up")).seconds(SECONDS), called)?.succeed()?;
        let cdrs = wait_for_cdrs(lab, calls, PATIENCE)?;
        let last = cdrs.last().context("a record")?;
        assert_eq!([Leg::A, Leg::B].map(|leg| last.packets(leg)), [i64::from(PACKETS); 2], "{cdrs:?}");
    }
    assert_eq!(edge.counters()?.relayed(), u64::from(4 * PACKETS));
    Ok(())
}

fn native_calls(sides: &[Side]) -> Result<()> {
    between_vlans(sides, Tags::Kept, |lab| {
        let edge = EdgeProcess::start(lab, &EdgeConfig::default())?;
        for side in sides {
            let below = vlan::below(side.edge_device());
            let link = lab.edge().command("ip", &["link", "show", "dev", &below])?;
            assert!(
                link.contains("xdp") && !link.contains("xdpgeneric"),
                "the program is below the VLAN: {link}"
            );
        }
        calls_both_ways(lab, &edge)?;
        let counters = edge.counters()?;
        assert!(counters.shield.passed("trusted") > 0, "the shield reads SIP behind a tag: {counters:?}");
        edge.stop()
    })
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn native_calls_from_one_vlan_to_another() -> Result<()> {
    native_calls(&Side::BOTH)
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn native_calls_between_a_vlan_and_a_network_without_a_tag() -> Result<()> {
    native_calls(&[Side::Carrier])?;
    native_calls(&[Side::Pbx])
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn native_media_survives_kill_9_and_a_restart_attaches_again() -> Result<()> {
    between_vlans(&Side::BOTH, Tags::Kept, |lab| {
        let edge = EdgeProcess::start(lab, &EdgeConfig::default())?;
        let called = Sipp::called(Side::Pbx, scenario!("answers")).seconds(SECONDS);
        let pair = start(lab, caller(Side::Carrier, scenario!("caller-hangs-up")).seconds(SECONDS), called)?;
        // It is in the journal before its 200 leaves; it stands when both speak.
        let speaks = || edge.counters().ok().filter(|counted| counted.relayed() > 0);
        wait_until(PATIENCE, speaks).with_context(|| format!("no call stands: {}", edge.log()))?;
        edge.kill()?;
        // Until both streams have ended, with nobody at home.
        let all = u64::from(2 * PACKETS);
        let relayed = || counters(lab).ok().filter(|counted| counted.relayed() == all);
        wait_until(PATIENCE, relayed).with_context(|| format!("{all} packets: {:?}", counters(lab)))?;
        drop(pair);
        let edge = EdgeProcess::start_again(lab)?;
        assert_eq!(edge.counters()?.relayed(), all, "it took over the maps that were there");
        let called = Sipp::called(Side::Carrier, scenario!("answers")).seconds(SECONDS);
        start(lab, caller(Side::Pbx, scenario!("caller-hangs-up")).seconds(SECONDS), called)?.succeed()?;
        assert_eq!(edge.counters()?.relayed(), 2 * all);
        edge.stop()
    })
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn while_a_device_takes_tags_off_native_is_refused_and_auto_is_generic() -> Result<()> {
    between_vlans(&[Side::Carrier], Tags::TakenOff, |lab| {
        let refused = EdgeProcess::start(lab, &EdgeConfig::default()).err().context("it takes tags off")?;
        let said = format!("{refused:#}");
        assert!(said.contains("ethtool -K t-outside rxvlan off"), "{said}");
        let edge = EdgeProcess::start(lab, &EdgeConfig::default().mode("auto"))?;
        assert!(edge.log().contains("GENERIC mode on every device"), "{}", edge.log());
        calls_both_ways(lab, &edge)?;
        edge.stop()
    })
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn generic_and_userspace_calls_from_one_vlan_to_another() -> Result<()> {
    for mode in ["generic", "off"] {
        between_vlans(&Side::BOTH, Tags::Kept, |lab| {
            let edge = EdgeProcess::start(lab, &EdgeConfig::default().mode(mode))?;
            calls_both_ways(lab, &edge).with_context(|| format!("mode {mode}"))?;
            edge.stop()
        })?;
    }
    Ok(())
}
