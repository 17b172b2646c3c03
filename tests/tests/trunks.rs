//! Whether a trunk may have calls now: by what it answers, how its calls fare, and what the operator orders.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use edge_tests::drill::{PATIENCE, caller, refused, start, with_edge};
use edge_tests::edge::{ask, wait_for_cdrs};
use edge_tests::lab::{Lab, Side};
use edge_tests::network::{BadNetwork, Impairment};
use edge_tests::process::wait_until;
use edge_tests::sipp::script::{Script, speech};
use edge_tests::{EdgeConfig, EdgeProcess, Sipp, scenario};
use serde_json::Value;

/// The PBX as the operator sees it.
fn pbx(lab: &Lab) -> Result<Value> {
    Ok(serde_json::from_str(&ask(lab, &["trunk", "show", Side::Pbx.name()])?)?)
}

/// Waits until the PBX shows this.
fn wait_for(lab: &Lab, key: &str, value: &str) -> Result<()> {
    let shown = || pbx(lab).ok().filter(|trunk| trunk[key] == value);
    wait_until(PATIENCE, shown).map(drop).with_context(|| format!("{key} is not {value}: {:?}", pbx(lab)))
}

/// One call of the carrier's that the PBX takes.
fn call(lab: &Lab) -> Result<()> {
    let called = Sipp::called(Side::Pbx, scenario!("answers-in-silence")).seconds(1);
    start(lab, caller(Side::Carrier, scenario!("caller-hangs-up-in-silence")).seconds(1), called)?.succeed()
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn a_trunk_that_answers_no_options_is_down_and_one_that_does_again_is_up() -> Result<()> {
    let keepalive = "keepalive = \"2s\"\nkeepalive_fails = 1\nkeepalive_oks = 2";
    with_edge(EdgeConfig::default().trunk(Side::Pbx, keepalive), |lab, edge| {
        wait_for(lab, "state", "down")?;
        edge.wait_for_log("target is down, the trunk is down", PATIENCE)?;
        let list = ask(lab, &["trunk", "list"])?;
        ensure!(
            list.lines().any(|line| line.starts_with(Side::Pbx.name()) && line.contains(" down ")),
            "{list}"
        );
        let alive = Sipp::called(Side::Pbx, scenario!("answers-options")).calls(2).start(lab)?;
        wait_for(lab, "state", "up")?;
        alive.wait_for_success(PATIENCE)?;
        // Nobody answers any more.
        wait_for(lab, "state", "down")?;
        // It is the only one, so it is tried all the same.
        call(lab)?;
        edge.stop()
    })
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn a_trunk_that_says_when_to_come_again_is_avoided_until_then() -> Result<()> {
    with_edge(EdgeConfig::default(), |lab, edge| {
        let away = Sipp::called(Side::Pbx, scenario!("refuses-for-a-while")).key("while", "60").start(lab)?;
        refused(Side::Carrier, 500).start(lab)?.wait_for_success(PATIENCE)?;
        away.wait_for_success(PATIENCE)?;
        wait_for(lab, "state", "avoided")?;
        edge.stop()
    })
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn a_trunk_that_is_drained_under_load_takes_nothing_new_and_ends_what_it_has() -> Result<()> {
    const CALLS: u32 = 20;
    with_edge(EdgeConfig::default(), |lab, edge| {
        let called = Sipp::called(Side::Pbx, scenario!("answers-in-silence")).calls(CALLS).seconds(10);
        let callers = caller(Side::Carrier, scenario!("caller-hangs-up-in-silence"));
        let pair = start(lab, callers.calls(CALLS).rate(50.0).seconds(10), called)?;
        let standing = wait_until(PATIENCE, || pbx(lab).ok().filter(|trunk| trunk["calls_out"] == CALLS));
        standing.with_context(|| format!("{:?}", pbx(lab)))?;
        for (order, state) in [("drain", "draining"), ("disable", "disabled")] {
            ask(lab, &["trunk", order, Side::Pbx.name()])?;
            assert_eq!(pbx(lab)?["state"], state);
            refused(Side::Carrier, 503).ports(5080, 7100).start(lab)?.wait_for_success(PATIENCE)?;
            assert_eq!(pbx(lab)?["refused"][format!("trunk_{state}")], 1);
        }
        let nobody = ask(lab, &["trunk", "drain", "nobody"]).expect_err("no such trunk");
        ensure!(nobody.to_string().contains("no trunk nobody"), "{nobody}");
        pair.succeed()?;
        let records = wait_for_cdrs(lab, CALLS as usize + 2, PATIENCE)?;
        let count = |cause: &str| records.iter().filter(|record| record.cause() == cause).count();
        assert_eq!(
            [count("hangup"), count("trunk_draining"), count("trunk_disabled")],
            [CALLS as usize, 1, 1]
        );
        // A reload keeps the order, since the file says of `enabled` what it said before.
        edge.reload(&EdgeConfig::default().toml(lab))?;
        edge.wait_for_log("configuration reloaded", PATIENCE)?;
        assert_eq!(pbx(lab)?["state"], "disabled");
        ask(lab, &["trunk", "enable", Side::Pbx.name()])?;
        call(lab)?;
        edge.stop()
    })
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn a_breaker_opens_when_no_call_is_answered_and_closes_with_the_first_that_is() -> Result<()> {
    const CALLS: u32 = 4;
    let breaker = "breaker = { asr_min = 0.5, window = \"1m\", calls_min = 4, rest = \"1s\" }";
    with_edge(EdgeConfig::default().trunk(Side::Pbx, breaker), |lab, edge| {
        let refuses =
            Sipp::called(Side::Pbx, scenario!("refuses")).calls(CALLS).key("code", "500").start(lab)?;
        refused(Side::Carrier, 500).calls(CALLS).start(lab)?.wait_for_success(PATIENCE)?;
        refuses.wait_for_success(PATIENCE)?;
        wait_for(lab, "breaker", "open")?;
        edge.wait_for_log("breaker open, other trunks are tried first: only 0 of 100", PATIENCE)?;
        wait_for(lab, "state", "enabled")?;
        call(lab)?;
        wait_for(lab, "breaker", "closed")?;
        edge.wait_for_log("breaker closed: the trunk works again", PATIENCE)?;
        let trunk = pbx(lab)?;
        assert_eq!((&trunk["asr"], &trunk["state"]), (&1.0.into(), &"enabled".into()), "{trunk}");
        edge.stop()
    })
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn a_breaker_opens_when_calls_take_too_long_to_ring_and_closes_when_one_does_not() -> Result<()> {
    const CALLS: u32 = 4;
    let breaker = "breaker = { pdd_max = \"1s\", window = \"1m\", calls_min = 4, rest = \"1s\" }";
    with_edge(EdgeConfig::default().trunk(Side::Pbx, breaker), |lab, edge| {
        let late = Script::called("answers late")
            .keeps_invite(&[])
            .waits(1_500)
            .answers_kept("200 OK", &[], &speech(1, &[]))
            .is_asked("ACK", &[])
            .is_asked("BYE", &[])
            .answers("200 OK", &[], "");
        let late = Sipp::called(Side::Pbx, late.scenario()).calls(CALLS);
        let callers = caller(Side::Carrier, scenario!("caller-hangs-up-in-silence")).calls(CALLS).seconds(0);
        start(lab, callers, late)?.succeed()?;
        wait_for(lab, "breaker", "open")?;
        edge.wait_for_log("breaker open, other trunks are tried first: ", PATIENCE)?;
        wait_for(lab, "state", "enabled")?;
        call(lab)?;
        wait_for(lab, "breaker", "closed")?;
        edge.stop()
    })
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn a_breaker_opens_when_too_many_packets_of_a_trunk_are_lost() -> Result<()> {
    const CALLS: u32 = 4;
    // One packet of three, so that of two hundred more than one of ten are lost in any case.
    let impairment = Impairment { lost: 333_333, bursts: 0, burst: 0, twice: 0, delay: Duration::ZERO };
    let breaker = "breaker = { loss_max = 0.1, window = \"1m\", calls_min = 4, rest = \"1m\" }";
    Lab::drill(|lab| {
        let network = BadNetwork::begin(lab, Side::Pbx, impairment)?;
        let edge = EdgeProcess::start(lab, &EdgeConfig::default().trunk(Side::Pbx, breaker))?;
        let called = Sipp::called(Side::Pbx, scenario!("answers")).calls(CALLS);
        start(lab, caller(Side::Carrier, scenario!("caller-hangs-up")).calls(CALLS), called)?.succeed()?;
        wait_for(lab, "breaker", "open")?;
        edge.wait_for_log("breaker open, other trunks are tried first: ", PATIENCE)?;
        let trunk = pbx(lab)?;
        ensure!(trunk["state"] == "breaker", "others come first: {trunk}");
        edge.stop()?;
        network.end()
    })
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn a_guard_stops_what_a_trunk_may_not_call_and_says_why() -> Result<()> {
    let guards = "guards = { deny = [\"+4420718387\"] }";
    with_edge(EdgeConfig::default().trunk(Side::Carrier, guards), |lab, edge| {
        refused(Side::Carrier, 403).start(lab)?.wait_for_success(PATIENCE)?;
        edge.wait_for_log("numbers that begin with +4420718387 are denied", PATIENCE)?;
        let records = wait_for_cdrs(lab, 1, PATIENCE)?;
        assert_eq!(records[0].cause(), "guard_denied");
        let carrier: Value = serde_json::from_str(&ask(lab, &["trunk", "show", Side::Carrier.name()])?)?;
        assert_eq!(carrier["refused"]["guard_denied"], 1, "{carrier}");
        edge.stop()
    })
}
