//! The journal of answered calls: what the next `edge run` needs to go on with them after this one was killed.
//!
//! One file, `<state_dir>/<node>/journal`: a head, then an entry for each change of a call ([`format`]). A thread writes what the
//! shards give it, twenty times a second; `fdatasync` follows once a second, because a host that loses its power loses the media with it, and
//! only records are left to be made. Before a shard lets a peer know of anything it has written that itself ([`ahead`]), so
//! `kill -9` loses nothing that anybody was told.
//!
//! Invariants: a call is forgotten only after its record is on disk, so its record is never lost; what is read is a prefix
//! of what was written, wherever that was cut or damaged; the file is written anew, beside the old one, when it holds four times
//! what stands, so it is bounded by what stands; a journal of another version is refused, and left alone. A disk that takes
//! no more costs the journal, said loudly, and no call: once it takes writes again, all that stands is written anew.

mod ahead;
mod format;
mod read;
#[cfg(test)]
mod tests;
mod write;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};

use anyhow::Context;
use bytes::Bytes;
use crossbeam::channel::{Sender, bounded};
use edge_core::call::CallKey;

pub use ahead::{Ahead, Mark};
pub use read::{JournalError, Left, LeftCall, read};

use crate::runtime::{background, clock};
use write::Log;

/// Notes that may wait for the disk: six seconds of three thousand calls a second. What is above it is lost, counted and said:
/// no call waits for its journal.
const NOTES_MAX: usize = 65_536;

/// Notes of one write.
const BATCH: usize = 1024;

/// How long the thread waits for more notes after the first of a batch, unless a batch is there: what shards have written ahead is
/// safe meanwhile, and to be woken for each note would cost more than to write it.
const GATHERING: Duration = Duration::from_millis(50);

/// Notes after which the thread lets others have its core: a shard may have no other, and shall not wait for a batch.
const AT_A_TIME: usize = 8;

/// How long what was written may be without `fdatasync`.
const SYNC_WITHIN: Duration = Duration::from_secs(1);

/// Something to be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Note {
    /// A call as it is now.
    Write {
        /// The call.
        call: CallKey,
        /// Number of its media in the datapath.
        media: u32,
        /// What the core says of it.
        entry: Bytes,
    },
    /// Nothing has to be known of a call any more.
    Forget {
        /// The call.
        call: CallKey,
    },
    /// All calls of the former journal are here, or over: this one takes its place.
    Replace,
    /// Reached once everything before it is written.
    Mark(Mark),
}

/// The thread that keeps the journal.
#[derive(Debug)]
pub struct Journal {
    sender: Sender<Note>,
    thread: JoinHandle<()>,
    counts: Arc<Counts>,
    /// Where shards write ahead of it.
    ahead: PathBuf,
    began: SystemTime,
}

#[derive(Debug, Default)]
struct Counts {
    written: AtomicU64,
    lost: AtomicU64,
    /// Whether the disk refuses it now.
    failing: AtomicBool,
}

/// Where a shard hands in what is to be kept.
#[derive(Debug, Clone)]
pub struct Notes {
    sender: Sender<Note>,
    counts: Arc<Counts>,
}

impl Notes {
    /// Takes a note, if there is room: a shard never waits.
    pub fn take(&self, note: Note) {
        if self.sender.try_send(note).is_err() && self.counts.lost.fetch_add(1, Ordering::Relaxed) == 0 {
            tracing::error!("journal: its disk cannot keep up; calls that change now may be lost at a crash");
        }
    }

    /// Takes a note, when there is room. For what must not be lost; the writer drains its queue whatever the disk does.
    pub fn put(&self, note: Note) {
        if self.sender.send(note).is_err() {
            self.counts.lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Journal {
    /// Where a node keeps it.
    #[must_use]
    pub fn path(state_dir: &Path, node: &str) -> PathBuf {
        state_dir.join(node).join("journal")
    }

    /// Starts a journal at `path`, whose times are counted from `epoch`; shards write ahead of it in `run_dir`. It is written beside
    /// the former one until [`Note::Replace`].
    ///
    /// # Errors
    /// When it cannot be made or written to.
    pub fn start(path: &Path, run_dir: &Path, epoch: Instant) -> anyhow::Result<Self> {
        let directory = path.parent().unwrap_or(path);
        let unusable = || format!("node.state_dir {}: the journal cannot be kept there", directory.display());
        std::fs::create_dir_all(directory).with_context(unusable)?;
        let (ahead, began) = (ahead::directory(run_dir), clock::calendar(epoch));
        let log = Log::create(path, ahead.clone(), began).with_context(unusable)?;
        let (sender, inbox) = bounded(NOTES_MAX);
        let counts = Arc::new(Counts::default());
        let shared = Arc::clone(&counts);
        let thread = std::thread::Builder::new().name("journal".to_owned()).spawn(move || {
            background::stand_back();
            write::keep(&inbox, log, &shared)
        })?;
        Ok(Self { sender, thread, counts, ahead, began })
    }

    /// Where a shard keeps what its peers are to know.
    #[must_use]
    pub fn ahead(&self, shard: usize) -> Ahead {
        Ahead::new(&self.ahead, self.began, shard, self.notes())
    }

    /// Where notes are handed in.
    #[must_use]
    pub fn notes(&self) -> Notes {
        Notes { sender: self.sender.clone(), counts: Arc::clone(&self.counts) }
    }

    /// Entries that were written.
    #[must_use]
    pub fn written(&self) -> u64 {
        self.counts.written.load(Ordering::Relaxed)
    }

    /// Entries that were lost: no room in the queue, or on the disk.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.counts.lost.load(Ordering::Relaxed)
    }

    /// Waits until everything that was handed in is on disk. Every other sender must be gone.
    ///
    /// # Errors
    /// When the disk did not take all of it.
    pub fn finish(self) -> anyhow::Result<()> {
        drop(self.sender);
        if self.thread.join().is_err() {
            anyhow::bail!("the journal's thread ended by a panic");
        }
        if self.counts.failing.load(Ordering::Relaxed) {
            anyhow::bail!("the journal could not be written (see the log)");
        }
        ahead::remove(&self.ahead, None).context("node.run_dir")
    }
}
