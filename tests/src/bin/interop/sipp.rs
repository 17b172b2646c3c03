//! SIPp over TLS on both sides, with certificates that each end proves itself by. Debian 12's has no TLS.

use anyhow::{Result, ensure};

use edge_tests::Sipp;
use edge_tests::drill::{PATIENCE, caller, start};
use edge_tests::edge::wait_for_cdrs;
use edge_tests::lab::Side;
use edge_tests::peers::Transport;
use edge_tests::scenario;

use crate::{Case, Scene, Try, plainly};

/// Calls of one side in a case.
const CALLS: u32 = 10;

pub(crate) fn cases() -> Vec<Case> {
    let each: [(&str, Try); 2] = [
        ("calls both ways, held and resumed", hold),
        ("calls both ways, whoever is called hangs up", called_hangs_up),
    ];
    let case =
        |(what, run)| Case { peer: "SIPp 3.8", transport: Transport::Tls, what, configured: plainly, run };
    each.map(case).into()
}

fn hold(scene: &Scene<'_>) -> Result<()> {
    both_ways(scene, [scenario!("caller-holds"), scenario!("answers-and-is-held")], "a")
}

fn called_hangs_up(scene: &Scene<'_>) -> Result<()> {
    both_ways(scene, [scenario!("caller-is-hung-up-on"), scenario!("answers-and-hangs-up")], "b")
}

/// Calls from each side, over the connections that each end opens.
fn both_ways(scene: &Scene<'_>, [calling, called]: [edge_tests::Scenario; 2], by: &str) -> Result<()> {
    for side in Side::BOTH {
        let over = |sipp: Sipp| sipp.over_tls(scene.debian).calls(CALLS);
        start(scene.lab, over(caller(side, calling)), over(Sipp::called(side.other(), called)))?.succeed()?;
    }
    let cdrs = wait_for_cdrs(scene.lab, 2 * CALLS as usize, PATIENCE)?;
    ensure!(cdrs.iter().all(|cdr| (cdr.cause(), cdr.ended_by()) == ("hangup", by)), "{cdrs:?}");
    ensure!(scene.edge.counters()?.sip("tls_handshakes") >= 2, "nobody has proven anything");
    Ok(())
}
