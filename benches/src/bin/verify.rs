//! `cargo xtask verify`: what the kernel's verifier says of the XDP programs.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;
use edge_benches::verify::run;

/// Loads every XDP program and tells what the verifier needed for it.
#[derive(Debug, Parser)]
struct Options {
    /// The objects that `cargo xtask build` makes.
    #[arg(default_values = [
        concat!(env!("CARGO_MANIFEST_DIR"), "/../target/ebpf/edge-xdp.o"),
        concat!(env!("CARGO_MANIFEST_DIR"), "/../target/ebpf/edge-xdp-bench.o"),
    ])]
    objects: Vec<PathBuf>,
}

fn main() -> Result<ExitCode> {
    let report = run(&Options::parse().objects)?;
    print!("{report}");
    Ok(if report.all_load() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
