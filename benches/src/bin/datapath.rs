//! `cargo xtask bench datapath`: nanoseconds per packet by number of flows.

use std::path::PathBuf;

use anyhow::Result;
use clap::Parser;
use edge_benches::datapath::{Plan, Report, run};
use edge_benches::tell::Telling;

/// Measures what one RTP packet costs in the XDP program, by number of flows.
#[derive(Debug, Parser)]
struct Options {
    /// The bench object that `cargo xtask build` makes.
    #[arg(long, default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/ebpf/edge-xdp-bench.o"))]
    object: PathBuf,
    /// Rounds over all programs; medians are reported.
    #[arg(long, default_value_t = 7)]
    rounds: u32,
    /// Packets of each program in each round.
    #[arg(long, default_value_t = 1_000_000)]
    packets: u32,
    #[command(flatten)]
    telling: Telling,
}

fn main() -> Result<()> {
    let Options { object, rounds, packets, telling } = Options::parse();
    telling.tell(&run(&object, &Plan { rounds, packets })?, Report::json);
    Ok(())
}
