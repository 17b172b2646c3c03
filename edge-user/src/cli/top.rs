//! `edge top`: the running edge on a terminal.

use clap::Args;

use super::{ConfigPath, Outcome};
use crate::top;

pub(super) const EXAMPLES: &str = "\
Trunks, rates, drops by reason and calls, anew each second. Keys: t, a, l and i sort the calls by trouble, age, loss and jitter;
+ and - ask less and more often; arrows scroll through the calls; q ends it.

Examples:
  edge top
  edge top --every 5 --config edge.toml";

#[derive(Debug, Args)]
pub(super) struct Options {
    #[command(flatten)]
    config: ConfigPath,
    /// Seconds between two looks, 1 to 60.
    #[arg(long, value_name = "SECONDS", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=60))]
    every: u64,
}

pub(super) fn run(options: &Options) -> anyhow::Result<Outcome> {
    top::run(&options.config.running(), options.every)?;
    Ok(Outcome::Good)
}
