//! Media that is left out of the edge: agents that hear each other over a way of their own, and an edge that sees none of it.

use std::net::{IpAddr, SocketAddr};

use anyhow::{Result, ensure};
use edge_tests::drill::{PATIENCE, with_edge};
use edge_tests::edge::{Cdr, ask, wait_for_cdrs};
use edge_tests::lab::{Lab, Side};
use edge_tests::peers::{Pjsua2, Transport};
use edge_tests::process::wait_until;
use edge_tests::{EdgeConfig, EdgeProcess, Leg, Witness};

/// Packets that make it sure that media flows: more than half a second of it.
const FLOWING: u64 = 30;

/// Both trunks leave media out, and the realms reach each other.
fn direct() -> EdgeConfig {
    let config = EdgeConfig::default().realm_key(Side::Carrier, "reaches = [\"inside\"]");
    Side::BOTH.into_iter().fold(config, |config, side| config.trunk(side, "direct_media = true"))
}

/// Two agents that can reach each other.
fn agents(lab: &Lab) -> Result<[Pjsua2; 2]> {
    lab.connect_peers()?;
    let caller = Pjsua2::start(lab, Side::Carrier, Transport::Udp, "PCMA,PCMU")?;
    Ok([caller, Pjsua2::start(lab, Side::Pbx, Transport::Udp, "PCMA,PCMU")?])
}

fn hear_each_other([caller, called]: &mut [Pjsua2; 2]) -> Result<()> {
    caller.hears_a_tone(FLOWING)?;
    called.hears_a_tone(FLOWING)
}

/// The record of the one call that there was.
fn only_record(lab: &Lab) -> Result<Cdr> {
    let mut cdrs = wait_for_cdrs(lab, 1, PATIENCE)?;
    ensure!(cdrs.len() == 1, "{cdrs:?}");
    Ok(cdrs.remove(0))
}

/// Nothing of it was relayed, and the record says so.
fn passed_by(cdr: &Cdr) -> Result<()> {
    ensure!(cdr.text("/media") == "direct" && cdr.text("/codec") == "PCMA", "{cdr:?}");
    ensure!((cdr.packets(Leg::A), cdr.packets(Leg::B)) == (0, 0), "{cdr:?}");
    for (side, pointer) in [(Side::Carrier, "/a/media_remote"), (Side::Pbx, "/b/media_remote")] {
        ensure!(cdr.text(pointer).starts_with(&format!("{}:", side.peer_address())), "{cdr:?}");
    }
    ensure!(cdr.text("/a/media_local").is_empty() && cdr.text("/b/media_local").is_empty(), "{cdr:?}");
    Ok(())
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn two_agents_hear_each_other_and_no_packet_passes_the_edge() -> Result<()> {
    with_edge(direct(), |lab, edge| {
        let mut agents = agents(lab)?;
        let witness = Witness::start(lab)?;
        agents[0].call()?;
        agents[0].is_confirmed()?;
        hear_each_other(&mut agents)?;
        ensure!(ask(lab, &["call", "list"])?.contains("direct"), "the operator sees it");
        let [caller, called] = &mut agents;
        called.hold()?;
        caller.has_media("remote_hold", "PCMA")?;
        called.resume()?;
        caller.has_media("active", "PCMA")?;
        hear_each_other(&mut agents)?;
        agents[1].hang_up()?;
        agents[0].has_ended()?;
        passed_by(&only_record(lab)?)?;
        let counters = edge.counters()?;
        edge.stop()?;
        ensure!(counters.relayed() == 0, "{counters:?}");
        let account = witness.finish()?;
        ensure!(account.unmatched.is_empty(), "{:?}", account.faults());
        for side in Side::BOTH {
            let streams: Vec<_> = account.streams_from(side).collect();
            ensure!(streams.iter().map(|stream| stream.received).sum::<u64>() >= FLOWING / 2, "{streams:?}");
            let [own, other] = [side, side.other()].map(|side| IpAddr::V4(side.peer_address()));
            let direct = |(from, to): &(SocketAddr, SocketAddr)| (from.ip(), to.ip()) == (own, other);
            ensure!(streams.iter().flat_map(|stream| &stream.paths).all(direct), "{streams:?}");
        }
        Ok(())
    })
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn after_kill_9_the_call_goes_on_and_its_record_says_the_same() -> Result<()> {
    with_edge(direct(), |lab, edge| {
        let mut agents = agents(lab)?;
        agents[0].call()?;
        agents[0].is_confirmed()?;
        let written = || (edge.counters().ok()?.sip("journal_written") > 0).then_some(());
        ensure!(wait_until(PATIENCE, written).is_some(), "{}", edge.log());
        edge.kill()?;
        hear_each_other(&mut agents)?;
        let edge = EdgeProcess::start_again(lab)?;
        edge.wait_for_count("calls_adopted", 1, PATIENCE)?;
        let [caller, called] = &mut agents;
        called.hold()?;
        caller.has_media("remote_hold", "PCMA")?;
        caller.hang_up()?;
        called.has_ended()?;
        passed_by(&only_record(lab)?)?;
        edge.stop()
    })
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn where_one_trunk_does_not_say_so_it_is_relayed() -> Result<()> {
    let config = EdgeConfig::default().realm_key(Side::Carrier, "reaches = [\"inside\"]");
    with_edge(config.trunk(Side::Pbx, "direct_media = true"), |lab, edge| {
        let mut agents = agents(lab)?;
        agents[0].call()?;
        agents[0].is_confirmed()?;
        hear_each_other(&mut agents)?;
        agents[0].hang_up()?;
        agents[1].has_ended()?;
        let cdr = only_record(lab)?;
        ensure!(cdr.text("/media") == "relayed" && cdr.packets(Leg::A) > 0, "{cdr:?}");
        edge.stop()
    })
}
