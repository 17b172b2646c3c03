//! `edge call`: calls of the running edge.

use std::io::Write;

use clap::{Args, Subcommand};
use hyper::Method;

use super::listing::{Listing, Named};
use super::{Outcome, table};
use crate::admin::Call;

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
        listing: Listing,
        /// Only calls with a leg on this trunk.
        #[arg(long, value_name = "NAME")]
        trunk: Option<String>,
    },
    /// One call with both its sides, as JSON.
    Show(Named),
    /// End a call: both sides hear of it.
    Hangup(Named),
}

pub(super) fn run(options: &Options, out: &mut impl Write) -> anyhow::Result<Outcome> {
    match &options.command {
        Command::List { listing, trunk } => {
            let filter = trunk.as_ref().map_or_else(String::new, |name| format!("?trunk={name}"));
            listing.show(&format!("/v1/calls{filter}"), out, |out, calls: &Vec<Call>| list(out, calls))?;
        }
        Command::Show(named) => named.show::<Call>("/v1/calls", out)?,
        Command::Hangup(Named { config, name: id }) => {
            config.running().order(Method::DELETE, &format!("/v1/calls/{id}"))?;
            writeln!(out, "{id} is being hung up")?;
        }
    }
    Ok(Outcome::Good)
}

pub(super) fn list(out: &mut impl Write, calls: &[Call]) -> std::io::Result<()> {
    table::write(out, Call::HEADINGS, &calls.iter().map(Call::summary).collect::<Vec<_>>())
}
