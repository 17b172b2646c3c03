//! Writing the journal.

use std::collections::{HashMap, VecDeque};
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::time::{Instant, SystemTime};

use bytes::Bytes;
use crossbeam::channel::{Receiver, RecvTimeoutError};
use edge_core::call::CallKey;

use crate::runtime::background::Pace;
use crate::runtime::clock;

use super::{AT_A_TIME, BATCH, Counts, GATHERING, Mark, Note, SYNC_WITHIN, ahead, format};

/// Bytes below which a file is not worth writing anew.
const SMALL: u64 = 4 << 20;

/// Calls that a file which is written anew says were forgotten: more than shards may have said ahead of it (two files of a
/// megabyte each, at more than half a kilobyte a call).
const FORGOTTEN_MAX: usize = 16_384;

/// How many times what stands a file may hold.
const WASTE_MAX: u64 = 4;

/// The file, and what stands in it.
#[derive(Debug)]
pub(super) struct Log {
    path: PathBuf,
    file: File,
    /// Bytes that were written whole.
    whole: u64,
    /// The newest entry of each call that stands: what a file that is written anew consists of.
    standing: HashMap<CallKey, (u32, Bytes)>,
    standing_bytes: u64,
    /// Calls that were forgotten last, oldest first: what was said ahead of that may be read behind it.
    forgotten: VecDeque<CallKey>,
    /// Where shards write ahead.
    ahead: PathBuf,
    /// What times are counted from.
    began: SystemTime,
    /// Whether it may have the name that the next process looks for: the former journal is not needed any more.
    may_replace: bool,
    /// Whether it has it.
    in_place: bool,
    unsynced_since: Option<Instant>,
}

/// Keeps notes until everybody who could give one is gone.
pub(super) fn keep(inbox: &Receiver<Note>, mut log: Log, counts: &Counts) {
    loop {
        let first = match inbox.recv_timeout(SYNC_WITHIN) {
            Ok(note) => {
                if inbox.len() < BATCH {
                    std::thread::sleep(GATHERING);
                }
                Some(note)
            }
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => break,
        };
        let batch: Vec<Note> = first.into_iter().chain(inbox.try_iter().take(BATCH - 1)).collect();
        let notes =
            batch.iter().filter(|note| matches!(note, Note::Write { .. } | Note::Forget { .. })).count();
        let written = log.take(batch, counts.failing.load(Ordering::Relaxed));
        note_outcome(written, notes, &log, counts);
    }
    let failing = counts.failing.load(Ordering::Relaxed);
    note_outcome(log.finish(failing), 0, &log, counts);
}

fn note_outcome(outcome: io::Result<()>, notes: usize, log: &Log, counts: &Counts) {
    let failing = counts.failing.swap(outcome.is_err(), Ordering::Relaxed);
    match outcome {
        Ok(()) => {
            counts.written.fetch_add(notes as u64, Ordering::Relaxed);
            if failing {
                tracing::warn!(
                    calls = log.standing.len(),
                    "journal: written again, all calls that stand are in it"
                );
            }
        }
        Err(error) => {
            counts.lost.fetch_add(notes as u64, Ordering::Relaxed);
            if !failing {
                let path = log.path.display();
                tracing::error!(%path, "journal cannot be written, calls would not survive a crash now: {error}");
            }
        }
    }
}

impl Log {
    /// A new file beside the one at `path`.
    pub(super) fn create(path: &Path, ahead: PathBuf, began: SystemTime) -> io::Result<Self> {
        let mut log = Self {
            path: path.to_owned(),
            file: create(&beside(path))?,
            whole: 0,
            standing: HashMap::new(),
            standing_bytes: 0,
            forgotten: VecDeque::new(),
            ahead,
            began,
            may_replace: false,
            in_place: false,
            unsynced_since: None,
        };
        log.append(&format::head(began))?;
        Ok(log)
    }

    /// Writes notes; after a failure, all that stands.
    fn take(&mut self, notes: Vec<Note>, failing: bool) -> io::Result<()> {
        let mark = |note: &Note| if let Note::Mark(mark) = note { Some(mark.clone()) } else { None };
        let marks: Vec<Mark> = notes.iter().filter_map(mark).collect();
        self.write(notes, failing)?;
        marks.iter().for_each(Mark::reach);
        Ok(())
    }

