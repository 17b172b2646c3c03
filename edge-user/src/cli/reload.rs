//! `edge reload`: the running edge reads its configuration again, and says what it makes of it.

use std::io::Write;

use clap::Args;
use hyper::Method;

use super::{ConfigPath, Outcome, listing};
use crate::admin::ClientError;
use crate::config::Changes;

pub(super) const EXAMPLES: &str = "\
The file is checked as a whole. A wrong one changes nothing; calls that stand keep what they began with. What changes is \
printed key by key, with what it was and what it is; certificates and passwords are read anew in any case.

Examples:
  edge reload --dry-run                       what would change, or why it would not be taken
  edge reload
  edge check --against-running --config new.toml";

#[derive(Debug, Args)]
pub(super) struct Options {
    #[command(flatten)]
    config: ConfigPath,
    /// Say what would change, and change nothing.
    #[arg(long)]
    dry_run: bool,
    /// Print what changes as one JSON object.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(options: &Options, out: &mut impl Write) -> anyhow::Result<Outcome> {
    let path = format!("/v1/reload?dry_run={}", options.dry_run);
    let changes: Changes = match options.config.running().ask_for(Method::POST, &path) {
        Ok(changes) => changes,
        Err(ClientError::Refused(why)) if options.dry_run => anyhow::bail!("would not be taken: {why}"),
        Err(ClientError::Refused(why)) => anyhow::bail!("not reloaded, nothing changed: {why}"),
        Err(error) => return Err(error.into()),
    };
    if options.json {
        listing::write_json(out, &changes)?;
        return Ok(Outcome::Good);
    }
    write!(out, "{changes}")?;
    let done = if options.dry_run { "nothing changed: this was a dry run" } else { "configuration reloaded" };
    writeln!(out, "{done}")?;
    Ok(Outcome::Good)
}
