//! edge dies, stops, comes back and changes its mind, while calls are up.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, ensure};
use edge_tests::drill::{PATIENCE, Pair, caller, refused, start, wait_until_detached, with_edge};
use edge_tests::edge::{counters, pins, wait_for_cdrs};
use edge_tests::lab::{Lab, Side};
use edge_tests::process::wait_until;
use edge_tests::{EdgeConfig, EdgeProcess, Sipp, Witness, scenario};

const CALLS: u32 = 4;

/// Calls of some seconds, all of them up when this returns.
fn running_calls(lab: &Lab, seconds: u32, witness: &Witness) -> Result<Pair> {
    let called = Sipp::called(Side::Pbx, scenario!("answers")).calls(CALLS).seconds(seconds);
    let callers =
        caller(Side::Carrier, scenario!("caller-hangs-up")).calls(CALLS).rate(20.0).seconds(seconds);
    let pair = start(lab, callers, called)?;
    // Half a second of both streams of every call.
    let enough = u64::from(CALLS) * 2 * 25;
    let flowing = wait_until(PATIENCE, || (witness.progress().arrived >= enough).then_some(()));
    ensure!(flowing.is_some(), "no media flows");
    Ok(pair)
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn media_survives_kill_9_and_a_restart_attaches_again() -> Result<()> {
    with_edge(EdgeConfig::default(), |lab, edge| {
        let witness = Witness::start(lab)?;
        let pair = running_calls(lab, 4, &witness)?;
        edge.kill()?;
        // Until both streams of every call have ended, with nobody at home.
        let all = u64::from(CALLS) * 2 * 4 * 50;
        wait_until(PATIENCE, || (witness.progress().departed >= all).then_some(()));
        drop(pair);
        let account = witness.finish()?;
        assert_eq!(account.faults(), [""; 0]);
        assert_eq!(account.received(), all);
        assert!(!pins(lab)?.is_empty());
        assert_eq!(counters(lab)?.relayed(), all, "the pinned counters can be read without edge");

        let edge = EdgeProcess::start_again(lab)?;
        assert!(edge.counters()?.relayed() >= all, "it took over the maps that were there");
        let witness = Witness::start(lab)?;
        running_calls(lab, 1, &witness)?.succeed()?;
        assert_eq!(witness.finish()?.faults(), [""; 0]);
        edge.stop()
    })
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn sighup_takes_a_good_file_and_refuses_a_bad_one() -> Result<()> {
    let config = EdgeConfig::default();
    with_edge(config.clone(), |lab, edge| {
        let witness = Witness::start(lab)?;
        let pair = running_calls(lab, 2, &witness)?;
        edge.reload(&config.toml(lab).replace("auth = \"ip\"", "auth = \"none\""))?;
        edge.wait_for_log("there is no unauthenticated trunk", PATIENCE)?;
        pair.succeed()?;
        assert_eq!(witness.finish()?.faults(), [""; 0], "calls that were up have noticed nothing");
        let witness = Witness::start(lab)?;
        running_calls(lab, 1, &witness)?.succeed()?;
        assert_eq!(witness.finish()?.faults(), [""; 0], "and new calls are taken as before");

        edge.reload(&config.toml(lab).replace("+4420", "+4421"))?;
        // The number has no route any more.
        edge.wait_for_log("configuration reloaded", PATIENCE)?;
        refused(Side::Carrier, 404).start(lab)?.wait_for_success(PATIENCE)?;
        edge.stop()
    })
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn sigterm_drains() -> Result<()> {
    with_edge(EdgeConfig::default().drain_grace("8s"), |lab, edge| {
        let called = Sipp::called(Side::Pbx, scenario!("answers")).calls(CALLS).seconds(1);
        let callers = caller(Side::Carrier, scenario!("caller-is-hung-up-on")).calls(CALLS).seconds(1);
        let pair = start(lab, callers, called)?;
        let established = || edge.log().matches("call established").count();
        let up = wait_until(PATIENCE, || (established() == CALLS as usize).then_some(()));
        ensure!(up.is_some(), "calls do not come up: {}", edge.log());
        edge.drain()?;
        refused(Side::Carrier, 503).ports(5080, 7010).start(lab)?.wait_for_success(PATIENCE)?;
        // Both sides get their BYE.
        pair.succeed()?;
        edge.stop()?;
        let cdrs = wait_for_cdrs(lab, CALLS as usize + 1, Duration::ZERO)?;
        let drained = cdrs.iter().filter(|cdr| (cdr.cause(), cdr.ended_by()) == ("drained", "edge")).count();
        assert_eq!(drained, CALLS as usize, "{cdrs:?}");
        assert_eq!(pins(lab)?, [] as [PathBuf; 0]);
        wait_until_detached(lab)
    })
}
