//! `cargo xtask bench media`: packets a second, processor time and latency of media relays at the same work.

use std::time::Duration;

use anyhow::Result;
use clap::{Parser, Subcommand};
use edge_benches::media::{Kind, Plan, Report, relay, run};
use edge_benches::tell::Telling;

/// Measures what edge, the limit and other relays do with the same streams of G.711.
#[derive(Debug, Parser)]
struct Options {
    #[command(subcommand)]
    role: Option<Role>,
    /// Rounds over all that is measured; medians are reported.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Calls that stand at once, each with a stream in both directions.
    #[arg(long, value_delimiter = ',', default_values_t = [100, 1_000, 10_000],
        value_parser = clap::value_parser!(u32).range(1..=10_000))]
    flows: Vec<u32>,
    /// Relays to measure, by the beginnings of their names; edge and the limit are measured in any case.
    #[arg(long, value_delimiter = ',')]
    peers: Vec<String>,
    /// Milliseconds of packets in each trial.
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(100..=60_000))]
    trial_ms: u64,
    /// Trials of 300 ms, with 100 and 1,000 calls: to see that it works, not to measure.
    #[arg(long)]
    quick: bool,
    /// Tells of each trial as it ends.
    #[arg(long)]
    trials: bool,
    #[command(flatten)]
    telling: Telling,
}

/// What the bench starts itself as.
#[derive(Debug, Subcommand)]
enum Role {
    /// One of the relays that are measured.
    #[command(hide = true)]
    Relay { calls: u32 },
}

fn main() -> Result<()> {
    let Options { role, rounds, flows, peers, trial_ms, quick, trials, telling } = Options::parse();
    if let Some(Role::Relay { calls }) = role {
        match relay(calls)? {}
    }
    let (flows, trial_ms) = if quick { (vec![100, 1_000], 300) } else { (flows, trial_ms) };
    let trial = Duration::from_millis(trial_ms);
    let plan = Plan { rounds, flows, kinds: Kind::chosen(&peers), trial, tells_trials: trials };
    telling.tell(&run(&plan)?, Report::json);
    Ok(())
}
