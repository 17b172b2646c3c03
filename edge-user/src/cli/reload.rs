//! `edge reload`: the running edge reads its configuration again, and says what it makes of it.

use std::io::Write;

use clap::Args;
use hyper::Method;

use super::{ConfigPath, Outcome};
use crate::admin::ClientError;

pub(super) const EXAMPLES: &str = "\
The file is checked as a whole. A wrong one changes nothing; calls that stand keep what they began with.

Examples:
  edge check && edge reload";

#[derive(Debug, Args)]
pub(super) struct Options {
    #[command(flatten)]
    config: ConfigPath,
}

pub(super) fn run(options: &Options, out: &mut impl Write) -> anyhow::Result<Outcome> {
    match options.config.running().order(Method::POST, "/v1/reload") {
        Ok(()) => {
            writeln!(out, "configuration reloaded")?;
            Ok(Outcome::Good)
        }
        Err(ClientError::Refused(why)) => anyhow::bail!("not reloaded, nothing changed: {why}"),
        Err(error) => Err(error.into()),
    }
}
