//! `cargo xtask bench wire`: microseconds per SIP message.

use anyhow::Result;
use clap::Parser;
use edge_benches::tell::Telling;
use edge_benches::wire::{Report, run};

/// Measures what reading and writing a SIP message costs.
#[derive(Debug, Parser)]
struct Options {
    /// Rounds; medians are reported.
    #[arg(long, default_value_t = 9)]
    rounds: u32,
    /// Messages of each kind in each round.
    #[arg(long, default_value_t = 50_000)]
    messages: u32,
    #[command(flatten)]
    telling: Telling,
}

fn main() -> Result<()> {
    let Options { rounds, messages, telling } = Options::parse();
    telling.tell(&run(rounds, messages)?, Report::json);
    Ok(())
}
