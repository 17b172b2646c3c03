//! A newer Debian in a folder below the target directory, for peers that Debian 12 has not, or has only old.
//!
//! `cargo xtask interop` fetches it. Its programs run in a mount namespace of their own, so nothing stays mounted.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, ensure};

use crate::place;

/// What makes the folder a system for one process, and ends with it. Arguments: the folder, a directory that has the
/// same path inside as outside, the program and its arguments.
const ENTER: &str = "\
    set -e; root=$1; shared=$2; shift 2; \
    mount -t proc proc \"$root/proc\"; mount --rbind /dev \"$root/dev\"; \
    mkdir -p \"$root$shared\"; mount --bind \"$shared\" \"$root$shared\"; \
    exec chroot \"$root\" \"$@\"";

/// The folder.
#[derive(Clone, Debug)]
pub struct NewerDebian {
    root: PathBuf,
}

impl NewerDebian {
    /// Finds it.
    pub fn installed() -> Result<Self> {
        let root = place::newer_debian();
        ensure!(root.join("usr").exists(), "{} is missing: cargo xtask interop", root.display());
        Ok(Self { root })
    }

    /// A command of its that takes all its processes with it when it is killed, and sees `shared` of this system.
    pub fn command(&self, program: &str, shared: &Path) -> Command {
        let mut command = Command::new("unshare");
        command.args(["--mount", "--pid", "--fork", "--kill-child", "--", "sh", "-c", ENTER, "sh"]);
        command.arg(&self.root).arg(shared).arg(program);
        command
    }
}
