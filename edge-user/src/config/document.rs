//! A TOML document read section by section: every fault is noted with its line, and reading goes on.
//!
//! Invariants: a [`Section`] is audited against its known keys when it is opened, so no key can be ignored. A
//! reader that answers `None` for a key that is there has noted why; the caller may go on with a default,
//! because a document with problems never becomes a configuration.

use std::borrow::Cow;
use std::cell::RefCell;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::fault::{Fault, Problem};
use super::keys::{self, Keys};
use super::nearest::nearest;
use super::pieces::Chunk;

/// A value and the line it stands on.
#[derive(Debug, Clone, Copy)]
pub(super) struct At<T> {
    pub(super) value: T,
    pub(super) line: usize,
}

/// What is wrong with a document, as far as it has been read.
#[derive(Debug)]
pub(super) struct Report {
    /// Byte offset of each line's first character.
    line_starts: Vec<usize>,
    /// Number of the first line.
    first_line: usize,
    problems: RefCell<Vec<Problem>>,
}

impl Report {
    pub(super) fn new(text: &str) -> Self {
        Self::of_piece(text, 1)
    }

    /// That of a piece of a file, which begins with the line of this number.
    fn of_piece(text: &str, first_line: usize) -> Self {
        let line_starts = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        Self { line_starts, first_line, problems: RefCell::default() }
    }

    /// The document, without what was wrong with its form, which is noted; what could not be read is `false`.
    pub(super) fn parse<'t>(&self, text: &'t str) -> (Spanned<DeTable<'t>>, bool) {
        let (document, syntax) = DeTable::parse_recoverable(text);
        for error in &syntax {
            let line = self.line(&error.span().unwrap_or_default());
            self.note(line, "", "", Fault::Syntax(error.message().to_owned()));
        }
        (document, syntax.is_empty())
    }

    /// Takes over what is wrong with a piece.
    fn absorb(&self, piece: Self) {
        self.problems.borrow_mut().append(&mut piece.problems.into_inner());
    }

    pub(super) fn line(&self, span: &Range<usize>) -> usize {
        // The first line starts at zero, so there is at least one.
        self.first_line + self.line_starts.partition_point(|start| *start <= span.start) - 1
    }

    pub(super) fn note(&self, line: usize, section: &str, key: &str, fault: Fault) {
        let problem = Problem { line, section: section.to_owned(), key: key.to_owned(), fault };
        self.problems.borrow_mut().push(problem);
    }

    pub(super) fn is_clean(&self) -> bool {
        self.problems.borrow().is_empty()
    }

    /// All problems, in the order of the file.
    pub(super) fn into_problems(self) -> Vec<Problem> {
        let mut problems = self.problems.into_inner();
        problems.sort_by_key(|problem| problem.line);
        problems
    }
}

/// A value that a key can have.
pub(super) trait FromToml<'a>: Sized {
    /// Reads it, or says what is wrong with it.
    fn from_toml(value: &'a DeValue<'a>) -> Result<Self, Fault>;
}

/// The fault of a value that should have been `expected`.
pub(super) fn wrong_type(value: &DeValue<'_>, expected: impl Into<Cow<'static, str>>) -> Fault {
    Fault::Type { found: value.type_str(), expected: expected.into() }
}

/// One table of the document. An absent table reads as an empty one.
#[derive(Debug)]
pub(super) struct Section<'a> {
    report: &'a Report,
    table: Option<&'a DeTable<'a>>,
    /// Something is there that is no table, which has been noted: nothing is missing then.
    refused: bool,
    /// Line that the section begins on.
    pub(super) line: usize,
    /// As an operator calls it, such as `trunk carrier-a`.
    pub(super) title: String,
}

impl<'a> Section<'a> {
    /// The whole document.
    pub(super) fn root(report: &'a Report, table: &'a DeTable<'a>, keys: Keys) -> Self {
        let section = Self { report, table: Some(table), refused: false, line: 1, title: String::new() };
        section.audit(keys);
        section
    }

