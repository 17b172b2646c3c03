//! `cargo xtask interop`: fetches a newer Debian into a folder, and hands over to the `interop` binary of the lab.

use std::fs;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::{build, setup, shell, workspace};

/// The release that has Asterisk 22, Kamailio 6.1 and SIPp 3.8.
const RELEASE: &str = "forky";
const PEERS: &str = "asterisk,kamailio,kamailio-tls-modules,sip-tester";

#[derive(Args)]
pub(crate) struct Options {
    /// Try only what has this in its line of the table
    only: Option<String>,
}

pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    if !setup::is_root() {
        bail!("the peers run in network namespaces and in a folder of their own; run it as root");
    }
    setup::ensure()?;
    ensure_debian()?;
    build::ebpf()?;
    shell::step("build: edge and the lab");
    let mut cargo = Command::new("cargo");
    cargo.args(["build", "--locked", "--package", "edge-user", "--package", "edge-tests", "--bins"]);
    shell::run(cargo.current_dir(workspace::root()))?;
    shell::step("interop: starting");
    let mut interop = Command::new(workspace::target().join("debug/interop"));
    let status = shell::status(interop.args(&options.only))?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Fetches the folder; one that was begun and not completed is fetched anew.
fn ensure_debian() -> Result<()> {
    let root = workspace::newer_debian();
    if root.exists() {
        return Ok(());
    }
    setup::ensure_packages(&["mmdebstrap"])?;
    shell::step("interop: fetching a newer Debian (a minute or two, 430 MB, once)");
    let begun = root.with_extension("begun");
    if begun.exists() {
        fs::remove_dir_all(&begun).context("cannot remove what was fetched in part")?;
    }
    let mut mmdebstrap = Command::new("mmdebstrap");
    mmdebstrap.args(["--variant=minbase", "--aptopt=Acquire::Check-Valid-Until \"false\""]);
    mmdebstrap.arg(format!("--include={PEERS}")).arg(RELEASE).arg(&begun);
    shell::run(&mut mmdebstrap).context("Debian's archive could not be fetched")?;
    fs::rename(&begun, &root).context("cannot put the new Debian into its place")
}
