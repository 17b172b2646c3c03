//! The table that a number is looked up in: every text that a route's numbers begin with, or are, sorted.
//!
//! The longest text that a number begins with is found by one binary search: it is the last one that is not behind the number,
//! or one that this begins with in turn. So each text knows the longest other one that it begins with, and the way up from there
//! passes all that the number begins with, the longest first.
//!
//! Invariants: flat lists and no pointers, about 30 bytes a text; a look-up allocates nothing. Between equal texts the order is
//! that of [`Precedence`], and then that of the file.

use std::collections::HashMap;
use std::ops::Range;

use super::{NumberMatch, Precedence, Route, TrunkId};

/// Stands for no text.
const NONE: u32 = u32::MAX;

/// Routes of one text that are looked through one by one. With more of them, who calls finds his own in a table.
const CROWD_MIN: usize = 16;

/// Entries of that table: 12 bytes each. Beyond that a look-up costs time, not memory.
const CROWD_ENTRIES_MAX: usize = 4 << 20;

/// A route under one of its texts.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    /// Position of the route.
    pub(super) route: u32,
    /// Which of the lists of callers' trunks it has.
    callers: u32,
    /// Whether the number has to be the text.
    pub(super) whole: bool,
}

/// A text, and where its routes are.
#[derive(Debug, Clone)]
struct Text {
    start: u32,
    bytes: u32,
    /// The longest other text that it begins with.
    shorter: u32,
    entries: Range<u32>,
}

/// All texts of all routes.
#[derive(Debug, Default)]
pub(super) struct Index {
    /// The first eight bytes of each text, which sort as it does.
    heads: Vec<u64>,
    texts: Vec<Text>,
    letters: Vec<u8>,
    entries: Vec<Entry>,
    /// Lists of trunks that routes take calls from, each sorted, none twice.
    callers: Vec<Box<[TrunkId]>>,
    /// The routes of one caller under a text that many have, by the text's position.
    crowds: HashMap<(u32, TrunkId), Vec<Entry>>,
}

impl Index {
    pub(super) fn new(routes: &[Route]) -> Self {
        let mut index = Self::default();
        let callers = index.number_callers(routes);
        let mut keyed: Vec<(&str, (Precedence, u32), Entry)> = Vec::with_capacity(routes.len());
        for ((position, route), callers) in (0_u32..).zip(routes).zip(callers) {
            let entry = |whole| Entry { route: position, callers, whole };
            let rank = (route.precedence(), position);
            match &route.to {
                NumberMatch::Prefix(prefix) => keyed.push((prefix, rank, entry(false))),
                NumberMatch::Pattern(pattern) => keyed.push((pattern.beginning(), rank, entry(false))),
                NumberMatch::Exact(numbers) => {
                    keyed.extend(numbers.iter().map(|number| (number.as_str(), rank, entry(true))));
                }
            }
        }
        keyed.sort_unstable_by(|a, b| (a.0, a.1).cmp(&(b.0, b.1)));
        for same in keyed.chunk_by(|a, b| a.0 == b.0) {
            index.add(same[0].0, same.iter().map(|(_, _, entry)| *entry));
        }
        index.note_crowds();
        index
    }

    /// Gives each list of trunks a number, the same to equal ones.
    fn number_callers(&mut self, routes: &[Route]) -> Vec<u32> {
        let mut known: HashMap<Box<[TrunkId]>, u32> = HashMap::new();
        let mut numbers = Vec::with_capacity(routes.len());
        for route in routes {
            let mut callers = route.from.clone();
            callers.sort_unstable();
            let callers = callers.into_boxed_slice();
            let next = position(self.callers.len());
            let number = *known.entry(callers).or_insert_with_key(|callers| {
                self.callers.push(callers.clone());
                next
            });
            numbers.push(number);
        }
        numbers
    }

    /// Adds the next text in order.
    fn add(&mut self, text: &str, entries: impl Iterator<Item = Entry>) {
        let mut shorter = self.texts.len().checked_sub(1).map_or(NONE, position);
        while let Some(candidate) = self.text(shorter)
            && !text.as_bytes().starts_with(self.letters_of(candidate))
        {
            shorter = candidate.shorter;
        }
        let (start, first) = (position(self.letters.len()), position(self.entries.len()));
        self.letters.extend(text.bytes());
        self.entries.extend(entries);
        self.heads.push(head(text.as_bytes()));
        self.texts.push(Text {
            start,
            bytes: position(text.len()),
            shorter,
            entries: first..position(self.entries.len()),
        });
    }

