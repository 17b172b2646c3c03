//! Sides of a call that stop sending: they are told of within seconds, and their calls end by policy.

use anyhow::{Context, Result, ensure};
use edge_tests::drill::{PATIENCE, caller, start, with_edge};
use edge_tests::edge::{EdgeProcess, ask, wait_for_cdrs};
use edge_tests::lab::{Lab, Side};
use edge_tests::process::wait_until;
use edge_tests::{EdgeConfig, Sipp, scenario};
use serde_json::Value;

/// The call, once it is in this trouble.
fn in_trouble(lab: &Lab, trouble: &str) -> Result<Value> {
    let standing = || -> Option<Value> {
        let calls: Vec<Value> = serde_json::from_str(&ask(lab, &["call", "list", "--json"]).ok()?).ok()?;
        calls.into_iter().find(|call| call["trouble"][0] == trouble)
    };
    wait_until(PATIENCE, standing).with_context(|| format!("no call is {trouble}"))
}

fn counter(lab: &Lab, name: &str) -> Result<u64> {
    let counted: Value = serde_json::from_str(&ask(lab, &["counters", "--json"])?)?;
    counted["process"]["sip"][name].as_u64().with_context(|| format!("no counter {name}"))
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn a_call_that_has_died_is_told_of_and_hung_up_on_both_sides() -> Result<()> {
    let rule = "silence = { after = \"2s\", then = \"end-dead\", end_after = \"15s\" }";
    with_edge(EdgeConfig::default().trunk(Side::Carrier, rule).trunk(Side::Pbx, rule), |lab, edge| {
        // Both talk for a second, and then no more; nobody hangs up.
        let called = Sipp::called(Side::Pbx, scenario!("answers")).seconds(1);
        let pair = start(lab, caller(Side::Carrier, scenario!("caller-is-hung-up-on")).seconds(1), called)?;
        let call = in_trouble(lab, "dead")?;
        let id = call["id"].as_str().context("no id")?;
        ensure!(call["a"]["silent_s"].as_u64() >= Some(2), "{call}");
        let said = ask(lab, &["call", "explain", id])?;
        for direction in ["A to B: nothing has come from carrier", "B to A: nothing has come from pbx"] {
            ensure!(said.contains(direction), "{said}");
        }
        ensure!(ask(lab, &["call", "list"])?.contains("dead"), "it is in the list");
        pair.succeed()?;
        let cdrs = wait_for_cdrs(lab, 1, PATIENCE)?;
        assert_eq!((cdrs[0].cause(), cdrs[0].text("/ended_by")), ("media_timeout", "edge"), "{cdrs:?}");
        assert_eq!([cdrs[0].number("/a/silences"), cdrs[0].number("/b/silences")], [Some(1); 2]);
        let counted = || counter(lab, "media_timeouts").is_ok_and(|ended| ended == 1).then_some(());
        wait_until(PATIENCE, counted).context("it is not counted")?;
        assert_eq!(counter(lab, "media_silences")?, 2);
        edge.stop()
    })
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn one_way_audio_is_found_again_after_the_edge_was_killed_and_ends_the_call() -> Result<()> {
    let rule = "silence = { after = \"2s\", then = \"end\", end_after = \"12s\" }";
    with_edge(EdgeConfig::default().trunk(Side::Pbx, rule), |lab, edge| {
        let called = Sipp::called(Side::Pbx, scenario!("answers-in-silence"));
        let talks = caller(Side::Carrier, scenario!("caller-is-hung-up-on")).seconds(60);
        let pair = start(lab, talks, called)?;
        in_trouble(lab, "b_silent")?;
        edge.kill()?;
        let edge = EdgeProcess::start_again(lab)?;
        let call = in_trouble(lab, "b_silent")?;
        ensure!(call["a"]["silent_s"].is_null(), "{call}");
        pair.succeed()?;
        let cdrs = wait_for_cdrs(lab, 1, PATIENCE)?;
        assert_eq!(cdrs[0].cause(), "media_timeout", "{cdrs:?}");
        ensure!(cdrs[0].text("/detail").contains("side B"), "{cdrs:?}");
        edge.stop()
    })
}
