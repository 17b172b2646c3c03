//! Two carriers of which one dies, refuses, answers slowly or flaps, under load: no call is lost that could have been routed, the
//! next one has it in time, and every record lists what was tried.

use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use edge_tests::drill::{PATIENCE, caller, number, refused, with_edge};
use edge_tests::edge::{ask, wait_for_cdrs};
use edge_tests::lab::{Lab, Side};
use edge_tests::peers::kamailio::AGENT_PORT;
use edge_tests::peers::{Kamailio, Proxy};
use edge_tests::process::wait_until;
use edge_tests::sipp::{CALLED_MEDIA_PORT, RunningSipp};
use edge_tests::{Cdr, EdgeConfig, Sipp, scenario};

/// Calls of each drill, and how many begin in a second.
const CALLS: u32 = 60;
const RATE: f64 = 20.0;
/// Times that a trunk dies and comes back.
const FLAPS: usize = 2;

/// Calls of the carrier go to the PBX, and when that does not take one, to a second PBX beside it.
fn two_pbxs(keys: &str) -> EdgeConfig {
    with_second("enabled = true", keys)
}

/// The same, with a line for the second PBX.
fn with_second(second_key: &str, keys: &str) -> EdgeConfig {
    let second = Side::Pbx.stranger_address();
    EdgeConfig::default()
        .section(&format!(
            "[[trunk]]\nname = \"second\"\nrealm = \"{}\"\nhost = \"{second}\"\nauth = \"ip\"\n{second_key}",
            Side::Pbx.edge_device()
        ))
        .section(&format!(
            "[[route]]\nname = \"both\"\nfrom = [\"carrier\"]\nto = {{ exact = [\"{}\"] }}\n\
             rewrite_to = {{ strip = 10, prepend = \"\" }}\n\
             targets = [{{ trunk = \"pbx\" }}, {{ trunk = \"second\" }}]\n{keys}",
            number(Side::Carrier)
        ))
}

fn callers() -> Sipp {
    caller(Side::Carrier, scenario!("caller-hangs-up-in-silence"))
        .calls(CALLS)
        .rate(RATE)
        .seconds(0)
        .untraced()
}

/// A PBX that takes calls for ever.
fn answers(lab: &Lab, second: bool) -> Result<RunningSipp> {
    let pbx =
        Sipp::called(Side::Pbx, scenario!("answers-in-silence")).calls(10 * CALLS).seconds(0).untraced();
    let pbx = if second { pbx.from_address(Side::Pbx.stranger_address()) } else { pbx };
    pbx.start(lab)
}

/// Trunk and outcome of each attempt.
fn attempts(cdr: &Cdr) -> Vec<(String, String)> {
    let attempt = |index: usize| {
        let trunk = cdr.text(&format!("/attempts/{index}/trunk")).to_owned();
        (!trunk.is_empty()).then(|| (trunk, cdr.text(&format!("/attempts/{index}/outcome")).to_owned()))
    };
    (0..).map_while(attempt).collect()
}

/// Each call was answered, once, by the trunk of its last attempt, and what came before has failed.
fn check(cdrs: &[Cdr]) -> Result<()> {
    for cdr in cdrs {
        let attempts = attempts(cdr);
        let (last, before) = attempts.split_last().context("a call is tried")?;
        ensure!(cdr.cause() == "hangup" && last.1 == "answered", "{cdr:?}");
        ensure!(cdr.text("/b/trunk") == last.0, "{cdr:?}");
        ensure!(before.iter().all(|(_, outcome)| outcome != "answered"), "{cdr:?}");
    }
    Ok(())
}

/// How many of the calls were answered by a trunk.
fn taken_by(cdrs: &[Cdr], trunk: &str) -> usize {
    cdrs.iter().filter(|cdr| cdr.text("/b/trunk") == trunk).count()
}

/// Waits until the first PBX is shown in this state.
fn is_shown(lab: &Lab, state: &str) -> Result<()> {
    let wanted = format!("\"state\": \"{state}\"");
    let shown = || ask(lab, &["trunk", "show", Side::Pbx.name()]).unwrap_or_default();
    let found = wait_until(PATIENCE, || shown().contains(&wanted).then_some(()));
    found.with_context(|| format!("it is not {state}: {}", shown()))
}

