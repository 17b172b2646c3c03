//! `cargo xtask kernels`: edge on the kernels that distributions ship, each booted in a virtual machine.
//!
//! The machine reads this host's files and writes to its own memory, but for the results; its network cards are joined to each
//! other and to nothing else. So the verifier and the drills of the lab run in it as they are here, as root.

mod debian;
mod initramfs;
mod machine;
mod plan;
mod report;

use std::fs;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::{build, setup, shell, workspace};
use debian::Kernel;
use plan::Plan;
use report::Report;

/// The machine, and a shell with all it needs in one file.
const PACKAGES: &[&str] = &["qemu-system-x86", "busybox-static", "xz-utils"];

#[derive(Args)]
pub(crate) struct Options {
    /// Kernels by their version, as 6.1; all that are known by default
    versions: Vec<String>,
    /// Only what has this in its line of the table, as virtio-calls
    #[arg(long)]
    only: Option<String>,
}

pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    if !setup::is_root() {
        bail!("packages are unpacked and drills run as root in the machine; run it as root");
    }
    let kernels = chosen(&options.versions)?;
    setup::ensure()?;
    setup::ensure_packages(PACKAGES)?;
    build::ebpf()?;
    build_programs()?;
    let binaries = plan::build()?;
    let mut report = Report::default();
    for kernel in kernels {
        let plan = Plan::new(kernel, &binaries, options.only.as_deref())?;
        examine(kernel, &plan, &mut report)?;
    }
    print!("{report}");
    Ok(if report.is_clean() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn chosen(versions: &[String]) -> Result<Vec<&'static Kernel>> {
    if versions.is_empty() {
        return Ok(debian::KERNELS.iter().collect());
    }
    let known = || debian::KERNELS.iter().map(|kernel| kernel.version).collect::<Vec<_>>().join(", ");
    let find = |version: &String| {
        let found = debian::KERNELS.iter().find(|kernel| kernel.version == version);
        found.with_context(|| format!("{version} is no kernel that can be had: choose of {}", known()))
    };
    versions.iter().map(find).collect()
}

/// What runs in the machine beside the drills: it has no compiler's time to spare.
fn build_programs() -> Result<()> {
    shell::step("build: edge, the lab, and what loads the programs");
    let mut cargo = Command::new("cargo");
    cargo.args(["build", "--locked", "--package", "edge-user", "--package", "edge-tests"]);
    cargo.args(["--package", "edge-benches", "--bins"]);
    shell::run(cargo.current_dir(workspace::root()))
}

/// Boots a kernel, lets it work through the plan, and reads what came of it.
fn examine(kernel: &'static Kernel, plan: &Plan, report: &mut Report) -> Result<()> {
    let installed = debian::ensure(kernel)?;
    let results = workspace::kernels().join(kernel.version).join("results");
    if results.exists() {
        fs::remove_dir_all(&results).context("cannot remove the results of an earlier run")?;
    }
    fs::create_dir_all(&results)?;
    plan.write(&results)?;
    let image = initramfs::build(&installed)?;
    shell::step(&format!("kernels: Linux {} ({}) boots", installed.release, kernel.of));
    machine::run(&installed, &image, &results, plan.seconds())?;
    report.read(kernel, &installed.release, plan, &results);
    Ok(())
}
