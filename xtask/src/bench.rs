//! `cargo xtask bench`: measurements, each a binary of `edge-benches`.

use std::process::{Command, ExitCode};

use anyhow::{Result, bail};
use clap::{Args, Subcommand};

use crate::{build, setup, shell, workspace};

#[derive(Subcommand)]
pub(crate) enum Bench {
    /// Nanoseconds a packet under BPF_PROG_TEST_RUN, beside the cost of a bare XDP_TX program
    Datapath(Options),
    /// Microseconds a SIP message, beside the rsip crate
    Wire(Options),
}

#[derive(Args)]
pub(crate) struct Options {
    /// Print the figures as one JSON object on the last line
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(bench: &Bench) -> Result<ExitCode> {
    match bench {
        Bench::Datapath(options) => {
            if !setup::is_root() {
                bail!("the bench loads an XDP program; run it as root");
            }
            setup::ensure()?;
            build::ebpf()?;
            measure("datapath", options)
        }
        Bench::Wire(options) => measure("wire", options),
    }
}

fn measure(binary: &str, Options { json }: &Options) -> Result<ExitCode> {
    shell::step("build: the bench");
    let mut cargo = Command::new("cargo");
    cargo.args(["build", "--locked", "--release", "--package", "edge-benches", "--bin", binary]);
    shell::run(cargo.current_dir(workspace::root()))?;
    let mut bench = Command::new(workspace::target().join("release").join(binary));
    if *json {
        bench.arg("--json");
    }
    let status = shell::status(&mut bench)?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
