//! Call detail records: one JSON object a line, one file a day.
//!
//! Invariants: a record that the writer has taken is on disk before the process ends; records are written in
//! batches, each followed by `fdatasync`, so that what was counted as written survives a crash of the host. A full
//! disk costs records, counted and logged, and never a call.

mod json;
mod recorded;
#[cfg(test)]
pub(crate) mod tests;

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::Context;
use crossbeam::channel::{Receiver, Sender, bounded};
use edge_core::call::CallRecord;

use crate::journal::{Note, Notes};
use crate::runtime::background::{self, Pace};
use crate::runtime::clock;

use json::Line;

pub use recorded::recorded;

/// Records that may wait for the disk: six seconds of ten thousand calls a second.
const RECORDS_MAX: usize = 65_536;

/// Records of one write and one `fdatasync`.
const BATCH: usize = 1024;

/// How long the writer waits for more records after the first of a batch, unless a batch is there: the disk is synced ten times
/// a second, and not once a call.
const GATHERING: Duration = Duration::from_millis(100);

/// Something for the writer.
#[derive(Debug)]
pub enum Entry {
    /// A record.
    Record(Box<CallRecord>),
    /// What the journal is told once all earlier records are on disk.
    Then(Note),
}

/// The thread that writes records.
#[derive(Debug)]
pub struct Writer {
    sender: Sender<Entry>,
    thread: JoinHandle<()>,
    counts: Arc<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    written: AtomicU64,
    failed: AtomicU64,
}

impl Writer {
    /// Starts a writer for files in `directory`, which is made when it is missing. It tells `journal` what may be forgotten.
    ///
    /// # Errors
    /// When the directory cannot be made or written to.
    pub fn start(directory: &Path, node: &str, journal: Notes) -> anyhow::Result<Self> {
        std::fs::create_dir_all(directory)
            .with_context(|| format!("cdr.path {}: the directory cannot be made", directory.display()))?;
        let mut files = Files { directory: directory.to_owned(), node: node.to_owned(), open: None };
        files
            .of_day(&json::day(clock::today()))
            .with_context(|| format!("cdr.path {}: cannot be written to", directory.display()))?;
        let (sender, inbox) = bounded(RECORDS_MAX);
        let counts = Arc::new(Counts::default());
        let shared = Arc::clone(&counts);
        let thread = std::thread::Builder::new().name("cdr".to_owned()).spawn(move || {
            background::stand_back();
            write_all(&inbox, files, &journal, &shared)
        })?;
        Ok(Self { sender, thread, counts })
    }

    /// Where records are handed in.
    #[must_use]
    pub fn sender(&self) -> Sender<Entry> {
        self.sender.clone()
    }

    /// Records that are on disk.
    #[must_use]
    pub fn written(&self) -> u64 {
        self.counts.written.load(Ordering::Relaxed)
    }

    /// Records that the disk refused.
    #[must_use]
    pub fn failed(&self) -> u64 {
        self.counts.failed.load(Ordering::Relaxed)
    }

    /// Waits until everything handed in is written. Every other sender must be gone.
    ///
    /// # Errors
    /// When records could not be written.
    pub fn finish(self) -> anyhow::Result<()> {
        drop(self.sender);
        if self.thread.join().is_err() {
            anyhow::bail!("the writer ended by a panic");
        }
        match self.counts.failed.load(Ordering::Relaxed) {
            0 => Ok(()),
            failed => anyhow::bail!("{failed} records could not be written (see the log)"),
        }
    }
}

fn write_all(inbox: &Receiver<Entry>, mut files: Files, journal: &Notes, counts: &Counts) {
    while let Ok(first) = inbox.recv() {
        if inbox.len() < BATCH {
            std::thread::sleep(GATHERING);
        }
        let (mut records, mut notes) = (Vec::new(), Vec::new());
        for entry in std::iter::once(first).chain(inbox.try_iter().take(BATCH - 1)) {
            match entry {
                Entry::Record(record) => records.push(record),
                Entry::Then(note) => notes.push(note),
            }
        }
        let pace = if records.len() + notes.len() < BATCH { Pace::GivesWay } else { Pace::Behind };
        write_batch(&records, pace, &mut files, counts);
        // All of them stood behind records of this batch or of an earlier one.
        notes.into_iter().for_each(|note| journal.put(note));
    }
}

fn write_batch(batch: &[Box<CallRecord>], pace: Pace, files: &mut Files, counts: &Counts) {
    if batch.is_empty() {
        return;
    }
    let count = batch.len() as u64;
    match files.append(batch, pace) {
        Ok(()) => counts.written.fetch_add(count, Ordering::Relaxed),
        Err(error) => {
            for record in batch {
                tracing::error!(record = %json::text(record), "call record not written: {error}");
            }
            counts.failed.fetch_add(count, Ordering::Relaxed)
        }
    };
}

/// The file of today, opened when the day begins.
#[derive(Debug)]
struct Files {
    directory: PathBuf,
    node: String,
    open: Option<(String, File)>,
}

impl Files {
    fn append(&mut self, records: &[Box<CallRecord>], pace: Pace) -> io::Result<()> {
        let day = json::day(clock::today());
        let mut text = Vec::with_capacity(records.len() * 1024);
        for record in records {
            serde_json::to_writer(&mut text, &Line::new(record, clock::calendar))?;
            text.push(b'\n');
            pace.after_one();
        }
        let file = self.of_day(&day)?;
        let whole = file.metadata()?.len();
        file.write_all(&text).and_then(|()| file.sync_data()).inspect_err(|_| {
            // Half a line would spoil the record that comes after it.
            if let Err(error) = file.set_len(whole) {
                tracing::error!("half a call record may be left in the file: {error}");
            }
        })
    }

    fn of_day(&mut self, day: &str) -> io::Result<&mut File> {
        let path = self.directory.join(format!("{}-{day}.jsonl", self.node));
        // A file that was moved or deleted is not written any more: whoever rotates files need not tell.
        let current = |file: &File| {
            let (named, open) = (std::fs::metadata(&path), file.metadata());
            named.is_ok_and(|named| {
                open.is_ok_and(|open| named.ino() == open.ino() && named.dev() == open.dev())
            })
        };
        let stale = self.open.as_ref().is_none_or(|(open_day, file)| open_day != day || !current(file));
        if stale {
            let file = OpenOptions::new().create(true).append(true).open(&path)?;
            return Ok(&mut self.open.insert((day.to_owned(), file)).1);
        }
        match &mut self.open {
            Some((_, file)) => Ok(file),
            None => Err(io::Error::other("no file is open")),
        }
    }
}
