use std::time::Duration;

use crossbeam::channel::{Receiver, bounded};
use edge_core::call::CallKey;

use super::*;
use crate::journal::{Counts, Journal};

/// A directory of its own, gone with the test.
struct Place(PathBuf);

impl Place {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("edge-ahead-{name}-{}", std::process::id()));
        drop(fs::remove_dir_all(&path));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

const BEGAN: SystemTime = SystemTime::UNIX_EPOCH;

fn write(number: u64, entry: &[u8]) -> Note {
    Note::Write { call: CallKey::from_number(number), media: 7, entry: Bytes::copy_from_slice(entry) }
}

/// A journal that never comes to write what it is told.
fn stuck() -> (Notes, Receiver<Note>) {
    let (sender, inbox) = bounded(1024);
    (Notes { sender, counts: Arc::<Counts>::default() }, inbox)
}

#[test]
fn what_was_kept_is_read_though_the_journal_has_none_of_it() {
    let (place, (journal, inbox)) = (Place::new("kept"), stuck());
    let said = [write(1, b"one"), write(2, b"two"), Note::Forget { call: CallKey::from_number(2) }];
    let mut shards = [0, 1].map(|shard| Ahead::new(&place.0, BEGAN, shard, journal.clone()));
    shards[0].keep(said[..2].to_vec());
    shards[1].keep(vec![write(3, b"three")]);
    shards[0].keep(said[2..].to_vec());
    let found = read(&place.0, BEGAN).unwrap();
    assert_eq!(found, [&said[..], &[write(3, b"three")]].concat());
    assert_eq!(inbox.len(), 4, "the journal is told all of it");
    let another = BEGAN + Duration::from_secs(1);
    assert_eq!(read(&place.0, another).unwrap(), [], "of another process");
    remove(&place.0, Some(another)).unwrap();
    assert_eq!(fs::read_dir(&place.0).unwrap().count(), 0);
}

#[test]
fn killed_at_every_byte_a_round_is_read_whole_or_not_at_all() {
    let (place, (journal, _inbox)) = (Place::new("torn"), stuck());
    let mut ahead = Ahead::new(&place.0, BEGAN, 0, journal);
    let rounds = [vec![write(1, b"one"), write(2, b"two")], vec![write(1, b"left"), write(3, b"took")]];
    let mut ends = vec![HEAD + 8];
    let file = place.0.join("0-0-0");
    for round in &rounds {
        ahead.keep(round.clone());
        ends.push(fs::metadata(&file).unwrap().len() as usize);
    }
    let whole = fs::read(&file).unwrap();
    for cut in 0..=whole.len() {
        fs::write(&file, &whole[..cut]).unwrap();
        let expected = ends.iter().skip(1).filter(|end| **end <= cut).count();
        assert_eq!(read(&place.0, BEGAN).unwrap(), rounds[..expected].concat(), "cut at {cut}");
    }
    for at in HEAD + 8..whole.len() {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x10;
        fs::write(&file, &damaged).unwrap();
        let expected = ends.iter().skip(1).filter(|end| **end <= at).count();
        assert_eq!(read(&place.0, BEGAN).unwrap(), rounds[..expected].concat(), "damaged at {at}");
    }
}

#[test]
fn a_file_is_begun_anew_only_when_the_journal_has_all_of_it() {
    let (place, (journal, inbox)) = (Place::new("turns"), stuck());
    let mut ahead = Ahead::new(&place.0, BEGAN, 0, journal);
    let entry = vec![1; 100 << 10];
    let mut said = Vec::new();
    let mut keep = |ahead: &mut Ahead, number| {
        said.push(write(number, &entry));
        ahead.keep(vec![write(number, &entry)]);
        said.clone()
    };
    for number in 0..40 {
        let said = keep(&mut ahead, number);
        assert_eq!(read(&place.0, BEGAN).unwrap(), said, "nobody has anything of it");
    }
    let marks =
        |inbox: &Receiver<Note>| inbox.try_iter().filter(|note| matches!(note, Note::Mark(_))).collect();
    let lost: Vec<Note> = marks(&inbox);
    assert_eq!(lost.len(), 1);
    drop(lost);
    keep(&mut ahead, 40);
    let again: Vec<Note> = marks(&inbox);
    let [Note::Mark(mark)] = &again[..] else { panic!("a mark that was lost is set again: {again:?}") };
    mark.reach();
    let said = keep(&mut ahead, 41);
    let found = read(&place.0, BEGAN).unwrap();
    assert!(found.len() < said.len() && said.ends_with(&found), "{} of {}", found.len(), said.len());
    assert!(found.len() > 30, "what the journal may not have is there");
}

