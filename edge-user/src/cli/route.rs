//! `edge route`: where calls go.

use std::fmt::Write as _;
use std::io::Write;
use std::time::Duration;

use clap::{Args, Subcommand};

use super::{ConfigPath, Outcome, listing};
use crate::admin::ClientError;
use crate::explain::{Explanation, Moment, Question, explain};
use crate::runtime::clock;

pub(super) const EXAMPLES: &str = "\
Where an edge runs by the file, it answers with the states that its trunks have; else the file alone does. The exit status is 1 when there \
would be no call.

Examples:
  edge route explain --from pbx --to +442071838750
  edge route explain --from pbx --to 112 --at 2026-11-23T08:00:00Z
  edge route explain --from carrier-a --to +442071838750 --caller +4930123456 --json | jq .trunks";

#[derive(Debug, Args)]
pub(super) struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Say how a call would go, step by step.
    Explain {
        #[command(flatten)]
        config: ConfigPath,
        /// Trunk that the call comes from.
        #[arg(long, value_name = "TRUNK")]
        from: String,
        /// Number that is dialled.
        #[arg(long, value_name = "NUMBER")]
        to: String,
        /// Number of the caller, as the trunk would say it.
        #[arg(long, value_name = "NUMBER", default_value = "")]
        caller: String,
        /// Number in its P-Asserted-Identity, which counts where `trust_identity` of the trunk is true.
        #[arg(long, value_name = "NUMBER")]
        pai: Option<String>,
        /// What time it is; now, when nothing is said.
        #[arg(long, value_name = "TIME")]
        at: Option<String>,
        /// Ask the file, whether an edge runs or not.
        #[arg(long)]
        file_only: bool,
        /// Print it as one JSON object.
        #[arg(long)]
        json: bool,
    },
}

pub(super) fn run(options: &Options, out: &mut impl Write) -> anyhow::Result<Outcome> {
    let Command::Explain { config, from, to, caller, pai, at, file_only, json } = &options.command;
    let question = Question {
        from: from.clone(),
        to: to.clone(),
        caller: caller.clone(),
        pai: pai.clone(),
        at: at.clone(),
    };
    let explanation = match running(config, &question).filter(|_| !file_only) {
        Some(answer) => answer?,
        None => by_file(config, question)?,
    };
    if *json {
        listing::write_json(out, &explanation)?;
    } else {
        write!(out, "{explanation}")?;
    }
    Ok(if explanation.refused.is_none() { Outcome::Good } else { Outcome::Bad })
}

/// What the running edge says; `None` when none runs.
fn running(config: &ConfigPath, question: &Question) -> Option<Result<Explanation, ClientError>> {
    let Question { from, to, caller, pai, at } = question;
    let optional = at.iter().map(|at| ("at", at)).chain(pai.iter().map(|pai| ("pai", pai)));
    let mut path = String::from("/v1/route/explain?");
    for (name, value) in [("from", from), ("to", to), ("caller", caller)].into_iter().chain(optional) {
        let _ = write!(path, "{name}={}&", escaped(value));
    }
    match config.running().get(path.trim_end_matches('&')) {
        Err(ClientError::NoneRuns { .. }) => None,
        answer => Some(answer),
    }
}

fn by_file(config: &ConfigPath, question: Question) -> anyhow::Result<Explanation> {
    let config = config.load()?;
    let moment = Moment { source: "file", now: clock::calendar_now(), since_epoch: Duration::ZERO };
    Ok(explain(&config.policy, question, moment)?)
}

/// A value of a query: what is no letter or digit as `%2B`.
fn escaped(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() {
            text.push(char::from(byte));
        } else {
            let _ = write!(text, "%{byte:02X}");
        }
    }
    text
}
