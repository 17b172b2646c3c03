//! `edge shield`: who the SIP shield lets in or keeps out.

use std::io::Write;
use std::time::Duration;

use clap::{Args, Subcommand};
use hyper::Method;

use super::listing::Listing;
use super::{ConfigPath, Outcome, table};
use crate::admin::{Shield, ShieldEntry};

pub(super) const EXAMPLES: &str = "\
The shield decides in the kernel, before a packet costs anything. Trunks always pass; so does who is allowed. Who is \
denied or banned is dropped, and all others within their rates. What was listed outlives edge.

Examples:
  edge shield list
  edge shield deny 203.0.113.0/24 --for 1h
  edge shield allow 198.51.100.7
  edge shield forget 203.0.113.7              off the list, and no longer banned";

#[derive(Debug, Args)]
pub(super) struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Who is allowed, denied, banned or familiar, a line each.
    List(Listing),
    /// Drop what comes from an address or a prefix.
    Deny {
        #[command(flatten)]
        config: ConfigPath,
        #[command(flatten)]
        who: Who,
    },
    /// Let an address or a prefix pass, within no rate. What it says is still a stranger's.
    Allow {
        #[command(flatten)]
        config: ConfigPath,
        #[command(flatten)]
        who: Who,
    },
    /// Take an address or a prefix off the list, and lift its bans.
    Forget {
        #[command(flatten)]
        config: ConfigPath,
        /// Address or prefix.
        prefix: String,
    },
}

#[derive(Debug, Args)]
struct Who {
    /// Address or prefix.
    prefix: String,
    /// For how long, such as 90s, 10m or 1h; for ever without.
    #[arg(long = "for", value_name = "TIME", value_parser = humantime::parse_duration)]
    lasting: Option<Duration>,
}

pub(super) fn run(options: &Options, out: &mut impl Write) -> anyhow::Result<Outcome> {
    match &options.command {
        Command::List(listing) => {
            listing.show("/v1/shield", out, |out, shield: &Shield| list(out, shield))?
        }
        Command::Deny { config, who } => order(config, "deny", who)?,
        Command::Allow { config, who } => order(config, "allow", who)?,
        Command::Forget { config, prefix } => {
            config.running().order(Method::POST, &format!("/v1/shield/forget?prefix={prefix}"))?;
        }
    }
    Ok(Outcome::Good)
}

fn order(config: &ConfigPath, what: &str, Who { prefix, lasting }: &Who) -> anyhow::Result<()> {
    let lasting = lasting.map(|lasting| format!("&seconds={}", lasting.as_secs().max(1))).unwrap_or_default();
    let path = format!("/v1/shield/{what}?prefix={prefix}{lasting}");
    Ok(config.running().order(Method::POST, &path)?)
}

pub(super) fn list(out: &mut impl Write, shield: &Shield) -> std::io::Result<()> {
    let Shield { mode, unknown, entries } = shield;
    writeln!(out, "The shield is {mode}; strangers: {unknown}")?;
    let row = |ShieldEntry { prefix, standing, until }: &ShieldEntry| {
        [prefix.clone(), standing.clone(), until.clone().unwrap_or_else(|| "for ever".to_owned())]
    };
    table::write(out, ["FROM", "IS", "UNTIL"], &entries.iter().map(row).collect::<Vec<_>>())
}
