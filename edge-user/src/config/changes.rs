//! What a file changes of another one: section by section and key by key, as an operator wrote them.
//!
//! Both are compared as they are written, so whatever a file can say is compared, and a default that is written out is a change. No
//! secret is in a file (`password_file`, `password_env` and the like say where it is), so none is shown. What certificates, keys
//! and passwords hold may be new although no file says anything else.

use std::collections::HashMap;
use std::fmt::{self, Display, Formatter};

use serde::{Deserialize, Serialize};
use toml::{Table, Value};
use utoipa::ToSchema;

use super::pieces::Pieces;

/// Changes that are listed one by one: more than a person reads. All are counted.
const LISTED_MAX: usize = 1_000;

/// Longest text of a value that is shown, in characters.
const VALUE_MAX: usize = 120;

/// What a file changes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Changes {
    /// How many sections and keys are new, gone or different.
    pub count: usize,
    /// The first thousand of them.
    pub listed: Vec<Change>,
}

/// One section or key that is new, gone or different.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Change {
    /// As an operator calls it, such as `trunk carrier-a`.
    pub section: String,
    /// The key; absent when the whole section is new, gone, or at another place of the file.
    pub key: Option<String>,
    /// What it was.
    pub old: Option<String>,
    /// What it is.
    pub new: Option<String>,
    /// `added`, `removed`, `changed` or `moved`.
    pub what: String,
}

impl Changes {
    /// What `new` changes of `old`, both TOML; a text that is none has nothing in it.
    #[must_use]
    pub fn between(old: &str, new: &str) -> Self {
        let (mut changes, pieces) = (Self::default(), [Pieces::of(old), Pieces::of(new)]);
        let [old, new] = different(&pieces);
        for (name, value) in &new {
            changes.section(name, old.get(name), Some(value));
        }
        for (name, value) in old.iter().filter(|(name, _)| !new.contains_key(*name)) {
            changes.section(name, Some(value), None);
        }
        changes
    }

    /// Whether nothing is different.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    fn section(&mut self, name: &str, old: Option<&Value>, new: Option<&Value>) {
        if old == new {
            return;
        }
        let lists = [old, new].map(|value| value.and_then(Value::as_array));
        let tables = [old, new].map(|value| value.and_then(Value::as_table));
        match (lists, tables) {
            ([None, None], [None, None]) => self.note(name, None, old, new),
            ([None, None], [old, new]) => self.keys(name, old, new),
            ([old, new], _) => self.named(name, old, new),
        }
    }

    /// Sections of a kind that have names: what is new, gone, different, or at another place among those that stay.
    fn named(&mut self, kind: &str, old: Option<&Vec<Value>>, new: Option<&Vec<Value>>) {
        let (old, new) = (old.map_or(&[][..], Vec::as_slice), new.map_or(&[][..], Vec::as_slice));
        let before: HashMap<&str, &Table> = old.iter().filter_map(called).collect();
        let after: HashMap<&str, &Table> = new.iter().filter_map(called).collect();
        for (name, section) in new.iter().filter_map(called) {
            let title = format!("{kind} {name}");
            match before.get(name) {
                Some(same) => self.keys(&title, Some(same), Some(section)),
                None => self.add(title, None, (None, None), "added"),
            }
        }
        for (name, _) in old.iter().filter_map(called).filter(|(name, _)| !after.contains_key(name)) {
            self.add(format!("{kind} {name}"), None, (None, None), "removed");
        }
        // Between equals the first in the file counts.
        let stay = |of: &'_ [Value], other: &HashMap<&str, &Table>| -> Vec<String> {
            let names = of.iter().filter_map(called).map(|(name, _)| name);
            names.filter(|name| other.contains_key(name)).map(str::to_owned).collect()
        };
        if stay(old, &after) != stay(new, &before) {
            self.add(format!("{kind}s"), None, (None, None), "moved");
        }
    }

    fn keys(&mut self, section: &str, old: Option<&Table>, new: Option<&Table>) {
        let (nothing, empty) = (Table::new(), Table::new());
        let (old, new) = (old.unwrap_or(&nothing), new.unwrap_or(&empty));
        for (key, value) in new.iter().filter(|(key, value)| old.get(*key) != Some(value)) {
            self.note(section, Some(key), old.get(key), Some(value));
        }
        for (key, value) in old.iter().filter(|(key, _)| !new.contains_key(*key)) {
            self.note(section, Some(key), Some(value), None);
        }
    }

    fn note(&mut self, section: &str, key: Option<&str>, old: Option<&Value>, new: Option<&Value>) {
        let what = match (old, new) {
            (None, _) => "added",
            (Some(_), None) => "removed",
            (Some(_), Some(_)) => "changed",
        };
        let values = (old.map(written), new.map(written));
        self.add(section.to_owned(), key.map(str::to_owned), values, what);
    }

    fn add(
        &mut self,
        section: String,
        key: Option<String>,
        (old, new): (Option<String>, Option<String>),
        what: &str,
    ) {
        self.count += 1;
        if self.listed.len() < LISTED_MAX {
            self.listed.push(Change { section, key, old, new, what: what.to_owned() });
        }
    }
}

/// What two files say, but for the routes at the beginning and at the end of both that are written alike: of 200,000 routes few
/// change at once, and documents of all of them would take a gigabyte.
fn different([old, new]: &[Pieces<'_>; 2]) -> [Table; 2] {
    let both = old.routes().len().min(new.routes().len());
    let first = old.routes().zip(new.routes()).take_while(|(old, new)| old == new).count();
    let ends = old.routes().rev().zip(new.routes().rev()).take(both - first);
    let last = ends.take_while(|(old, new)| old == new).count();
    [old, new].map(|pieces| {
        let mut table = pieces.rest.parse::<Table>().unwrap_or_default();
        let some = pieces.routes().len() - first - last;
        let routes = pieces.routes().skip(first).take(some).filter_map(|text| {
            let mut piece = text.parse::<Table>().ok()?;
            piece.get_mut("route")?.as_array_mut()?.pop()
        });
        let routes: Vec<Value> = routes.collect();
        if !routes.is_empty() {
            table.insert("route".to_owned(), Value::Array(routes));
        }
        table
    })
}

/// A section and its name.
fn called(section: &Value) -> Option<(&str, &Table)> {
    let table = section.as_table()?;
    Some((table.get("name")?.as_str()?, table))
}

/// A value as a file has it, in one line that is not too long.
fn written(value: &Value) -> String {
    let text = value.to_string().replace('\n', " ");
    if text.chars().count() <= VALUE_MAX {
        return text;
    }
    text.chars().take(VALUE_MAX).chain("...".chars()).collect()
}

impl Display for Change {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self { section, key, old, new, what } = self;
        let section = key.as_ref().map_or_else(|| section.clone(), |key| format!("{section}: {key}"));
        match (old, new) {
            (Some(old), Some(new)) => write!(f, "{section}: {old} -> {new}"),
            (Some(old), None) => write!(f, "{section}: {old} -> (none)"),
            (None, Some(new)) => write!(f, "{section}: (none) -> {new}"),
            (None, None) if what == "moved" => write!(f, "{section}: in another order"),
            (None, None) => write!(f, "{section}: {what}"),
        }
    }
}

impl Display for Changes {
    /// A line each.
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return writeln!(f, "the file says nothing new");
        }
        self.listed.iter().try_for_each(|change| writeln!(f, "{change}"))?;
        match self.count - self.listed.len() {
            0 => Ok(()),
            more => writeln!(f, "and {more} more"),
        }
    }
}

#[cfg(test)]
mod tests;
