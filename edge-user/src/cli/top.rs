//! `edge top`: the running edge on a terminal.

use clap::Args;

use super::{ConfigPath, Outcome};
use crate::top;

pub(super) const EXAMPLES: &str = "\
Trunks, rates, drops by reason and calls, anew each second. Arrows scroll through the calls, q ends it.

Examples:
  edge top
  edge top --config edge.toml";

#[derive(Debug, Args)]
pub(super) struct Options {
    #[command(flatten)]
    config: ConfigPath,
}

pub(super) fn run(options: &Options) -> anyhow::Result<Outcome> {
    top::run(&options.config.running())?;
    Ok(Outcome::Good)
}
