//! `cargo xtask demo`: builds everything and hands over to the `demo` binary of the lab.

use std::process::{Command, ExitCode};

use anyhow::{Result, bail};
use clap::Args;

use crate::{build, setup, shell, workspace};

#[derive(Args)]
pub(crate) struct Options {
    /// Calls to place, half inbound and half outbound
    #[arg(long, default_value_t = 200)]
    calls: u32,
    /// Calls a second, both directions together
    #[arg(long, default_value_t = 20)]
    rate: u32,
    /// Seconds of RTP in each call
    #[arg(long, default_value_t = 8)]
    seconds: u32,
    /// Print the figures as one JSON object on the last line
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    let Options { calls, rate, seconds, json } = options;
    if !setup::is_root() {
        bail!("the demo makes network namespaces and loads an XDP program; run it as root");
    }
    setup::ensure()?;
    build::ebpf()?;
    build::edge()?;
    shell::step("build: the lab");
    let mut cargo = Command::new("cargo");
    cargo.args(["build", "--locked", "--release", "--package", "edge-tests", "--bin", "demo"]);
    shell::run(cargo.current_dir(workspace::root()))?;
    shell::step("demo: starting");
    let mut demo = Command::new(workspace::target().join("release/demo"));
    demo.args([
        "--calls",
        &calls.to_string(),
        "--rate",
        &rate.to_string(),
        "--seconds",
        &seconds.to_string(),
    ]);
    if *json {
        demo.arg("--json");
    }
    let status = shell::status(&mut demo)?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
