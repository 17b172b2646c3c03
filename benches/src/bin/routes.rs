//! `cargo xtask bench routes`: nanoseconds a look-up among many routes, and what loading them takes.

use anyhow::Result;
use clap::Parser;
use edge_benches::routes::run;

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
    /// Prints the result as one JSON object on the last line.
    #[arg(long)]
    json: bool,
}

fn main() -> Result<()> {
    let Options { rounds, lookups, routes, trunks, json } = Options::parse();
    let report = run(rounds, lookups, routes, trunks)?;
    println!("{report}");
    if json {
        println!("{}", report.json());
    }
    Ok(())
}
