//! Names of realms, trunks and routes: unique in their kind, and what references resolve against.

use std::collections::HashMap;

use super::document::{At, Section};
use super::fault::Fault;
use super::nearest::nearest;
use super::value::Name;

/// All names of one kind, by position in the file; `None` where a section has no valid one.
#[derive(Debug)]
pub(super) struct Names {
    kind: &'static str,
    names: Vec<Option<At<Name>>>,
    positions: HashMap<String, usize>,
}

impl Names {
    /// Reads the names of `sections` and notes those that occur twice.
    pub(super) fn read(kind: &'static str, sections: &[Option<Section<'_>>]) -> Self {
        let mut all = Self::none(kind);
        sections.iter().for_each(|section| all.add(section.as_ref()));
        all
    }

    /// No names yet.
    pub(super) fn none(kind: &'static str) -> Self {
        Self { kind, names: Vec::new(), positions: HashMap::new() }
    }

    /// Reads that of the next section, and notes it when it has occurred before.
    pub(super) fn add(&mut self, section: Option<&Section<'_>>) {
        let name = section.and_then(|section| self.unique(section));
        self.names.push(name);
    }

    fn unique(&mut self, section: &Section<'_>) -> Option<At<Name>> {
        let name: At<Name> =
            section.require("name", "name = \"...\", which logs and call records will show")?;
        let position = self.names.len();
        let first = *self.positions.entry(name.value.0.clone()).or_insert(position);
        if let Some(first) = self.names.get(first).and_then(Option::as_ref) {
            let found = format!("\"{}\"", name.value.0);
            section.note(name.line, "name", Fault::Duplicate { found, first: first.line });
        }
        Some(name)
    }

    /// The name of the section at `index`; empty when it has none, which has been noted.
    pub(super) fn name(&self, index: usize) -> String {
        self.names.get(index).and_then(Option::as_ref).map_or_else(String::new, |name| name.value.0.clone())
    }

    /// Position of the section that `reference` names, which stands at `key` of `section`.
    pub(super) fn resolve(&self, section: &Section<'_>, key: &str, reference: At<&str>) -> Option<usize> {
        let position = self.positions.get(reference.value).copied();
        if position.is_none() && self.is_complete() {
            let nearest =
                nearest(reference.value, self.names.iter().flatten().map(|name| name.value.0.as_str()));
            let fault = Fault::NoSuch { kind: self.kind, found: reference.value.to_owned(), nearest };
            section.note(reference.line, key, fault);
        }
        position
    }

    /// Whether every section has a name. While one has none, a reference to nothing may be to that one, and what
    /// is wrong has been noted there.
    fn is_complete(&self) -> bool {
        !self.names.is_empty() && self.names.iter().all(Option::is_some)
    }
}
