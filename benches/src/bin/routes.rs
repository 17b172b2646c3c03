//! `cargo xtask bench routes`: nanoseconds a look-up among many routes, and what loading them takes.

use anyhow::Result;
use clap::Parser;
use edge_benches::routes::{Report, run};
use edge_benches::tell::Telling;

/// Measures what many routes cost.
#[derive(Debug, Parser)]
struct Options {
    /// Rounds; medians are reported.
    #[arg(long, default_value_t = 9)]
    rounds: u32,
    /// Look-ups in each round.
    #[arg(long, default_value_t = 200_000)]
    lookups: usize,
    /// Routes, each with a prefix of its own.
    #[arg(long, default_value_t = 200_000)]
    routes: usize,
    /// Trunks of the file that is loaded.
    #[arg(long, default_value_t = 1000)]
    trunks: usize,
    #[command(flatten)]
    telling: Telling,
}

fn main() -> Result<()> {
    let Options { rounds, lookups, routes, trunks, telling } = Options::parse();
    telling.tell(&run(rounds, lookups, routes, trunks)?, Report::json);
    Ok(())
}
