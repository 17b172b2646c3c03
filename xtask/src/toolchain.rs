//! The two ways to compile for `bpfel-unknown-none`, and which of them this machine has.
//!
//! The target has no prebuilt `core` in rustup. Either a nightly with `rust-src` builds it (`-Z build-std`), or
//! Debian's own compiler for its web browsers brings one. The LLVM that bpf-linker was built with must be the
//! LLVM of the compiler, so the two are chosen together.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{shell, workspace};

/// Version of bpf-linker that understands the bitcode of both compilers.
pub(crate) const LINKER_VERSION: &str = "0.13.0";

const DEBIAN_RUSTC: &str = "/usr/bin/rustc";
const DEBIAN_CORE: &str = "/usr/lib/rustlib/bpfel-unknown-none";

/// A compiler with a `core` for eBPF, and a linker of the same LLVM.
pub(crate) enum Toolchain {
    /// Debian's compiler (`rustc-web`, `libstd-rust-web-dev-bpf`) with our own build of bpf-linker.
    Debian { linker: PathBuf },
    /// rustup's nightly with `rust-src`, and a bpf-linker that its user installed.
    Nightly { linker: PathBuf },
}

impl Toolchain {
    /// What is complete on this machine; Debian's chain first, because its parts are known to fit.
    pub(crate) fn installed() -> Option<Self> {
        if debian_compiler() {
            return debian_linker().map(|linker| Self::Debian { linker });
        }
        let linker = linker_on_path()?;
        nightly_source().then_some(Self::Nightly { linker })
    }

    /// A `cargo` that builds for eBPF; the caller adds the subcommand.
    pub(crate) fn cargo(&self) -> Command {
        match self {
            Self::Debian { linker } => {
                let mut cargo = Command::new("cargo");
                // aya-ebpf uses `asm_experimental_arch`, which a stable compiler accepts only this way.
                cargo.env("RUSTC", DEBIAN_RUSTC).env("RUSTC_BOOTSTRAP", "1");
                cargo.env("CARGO_ENCODED_RUSTFLAGS", flags(linker));
                cargo
            }
            Self::Nightly { linker } => {
                let mut cargo = Command::new("rustup");
                cargo.args(["run", "nightly", "cargo", "-Zbuild-std=core"]);
                cargo.env_remove("RUSTC").env("CARGO_ENCODED_RUSTFLAGS", flags(linker));
                cargo
            }
        }
    }
}

fn flags(linker: &Path) -> String {
    let linker = format!("-Clinker={}", linker.display());
    [&linker, "-Clink-arg=--btf", "-Cdebuginfo=2", "-Cpanic=abort", "--cfg=bpf_target_arch=\"x86_64\""]
        .join("\x1f")
}

/// Whether Debian's compiler and its `core` for eBPF are here.
pub(crate) fn debian_compiler() -> bool {
    Path::new(DEBIAN_RUSTC).exists() && Path::new(DEBIAN_CORE).exists()
}

/// The linker that setup built, or one of the right version on the path.
pub(crate) fn debian_linker() -> Option<PathBuf> {
    let built = workspace::tools().join("bin/bpf-linker");
    if is_right_version(&built) { Some(built) } else { linker_on_path() }
}

fn linker_on_path() -> Option<PathBuf> {
    let path = PathBuf::from(shell::answer(Command::new("which").arg("bpf-linker"))?);
    is_right_version(&path).then_some(path)
}

fn is_right_version(linker: &Path) -> bool {
    shell::answer(Command::new(linker).arg("--version")).is_some_and(|text| text.contains(LINKER_VERSION))
}

fn nightly_source() -> bool {
    let toolchains = shell::answer(Command::new("rustup").args(["toolchain", "list"])).unwrap_or_default();
    if !toolchains.lines().any(|name| name.starts_with("nightly")) {
        return false;
    }
    let components = ["component", "list", "--toolchain", "nightly", "--installed"];
    shell::answer(Command::new("rustup").args(components)).is_some_and(|text| text.contains("rust-src"))
}