fn records(lab: &Lab) -> Result<Vec<Cdr>> {
    wait_for_cdrs(lab, CALLS as usize, PATIENCE)
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn a_trunk_that_dies_under_load_loses_no_call() -> Result<()> {
    with_edge(two_pbxs("timers = { trying = \"500ms\" }"), |lab, edge| {
        let first = answers(lab, false)?;
        let _second = answers(lab, true)?;
        let callers = callers().start(lab)?;
        let answered = || (edge.log().matches("call established").count() >= 10).then_some(());
        wait_until(PATIENCE, answered).context("no call is answered")?;
        drop(first);
        callers.wait_for_success(PATIENCE)?;
        let cdrs = records(lab)?;
        edge.stop()?;
        check(&cdrs)?;
        ensure!(
            taken_by(&cdrs, "pbx") > 0 && taken_by(&cdrs, "second") > 0,
            "it died before or after them all"
        );
        let passed_over = cdrs.iter().find(|cdr| attempts(cdr).len() == 2).context("one was on its way")?;
        let outcome = attempts(passed_over)[0].1.clone();
        ensure!(outcome == "timeout" || outcome == "unreachable", "{passed_over:?}");
        Ok(())
    })
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn a_trunk_that_refuses_loses_no_call_but_one_that_is_never_tried_elsewhere() -> Result<()> {
    for (code, heard) in [("503", None), ("486", Some(486))] {
        with_edge(two_pbxs("stop_on = [\"486\"]\nfailover_on = [\"4xx\", \"5xx\"]"), |lab, edge| {
            let refuses = Sipp::called(Side::Pbx, scenario!("refuses")).key("code", code);
            let _first = refuses.calls(CALLS).untraced().start(lab)?;
            let _second = answers(lab, true)?;
            let callers = match heard {
                None => callers(),
                Some(code) => refused(Side::Carrier, code).calls(CALLS).rate(RATE).untraced(),
            };
            callers.start(lab)?.wait_for_success(PATIENCE)?;
            let cdrs = records(lab)?;
            edge.stop()?;
            match heard {
                None => check(&cdrs)?,
                Some(_) => {
                    let first = [("pbx".to_owned(), "refused".to_owned())];
                    ensure!(cdrs.iter().all(|cdr| attempts(cdr) == first), "{:?}", cdrs[0]);
                    ensure!(cdrs[0].number("/attempts/0/status") == Some(486), "{:?}", cdrs[0]);
                }
            }
            Ok(())
        })?;
    }
    Ok(())
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn a_trunk_that_answers_too_slowly_is_withdrawn_for_the_next_one() -> Result<()> {
    with_edge(two_pbxs("timers = { answer = \"1s\" }"), |lab, edge| {
        let rings = Sipp::called(Side::Pbx, scenario!("rings-until-cancelled")).calls(CALLS).untraced();
        let first = rings.start(lab)?;
        let _second = answers(lab, true)?;
        callers().start(lab)?.wait_for_success(PATIENCE)?;
        first.wait_for_success(PATIENCE).context("each hears a CANCEL")?;
        let cdrs = records(lab)?;
        edge.stop()?;
        check(&cdrs)?;
        let slow = [("pbx", "timeout"), ("second", "answered")];
        let slow = slow.map(|(trunk, outcome)| (trunk.to_owned(), outcome.to_owned()));
        ensure!(cdrs.iter().all(|cdr| attempts(cdr) == slow), "{:?}", cdrs[0]);
        Ok(())
    })
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn a_trunk_that_flaps_loses_no_call() -> Result<()> {
    with_edge(two_pbxs("timers = { trying = \"500ms\" }"), |lab, edge| {
        let _second = answers(lab, true)?;
        let mut callers = callers().start(lab)?;
        let mut flaps = 0;
        while callers.is_running()? && flaps < 20 {
            let first = answers(lab, false)?;
            thread::sleep(Duration::from_millis(300));
            drop(first);
            thread::sleep(Duration::from_millis(200));
            flaps += 1;
        }
        callers.wait_for_success(PATIENCE)?;
        let cdrs = records(lab)?;
        edge.stop()?;
        check(&cdrs)
    })
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn a_trunk_that_flaps_by_its_keepalive_is_passed_over_while_it_is_down() -> Result<()> {
    let keepalive = "keepalive = \"2s\"\nkeepalive_fails = 1\nkeepalive_oks = 1";
    let config = two_pbxs("timers = { trying = \"500ms\" }").trunk(Side::Pbx, keepalive);
    with_edge(config, |lab, edge| {
        let proxy = Kamailio::start(lab, &Proxy::of(Side::Pbx).answers_options())?;
        let agent = Sipp::called(Side::Pbx, scenario!("answers-in-silence")).calls(10 * CALLS).seconds(0);
        let _agent = agent.ports(AGENT_PORT, CALLED_MEDIA_PORT + 100).untraced().start(lab)?;
        let _second = answers(lab, true)?;
        let mut count = 0;
        let mut played = |load: RunningSipp| -> Result<Vec<Cdr>> {
            load.wait_for_success(PATIENCE).with_context(|| proxy.log())?;
            count += CALLS as usize;
            let mut cdrs = wait_for_cdrs(lab, count, PATIENCE)?;
            Ok(cdrs.split_off(count - CALLS as usize))
        };
        for _ in 0..FLAPS {
            is_shown(lab, "up")?;
            let alive = played(callers().start(lab)?)?;
            let load = callers().start(lab)?;
            proxy.deafen(lab, Side::Pbx)?;
            let dying = played(load)?;
            is_shown(lab, "down")?;
            let dead = played(callers().start(lab)?)?;
            proxy.listen_again(lab, Side::Pbx)?;
            [&alive, &dying, &dead].into_iter().try_for_each(|cdrs| check(cdrs))?;
            ensure!(taken_by(&alive, "pbx") > 0, "it never came back: {}", edge.log());
            let spared = |cdr: &Cdr| matches!(&attempts(cdr)[..], [(only, _)] if only == "second");
            ensure!(dead.iter().all(spared), "somebody is not spared the wait: {}", edge.log());
        }
        edge.wait_for_log("target is down, the trunk is down", PATIENCE)?;
        edge.stop()
    })
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn when_nobody_is_left_the_caller_hears_503_at_once() -> Result<()> {
    let nobody = with_second("enabled = false", "").trunk(Side::Pbx, "enabled = false");
    with_edge(nobody, |lab, edge| {
        refused(Side::Carrier, 503).start(lab)?.wait_for_success(PATIENCE)?;
        let cdrs = wait_for_cdrs(lab, 1, PATIENCE)?;
        edge.stop()?;
        let tried = attempts(&cdrs[0]);
        let skipped = ["pbx", "second"].map(|trunk| (trunk.to_owned(), "skipped".to_owned()));
        ensure!(tried == skipped && cdrs[0].cause() == "no_trunk", "{:?}", cdrs[0]);
        ensure!(cdrs[0].text("/attempts/0/reason") == "trunk_disabled", "{:?}", cdrs[0]);
        Ok(())
    })
}
