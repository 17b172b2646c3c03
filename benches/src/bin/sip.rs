//! `cargo xtask bench sip`: CPU milliseconds a call, the highest rate of calls, setup times, and the memory of calls that stand.

use anyhow::Result;
use clap::Parser;
use edge_benches::sip::{Plan, Report, run};
use edge_benches::tell::Turns;

/// Measures what a call costs through edge, a proxy, a B2BUA and nothing, at the same work.
#[derive(Debug, Parser)]
struct Options {
    #[command(flatten)]
    turns: Turns,
    /// Calls a second at which the cost of a call is measured.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(10..))]
    rate: u32,
    /// The highest rate that is tried.
    #[arg(long, default_value_t = 6000, value_parser = clap::value_parser!(u32).range(100..))]
    rate_max: u32,
    /// Calls that are to stand while edge's memory is looked at.
    #[arg(long, value_delimiter = ',', default_values_t = [1_000, 10_000, 50_000], value_parser = clap::value_parser!(u32).range(1..100_000))]
    standing: Vec<u32>,
}

fn main() -> Result<()> {
    let Options { turns: Turns { rounds, seconds, telling }, rate, rate_max, standing } = Options::parse();
    telling.tell(&run(&Plan { rounds, seconds, rate, rate_max, standing })?, Report::json);
    Ok(())
}
