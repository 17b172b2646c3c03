//! `cargo xtask bench sip`: CPU milliseconds a call, and the highest rate of calls.

use anyhow::Result;
use clap::Parser;
use edge_benches::sip::{Plan, run};

/// Measures what a call costs through edge, a proxy, a B2BUA and nothing, at the same work.
#[derive(Debug, Parser)]
struct Options {
    /// Rounds over all that is measured; medians are reported.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Seconds of calls in each measurement.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    seconds: u32,
    /// Calls a second at which the cost of a call is measured.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(10..))]
    rate: u32,
    /// The highest rate that is tried.
    #[arg(long, default_value_t = 6000, value_parser = clap::value_parser!(u32).range(100..))]
    rate_max: u32,
    /// Prints every value as one JSON object on the last line.
    #[arg(long)]
    json: bool,
}

fn main() -> Result<()> {
    let Options { rounds, seconds, rate, rate_max, json } = Options::parse();
    let report = run(&Plan { rounds, seconds, rate, rate_max })?;
    println!("{report}");
    if json {
        println!("{}", report.json());
    }
    Ok(())
}
