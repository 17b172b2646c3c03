//! Calls over IPv6, and between IPv6 and IPv4: signalling, and media that XDP relays from one into the other.

use std::net::IpAddr;

use anyhow::{Result, ensure};
use edge_tests::drill::{PATIENCE, caller, start, with_edge};
use edge_tests::edge::{counters, wait_for_cdrs};
use edge_tests::lab::{Family, PEER_DEVICE, Side};
use edge_tests::process::wait_until;
use edge_tests::witness::{Account, Crossing, SipSighting};
use edge_tests::{EdgeConfig, EdgeProcess, Leg, Sipp, Witness, scenario};

const CALLS: u32 = 4;
const SECONDS: u32 = 2;
/// Packets of one stream.
const PACKETS: u64 = SECONDS as u64 * 50;
/// Packets of all calls, both ways.
const ALL: u64 = PACKETS * 2 * CALLS as u64;

#[test]
#[ignore = "needs root: cargo xtask test"]
fn calls_over_ipv6() -> Result<()> {
    calls(&EdgeConfig::default().over_ipv6(Side::Carrier).over_ipv6(Side::Pbx), Side::Carrier, |sipp, _| sipp)
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn calls_from_an_ipv6_carrier_to_an_ipv4_pbx() -> Result<()> {
    calls(&EdgeConfig::default().over_ipv6(Side::Carrier), Side::Carrier, |sipp, _| sipp)
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn calls_from_an_ipv4_pbx_to_an_ipv6_carrier() -> Result<()> {
    calls(&EdgeConfig::default().over_ipv6(Side::Carrier), Side::Pbx, |sipp, _| sipp)
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn edge_opens_a_connection_over_ipv6() -> Result<()> {
    calls(&EdgeConfig::default().over_ipv6(Side::Pbx).over_tcp(Side::Pbx), Side::Carrier, pbx_over_tcp)
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn edge_takes_a_connection_over_ipv6() -> Result<()> {
    calls(&EdgeConfig::default().over_ipv6(Side::Pbx).over_tcp(Side::Pbx), Side::Pbx, pbx_over_tcp)
}

fn pbx_over_tcp(sipp: Sipp, side: Side) -> Sipp {
    if side == Side::Pbx { sipp.over_tcp() } else { sipp }
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn a_caller_that_signals_over_ipv4_has_its_media_over_ipv6() -> Result<()> {
    with_edge(EdgeConfig::default().media_of_both(Side::Carrier), |lab, edge| {
        let witness = Witness::start(lab)?;
        let called = Sipp::called(Side::Pbx, scenario!("answers")).seconds(SECONDS);
        let caller = caller(Side::Carrier, scenario!("caller-hangs-up")).media_over(Family::V6);
        start(lab, caller.seconds(SECONDS), called)?.succeed()?;
        let relayed = edge.counters()?.relayed();
        edge.stop()?;
        let account = witness.finish()?;
        ensure!(account.faults().is_empty(), "{:?}", account.faults());
        ensure!(account.received() == 2 * PACKETS && relayed == 2 * PACKETS, "{relayed} relayed");
        ensure!(account.rtp(Side::Carrier).iter().all(|packet| packet.from.is_ipv6()));
        ensure!(account.rtp(Side::Pbx).iter().all(|packet| packet.from.is_ipv4()));
        Ok(())
    })
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn media_between_the_families_survives_kill_9() -> Result<()> {
    let config = EdgeConfig::default().over_ipv6(Side::Carrier);
    with_edge(config.clone(), |lab, edge| {
        let witness = Witness::start(lab)?;
        let [caller, called] = peers(&config, Side::Carrier).map(|sipp| sipp.seconds(3));
        let pair = start(lab, caller, called)?;
        let flowing = || (witness.progress().arrived >= ALL / 8).then_some(());
        ensure!(wait_until(PATIENCE, flowing).is_some(), "no media flows");
        edge.kill()?;
        let all = u64::from(CALLS) * 2 * 3 * 50;
        wait_until(PATIENCE, || (witness.progress().departed >= all).then_some(()));
        drop(pair);
        let account = witness.finish()?;
        ensure!(account.faults().is_empty() && account.received() == all, "{:?}", account.faults());
        ensure!(counters(lab)?.relayed() == all, "{:?}", counters(lab)?);
        EdgeProcess::start_again(lab)?.stop()
    })
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn neighbours_are_found_over_ipv6() -> Result<()> {
    with_edge(EdgeConfig::default().over_ipv6(Side::Carrier).over_ipv6(Side::Pbx), |lab, edge| {
        for side in Side::BOTH {
            let peer = lab.peer(side);
            // Without its entry the peer must ask by ICMPv6 first, and XDP let that pass.
            peer.ip(&["-6", "neighbour", "flush", "dev", PEER_DEVICE])?;
            let address = side.edge(Family::V6).to_string();
            peer.command("ping", &["-6", "-c", "3", "-i", "0.2", "-W", "2", &address])?;
        }
        edge.stop()
    })
}

/// Caller on the side of `from` and called opposite, each in the family that `config` gives its side.
fn peers(config: &EdgeConfig, from: Side) -> [Sipp; 2] {
    let caller = caller(from, scenario!("caller-hangs-up")).over(config.family(from));
    let called = Sipp::called(from.other(), scenario!("answers")).over(config.family(from.other()));
    [caller, called].map(|sipp| sipp.calls(CALLS).seconds(SECONDS))
}

/// Calls from one side to the other: every packet arrives, by XDP, and each side hears of its own family alone.
fn calls(config: &EdgeConfig, from: Side, transport: fn(Sipp, Side) -> Sipp) -> Result<()> {
    with_edge(config.clone(), |lab, edge| {
        let witness = Witness::start(lab)?;
        let [caller, called] = peers(config, from);
        start(lab, transport(caller, from), transport(called, from.other()))?.succeed()?;
        let cdrs = wait_for_cdrs(lab, CALLS as usize, PATIENCE)?;
        let relayed = edge.counters()?.relayed();
        edge.stop()?;
        let account = witness.finish()?;
        ensure!(account.faults().is_empty(), "{:?}", account.faults());
        ensure!(
            account.received() == ALL && relayed == ALL,
            "{} seen, {relayed} relayed",
            account.received()
        );
        for cdr in &cdrs {
            ensure!((cdr.cause(), cdr.ended_by()) == ("hangup", "a"), "{cdr:?}");
            ensure!(Leg::BOTH.iter().all(|leg| cdr.packets(*leg) == PACKETS.cast_signed()), "{cdr:?}");
        }
        let described = |message: &SipSighting| message.text.contains("m=audio");
        let offers = account.sip(Side::Carrier).iter().filter(|message| described(message)).count();
        ensure!(offers >= 2 * CALLS as usize, "the carrier's messages are among those that are looked at");
        Side::BOTH.iter().try_for_each(|side| keeps_its_family(&account, *side, config.family(*side)))
    })
}

/// Media and signalling on the link of `side` are between its addresses of `family`, and SIP and SDP name no other.
fn keeps_its_family(account: &Account, side: Side, family: Family) -> Result<()> {
    let ends: [IpAddr; 2] = [side.edge(family), side.peer(family)];
    for packet in account.rtp(side).iter().filter(|packet| packet.crossing == Crossing::Arrival) {
        ensure!([packet.from.ip(), packet.to.ip()] == ends, "{packet:?}");
    }
    let (own, foreign) = match family {
        Family::V4 => ("IN IP4", "IN IP6"),
        Family::V6 => ("IN IP6", "IN IP4"),
    };
    for message in account.sip(side).iter().filter(|message| message.crossing == Crossing::Arrival) {
        let other = side.other();
        let strange = [Family::V4, Family::V6].map(|family| other.edge(family).to_string());
        ensure!(!message.text.contains(foreign), "{}", message.text);
        ensure!(strange.iter().all(|address| !message.text.contains(address)), "{}", message.text);
        ensure!(!message.text.contains("m=audio") || message.text.contains(own), "{}", message.text);
    }
    Ok(())
}
