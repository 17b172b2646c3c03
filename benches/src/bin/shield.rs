//! `cargo xtask bench shield`: calls a second and set-up time with and without a flood, with and without the shield.

use anyhow::Result;
use clap::Parser;
use edge_benches::shield::{Plan, Report, run};
use edge_benches::tell::Turns;

/// Measures what a flood of strangers costs the calls of a trunk.
#[derive(Debug, Parser)]
struct Options {
    #[command(flatten)]
    turns: Turns,
    /// Calls a second.
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=1000))]
    rate: u32,
    /// Packets of the flood in a second.
    #[arg(long, default_value_t = 1_000_000)]
    flood_rate: u64,
}

fn main() -> Result<()> {
    let Options { turns: Turns { rounds, seconds, telling }, rate, flood_rate } = Options::parse();
    telling.tell(&run(&Plan { rounds, seconds, rate, flood_rate })?, Report::json);
    Ok(())
}
