//! `cargo xtask setup`: installs what is missing, and nothing else. A second run finds everything in place.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};

use crate::toolchain::{self, LINKER_VERSION, Toolchain};
use crate::{shell, workspace};

/// Debian's chain to compile for eBPF, and what bpf-linker needs to be built.
const COMPILER_PACKAGES: &[&str] = &["rustc-web", "cargo-web", "libstd-rust-web-dev-bpf"];
const LINKER_PACKAGES: &[&str] = &["llvm-22-dev", "libpolly-22-dev", "zlib1g-dev", "libzstd-dev", "g++"];
/// SIPp as both peers, Kamailio as a proxy of one, baresip and (by its wheel) PJSUA2 as user agents, dnsmasq as DNS; ip, nft and ethtool make
/// the network of the lab, ping shows that it is one; openssl is who shows the wrong certificate, tshark reads captures.
const LAB_PACKAGES: &[&str] = &[
    "sip-tester",
    "kamailio",
    "kamailio-tls-modules",
    "tshark",
    "baresip-core",
    "dnsmasq-base",
    "python3-venv",
    "ethtool",
    "iproute2",
    "nftables",
    "iputils-ping",
    "openssl",
];
/// The version that the drills were written with; a wheel, so nothing is compiled.
const PJSUA2: &str = "pjsua2-python==2.15.1.post1";
const LLVM_PREFIX: &str = "/usr/lib/llvm-22";

pub(crate) fn run() -> Result<ExitCode> {
    ensure()?;
    shell::step("setup: everything is in place");
    Ok(ExitCode::SUCCESS)
}

/// Installs what building and testing need; cheap when nothing is missing.
pub(crate) fn ensure() -> Result<()> {
    install_packages(&missing(LAB_PACKAGES))?;
    install_pjsua2()?;
    install_rustup_components()?;
    if Toolchain::installed().is_some() {
        return Ok(());
    }
    if !toolchain::debian_compiler() {
        install_packages(&missing(COMPILER_PACKAGES))?;
    }
    if toolchain::debian_linker().is_none() {
        install_packages(&missing(LINKER_PACKAGES))?;
        install_linker()?;
    }
    Toolchain::installed()
        .map(|_| ())
        .context("the eBPF toolchain is still incomplete after its installation")
}

/// Installs what one subcommand alone needs.
pub(crate) fn ensure_packages(packages: &[&'static str]) -> Result<()> {
    install_packages(&missing(packages))
}

fn missing(packages: &[&'static str]) -> Vec<&'static str> {
    packages.iter().copied().filter(|package| !is_installed(package)).collect()
}

fn is_installed(package: &str) -> bool {
    let query = ["-W", "-f=${db:Status-Status}", package];
    shell::answer(Command::new("dpkg-query").args(query)).is_some_and(|status| status == "installed")
}

fn install_packages(packages: &[&str]) -> Result<()> {
    if packages.is_empty() {
        return Ok(());
    }
    let by_hand = format!("apt-get update && apt-get install -y {}", packages.join(" "));
    if !is_root() {
        bail!("packages are missing; run as root: {by_hand}");
    }
    shell::step(&format!("setup: installing {}", packages.join(" ")));
    let apt = || {
        let mut apt = Command::new("apt-get");
        apt.env("DEBIAN_FRONTEND", "noninteractive").arg("-qq");
        apt
    };
    let _quiet = QuietServices::begin()?;
    shell::run(apt().arg("update"))
        .and_then(|()| shell::run(apt().args(["install", "-y", "--no-install-recommends"]).args(packages)))
        .with_context(|| format!("packages could not be installed; run by hand: {by_hand}"))
}

/// Debian starts the services that it installs; the lab wants the programs, and starts them itself. Services that are
/// installed while this lives stay down, unless the host has a policy of its own.
struct QuietServices {
    made: bool,
}

/// What Debian asks before it starts a service; 101 forbids it.
const SERVICE_POLICY: &str = "/usr/sbin/policy-rc.d";

impl QuietServices {
    fn begin() -> Result<Self> {
        let made = !Path::new(SERVICE_POLICY).exists();
        if made {
            fs::write(SERVICE_POLICY, "#!/bin/sh\nexit 101\n")
                .context("cannot keep services from starting")?;
            fs::set_permissions(SERVICE_POLICY, fs::Permissions::from_mode(0o755))?;
        }
        Ok(Self { made })
    }
}

impl Drop for QuietServices {
    fn drop(&mut self) {
        if self.made {
            let _ = fs::remove_file(SERVICE_POLICY);
        }
    }
}

/// A Python environment of its own, below the target directory.
fn install_pjsua2() -> Result<()> {
    let environment = workspace::tools().join("pjsua2");
    let (python, mark) = (environment.join("bin/python"), environment.join(PJSUA2));
    if mark.exists() {
        return Ok(());
    }
    shell::step("setup: installing pjsua2");
    shell::run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&environment))?;
    let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--only-binary=:all:"];
    shell::run(Command::new(python).args(pip).arg(PJSUA2))
        .context("the lab's user agent comes from pypi.org, which is not reached")?;
    fs::write(mark, "").context("cannot mark the environment as complete")
}

/// rustup's minimal profile lacks what `cargo xtask test` runs first.
fn install_rustup_components() -> Result<()> {
    for (component, subcommand) in [("rustfmt", "fmt"), ("clippy", "clippy")] {
        if shell::answer(Command::new("cargo").args([subcommand, "--version"])).is_none() {
            shell::step(&format!("setup: adding {component}"));
            shell::run(Command::new("rustup").args(["component", "add", component]))?;
        }
    }
    Ok(())
}

fn install_linker() -> Result<()> {
    shell::step(&format!("setup: building bpf-linker {LINKER_VERSION} (a few minutes, once)"));
    let mut cargo = Command::new("cargo");
    cargo.env("LLVM_PREFIX", LLVM_PREFIX).args(["install", "bpf-linker", "--version", LINKER_VERSION]);
    cargo
        .args(["--locked", "--no-default-features", "--features", "llvm-22", "--root"])
        .arg(workspace::tools());
    cargo.arg("--target-dir").arg(workspace::tools().join("build"));
    shell::run(&mut cargo)
}

/// Whether we may install packages, make namespaces and load programs.
pub(crate) fn is_root() -> bool {
    shell::answer(Command::new("id").arg("-u")).is_some_and(|user| user == "0")
}