    /// The routes of a piece of this document's file, one after the other.
    pub(super) fn routes_of(&self, piece: Chunk<'_>, mut take: impl FnMut(Option<Section<'_>>)) {
        let report = Report::of_piece(piece.text, piece.first_line);
        let (document, whole) = report.parse(piece.text);
        if whole {
            let root = Section::root(&report, document.get_ref(), keys::PIECE);
            let routes = root.tables_behind(piece.before, "route", keys::ROUTE);
            routes.into_iter().for_each(&mut take);
        }
        self.report.absorb(report);
    }

    /// The table at `key`, empty when it is absent.
    pub(super) fn section(&self, key: &'static str, keys: Keys) -> Self {
        let (line, refused) = (self.line_of(key), self.has(key));
        let empty = || Self { report: self.report, table: None, refused, line, title: self.subtitle(key) };
        self.table(key, keys).unwrap_or_else(empty)
    }

    /// The table at `key`, when it is there.
    pub(super) fn table(&self, key: &'static str, keys: Keys) -> Option<Self> {
        let form = if self.is_root() { format!("[{key}]") } else { "a table, in { }".to_owned() };
        self.open(self.raw(key)?, key, self.subtitle(key), keys, form)
    }

    /// The tables of the list at `key`, called by their names, or by their position where they have none.
    pub(super) fn tables(&self, key: &'static str, keys: Keys) -> Vec<Option<Self>> {
        self.tables_behind(0, key, keys)
    }

    /// The same, behind as many of its kind in other pieces of the file.
    fn tables_behind(&self, before: usize, key: &'static str, keys: Keys) -> Vec<Option<Self>> {
        let form =
            if self.is_root() { format!("[[{key}]]") } else { "a list of tables, in [{ }]".to_owned() };
        let Some(value) = self.raw(key) else { return Vec::new() };
        let Some(list) = value.get_ref().as_array() else {
            self.note(self.line_of(key), key, wrong_type(value.get_ref(), form));
            return Vec::new();
        };
        let opened = list.iter().enumerate().map(|(index, element)| {
            let name = element.get_ref().get("name").and_then(|name| name.get_ref().as_str());
            let called = name.map_or_else(|| format!("number {}", before + index + 1), str::to_owned);
            self.open(element, key, format!("{} {called}", self.subtitle(key)), keys, form.clone())
        });
        opened.collect()
    }

    /// The value at `key`; `None` when it is absent or has been noted as wrong.
    pub(super) fn get<T: FromToml<'a>>(&self, key: &'static str) -> Option<At<T>> {
        self.read(key, self.raw(key)?)
    }

    /// The value at `key`, or what it is when nothing is said, also when that is wrong.
    pub(super) fn or_default<T: FromToml<'a> + Default>(&self, key: &'static str) -> T {
        self.get(key).map_or_else(T::default, |at| at.value)
    }

    /// The value at `key`, which must be there.
    pub(super) fn require<T: FromToml<'a>>(&self, key: &'static str, example: &'static str) -> Option<At<T>> {
        self.refuse_absent(key, example);
        self.get(key)
    }

    /// The elements of the list at `key`, without those that have been noted as wrong; `None` when the key is
    /// absent or not a list.
    pub(super) fn list<T: FromToml<'a>>(&self, key: &'static str) -> Option<Vec<At<T>>> {
        let value = self.raw(key)?;
        let Some(elements) = value.get_ref().as_array() else {
            self.note(self.line_of(key), key, wrong_type(value.get_ref(), "a list, in [ ]"));
            return None;
        };
        Some(elements.iter().filter_map(|element| self.read(key, element)).collect())
    }

    /// The list at `key`, which must be there and have an element; `instead` says what to do when it has none.
    pub(super) fn require_list<T: FromToml<'a>>(
        &self,
        key: &'static str,
        example: &'static str,
        instead: &'static str,
    ) -> Option<Vec<At<T>>> {
        self.refuse_absent(key, example);
        self.refuse_empty(key, instead);
        self.list(key).filter(|elements| !elements.is_empty())
    }

    /// Notes that there is nothing at `key`; `example` says what there could be.
    pub(super) fn refuse_absent(&self, key: &'static str, example: &'static str) {
        if !self.has(key) && !self.refused {
            self.note(self.line, key, Fault::Missing { example });
        }
    }

    /// Notes a list at `key` that is there and has no element.
    pub(super) fn refuse_empty(&self, key: &'static str, instead: &'static str) {
        let Some(value) = self.raw(key) else { return };
        if value.get_ref().as_array().is_some_and(|elements| elements.is_empty()) {
            self.note(self.line_of(key), key, Fault::EmptyList { instead });
        }
    }

    /// Line of the value at `key`, or of the section when it is absent.
    pub(super) fn line_of(&self, key: &str) -> usize {
        self.raw(key).map_or(self.line, |value| self.report.line(&value.span()))
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.raw(key).is_some()
    }

    /// Notes a fault of this section's `key`.
    pub(super) fn note(&self, line: usize, key: &str, fault: Fault) {
        self.report.note(line, &self.title, key, fault);
    }

    fn read<T: FromToml<'a>>(&self, key: &str, value: &'a Spanned<DeValue<'a>>) -> Option<At<T>> {
        let line = self.report.line(&value.span());
        match T::from_toml(value.get_ref()) {
            Ok(value) => Some(At { value, line }),
            Err(fault) => {
                self.note(line, key, fault);
                None
            }
        }
    }

    fn raw(&self, key: &str) -> Option<&'a Spanned<DeValue<'a>>> {
        self.table.and_then(|table| table.get(key))
    }

    fn open(
        &self,
        value: &'a Spanned<DeValue<'a>>,
        key: &str,
        title: String,
        keys: Keys,
        form: String,
    ) -> Option<Self> {
        let line = self.report.line(&value.span());
        let Some(table) = value.get_ref().as_table() else {
            self.note(line, key, wrong_type(value.get_ref(), form));
            return None;
        };
        let section = Self { report: self.report, table: Some(table), refused: false, line, title };
        section.audit(keys);
        Some(section)
    }

    fn is_root(&self) -> bool {
        self.title.is_empty()
    }

    fn subtitle(&self, key: &str) -> String {
        if self.is_root() { key.to_owned() } else { format!("{}: {key}", self.title) }
    }

    /// Notes every key of this section that is not known.
    fn audit(&self, keys: Keys) {
        for (name, _) in self.table.into_iter().flatten() {
            let found = name.get_ref().as_ref();
            if keys.iter().any(|key| key.name == found) {
                continue;
            }
            let fault = Fault::UnknownKey { nearest: nearest(found, keys.iter().map(|key| key.name)) };
            self.note(self.report.line(&name.span()), found, fault);
        }
    }
}
