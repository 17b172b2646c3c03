//! What a shard says before the journal has it: nothing that a peer is to know leaves before it is written here.
//!
//! Two files a shard, by turns, in `node.run_dir`: `ahead/<when it began>-<shard>-<0 or 1>`. The shard appends to them itself and
//! waits for nobody, because they have to outlive the process and not the host; the journal's thread has the same in its file a moment
//! later.
//!
//! ```text
//! file:  head as the journal's  turn u64  rounds
//! round: length u32  CRC-32 of what follows u32  entries as the journal's
//! ```
//!
//! Invariants: a round is read whole or not at all, so calls that pass a side on are never known by halves; a file is begun anew
//! only when the journal has all of it, and holds [`ROOM`] at most; it belongs to the one journal that began when it did. A
//! `run_dir` that takes no more costs that last moment, said loudly, and no call: from then on the journal knows more than the
//! files, which are emptied once it has all that they lack, or they would be read in the place of what is newer.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use bytes::Bytes;

use super::format::{self, HEAD, Head};
use super::{Note, Notes};
use crate::runtime::clock;

/// Where the files are, in `node.run_dir`.
const DIRECTORY: &str = "ahead";

/// Bytes after which the other file has its turn: a few hundred notes, which the journal has within a tenth of a second.
const TURN: u64 = 1 << 20;

/// Bytes of a file at most: half a minute of a thousand calls a second, while a disk makes the journal wait.
const ROOM: u64 = 64 << 20;

/// Bytes before what a checksum covers.
const FRAME: usize = 8;

/// How often who waits for a mark looks at it.
const LOOK: Duration = Duration::from_millis(1);

/// Set once the journal has everything that was handed in before it.
#[derive(Debug, Clone, Default)]
pub struct Mark(Arc<AtomicBool>);

impl PartialEq for Mark {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Mark {}

impl Mark {
    pub(super) fn reach(&self) {
        self.0.store(true, Ordering::Release);
    }

    /// Waits until it is reached, and says whether it was: not for longer than `patience`, nor where nobody is left who could.
    #[must_use]
    pub fn is_reached_within(&self, patience: Duration) -> bool {
        let end = clock::now() + patience;
        while !self.is_reached() && !self.is_lost() && clock::now() < end {
            std::thread::sleep(LOOK);
        }
        self.is_reached()
    }

    fn is_reached(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }

    /// Whether nobody is left who could reach it.
    fn is_lost(&self) -> bool {
        Arc::strong_count(&self.0) == 1 && !self.is_reached()
    }
}

/// Where one shard writes.
#[derive(Debug)]
pub struct Ahead {
    journal: Notes,
    turns: Option<Turns>,
    /// Whether it was said that nothing can be written.
    failing: bool,
}

#[derive(Debug)]
struct Turns {
    head: Vec<u8>,
    files: [File; 2],
    /// Which of them is written to.
    current: usize,
    length: u64,
    /// How often they have changed.
    turn: u64,
    /// What tells that the journal has all of the other one.
    awaited: Option<Mark>,
    /// What tells that the journal has all that could not be written here.
    missed: Option<Mark>,
}

impl Ahead {
    /// A place for what `shard` says to the journal that began at `began`.
    pub(super) fn new(directory: &Path, began: SystemTime, shard: usize, journal: Notes) -> Self {
        let turns = Turns::create(directory, began, shard);
        let mut ahead = Self { journal, turns: None, failing: false };
        match turns {
            Ok(turns) => ahead.turns = Some(turns),
            Err(error) => ahead.fails(&error),
        }
        ahead
    }

    /// Keeps notes: when this returns, a process that is killed has said them.
    pub fn keep(&mut self, notes: Vec<Note>) {
        let turns = self.turns.as_mut().filter(|_| !notes.is_empty());
        let written = turns.map(|turns| turns.append(&notes, &self.journal));
        notes.into_iter().for_each(|note| self.journal.take(note));
        match written {
            Some(Ok(())) => self.failing = false,
            Some(Err(error)) => {
                if let Some(turns) = &mut self.turns {
                    // Behind the notes that it is about.
                    turns.missed = Some(marked(&self.journal));
                }
                self.fails(&error);
            }
            None => {}
        }
    }

    fn fails(&mut self, error: &io::Error) {
        if !std::mem::replace(&mut self.failing, true) {
            tracing::error!(
                "journal: node.run_dir cannot be written, what changes in the moment of a kill is lost: {error}"
            );
        }
    }
}

impl Turns {
    fn create(directory: &Path, began: SystemTime, shard: usize) -> io::Result<Self> {
        fs::create_dir_all(directory)?;
        let name = |half: usize| directory.join(format!("{}-{shard}-{half}", nanos(began)));
        let open = |half| OpenOptions::new().create(true).append(true).open(name(half));
        let files = [open(0)?, open(1)?];
        let (head, current, length, turn) = (format::head(began), 1, 0, 0);
        let mut turns = Self { head, files, current, length, turn, awaited: None, missed: None };
        turns.turn_over()?;
        Ok(turns)
    }