    fn note_crowds(&mut self) {
        let mut left = CROWD_ENTRIES_MAX;
        for (at, text) in (0_u32..).zip(&self.texts) {
            let entries = slice(&self.entries, &text.entries);
            let wanted: usize = entries.iter().map(|entry| self.callers_of(entry).len()).sum();
            if entries.len() < CROWD_MIN || wanted > left {
                continue;
            }
            left -= wanted;
            let mut crowds: HashMap<(u32, TrunkId), Vec<Entry>> = HashMap::new();
            for entry in entries {
                for caller in self.callers_of(entry) {
                    crowds.entry((at, *caller)).or_default().push(*entry);
                }
            }
            // A text whose crowd is noted is looked up there alone: this key says that it is.
            crowds.entry((at, NOBODY)).or_default();
            self.crowds.extend(crowds);
        }
    }

    /// The texts that `number` begins with, the longest first, and whether each is all of it.
    pub(super) fn texts(&self, number: &str) -> impl Iterator<Item = (u32, bool)> {
        let number_bytes = number.as_bytes();
        let mut next = self.last_before(number_bytes);
        while let Some(text) = self.text(next)
            && !number_bytes.starts_with(self.letters_of(text))
        {
            next = text.shorter;
        }
        let length = number_bytes.len();
        std::iter::successors(self.text(next).map(|_| next), |at| {
            let shorter = self.text(*at)?.shorter;
            (shorter != NONE).then_some(shorter)
        })
        .map(move |at| (at, self.text(at).is_some_and(|text| text.bytes as usize == length)))
    }

    /// The routes of a text, in the order in which they are tried.
    pub(super) fn entries(&self, text: u32) -> &[Entry] {
        self.text(text).map_or(&[], |text| slice(&self.entries, &text.entries))
    }

    /// Those of them that take calls from `caller`.
    pub(super) fn entries_for(&self, text: u32, caller: TrunkId) -> impl Iterator<Item = &Entry> {
        let entries = self.entries(text);
        let crowded = entries.len() >= CROWD_MIN && self.crowds.contains_key(&(text, NOBODY));
        let own =
            if crowded { self.crowds.get(&(text, caller)).map_or(&[][..], Vec::as_slice) } else { entries };
        own.iter().filter(move |entry| crowded || self.callers_of(entry).binary_search(&caller).is_ok())
    }

    /// Bytes of memory that it takes.
    pub(super) fn bytes(&self) -> usize {
        let crowds: usize = self.crowds.values().map(|entries| size_of_val(entries.as_slice()) + 48).sum();
        let callers: usize = self.callers.iter().map(|callers| size_of_val(callers.as_ref())).sum();
        self.heads.capacity() * size_of::<u64>()
            + self.texts.capacity() * size_of::<Text>()
            + self.entries.capacity() * size_of::<Entry>()
            + self.letters.capacity()
            + callers
            + crowds
    }

    /// The last text that does not stand behind `number`.
    fn last_before(&self, number: &[u8]) -> u32 {
        let head = head(number);
        let below = self.heads.partition_point(|other| *other < head);
        let same = self.heads[below..].partition_point(|other| *other == head);
        let not_behind =
            self.texts[below..below + same].partition_point(|text| self.letters_of(text) <= number);
        (below + not_behind).checked_sub(1).map_or(NONE, position)
    }

    fn text(&self, at: u32) -> Option<&Text> {
        self.texts.get(at as usize)
    }

    fn letters_of(&self, text: &Text) -> &[u8] {
        let start = text.start as usize;
        &self.letters[start..start + text.bytes as usize]
    }

    fn callers_of(&self, entry: &Entry) -> &[TrunkId] {
        self.callers.get(entry.callers as usize).map_or(&[], |callers| callers)
    }
}

/// Under this caller a crowd is noted that nobody is part of.
const NOBODY: TrunkId = TrunkId(u32::MAX);

/// The first eight bytes of a text as a number that sorts as the text does.
fn head(text: &[u8]) -> u64 {
    let mut bytes = [0; 8];
    let length = text.len().min(8);
    bytes[..length].copy_from_slice(&text[..length]);
    u64::from_be_bytes(bytes)
}

fn slice<'a, T>(all: &'a [T], range: &Range<u32>) -> &'a [T] {
    &all[range.start as usize..range.end as usize]
}

/// A position in a list of fewer than four thousand million.
#[expect(clippy::expect_used, reason = "a configuration file is bounded far below that")]
fn position(index: usize) -> u32 {
    u32::try_from(index).expect("fewer than 2^32 positions")
}
