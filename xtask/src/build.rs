//! `cargo xtask build`: the XDP programs, then the `edge` binary. Cargo decides what is out of date.

use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result};

use crate::toolchain::Toolchain;
use crate::{setup, shell, workspace};

/// Programs of `edge-ebpf` that are built for the kernel: the product, and what the bench measures it with.
const PROGRAMS: &[&str] = &["edge-xdp", "edge-xdp-bench"];

pub(crate) fn run() -> Result<ExitCode> {
    setup::ensure()?;
    ebpf()?;
    edge()?;
    shell::step("build: done");
    Ok(ExitCode::SUCCESS)
}

/// Compiles the XDP programs and puts them where `edge` and the tests look for them.
pub(crate) fn ebpf() -> Result<()> {
    let toolchain =
        Toolchain::installed().context("the eBPF toolchain is incomplete; run `cargo xtask setup`")?;
    let built = workspace::target().join("ebpf-build");
    shell::step("build: the XDP programs");
    let mut cargo = toolchain.cargo();
    cargo.args(["build", "--locked", "--package", "edge-ebpf", "--bins", "--features", "program"]);
    cargo.args(["--profile", "ebpf", "--target", "bpfel-unknown-none", "--target-dir"]).arg(&built);
    shell::run(cargo.current_dir(workspace::root()))?;
    let objects = workspace::ebpf_objects();
    fs::create_dir_all(&objects)?;
    for program in PROGRAMS {
        let from = built.join("bpfel-unknown-none/ebpf").join(program);
        replace_if_different(&from, &objects.join(format!("{program}.o")))?;
    }
    Ok(())
}

/// Compiles `edge` in release.
pub(crate) fn edge() -> Result<()> {
    shell::step("build: edge");
    let mut cargo = Command::new("cargo");
    cargo.args(["build", "--locked", "--release", "--package", "edge-user", "--bin", "edge"]);
    shell::run(cargo.current_dir(workspace::root()))
}

/// An object that is the same keeps its time, so that cargo does not link `edge` again.
fn replace_if_different(from: &Path, to: &Path) -> Result<()> {
    let built = fs::read(from).with_context(|| format!("cannot read {}", from.display()))?;
    if fs::read(to).is_ok_and(|present| present == built) {
        return Ok(());
    }
    fs::write(to, built).with_context(|| format!("cannot write {}", to.display()))
}
