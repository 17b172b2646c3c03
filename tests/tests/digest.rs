//! A PBX that comes from wherever it is, and proves by a password who it is, to peers that nobody here wrote.

use anyhow::{Result, ensure};
use edge_tests::drill::{PATIENCE, caller, start};
use edge_tests::edge::{EdgeProcess, wait_for_cdrs};
use edge_tests::lab::{Lab, Side};
use edge_tests::peers::registrar::{PASSWORD, USER, write_password};
use edge_tests::{EdgeConfig, Leg, Sipp, scenario};

/// Runs `drill` with edge, whose PBX comes from anywhere.
fn visited(
    config: EdgeConfig,
    lines: &str,
    drill: impl FnOnce(&Lab, EdgeProcess<'_>) -> Result<()>,
) -> Result<()> {
    Lab::drill(|lab| {
        write_password(lab, PASSWORD)?;
        drill(lab, EdgeProcess::start(lab, &config.visiting(Side::Pbx, lines))?)
    })
}

/// A caller at an address that no trunk has.
fn visitor(password: &str) -> Sipp {
    let caller = caller(Side::Pbx, scenario!("caller-proves-itself"));
    caller.from_address(Side::Pbx.stranger_address()).proving(USER, password)
}

/// A call from anywhere, with SIPp's own digest.
fn calls(algorithm: &str, over: impl FnOnce(Sipp) -> Sipp) -> Result<()> {
    let lines = format!("host = \"10.0.0.20\"\nauth_algorithms = [\"{algorithm}\"]");
    visited(EdgeConfig::default(), &lines, |lab, edge| {
        let called = Sipp::called(Side::Carrier, scenario!("answers")).calls(3);
        start(lab, over(visitor(PASSWORD)).calls(3), called)?.succeed()?;
        let cdrs = wait_for_cdrs(lab, 3, PATIENCE)?;
        for cdr in &cdrs {
            assert_eq!(cdr.cause(), "hangup", "{cdr:?}");
            assert!(Leg::BOTH.iter().all(|leg| cdr.packets(*leg) > 0), "{cdr:?}");
        }
        let counters = edge.counters()?;
        ensure!(counters.sip("challenges") >= 3, "each call was challenged: {counters:?}");
        ensure!(edge.log().contains("has proven itself"), "{}", edge.log());
        ensure!(!edge.log().contains(PASSWORD), "{}", edge.log());
        edge.stop()
    })
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn calls_from_anywhere_prove_themselves_by_md5() -> Result<()> {
    calls("MD5", |sipp| sipp)
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn calls_over_a_connection_prove_themselves() -> Result<()> {
    calls("MD5", Sipp::over_tcp)
}
