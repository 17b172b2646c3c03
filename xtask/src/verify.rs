//! `cargo xtask verify`: builds the XDP programs and tells what this kernel's verifier says of each.

use std::process::{Command, ExitCode};

use anyhow::{Result, bail};

use crate::{build, setup, shell, workspace};

pub(crate) fn run() -> Result<ExitCode> {
    if !setup::is_root() {
        bail!("the kernel verifies a program when it is loaded; run it as root");
    }
    setup::ensure()?;
    build::ebpf()?;
    shell::step("build: what loads the programs");
    let mut cargo = Command::new("cargo");
    cargo.args(["build", "--locked", "--package", "edge-benches", "--bin", "verify"]);
    shell::run(cargo.current_dir(workspace::root()))?;
    shell::step("verify: loading");
    let status = shell::status(&mut Command::new(workspace::target().join("debug/verify")))?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
