//! A small thing that outlives the process: one file in the state directory, put in the place of the former one in one step.
//!
//! Invariant: what is read is what was written whole at some time, or nothing: a file that was cut short never takes the place of a
//! whole one, and one that cannot be read is put aside and said.

use std::fs::{self, File};
use std::io::{self, Write};
use std::marker::PhantomData;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

/// Where a `T` is kept.
#[derive(Debug)]
pub struct Store<T> {
    file: PathBuf,
    /// What is not so without it, in words.
    lost: &'static str,
    keeps: PhantomData<fn(T)>,
}

impl<T: Serialize + DeserializeOwned + Default> Store<T> {
    /// The file of this name. Nodes may share a state directory.
    #[must_use]
    pub fn of(state_dir: &Path, node: &str, name: &str, lost: &'static str) -> Self {
        Self { file: state_dir.join(node).join(name), lost, keeps: PhantomData }
    }

    /// What was kept last; nothing when there is none, or it cannot be read: without it everything works.
    #[must_use]
    pub fn read(&self) -> T {
        let read = match fs::read(&self.file) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return T::default(),
            read => read,
        };
        read.and_then(|bytes| serde_json::from_slice(&bytes).map_err(io::Error::from)).unwrap_or_else(
            |error| {
                let (file, aside) = (self.file.display(), self.file.with_extension("json.unread"));
                tracing::error!(
                    "{file} cannot be read, and {}: {error}; it is put aside as {}",
                    self.lost,
                    aside.display()
                );
                if let Err(error) = fs::rename(&self.file, &aside) {
                    tracing::warn!("{file} stays where it is: {error}");
                }
                T::default()
            },
        )
    }

    /// Puts `kept` in the place of what was kept before.
    ///
    /// # Errors
    /// When the state directory cannot be written.
    pub fn write(&self, kept: &T) -> io::Result<()> {
        if let Some(directory) = self.file.parent() {
            fs::create_dir_all(directory)?;
        }
        let fresh = self.file.with_extension("json.new");
        let mut file = File::create(&fresh)?;
        file.write_all(&serde_json::to_vec(kept)?)?;
        file.sync_data()?;
        fs::rename(fresh, &self.file)
    }
}
