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
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1000))]
    rate: u32,
    /// Milliseconds that the flood rests after each 200,000 frames.
    #[arg(long, default_value_t = 0)]
    pause_ms: u32,
}

fn main() -> Result<()> {
    let Options { turns: Turns { rounds, seconds, telling }, rate, pause_ms } = Options::parse();
    telling.tell(&run(&Plan { rounds, seconds, rate, pause_ms })?, Report::json);
    Ok(())
}
