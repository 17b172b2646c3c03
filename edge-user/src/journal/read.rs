//! Reading a journal that another process has left.

use std::collections::{BTreeMap, HashSet};
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use bytes::Bytes;
use edge_core::call::{CallKey, JOURNAL_VERSION, Journaled};

use super::format::{self, HEAD, Head};
use super::{Note, ahead};

/// Why a journal is not read.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// Another version of edge has written it.
    #[error(
        "{path}: calls of another version of edge are in this journal (v{version}.{snapshots}, this is v{}.{JOURNAL_VERSION}): \
         start that edge again to go on with them, or give them up with `rm {path}`",
        format::VERSION
    )]
    Foreign {
        /// The file.
        path: PathBuf,
        /// Its version.
        version: u8,
        /// The version of the snapshots in it.
        snapshots: u8,
    },
    /// It cannot be read at all.
    #[error("{path}: {source}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// A call that another process has left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftCall {
    /// The call.
    pub call: Journaled,
    /// Number of its media in the datapath.
    pub media: u32,
}

/// What another process has left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Left {
    /// When the times of its calls begin.
    pub epoch: SystemTime,
    /// The calls, in no order that matters.
    pub calls: Vec<LeftCall>,
}

/// What the journal at `path` has, and what was said ahead of it in `run_dir`; nothing when there is none. A damaged end costs what
/// it says, with a warning.
///
/// # Errors
/// [`JournalError`] when it is another version's, or cannot be read.
pub fn read(path: &Path, run_dir: &Path) -> Result<Option<Left>, JournalError> {
    let bytes = match std::fs::read(path) {
        Ok(bytes) => Bytes::from(bytes),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(JournalError::Unreadable { path: path.to_owned(), source }),
    };
    match format::read_head(&bytes) {
        Head::Ours { epoch } => {
            let (mut found, intact) = entries(&bytes);
            if intact < bytes.len() {
                let lost = bytes.len() - intact;
                tracing::warn!(path = %path.display(), bytes = lost, "journal: its end is damaged and not used");
            }
            let directory = ahead::directory(run_dir);
            let said = ahead::read(&directory, epoch);
            let said = said.map_err(|source| JournalError::Unreadable { path: directory, source })?;
            said.into_iter().for_each(|note| found.take(note));
            Ok(Some(Left { epoch, calls: found.calls.into_iter().filter_map(parse).collect() }))
        }
        Head::Foreign { version, snapshots } => {
            Err(JournalError::Foreign { path: path.to_owned(), version, snapshots })
        }
        Head::Damaged => {
            tracing::error!(path = %path.display(), "journal: its beginning is damaged, so no call can be gone on with");
            Ok(None)
        }
    }
}

/// What a journal says when it has been read so far.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    /// The newest entry of each call that was not forgotten.
    pub(super) calls: BTreeMap<CallKey, (u32, Bytes)>,
    /// Those that were: what was said of them earlier may be read later.
    forgotten: HashSet<CallKey>,
}

impl Found {
    /// Takes note of what comes next.
    pub(super) fn take(&mut self, note: Note) {
        match note {
            Note::Write { call, media, entry } => {
                if !self.forgotten.contains(&call) {
                    self.calls.insert(call, (media, entry));
                }
            }
            Note::Forget { call } => {
                self.calls.remove(&call);
                self.forgotten.insert(call);
            }
            Note::Replace | Note::Mark(_) => {}
        }
    }
}

/// What a file says, and how many bytes are intact.
pub(super) fn entries(bytes: &Bytes) -> (Found, usize) {
    let mut found = Found::default();
    let mut rest = bytes.slice(HEAD.min(bytes.len())..);
    while let Some((note, behind)) = format::next(&rest) {
        rest = behind;
        found.take(note);
    }
    (found, bytes.len() - rest.len())
}

fn parse((key, (media, entry)): (CallKey, (u32, Bytes))) -> Option<LeftCall> {
    match Journaled::parse(&entry) {
        Ok(call) => Some(LeftCall { call, media }),
        Err(error) => {
            tracing::error!(call = format!("{:016x}", key.number()), "journal: {error}");
            None
        }
    }
}