    /// Writes a round.
    fn append(&mut self, notes: &[Note], journal: &Notes) -> io::Result<()> {
        self.begin_anew()?;
        let mut round = vec![0; FRAME];
        for note in notes {
            format::append(note, &mut round);
        }
        let length = u32::try_from(round.len() - FRAME).map_err(io::Error::other)?;
        let sum = crc32fast::hash(&round[FRAME..]);
        round[..4].copy_from_slice(&length.to_le_bytes());
        round[4..FRAME].copy_from_slice(&sum.to_le_bytes());
        if self.length > TURN && self.may_turn(journal) {
            self.turn_over()?;
            self.awaited = Some(marked(journal));
        }
        if self.length + round.len() as u64 > ROOM {
            return Err(io::Error::other("the journal's disk is too far behind"));
        }
        let file = &mut self.files[self.current];
        file.write_all(&round).inspect_err(|_| {
            // Half a round would hide those that come after it.
            drop(file.set_len(self.length));
        })?;
        self.length += round.len() as u64;
        Ok(())
    }

    /// Whether the journal has all of the other file.
    fn may_turn(&mut self, journal: &Notes) -> bool {
        let Some(mark) = &self.awaited else { return true };
        if mark.is_lost() {
            self.awaited = Some(marked(journal));
            return false;
        }
        mark.is_reached()
    }

    /// After something could not be written: empties both files once the journal has all that they lack.
    fn begin_anew(&mut self) -> io::Result<()> {
        let Some(missed) = &self.missed else { return Ok(()) };
        if !missed.is_reached() {
            return Err(io::Error::other("the journal does not have yet what could not be written"));
        }
        self.files.iter().try_for_each(|file| file.set_len(0))?;
        (self.awaited, self.missed) = (None, None);
        self.turn_over()
    }

    /// Begins the other file anew.
    fn turn_over(&mut self) -> io::Result<()> {
        let next = 1 - self.current;
        let head = [self.head.as_slice(), &(self.turn + 1).to_le_bytes()].concat();
        self.files[next].set_len(0)?;
        self.files[next].write_all(&head)?;
        (self.current, self.length, self.turn) = (next, head.len() as u64, self.turn + 1);
        Ok(())
    }
}

/// A mark that is reached once the journal has all that it was told.
fn marked(journal: &Notes) -> Mark {
    let mark = Mark::default();
    journal.take(Note::Mark(mark.clone()));
    mark
}

/// The directory of the node with this `run_dir`.
pub(super) fn directory(run_dir: &Path) -> PathBuf {
    run_dir.join(DIRECTORY)
}

/// What all shards have said to the journal that began at `began`, each in its order.
///
/// # Errors
/// When a file is there and cannot be read.
pub(super) fn read(directory: &Path, began: SystemTime) -> io::Result<Vec<Note>> {
    let mut said = Vec::new();
    for (path, shard) in files(directory, |of| of == nanos(began))? {
        let bytes = Bytes::from(fs::read(&path)?);
        let turn = bytes.get(HEAD..).and_then(|rest| rest.split_first_chunk::<8>());
        let Some((turn, _)) = turn.filter(|_| matches!(format::read_head(&bytes), Head::Ours { .. })) else {
            // It was about to be begun anew.
            continue;
        };
        said.push((shard, u64::from_le_bytes(*turn), rounds(bytes.slice(HEAD + 8..))));
    }
    said.sort_by_key(|(shard, turn, _)| (shard.clone(), *turn));
    Ok(said.into_iter().flat_map(|(_, _, notes)| notes).collect())
}

/// The notes of all rounds that are whole.
pub(super) fn rounds(mut rest: Bytes) -> Vec<Note> {
    let mut notes = Vec::new();
    while let Some((round, behind)) = next(&rest) {
        let mut entries = round;
        while let Some((note, others)) = format::next(&entries) {
            notes.push(note);
            entries = others;
        }
        rest = behind;
    }
    notes
}

/// The first round and what is behind it; `None` when it is cut short or damaged.
fn next(bytes: &Bytes) -> Option<(Bytes, Bytes)> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    let (sum, rest) = rest.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
    let round = rest.get(..length)?;
    (crc32fast::hash(round) == u32::from_le_bytes(*sum))
        .then(|| (bytes.slice_ref(round), bytes.slice(FRAME + length..)))
}

/// Removes the files of every journal but the one that began at `but`; of all, when there is none.
pub(super) fn remove(directory: &Path, but: Option<SystemTime>) -> io::Result<()> {
    let but = but.map(nanos);
    for (path, _) in files(directory, |of| Some(of) != but)? {
        fs::remove_file(path)?;
    }
    Ok(())
}

/// Files of journals that `wanted` takes by when they began, each with the name of its shard.
fn files(directory: &Path, wanted: impl Fn(u128) -> bool) -> io::Result<Vec<(PathBuf, String)>> {
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut found = Vec::new();
    for entry in entries {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let mut parts = name.split('-');
        let began = parts.next().and_then(|began| began.parse().ok());
        if let (true, Some(shard)) = (began.is_some_and(&wanted), parts.next()) {
            let shard = shard.to_owned();
            found.push((path, shard));
        }
    }
    Ok(found)
}

/// What names a journal: when it began.
fn nanos(began: SystemTime) -> u128 {
    began.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_nanos()
}

#[cfg(test)]
mod tests;
