//! How signalling is marked on the wire: `dscp = { sip = ".." }` of a trunk, over every transport and both IP families.

use anyhow::{Context, Result, ensure};
use edge_tests::drill::{PATIENCE, caller, start, with_edge};
use edge_tests::edge::wait_for_cdrs;
use edge_tests::lab::Side;
use edge_tests::process::wait_until;
use edge_tests::witness::{Account, Crossing};
use edge_tests::{EdgeConfig, Sipp, Witness, scenario};

/// The code point of cs3.
const CS3: u8 = 24;

/// A PBX whose signalling is marked; nothing is said of the carrier's.
fn marking() -> EdgeConfig {
    EdgeConfig::default().trunk(Side::Pbx, "dscp = { sip = \"cs3\" }")
}

/// The markings of all signalling that came to a peer over UDP, and over TCP.
fn markings(account: &Account, side: Side) -> [Vec<u8>; 2] {
    let datagrams = account.sip(side).iter().filter(|message| message.crossing == Crossing::Arrival);
    let segments = account.segments(side).iter().filter(|segment| segment.crossing == Crossing::Arrival);
    [datagrams.map(|message| message.dscp).collect(), segments.map(|segment| segment.dscp).collect()]
}

/// A call from `side` to the other one, of which the PBX speaks TCP if `over_tcp`.
fn call(config: EdgeConfig, side: Side, over_tcp: bool) -> Result<[[Vec<u8>; 2]; 2]> {
    let mut found = None;
    let [of_carrier, of_pbx] = [Side::Carrier, Side::Pbx].map(|side| config.family(side));
    let speaking = |sipp: Sipp, side| {
        let sipp = sipp.over(if side == Side::Pbx { of_pbx } else { of_carrier });
        if over_tcp && side == Side::Pbx { sipp.over_tcp() } else { sipp }
    };
    with_edge(config, |lab, edge| {
        let witness = Witness::start(lab)?;
        let called = Sipp::called(side.other(), scenario!("answers-in-silence")).seconds(1);
        let caller = caller(side, scenario!("caller-hangs-up-in-silence")).seconds(1);
        start(lab, speaking(caller, side), speaking(called, side.other()))?.succeed()?;
        wait_for_cdrs(lab, 1, PATIENCE)?;
        edge.stop()?;
        let account = witness.finish()?;
        found = Some([Side::Carrier, Side::Pbx].map(|side| markings(&account, side)));
        Ok(())
    })?;
    Ok(found.unwrap_or_default())
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn datagrams_to_the_trunk_are_marked_and_no_others() -> Result<()> {
    for config in [marking(), marking().over_ipv6(Side::Pbx)] {
        let [[carrier, _], [pbx, _]] = call(config, Side::Carrier, false)?;
        ensure!(pbx.len() >= 3 && pbx.iter().all(|dscp| *dscp == CS3), "to the PBX: {pbx:?}");
        ensure!(carrier.len() >= 3 && carrier.iter().all(|dscp| *dscp == 0), "to the carrier: {carrier:?}");
    }
    Ok(())
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn a_connection_that_edge_opens_is_marked_from_its_first_segment_on() -> Result<()> {
    for config in [marking(), marking().over_ipv6(Side::Pbx)] {
        let [[carrier, _], [_, pbx]] = call(config.over_tcp(Side::Pbx), Side::Carrier, true)?;
        ensure!(pbx.len() >= 5 && pbx.iter().all(|dscp| *dscp == CS3), "to the PBX: {pbx:?}");
        ensure!(carrier.iter().all(|dscp| *dscp == 0), "to the carrier: {carrier:?}");
    }
    Ok(())
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn a_connection_of_the_trunks_is_marked_once_edge_knows_whose_it_is() -> Result<()> {
    let [_, [_, pbx]] = call(marking().over_tcp(Side::Pbx), Side::Pbx, true)?;
    // The kernel has accepted it before, and acknowledges what comes until edge has looked, by segments that are nobody's yet.
    let first = pbx.iter().position(|dscp| *dscp == CS3).context("nothing is marked")?;
    ensure!(pbx[first..].len() >= 3 && pbx[first..].iter().all(|dscp| *dscp == CS3), "{pbx:?}");
    Ok(())
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn over_tls_too() -> Result<()> {
    let config = marking().over_tls(Side::Pbx).trunk(Side::Pbx, "keepalive = \"2s\"");
    with_edge(config, |lab, edge| {
        let witness = Witness::start(lab)?;
        // Nobody listens, and still it has to be asked for. One that fails now may have been tried before anybody looked.
        let before = edge.counters()?.sip("connections_failed");
        let asked =
            || edge.counters().ok().filter(|counters| counters.sip("connections_failed") >= before + 2);
        ensure!(wait_until(PATIENCE, asked).is_some(), "no connection was tried");
        edge.stop()?;
        let [_, segments] = markings(&witness.finish()?, Side::Pbx);
        ensure!(!segments.is_empty() && segments.iter().all(|dscp| *dscp == CS3), "{segments:?}");
        Ok(())
    })
}
