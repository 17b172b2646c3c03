//! What is not let in: calls beyond the bounds of a failover group, and calls that a trunk may not make.

use anyhow::{Result, ensure};
use edge_tests::drill::{PATIENCE, caller, refused, start, with_edge};
use edge_tests::edge::{ask, wait_for_cdrs};
use edge_tests::lab::Side;
use edge_tests::process::wait_until;
use edge_tests::{EdgeConfig, Sipp, scenario};
use serde_json::Value;

#[test]
#[ignore = "needs root: cargo xtask test"]
fn the_trunks_of_a_group_have_no_more_calls_than_it_may_have() -> Result<()> {
    let config = EdgeConfig::default().trunk(Side::Pbx, "failover_group = \"pbxs\"");
    with_edge(config.section("[[group]]\nname = \"pbxs\"\nmax_calls_out = 2"), |lab, edge| {
        let called = Sipp::called(Side::Pbx, scenario!("answers-in-silence")).calls(2).seconds(10);
        let callers = caller(Side::Carrier, scenario!("caller-hangs-up-in-silence")).calls(2).seconds(10);
        let pair = start(lab, callers, called)?;
        let pbx = || -> Result<Value> { Ok(serde_json::from_str(&ask(lab, &["trunk", "show", "pbx"])?)?) };
        let full = wait_until(PATIENCE, || pbx().ok().filter(|pbx| pbx["group_calls"] == 2));
        ensure!(full.is_some(), "{:?}", pbx());
        refused(Side::Carrier, 503).ports(5080, 7100).start(lab)?.wait_for_success(PATIENCE)?;
        edge.wait_for_log("trunk pbx: max_calls_out = 2 of its group reached", PATIENCE)?;
        pair.succeed()?;
        let cdrs = wait_for_cdrs(lab, 3, PATIENCE)?;
        let refused = cdrs.iter().filter(|cdr| cdr.cause() == "group_max_calls_out").count();
        ensure!(refused == 1 && pbx()?["refused"]["group_max_calls_out"] == 1, "{cdrs:?}");
        edge.stop()
    })
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn a_trunk_makes_the_calls_that_it_may_make_and_no_others() -> Result<()> {
    let incoming = "incoming = [{ to = { prefix = \"+4420\" }, from_number = { prefix = \"+44\" } }]";
    with_edge(EdgeConfig::default().trunk(Side::Carrier, incoming), |lab, edge| {
        let called = Sipp::called(Side::Pbx, scenario!("answers-in-silence")).seconds(0);
        start(lab, caller(Side::Carrier, scenario!("caller-hangs-up-in-silence")).seconds(0), called)?
            .succeed()?;
        let only = "incoming = [{ to = { prefix = \"+4420\" }, from_number = { prefix = \"+33\" } }]";
        edge.reload(&EdgeConfig::default().trunk(Side::Carrier, only).toml(lab))?;
        edge.wait_for_log("configuration reloaded", PATIENCE)?;
        refused(Side::Carrier, 403).start(lab)?.wait_for_success(PATIENCE)?;
        edge.wait_for_log("trunk carrier may not call this number for this caller", PATIENCE)?;
        let cdrs = wait_for_cdrs(lab, 2, PATIENCE)?;
        ensure!(cdrs[1].cause() == "incoming_caller", "{cdrs:?}");
        let words = ["route", "explain", "--from", "carrier", "--to", "+442071838750", "--caller", "+4420"];
        let said = ask(lab, &words).expect_err("it would be refused").to_string();
        ensure!(said.contains("may not call this number for this caller (incoming): 403"), "{said}");
        edge.stop()
    })
}
