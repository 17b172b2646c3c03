//! The command line itself, and each command on a writer.

use clap::{CommandFactory, Parser};

use super::{Cli, Outcome, counters, obey};
use crate::datapath::{Counter, CounterKind};

#[test]
fn the_command_line_is_consistent() {
    Cli::command().debug_assert();
}

#[test]
fn check_prints_the_sheet_of_a_good_file() {
    let (outcome, text) =
        run(&["edge", "check", "--no-host", "--config", "tests/config/good/two-realms.toml"]);
    assert_eq!(outcome.unwrap(), Outcome::Good);
    assert!(text.starts_with("NODE edge-1\n") && !text.contains("THIS HOST"), "{text}");
}

#[test]
fn check_reports_what_this_host_lacks() {
    let (outcome, text) = run(&["edge", "check", "--config", "tests/config/good/two-realms.toml"]);
    assert_eq!(outcome.unwrap(), Outcome::Good);
    assert!(
        text.contains("\nTHIS HOST: `edge run` would refuse to start here\n  - realm outside: "),
        "{text}"
    );
}

#[test]
fn a_bad_file_is_an_error_and_prints_no_sheet() {
    for command in ["check", "doctor"] {
        let (outcome, text) = run(&["edge", command, "--config", "tests/config/bad/names-twice.toml"]);
        let error = outcome.unwrap_err().to_string();
        assert_eq!(error.lines().count(), 3, "{error}");
        assert!(text.is_empty(), "{text}");
    }
}

#[test]
fn doctor_prints_json_that_says_what_the_exit_status_says() {
    let (outcome, text) = run(&["edge", "doctor", "--json"]);
    let findings: Vec<serde_json::Value> = serde_json::from_str(&text).unwrap();
    let failed = findings.iter().any(|finding| finding["verdict"] == "fail");
    assert!(findings.iter().any(|finding| finding["subject"] == "kernel"));
    assert_eq!(outcome.unwrap() == Outcome::Bad, failed, "{text}");
}

#[test]
fn counters_of_a_node_that_never_ran_are_an_error_that_names_the_pin() {
    let (outcome, text) =
        run(&["edge", "counters", "--config", "tests/config/good/values-that-say-what-is-built.toml"]);
    let error = outcome.unwrap_err().to_string();
    assert!(error.contains("/nonexistent/edge") && text.is_empty(), "{error}");
}

#[test]
fn counters_are_printed_by_kind() {
    let mut text = Vec::new();
    counters::print(&mut text, &packets(), None, false).unwrap();
    insta::assert_snapshot!(String::from_utf8(text).unwrap(), @r"
    RELAYED: 7 packets
                 7  rtp                      relayed
    DROPPED: 2 packets
                 2  unexpected_source        from elsewhere
    PASSED TO THE HOST: 0 packets
    FOR SIP, PASSED BY THE SHIELD: 0 packets
    FOR SIP, DROPPED BY THE SHIELD: 5 packets
                 5  banned                   too often
    FOR SIP, SPARED BY A SHADOW OF THE SHIELD: 0 packets
    PROCESS: none runs
    ");
}

#[test]
fn counters_as_json_have_also_what_is_zero() {
    let json = serde_json::to_string(&crate::admin::Counted::of(&packets(), Vec::new(), None)).unwrap();
    let want = concat!(
        r#"{"relay":{"rtp":7},"drop":{"no_flow":0,"unexpected_source":2},"pass":{"arp":0},"#,
        r#""shield":{"pass":{},"drop":{"banned":5},"spare":{}},"added_latency":{},"process":null}"#
    );
    assert_eq!(json, want);
}

fn packets() -> Vec<Counter> {
    let counter = |name, description, kind, packets| Counter { name, description, kind, packets };
    vec![
        counter("rtp", "relayed", CounterKind::Relay, 7),
        counter("unexpected_source", "from elsewhere", CounterKind::Drop, 2),
        counter("no_flow", "belongs to no call", CounterKind::Drop, 0),
        counter("arp", "not IP", CounterKind::Pass, 0),
        counter("banned", "too often", CounterKind::ShieldDrop, 5),
    ]
}

fn run(line: &[&str]) -> (anyhow::Result<Outcome>, String) {
    let mut out = Vec::new();
    let outcome = obey(&Cli::try_parse_from(line).unwrap().command, &mut out);
    (outcome, String::from_utf8(out).unwrap())
}
