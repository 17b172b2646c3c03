//! `edge doctor`: what this host can do, and what to change.

use std::io::Write;
use std::path::PathBuf;

use anyhow::Context;
use clap::Args;

use super::Outcome;
use crate::config::Config;
use crate::doctor::{Report, certificates, examine, fails};
use crate::host::Facts;
use crate::runtime::clock;

pub(super) const EXAMPLES: &str = "\
Each line is one thing that was looked at: ok, warn (edge works, but less well) or FAIL (edge would not start, or \
would lose packets), with the command that changes it below. The exit status is 1 when anything fails.

With --config, the devices, addresses, ports and certificates of that file are looked at; without, every device that is up.

Examples:
  edge doctor
  edge doctor --config /etc/edge/edge.toml
  edge doctor --json | jq '.[] | select(.verdict != \"ok\")'";

#[derive(Debug, Args)]
pub(super) struct Options {
    /// A configuration that this host shall run.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Print the findings as one JSON array.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(options: &Options, out: &mut impl Write) -> anyhow::Result<Outcome> {
    let config = options.config.as_deref().map(Config::load).transpose()?;
    let facts = Facts::probe().context("this host does not tell about itself")?;
    let mut findings = examine(&facts, config.as_ref());
    findings.extend(config.as_ref().map(|config| certificates(config, clock::today())).unwrap_or_default());
    if options.json {
        serde_json::to_writer(&mut *out, &findings)?;
        writeln!(out)?;
    } else {
        write!(out, "{}", Report(&findings))?;
    }
    Ok(if fails(&findings) { Outcome::Bad } else { Outcome::Good })
}
