//! The product, with calls that it has set up: over SIP, from the carrier to the PBX, as many as there are to be.

use anyhow::{Context, Result};
use edge_tests::exchange::{Call, Exchange};
use edge_tests::traffic;
use edge_tests::{EdgeConfig, EdgeProcess, Side};

use crate::media::ground::Ground;

/// Complaints in its log that are told when it does not do as it should.
const LOG_LINES: usize = 10;

/// Starts it with this `xdp.mode`, and places the calls.
pub(super) fn start<'a>(ground: &'a Ground, calls: u32, mode: &str) -> Result<(EdgeProcess<'a>, Vec<Call>)> {
    let mut config = EdgeConfig::default().mode(mode).shards(1).media_ports("10000-32767");
    for side in Side::BOTH {
        // The bench sends more packets a second on a stream than its codec would: everything is measured, and counted.
        config = config.trunk(side, "policing = \"count\"");
    }
    let edge = EdgeProcess::start(&ground.lab, &config)?;
    let complaints = || {
        let log = edge.log();
        let lines = log.lines().filter(|line| !line.contains(" INFO "));
        format!("edge says: {}", lines.take(LOG_LINES).collect::<Vec<_>>().join("\n"))
    };
    let calls = Exchange::begin(&ground.lab, calls, traffic::port)?.stand().with_context(complaints)?;
    Ok((edge, calls))
}
