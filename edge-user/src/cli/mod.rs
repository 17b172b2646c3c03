//! The command line: one module a subcommand, each a thin host of a module that decides.
//!
//! Invariants: what a command was asked for goes to standard output, everything else to standard error. The exit
//! status is 0 when all is well, 1 when it is not, 2 when the command line is wrong.

mod call;
mod capture;
mod check;
mod counters;
mod doctor;
mod flow;
mod listing;
mod logging;
mod reload;
mod route;
mod run;
mod shield;
pub(crate) mod table;
mod top;
mod trunk;
mod trunk_test;

#[cfg(test)]
mod tests;

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::admin::Client;
use crate::config::{self, Config, ConfigErrors};

/// A session border controller for SIP trunks, with its media in XDP.
#[derive(Debug, Parser)]
#[command(name = "edge", version, about, long_about = None, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Be the edge: take and place calls, and relay their media.
    #[command(after_long_help = run::EXAMPLES)]
    Run(run::Options),
    /// Say what a configuration will do, or everything that is wrong with it.
    #[command(after_long_help = check::EXAMPLES)]
    Check(check::Options),
    /// Say what this host can do, and what to change.
    #[command(after_long_help = doctor::EXAMPLES)]
    Doctor(doctor::Options),
    /// Show the calls that stand, or hang one up.
    #[command(after_long_help = call::EXAMPLES)]
    Call(call::Options),
    /// Write the media of a call into a file for Wireshark, with what was decided about each packet.
    #[command(after_long_help = capture::EXAMPLES)]
    Capture(capture::Options),
    /// Show media endpoints and what comes in there.
    #[command(after_long_help = flow::EXAMPLES)]
    Flow(flow::Options),
    /// Show trunks and what they are doing.
    #[command(after_long_help = trunk::EXAMPLES)]
    Trunk(trunk::Options),
    /// Say where a call would go, and why.
    #[command(after_long_help = route::EXAMPLES)]
    Route(route::Options),
    /// Show, deny or allow sources of SIP.
    #[command(after_long_help = shield::EXAMPLES)]
    Shield(shield::Options),
    /// Let the running edge read its configuration again.
    #[command(after_long_help = reload::EXAMPLES)]
    Reload(reload::Options),
    /// Say what was counted, also while no edge runs.
    #[command(after_long_help = counters::EXAMPLES)]
    Counters(counters::Options),
    /// Watch trunks, rates, drops and calls on the terminal.
    #[command(after_long_help = top::EXAMPLES)]
    Top(top::Options),
}

/// Where the configuration is.
#[derive(Debug, Args)]
struct ConfigPath {
    /// The configuration: one TOML file.
    #[arg(long = "config", value_name = "FILE", default_value = "/etc/edge/edge.toml")]
    path: PathBuf,
}

impl ConfigPath {
    fn load(&self) -> Result<Config, ConfigErrors> {
        Config::load(&self.path)
    }

    /// The edge that runs by this configuration.
    fn running(&self) -> Client {
        Client::new(&config::run_dir(&self.path))
    }
}

/// How a command that ran to its end left things.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// As they should be.
    Good,
    /// Not so; the command has said how.
    Bad,
}

/// Reads the command line of this process and does what it says.
#[must_use]
pub fn run() -> ExitCode {
    match obey(&Cli::parse().command, &mut io::stdout().lock()) {
        Ok(Outcome::Good) => ExitCode::SUCCESS,
        Ok(Outcome::Bad) => ExitCode::FAILURE,
        // Whoever closed the pipe, `head` perhaps, has read enough.
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            // Nobody is left to tell when standard error is closed, too.
            let _closed = writeln!(io::stderr().lock(), "{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn obey(command: &Command, out: &mut impl Write) -> anyhow::Result<Outcome> {
    match command {
        Command::Run(options) => run::run(options),
        Command::Check(options) => check::run(options, out),
        Command::Doctor(options) => doctor::run(options, out),
        Command::Call(options) => call::run(options, out),
        Command::Flow(options) => flow::run(options, out),
        Command::Capture(options) => capture::run(options, out),
        Command::Trunk(options) => trunk::run(options, out),
        Command::Route(options) => route::run(options, out),
        Command::Shield(options) => shield::run(options, out),
        Command::Reload(options) => reload::run(options, out),
        Command::Counters(options) => counters::run(options, out),
        Command::Top(options) => top::run(options),
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}
