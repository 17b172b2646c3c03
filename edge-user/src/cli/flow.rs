//! `edge flow`: the media endpoints of the running edge.

use std::collections::HashMap;
use std::io::Write;
use std::net::SocketAddr;
use std::thread;
use std::time::Duration;

use clap::{Args, Subcommand};

use super::{ConfigPath, Outcome, listing, table};
use crate::admin::Flow;
use crate::runtime::clock;

/// Between the two looks that packets a second are told from.
const INTERVAL: Duration = Duration::from_secs(1);

pub(super) const EXAMPLES: &str = "\
A line for each local port pair of each call: what comes in there. Packets a second are those of one second, for which it waits.

Examples:
  edge flow list
  edge flow list --call edge-1-5f3a0c9e11d27b60
  edge flow list --trunk carrier-a --json";

#[derive(Debug, Args)]
pub(super) struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// The endpoints of the calls that stand, oldest call first; those of at most a thousand calls of each shard.
    List {
        #[command(flatten)]
        config: ConfigPath,
        /// Only of calls with a leg on this trunk.
        #[arg(long, value_name = "NAME", conflicts_with = "call")]
        trunk: Option<String>,
        /// Only of this call.
        #[arg(long, value_name = "ID")]
        call: Option<String>,
        /// Print them as a JSON array, as they are now.
        #[arg(long)]
        json: bool,
    },
}

pub(super) fn run(options: &Options, out: &mut impl Write) -> anyhow::Result<Outcome> {
    let Command::List { config, trunk, call, json } = &options.command;
    let filter = match (trunk, call) {
        (Some(trunk), _) => format!("?trunk={trunk}"),
        (None, Some(call)) => format!("?call={call}"),
        (None, None) => String::new(),
    };
    let look = || config.running().get::<Vec<Flow>>(&format!("/v1/flows{filter}"));
    let flows = look()?;
    if *json {
        listing::write_json(out, &flows)?;
        return Ok(Outcome::Good);
    }
    let began = clock::now();
    thread::sleep(INTERVAL);
    let later = look()?;
    let elapsed = clock::now().saturating_duration_since(began);
    list(out, &flows, &later, elapsed)?;
    Ok(Outcome::Good)
}

/// The flows of `later`, with the packets a second since `former`.
pub(super) fn list(
    out: &mut impl Write,
    former: &[Flow],
    later: &[Flow],
    elapsed: Duration,
) -> std::io::Result<()> {
    let key = |flow: &Flow| (flow.call.clone(), flow.local);
    let former: HashMap<(String, SocketAddr), u64> =
        former.iter().map(|flow| (key(flow), flow.packets)).collect();
    let rate = |flow: &Flow| {
        let before = former.get(&key(flow))?;
        Some((flow.packets.saturating_sub(*before) as f64 / elapsed.as_secs_f64()).round().to_string())
    };
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    let row = |flow: &Flow| {
        let remote = flow.found_at.or(flow.remote);
        [
            flow.call.clone(),
            flow.side.to_uppercase(),
            or_dash(flow.trunk.clone()),
            carries(flow),
            flow.local.to_string(),
            or_dash(remote.map(|remote| remote.to_string())),
            flow.leaves_by.to_string(),
            flow.packets.to_string(),
            or_dash(rate(flow)),
            flow.dropped.to_string(),
            or_dash(flow.idle_ms.map(|idle_ms| format!("{:.1}s", idle_ms as f64 / 1000.0))),
        ]
    };
    let headings = [
        "CALL",
        "SIDE",
        "TRUNK",
        "CARRIES",
        "LOCAL",
        "REMOTE",
        "LEAVES BY",
        "PACKETS",
        "A SECOND",
        "DROPPED",
        "LAST",
    ];
    table::write(out, headings, &later.iter().map(row).collect::<Vec<_>>())
}

/// What it carries, and whether its far side is sent one stream.
fn carries(flow: &Flow) -> String {
    let steady = flow.steady_ssrc.map(|ssrc| format!(" steady {ssrc:08x}"));
    format!("{}{}", flow.carries, steady.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_told_from_two_looks() {
        let flow = |side: &str, port: u16, packets| Flow {
            call: "edge-1-0001".to_owned(),
            side: side.to_owned(),
            trunk: Some("carrier".to_owned()),
            carries: "rtp".to_owned(),
            steady_ssrc: (side == "b").then_some(0x1234),
            local: SocketAddr::from(([192, 0, 2, 1], port)),
            remote: Some(SocketAddr::from(([203, 0, 113, 9], 4000))),
            found_at: (side == "b").then(|| SocketAddr::from(([203, 0, 113, 9], 1024))),
            leaves_by: SocketAddr::from(([10, 0, 0, 1], port)),
            packets,
            bytes: 0,
            dropped: 3,
            idle_ms: Some(15),
        };
        let mut text = Vec::new();
        let later = [flow("a", 20000, 160), flow("b", 20002, 7)];
        list(&mut text, &[flow("a", 20000, 60)], &later, Duration::from_secs(2)).unwrap();
        insta::assert_snapshot!(String::from_utf8(text).unwrap());
    }
}
