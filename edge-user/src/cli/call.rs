//! `edge call`: calls of the running edge.

use std::io::Write;

use clap::{Args, Subcommand};
use hyper::Method;

use super::{ConfigPath, Outcome, table};
use crate::admin::{Call, Leg};

pub(super) const EXAMPLES: &str = "\
Examples:
  edge call list
  edge call list --trunk carrier-a --json
  edge call show edge-1-5f3a0c9e11d27b60
  edge call hangup edge-1-5f3a0c9e11d27b60";

#[derive(Debug, Args)]
pub(super) struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// The calls that stand, oldest first; at most a thousand of each shard.
    List {
        #[command(flatten)]
        config: ConfigPath,
        /// Only calls with a leg on this trunk.
        #[arg(long, value_name = "NAME")]
        trunk: Option<String>,
        /// Print them as a JSON array.
        #[arg(long)]
        json: bool,
    },
    /// One call with both its sides, as JSON.
    Show {
        #[command(flatten)]
        config: ConfigPath,
        /// Its id: that of its log lines and of its record.
        id: String,
    },
    /// End a call: both sides hear of it.
    Hangup {
        #[command(flatten)]
        config: ConfigPath,
        /// Its id.
        id: String,
    },
}

pub(super) fn run(options: &Options, out: &mut impl Write) -> anyhow::Result<Outcome> {
    match &options.command {
        Command::List { config, trunk, json } => {
            let filter = trunk.as_ref().map_or_else(String::new, |name| format!("?trunk={name}"));
            let calls: Vec<Call> = config.running().get(&format!("/v1/calls{filter}"))?;
            if *json {
                serde_json::to_writer(&mut *out, &calls)?;
                writeln!(out)?;
            } else {
                list(out, &calls)?;
            }
        }
        Command::Show { config, id } => {
            let call: Call = config.running().get(&format!("/v1/calls/{id}"))?;
            writeln!(out, "{}", serde_json::to_string_pretty(&call)?)?;
        }
        Command::Hangup { config, id } => {
            config.running().order(Method::DELETE, &format!("/v1/calls/{id}"))?;
            writeln!(out, "{id} is being hung up")?;
        }
    }
    Ok(Outcome::Good)
}

pub(super) fn list(out: &mut impl Write, calls: &[Call]) -> std::io::Result<()> {
    let packets = |call: &Call, leg: Option<&Leg>| {
        let received = leg.and_then(|leg| leg.received.as_ref());
        let none = if call.media == "direct" { "direct" } else { "-" };
        received.map_or_else(|| none.to_owned(), |received| received.packets.to_string())
    };
    let row = |call: &Call| {
        [
            call.id.clone(),
            call.phase.clone(),
            format!("{}s", call.talk_s),
            call.a.trunk.clone(),
            call.b.as_ref().map_or_else(|| "-".to_owned(), |leg| leg.trunk.clone()),
            call.caller.clone(),
            call.number_dialled.clone(),
            call.codec.clone().unwrap_or_else(|| "-".to_owned()),
            packets(call, Some(&call.a)),
            packets(call, call.b.as_ref()),
        ]
    };
    let headings = ["CALL", "PHASE", "TALK", "FROM", "TO", "CALLER", "NUMBER", "CODEC", "RTP A", "RTP B"];
    table::write(out, headings, &calls.iter().map(row).collect::<Vec<_>>())
}
