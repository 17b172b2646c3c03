//! `edge run`: the process itself.

use clap::Args;

use super::{ConfigPath, Outcome, logging};
use crate::{admin, runtime};

pub(super) const EXAMPLES: &str = "\
SIGTERM and SIGINT drain: no new calls, those that stand may end within drain_grace, then the edge ends them; a \
second one does not wait. SIGHUP reads the configuration again and refuses a bad one without harm. SIGUSR2 \
ends the process and leaves answered calls running in the kernel, as does `kill -9`: the next `edge run` goes on with them.

Examples:
  edge run
  edge run --config edge.toml
  edge reload                                 read the configuration again, and hear whether it is right
  kill -HUP $(pidof edge)                     the same, without hearing
  kill -USR2 $(pidof edge); edge run          another program for the calls that stand, as for an upgrade";

#[derive(Debug, Args)]
pub(super) struct Options {
    #[command(flatten)]
    config: ConfigPath,
}

pub(super) fn run(options: &Options) -> anyhow::Result<Outcome> {
    let config = options.config.load()?;
    logging::start(&config.log)?;
    let (doors, run_dir) = (config.admin.clone(), config.node.run_dir.clone());
    runtime::run(config, &options.config.path, |control| admin::start(&doors, &run_dir, control))?;
    Ok(Outcome::Good)
}
