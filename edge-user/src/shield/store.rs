//! The roll on disk, so that neither a restart nor a reboot forgives anybody.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::roll::Roll;

/// Where the roll is kept.
#[derive(Debug)]
pub(super) struct Store {
    file: PathBuf,
}

impl Store {
    /// Nodes may share a state directory.
    pub(super) fn of(state_dir: &Path, node: &str) -> Self {
        Self { file: state_dir.join(node).join("shield.json") }
    }

    /// The roll as it was kept last; empty when none was. One that cannot be read is put aside, and said so: without a roll
    /// everything works, and nobody is kept out who should not be.
    pub(super) fn read(&self) -> Roll {
        let read = match fs::read(&self.file) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Roll::default(),
            read => read,
        };
        read.and_then(|bytes| serde_json::from_slice(&bytes).map_err(io::Error::from)).unwrap_or_else(|error| {
            let (file, aside) = (self.file.display(), self.file.with_extension("json.unread"));
            tracing::error!(
                "{file} cannot be read, and nobody is denied, allowed or banned by it: {error}; it is put aside as {}",
                aside.display()
            );
            if let Err(error) = fs::rename(&self.file, &aside) {
                tracing::warn!("{file} stays where it is: {error}");
            }
            Roll::default()
        })
    }

    /// Puts the roll in the place of the former one, in one step.
    ///
    /// # Errors
    /// When the state directory cannot be written.
    pub(super) fn write(&self, roll: &Roll) -> io::Result<()> {
        if let Some(directory) = self.file.parent() {
            fs::create_dir_all(directory)?;
        }
        let fresh = self.file.with_extension("json.new");
        let mut file = File::create(&fresh)?;
        file.write_all(&serde_json::to_vec(roll)?)?;
        file.sync_data()?;
        fs::rename(fresh, &self.file)
    }
}
