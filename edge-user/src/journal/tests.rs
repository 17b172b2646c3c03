use std::path::PathBuf;
use std::time::SystemTime;

use bytes::Bytes;
use edge_core::call::{CallKey, JOURNAL_VERSION};

use super::format::{self, HEAD, Head};
use super::read::entries;
use super::*;
use crate::runtime::clock;

/// Enough for any disk.
const PATIENCE: Duration = Duration::from_secs(60);

/// A directory of its own, gone with the test.
struct Place(PathBuf);

impl Place {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("edge-journal-{name}-{}", std::process::id()));
        drop(std::fs::remove_dir_all(&path));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn run(&self) -> PathBuf {
        self.0.join("run")
    }

    fn journal(&self) -> PathBuf {
        self.0.join("journal")
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

fn write(number: u64, entry: &'static [u8]) -> Note {
    Note::Write { call: CallKey::from_number(number), media: 7, entry: Bytes::from_static(entry) }
}

fn forget(number: u64) -> Note {
    Note::Forget { call: CallKey::from_number(number) }
}

/// What a file holds: number and entry of each call.
fn held(path: &Path) -> Vec<(u64, Vec<u8>)> {
    let bytes = Bytes::from(std::fs::read(path).unwrap());
    assert!(matches!(format::read_head(&bytes), Head::Ours { .. }));
    let (found, intact) = entries(&bytes);
    assert_eq!(intact, bytes.len());
    found.calls.into_iter().map(|(call, (_, entry))| (call.number(), entry.to_vec())).collect()
}

/// A journal that has been told this, and is finished.
fn kept(place: &Place, notes: impl IntoIterator<Item = Note>) {
    let journal = Journal::start(&place.journal(), &place.run(), clock::now()).unwrap();
    let taker = journal.notes();
    notes.into_iter().for_each(|note| taker.put(note));
    drop(taker);
    journal.finish().unwrap();
}

#[test]
fn the_newest_entry_of_each_call_that_is_not_forgotten_is_read() {
    let place = Place::new("newest");
    kept(
        &place,
        [
            Note::Replace,
            write(1, b"one"),
            write(2, b"two"),
            write(1, b"one again"),
            write(3, b"three"),
            forget(2),
        ],
    );
    assert_eq!(held(&place.journal()), [(1, b"one again".to_vec()), (3, b"three".to_vec())]);
}

#[test]
fn a_file_of_which_nothing_stands_is_removed_and_none_is_nothing() {
    let place = Place::new("empty");
    kept(&place, [Note::Replace, write(1, b"one"), forget(1)]);
    assert!(!place.journal().exists());
    assert_eq!(read(&place.journal(), &place.run()).unwrap(), None);
}

#[test]
fn the_former_journal_stays_until_it_is_replaced() {
    let place = Place::new("former");
    kept(&place, [Note::Replace, write(1, b"former")]);
    kept(&place, [write(1, b"half way")]);
    assert_eq!(held(&place.journal()), [(1, b"former".to_vec())]);
    kept(&place, [write(1, b"whole"), Note::Replace]);
    assert_eq!(held(&place.journal()), [(1, b"whole".to_vec())]);
}

#[test]
fn a_mark_behind_it_is_reached_once_the_next_process_reads_the_new_journal() {
    let place = Place::new("in-place");
    kept(&place, [Note::Replace, write(1, b"former")]);
    let journal = Journal::start(&place.journal(), &place.run(), clock::now()).unwrap();
    let (notes, early, late) = (journal.notes(), Mark::default(), Mark::default());
    notes.put(write(2, b"new"));
    notes.put(Note::Mark(early.clone()));
    assert!(early.is_reached_within(PATIENCE));
    assert_eq!(held(&place.journal()), [(1, b"former".to_vec())], "a kill now costs what is new");
    notes.put(Note::Replace);
    notes.put(Note::Mark(late.clone()));
    assert!(late.is_reached_within(PATIENCE));
    assert_eq!(held(&place.journal()), [(2, b"new".to_vec())]);
    drop(notes);
    journal.finish().unwrap();
}

#[test]
fn who_waits_for_a_disk_that_takes_nothing_waits_no_longer_than_it_takes_to_know() {
    let place = Place::new("never-in-place");
    let journal = Journal::start(&place.journal(), &place.run(), clock::now()).unwrap();
    std::fs::remove_dir_all(&place.0).unwrap();
    let (notes, mark) = (journal.notes(), Mark::default());
    notes.put(Note::Replace);
    notes.put(Note::Mark(mark.clone()));
    assert!(!mark.is_reached_within(PATIENCE));
    drop(notes);
    assert!(journal.finish().is_err());
}

/// Some entries as they lie in a file, and where each ends.
fn bytes() -> (Vec<u8>, Vec<usize>) {
    let mut bytes = format::head(SystemTime::UNIX_EPOCH + Duration::from_secs(1));
    let mut ends = vec![bytes.len()];
    for note in [write(1, b"the first"), write(2, b"the second"), forget(1), write(3, b"")] {
        format::append(&note, &mut bytes).unwrap();
        ends.push(bytes.len());
    }
    (bytes, ends)
}

#[test]
fn killed_at_every_byte_everything_before_is_read() {
    let (whole, ends) = bytes();
    let at = |end: usize| entries(&Bytes::copy_from_slice(&whole[..end]));
    for cut in HEAD..=whole.len() {
        let intact = *ends.iter().rfind(|end| **end <= cut).unwrap();
        assert_eq!(at(cut), (at(intact).0, intact), "cut at {cut}");
    }
    for cut in 0..HEAD {
        assert_eq!(format::read_head(&whole[..cut]), Head::Damaged, "cut at {cut}");
    }
}

#[test]
fn a_damaged_byte_costs_its_entry_and_what_follows_and_never_panics() {
    let (whole, ends) = bytes();
    for at in HEAD..whole.len() {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x55;
        let intact = *ends.iter().rfind(|end| **end <= at).unwrap();
        let before = entries(&Bytes::copy_from_slice(&whole[..intact])).0;
        assert_eq!(entries(&Bytes::from(damaged)), (before, intact), "damaged at {at}");
    }
}

#[test]
fn another_version_is_refused_with_what_to_do_and_left_alone() {
    let place = Place::new("foreign");
    let (mut whole, _) = bytes();
    whole[13] += 1;
    std::fs::write(place.journal(), &whole).unwrap();
    let said = read(&place.journal(), &place.run()).unwrap_err().to_string();
    let versions = format!("v2.{JOURNAL_VERSION}, this is v1.{JOURNAL_VERSION}");
    assert!(said.contains(&versions) && said.contains("rm "), "{said}");
    assert_eq!(std::fs::read(place.journal()).unwrap(), whole);
}

#[test]
fn what_is_no_journal_is_none_and_what_is_no_snapshot_is_no_call() {
    let place = Place::new("garbage");
    std::fs::write(place.journal(), b"something else").unwrap();
    assert_eq!(read(&place.journal(), &place.run()).unwrap(), None);
    std::fs::write(place.journal(), bytes().0).unwrap();
    assert_eq!(read(&place.journal(), &place.run()).unwrap().unwrap().calls, []);
}

#[test]
fn a_file_is_written_anew_before_it_holds_much_more_than_what_stands() {
    let place = Place::new("waste");
    let entry: &'static [u8] = &[7; 4096];
    let journal = Journal::start(&place.journal(), &place.run(), clock::now()).unwrap();
    let notes = journal.notes();
    notes.put(Note::Replace);
    for number in 0..8_000 {
        notes.put(write(number % 50, entry));
    }
    drop(notes);
    journal.finish().unwrap();
    let length = std::fs::metadata(place.journal()).unwrap().len();
    assert!(length < 10 << 20, "32 MB were given to it, and {length} bytes are there");
    assert_eq!(held(&place.journal()).len(), 50);
}

#[test]
fn a_disk_that_takes_nothing_costs_the_journal_and_nothing_else() {
    let place = Place::new("full");
    let journal = Journal::start(&place.journal(), &place.run(), clock::now()).unwrap();
    // Its directory is gone: nothing can be put in place.
    std::fs::remove_dir_all(&place.0).unwrap();
    let notes = journal.notes();
    notes.put(Note::Replace);
    notes.put(write(1, b"one"));
    drop(notes);
    let said = journal.finish().unwrap_err().to_string();
    assert!(said.contains("could not be written"), "{said}");
}
