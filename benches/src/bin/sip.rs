//! `cargo xtask bench sip`: CPU milliseconds a call, and the highest rate of calls.

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
}

fn main() -> Result<()> {
    let Options { turns: Turns { rounds, seconds, telling }, rate, rate_max } = Options::parse();
    telling.tell(&run(&Plan { rounds, seconds, rate, rate_max })?, Report::json);
    Ok(())
}
