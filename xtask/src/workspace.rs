//! Where things lie: the workspace, its target directory, and what xtask puts there.

use std::env;
use std::path::{Path, PathBuf};

/// The root of the workspace: the parent of this package.
pub(crate) fn root() -> &'static Path {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.parent().unwrap_or(package)
}

/// Cargo's target directory; everything that xtask makes lies below it.
pub(crate) fn target() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), |path| root().join(path))
}

/// Tools that setup built for itself, in the layout of `cargo install --root`.
pub(crate) fn tools() -> PathBuf {
    target().join("tools")
}

/// The eBPF objects. Not in a target directory of cargo's choice: the build script of `edge-user` looks here.
pub(crate) fn ebpf_objects() -> PathBuf {
    root().join("target/ebpf")
}

/// A newer Debian with the peers that this one lacks.
pub(crate) fn newer_debian() -> PathBuf {
    target().join("interop-debian")
}

/// Kernels that `cargo xtask kernels` boots, and what came of it.
pub(crate) fn kernels() -> PathBuf {
    target().join("kernels")
}
