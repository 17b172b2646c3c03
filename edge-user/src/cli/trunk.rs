//! `edge trunk`: trunks of the running edge.

use std::io::Write;

use clap::{Args, Subcommand};

use super::{ConfigPath, Outcome, table};
use crate::admin::Trunk;

pub(super) const EXAMPLES: &str = "\
Examples:
  edge trunk list
  edge trunk show carrier-a
  edge trunk list --json | jq '.[] | select(.calls > 0)'";

#[derive(Debug, Args)]
pub(super) struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// All trunks, a line each.
    List {
        #[command(flatten)]
        config: ConfigPath,
        /// Print them as a JSON array.
        #[arg(long)]
        json: bool,
    },
    /// One trunk, as JSON.
    Show {
        #[command(flatten)]
        config: ConfigPath,
        /// Its name.
        name: String,
    },
}

pub(super) fn run(options: &Options, out: &mut impl Write) -> anyhow::Result<Outcome> {
    match &options.command {
        Command::List { config, json } => {
            let trunks: Vec<Trunk> = config.running().get("/v1/trunks")?;
            if *json {
                serde_json::to_writer(&mut *out, &trunks)?;
                writeln!(out)?;
            } else {
                list(out, &trunks)?;
            }
        }
        Command::Show { config, name } => {
            let trunk: Trunk = config.running().get(&format!("/v1/trunks/{name}"))?;
            writeln!(out, "{}", serde_json::to_string_pretty(&trunk)?)?;
        }
    }
    Ok(Outcome::Good)
}

pub(super) fn list(out: &mut impl Write, trunks: &[Trunk]) -> std::io::Result<()> {
    let bound = |bound: Option<u32>| bound.map_or_else(|| "-".to_owned(), |bound| bound.to_string());
    let row = |trunk: &Trunk| {
        let Trunk { name, realm, host, targets, direction, state, registration, calls, max_calls, max_cps } =
            trunk;
        [
            name.clone(),
            realm.clone(),
            host.clone(),
            targets.first().cloned().unwrap_or_else(|| "unknown yet".to_owned()),
            direction.clone(),
            state.clone(),
            registration.as_ref().map_or_else(|| "-".to_owned(), |registration| registration.state.clone()),
            calls.to_string(),
            bound(*max_calls),
            bound(*max_cps),
        ]
    };
    let headings =
        ["TRUNK", "REALM", "HOST", "NOW AT", "DIRECTION", "STATE", "REGISTERED", "CALLS", "OF", "CPS MAX"];
    table::write(out, headings, &trunks.iter().map(row).collect::<Vec<_>>())
}