    fn write(&mut self, notes: Vec<Note>, failing: bool) -> io::Result<()> {
        let pace = if notes.len() < BATCH { Pace::GivesWay } else { Pace::Behind };
        let mut bytes = Vec::new();
        for (index, note) in notes.into_iter().enumerate() {
            let length = format::append(&note, &mut bytes);
            self.may_replace |= note == Note::Replace;
            self.stand(note, length);
            if index % AT_A_TIME == AT_A_TIME - 1 {
                pace.after_one();
            }
        }
        if failing {
            return self.write_anew();
        }
        self.append(&bytes)?;
        if self.may_replace && !self.in_place {
            self.put_in_place()?;
        }
        let wasteful = self.whole > SMALL && self.whole > WASTE_MAX * self.standing_bytes;
        if wasteful && self.in_place {
            return self.write_anew();
        }
        self.sync_when_due()
    }

    /// The end: nothing stands, or a successor goes on with what does.
    fn finish(&mut self, failing: bool) -> io::Result<()> {
        if failing {
            return self.write_anew();
        }
        if self.standing.is_empty() && self.in_place {
            std::fs::remove_file(&self.path)?;
            return sync_directory(&self.path);
        }
        self.file.sync_data()
    }

    /// Takes note of what stands; `length` is what it takes in the file, if it is an entry.
    fn stand(&mut self, note: Note, length: Option<usize>) {
        let former = match (note, length) {
            (Note::Write { call, media, entry }, Some(_)) => {
                self.standing_bytes += entry.len() as u64;
                self.standing.insert(call, (media, entry))
            }
            (Note::Forget { call }, _) => {
                if self.forgotten.len() == FORGOTTEN_MAX {
                    self.forgotten.pop_front();
                }
                self.forgotten.push_back(call);
                self.standing.remove(&call)
            }
            (Note::Write { call, .. }, None) => {
                tracing::error!(
                    call = format!("{:016x}", call.number()),
                    "journal: the call is too large for it"
                );
                None
            }
            (Note::Replace | Note::Mark(_), _) => None,
        };
        self.standing_bytes -= former.map_or(0, |(_, entry)| entry.len() as u64);
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        self.file.write_all(bytes).inspect_err(|_| {
            // Half an entry would hide those that come after it.
            drop(self.file.set_len(self.whole));
        })?;
        self.whole += bytes.len() as u64;
        self.unsynced_since.get_or_insert_with(clock::now);
        Ok(())
    }

    fn sync_when_due(&mut self) -> io::Result<()> {
        let due = |since: &mut Instant| clock::now().saturating_duration_since(*since) >= SYNC_WITHIN;
        if self.unsynced_since.take_if(due).is_some() { self.file.sync_data() } else { Ok(()) }
    }

    /// Writes all that stands into a new file, which then takes the place of this one.
    fn write_anew(&mut self) -> io::Result<()> {
        self.file = create(&beside(&self.path))?;
        self.whole = 0;
        self.append(&format::head(self.began))?;
        let mut bytes = Vec::new();
        for (call, (media, entry)) in &self.standing {
            format::append(&Note::Write { call: *call, media: *media, entry: entry.clone() }, &mut bytes);
        }
        for call in &self.forgotten {
            format::append(&Note::Forget { call: *call }, &mut bytes);
        }
        self.append(&bytes)?;
        if self.may_replace { self.put_in_place() } else { Ok(()) }
    }

    fn put_in_place(&mut self) -> io::Result<()> {
        self.file.sync_data()?;
        std::fs::rename(beside(&self.path), &self.path)?;
        sync_directory(&self.path)?;
        if !self.in_place {
            // The former process is not needed any more, nor what it said last.
            ahead::remove(&self.ahead, Some(self.began))?;
        }
        (self.in_place, self.unsynced_since) = (true, None);
        Ok(())
    }
}

fn create(path: &Path) -> io::Result<File> {
    // Not what the former process has left half done.
    drop(std::fs::remove_file(path));
    OpenOptions::new().create_new(true).append(true).open(path)
}

fn beside(path: &Path) -> PathBuf {
    path.with_extension("new")
}

fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(path.parent().unwrap_or(path))?.sync_all()
}
