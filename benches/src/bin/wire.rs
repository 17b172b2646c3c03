//! `cargo xtask bench wire`: microseconds per SIP message.

use anyhow::Result;
use clap::Parser;
use edge_benches::wire::run;

/// Measures what reading and writing a SIP message costs.
#[derive(Debug, Parser)]
struct Options {
    /// Rounds; medians are reported.
    #[arg(long, default_value_t = 9)]
    rounds: u32,
    /// Messages of each kind in each round.
    #[arg(long, default_value_t = 50_000)]
    messages: u32,
    /// Prints the result as one JSON object on the last line.
    #[arg(long)]
    json: bool,
}

fn main() -> Result<()> {
    let Options { rounds, messages, json } = Options::parse();
    let report = run(rounds, messages)?;
    println!("{report}");
    if json {
        println!("{}", report.json());
    }
    Ok(())
}
