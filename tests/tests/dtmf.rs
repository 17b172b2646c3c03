//! Digits between peers that say them in different ways, with user agents that others have written: telephone-events become INFO
//! and back, by XDP and by the userspace relay, also after `kill -9`, and as stars for who is not to know them.

use anyhow::{Result, ensure};
use edge_tests::drill::{PATIENCE, with_edge};
use edge_tests::edge::wait_for_cdrs;
use edge_tests::lab::{Lab, Side};
use edge_tests::peers::{Digit, Pjsua2, Transport};
use edge_tests::{EdgeConfig, EdgeProcess};

/// Packets that make it sure that media flows: digits ride on it.
const FLOWING: u64 = 30;

/// The PBX says digits by INFO, the carrier by telephone-events.
fn config() -> EdgeConfig {
    EdgeConfig::default().trunk(Side::Pbx, "dtmf = \"info\"")
}

/// An agent on each side, in a call that `from` has begun: the carrier's first.
fn call(lab: &Lab, from: Side) -> Result<[Pjsua2; 2]> {
    let start = |side| Pjsua2::start(lab, side, Transport::Udp, "PCMA");
    let mut agents = [start(Side::Carrier)?, start(Side::Pbx)?];
    agents[usize::from(from == Side::Pbx)].call()?;
    for agent in &mut agents {
        agent.is_confirmed()?;
        agent.hears_a_tone(FLOWING)?;
    }
    Ok(agents)
}

/// The one says them, and the other one hears them in that order.
fn dials(from: &mut Pjsua2, by: Digit, to: &mut Pjsua2, heard: Digit, digits: &str) -> Result<()> {
    digits.chars().try_for_each(|digit| from.dial(digit, by))?;
    digits.chars().try_for_each(|digit| to.hears(digit, heard))
}

fn both_ways(carrier: &mut Pjsua2, pbx: &mut Pjsua2) -> Result<()> {
    dials(carrier, Digit::InMedia, pbx, Digit::InInfo, "15*#")?;
    dials(pbx, Digit::InInfo, carrier, Digit::InMedia, "77D0")
}

/// Hangs up, and looks at what was counted.
fn finish(lab: &Lab, edge: EdgeProcess<'_>, [mut carrier, mut pbx]: [Pjsua2; 2]) -> Result<()> {
    // Before the call ends: a digit is heard at its first packet, and counted at its last one.
    edge.wait_for_count("digits_to_info", 4, PATIENCE)?;
    edge.wait_for_count("digits_to_events", 4, PATIENCE)?;
    carrier.hang_up()?;
    pbx.has_ended()?;
    let cdrs = wait_for_cdrs(lab, 1, PATIENCE)?;
    let said = |leg: &str| cdrs[0].number(&format!("/{leg}/digits"));
    ensure!((said("a"), said("b")) == (Some(4), Some(4)), "{cdrs:?}");
    let counters = edge.counters()?;
    ensure!(counters.sip("digits_lost") == 0, "{}", edge.log());
    ensure!(counters.dropped("event_held") > 0, "telephone-events have not crossed");
    ensure!(!edge.log().contains("Signal="), "a digit is in the log");
    edge.stop()
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn events_become_infos_and_infos_become_events() -> Result<()> {
    for from in Side::BOTH {
        with_edge(config(), |lab, edge| {
            let [mut carrier, mut pbx] = call(lab, from)?;
            both_ways(&mut carrier, &mut pbx)?;
            finish(lab, edge, [carrier, pbx])
        })?;
    }
    Ok(())
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn the_userspace_relay_converts_them_too() -> Result<()> {
    with_edge(config().mode("off"), |lab, edge| {
        let [mut carrier, mut pbx] = call(lab, Side::Carrier)?;
        both_ways(&mut carrier, &mut pbx)?;
        finish(lab, edge, [carrier, pbx])
    })
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn after_kill_9_they_are_converted_as_before() -> Result<()> {
    with_edge(config(), |lab, edge| {
        let [mut carrier, mut pbx] = call(lab, Side::Carrier)?;
        edge.wait_for_count("journal_written", 1, PATIENCE)?;
        edge.kill()?;
        let edge = EdgeProcess::start_again(lab)?;
        edge.wait_for_count("calls_adopted", 1, PATIENCE)?;
        both_ways(&mut carrier, &mut pbx)?;
        finish(lab, edge, [carrier, pbx])
    })
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn who_is_not_to_know_digits_hears_stars() -> Result<()> {
    for (keys, heard) in [("", Digit::InMedia), ("dtmf = \"info\"", Digit::InInfo)] {
        let config = EdgeConfig::default().trunk(Side::Pbx, "dtmf_mask = \"star\"").trunk(Side::Pbx, keys);
        with_edge(config, |lab, edge| {
            let [mut carrier, mut pbx] = call(lab, Side::Carrier)?;
            carrier.dial('5', Digit::InMedia)?;
            pbx.hears('*', heard)?;
            pbx.dial('7', heard)?;
            carrier.hears('7', Digit::InMedia)?;
            carrier.hang_up()?;
            pbx.has_ended()?;
            edge.stop()
        })?;
    }
    Ok(())
}
