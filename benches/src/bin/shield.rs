//! `cargo xtask bench shield`: calls a second and set-up time with and without a flood, with and without the shield.

use anyhow::Result;
use clap::Parser;
use edge_benches::shield::{Plan, run};

/// Measures what a flood of strangers costs the calls of a trunk.
#[derive(Debug, Parser)]
struct Options {
    /// Rounds over all trials; medians are reported.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Seconds of calls in each trial.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    seconds: u32,
    /// Calls a second.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1000))]
    rate: u32,
    /// Milliseconds that the flood rests after each 200,000 frames.
    #[arg(long, default_value_t = 0)]
    pause_ms: u32,
    /// Prints every value as one JSON object on the last line.
    #[arg(long)]
    json: bool,
}

fn main() -> Result<()> {
    let Options { rounds, seconds, rate, pause_ms, json } = Options::parse();
    let report = run(&Plan { rounds, seconds, rate, pause_ms })?;
    println!("{report}");
    if json {
        println!("{}", report.json());
    }
    Ok(())
}
