//! `edge call`: calls of the running edge.

use std::io::Write;

use clap::{Args, Subcommand};
use hyper::Method;

use super::listing::{Listing, Named};
use super::{Outcome, table};
use crate::admin::Call;
use crate::diagnosis::Finding;

pub(super) const EXAMPLES: &str = "\
Examples:
  edge call list
  edge call list --trunk carrier-a --json
  edge call show edge-1-5f3a0c9e11d27b60
  edge call explain edge-1-5f3a0c9e11d27b60
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
    /// Say in words what is wrong with a call, and what to do about it.
    Explain {
        #[command(flatten)]
        listing: Listing,
        /// Its id.
        id: String,
    },
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
        Command::Explain { listing, id } => {
            let path = format!("/v1/calls/{id}/explain");
            listing.show(&path, out, |out, found: &Vec<Finding>| explain(out, found))?;
        }
        Command::Hangup(Named { config, name: id }) => {
            config.running().order(Method::DELETE, &format!("/v1/calls/{id}"))?;
            writeln!(out, "{id} is being hung up")?;
        }
    }
    Ok(Outcome::Good)
}

fn explain(out: &mut impl Write, found: &[Finding]) -> std::io::Result<()> {
    if found.is_empty() {
        return writeln!(out, "nothing is wrong with it, as far as is seen here");
    }
    for Finding { what, remedy } in found {
        writeln!(out, "{what}")?;
        if let Some(remedy) = remedy {
            writeln!(out, "  {remedy}")?;
        }
    }
    Ok(())
}

pub(super) fn list(out: &mut impl Write, calls: &[Call]) -> std::io::Result<()> {
    table::write(out, Call::HEADINGS, &calls.iter().map(Call::summary).collect::<Vec<_>>())
}