#[test]
fn a_journal_that_writes_lets_files_be_begun_anew_and_is_read_with_what_it_lacks() {
    let place = Place::new("journal");
    let path = place.0.join("kept");
    let journal = Journal::start(&path, &place.0, clock::now()).unwrap();
    let (mut ahead, former) = (journal.ahead(0), directory(&place.0).join("0-0-0"));
    fs::write(&former, b"").unwrap();
    ahead.keep(vec![Note::Replace]);
    let entry = vec![1; 100 << 10];
    for number in 0..60 {
        let (written, notes) = (journal.written(), vec![write(number % 3, &entry)]);
        ahead.keep(notes);
        while journal.written() == written {
            std::thread::yield_now();
        }
    }
    assert!(!former.exists(), "a former process is not needed any more");
    let sizes =
        fs::read_dir(directory(&place.0)).unwrap().map(|file| file.unwrap().metadata().unwrap().len());
    assert!(sizes.max().unwrap() < 2 * TURN, "bounded by what the journal lacks");
    // Killed: of what was said last the journal has nothing, and it forgot a call that was said before.
    let notes = journal.notes();
    let forget = Note::Forget { call: CallKey::from_number(2) };
    let written = journal.written();
    notes.put(forget);
    while journal.written() == written {
        std::thread::yield_now();
    }
    let (lacks, _inbox) = stuck();
    let began = journal.began;
    Ahead::new(&directory(&place.0), began, 1, lacks).keep(vec![write(8, b"none")]);
    let (mut found, _) = crate::journal::read::entries(&Bytes::from(fs::read(&path).unwrap()));
    read(&directory(&place.0), began).unwrap().into_iter().for_each(|note| found.take(note));
    let left: Vec<u64> = found.calls.keys().map(|call| call.number()).collect();
    assert_eq!(left, [0, 1, 8]);
    drop((ahead, notes));
    journal.finish().unwrap();
    assert_eq!(
        fs::read_dir(directory(&place.0)).unwrap().count(),
        0,
        "nothing is left of one that has ended"
    );
}

#[test]
fn a_directory_that_cannot_be_written_costs_no_note() {
    let (place, (journal, inbox)) = (Place::new("refused"), stuck());
    let file = place.0.join("file");
    fs::write(&file, b"").unwrap();
    Ahead::new(&file, BEGAN, 0, journal).keep(vec![write(1, b"one")]);
    assert_eq!(inbox.try_iter().collect::<Vec<_>>(), [write(1, b"one")]);
}

#[test]
fn what_could_not_be_written_is_not_read_as_it_was_before() {
    let (place, (journal, inbox)) = (Place::new("stale"), stuck());
    let mut ahead = Ahead::new(&place.0, BEGAN, 0, journal);
    ahead.keep(vec![write(1, b"before")]);
    let takes_nothing = File::open(place.0.join("0-0-0")).unwrap();
    let file = std::mem::replace(&mut ahead.turns.as_mut().unwrap().files[0], takes_nothing);
    ahead.keep(vec![write(1, b"after")]);
    ahead.turns.as_mut().unwrap().files[0] = file;
    ahead.keep(vec![write(1, b"later")]);
    let told: Vec<Note> = inbox.try_iter().collect();
    let marks: Vec<&Mark> =
        told.iter().filter_map(|note| if let Note::Mark(mark) = note { Some(mark) } else { None }).collect();
    assert_eq!(marks.len(), 2, "the journal has nothing of it yet: {told:?}");
    assert_eq!(read(&place.0, BEGAN).unwrap(), [write(1, b"before")]);
    marks.into_iter().for_each(Mark::reach);
    ahead.keep(vec![write(2, b"another")]);
    assert_eq!(
        read(&place.0, BEGAN).unwrap(),
        [write(2, b"another")],
        "the journal knows the first one better"
    );
    assert!(!ahead.failing);
}
