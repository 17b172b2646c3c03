//! An operator asks the running edge, and tells it.

use anyhow::{Context, Result, ensure};
use edge_tests::drill::{PATIENCE, caller, start, with_edge};
use edge_tests::edge::{ask, wait_for_cdrs};
use edge_tests::lab::Side;
use edge_tests::process::wait_until;
use edge_tests::{EdgeConfig, Sipp, scenario};
use serde_json::Value;

const CALLS: usize = 3;

#[test]
#[ignore = "needs root: cargo xtask test"]
fn calls_are_shown_with_their_media_and_one_is_hung_up() -> Result<()> {
    with_edge(EdgeConfig::default(), |lab, edge| {
        let called = Sipp::called(Side::Pbx, scenario!("answers")).calls(CALLS as u32).seconds(6);
        let callers = caller(Side::Carrier, scenario!("caller-hangs-up"));
        let pair = start(lab, callers.calls(CALLS as u32).rate(20.0).seconds(6), called)?;
        let list =
            || -> Result<Vec<Value>> { Ok(serde_json::from_str(&ask(lab, &["call", "list", "--json"])?)?) };
        let flowing = |call: &Value| {
            ["a", "b"].iter().all(|side| call[side]["received"]["packets"].as_u64() > Some(25))
        };
        let calls = wait_until(PATIENCE, || {
            list().ok().filter(|calls| calls.len() == CALLS && calls.iter().all(flowing))
        });
        let calls = calls.with_context(|| format!("no calls with media: {:?}", list()))?;
        for call in &calls {
            assert_eq!((&call["phase"], &call["codec"]), (&"established".into(), &"PCMA".into()), "{call}");
        }
        let table = ask(lab, &["call", "list", "--trunk", Side::Pbx.name()])?;
        ensure!(table.lines().count() == CALLS + 1, "{table}");
        assert_eq!(ask(lab, &["call", "list", "--trunk", "nobody", "--json"])?, "[]\n");

        let id = calls[0]["id"].as_str().context("no id")?;
        let shown: Value = serde_json::from_str(&ask(lab, &["call", "show", id])?)?;
        assert_eq!(shown["id"], calls[0]["id"]);
        let trunk: Value = serde_json::from_str(&ask(lab, &["trunk", "show", Side::Carrier.name()])?)?;
        assert_eq!(trunk["calls"], CALLS, "{trunk}");

        ask(lab, &["call", "hangup", id])?;
        let records = wait_for_cdrs(lab, 1, PATIENCE)?;
        assert_eq!((records[0].cause(), records[0].id()), ("operator", id));
        let again = wait_until(PATIENCE, || ask(lab, &["call", "hangup", id]).err());
        let said = again.context("a call that has ended cannot be hung up")?.to_string();
        assert!(said.contains("no call"), "{said}");
        drop(pair);
        edge.stop()
    })
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn reload_says_what_it_makes_of_the_file() -> Result<()> {
    let config = EdgeConfig::default();
    with_edge(config.clone(), |lab, edge| {
        let file = lab.directory().join("edge.toml");
        std::fs::write(&file, config.toml(lab).replace("auth = \"ip\"", "auth = \"none\""))?;
        let wrong = ask(lab, &["reload"]).err().context("a wrong file was taken")?.to_string();
        assert!(wrong.contains("auth"), "{wrong}");
        let stopped = config.clone().trunk(Side::Pbx, "enabled = false");
        std::fs::write(&file, stopped.toml(lab))?;
        assert_eq!(ask(lab, &["reload"])?, "configuration reloaded\n");
        let trunk: Value = serde_json::from_str(&ask(lab, &["trunk", "show", Side::Pbx.name()])?)?;
        assert_eq!(trunk["state"], "disabled");
        edge.stop()
    })
}
