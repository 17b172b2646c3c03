//! Where the lab finds programs and may write: all of it below cargo's target directory.

use std::env;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

/// The directory of this build's profile, as `target/release`; the test runner's binaries lie in its `deps`.
static PROFILE: LazyLock<PathBuf> = LazyLock::new(|| {
    let program = env::current_exe().unwrap_or_default();
    let beside = program.parent().unwrap_or(Path::new("."));
    if beside.ends_with("deps") { beside.parent().unwrap_or(beside).to_owned() } else { beside.to_owned() }
});

/// Cargo's target directory.
pub fn target() -> &'static Path {
    PROFILE.parent().unwrap_or(&PROFILE)
}

/// The workspace.
pub fn workspace() -> &'static Path {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.parent().unwrap_or(package)
}

/// The `edge` binary of the same build profile, which `cargo xtask` has built before.
pub fn edge_binary() -> PathBuf {
    PROFILE.join("edge")
}

/// Below it lies one directory for each lab that is alive, or whose test has failed.
pub fn labs() -> PathBuf {
    target().join("lab")
}

/// What `cargo xtask setup` has put there beside the packages of the distribution.
pub fn tools() -> PathBuf {
    target().join("tools")
}

/// Where `cargo xtask interop` puts a newer Debian.
pub fn newer_debian() -> PathBuf {
    target().join("interop-debian")
}
