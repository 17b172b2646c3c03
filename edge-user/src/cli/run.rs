//! `edge run`: the process itself.

use clap::Args;

use super::{ConfigPath, Outcome, logging};
use crate::runtime;

pub(super) const EXAMPLES: &str = "\
SIGTERM and SIGINT drain: no new calls, those that stand may end within drain_grace, then the edge ends them; a \
second one does not wait. SIGHUP reads the configuration again and refuses a bad one without harm. When the process \
is killed, running media goes on in the kernel, and the next `edge run` takes over its tables.

Examples:
  edge run
  edge run --config edge.toml
  kill -HUP $(pidof edge)                     read the configuration again";

#[derive(Debug, Args)]
pub(super) struct Options {
    #[command(flatten)]
    config: ConfigPath,
}

pub(super) fn run(options: &Options) -> anyhow::Result<Outcome> {
    let config = options.config.load()?;
    logging::start(&config.log)?;
    runtime::run(config, &options.config.path)?;
    Ok(Outcome::Good)
}
