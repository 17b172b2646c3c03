//! `[[group]]`: the bounds that all trunks of a failover group have together.

use std::collections::HashMap;
use std::sync::Arc;

use edge_core::policy::{Group, Trunk};

use super::TRUNKS_MAX;
use super::as_target::Groups;
use super::document::Section;
use super::fault::Fault;
use super::keys;
use super::names::Names;
use super::nearest::nearest;
use super::trunk::limits;

/// The keys of which a group needs one.
const BOUNDS: [&str; 4] = ["max_calls", "max_calls_in", "max_calls_out", "max_cps"];

/// Reads the bounds of groups, by the name of each; `members` are the trunks that name one.
pub(super) fn read(root: &Section<'_>, members: &Groups) -> HashMap<Arc<str>, Group> {
    let sections = root.tables("group", keys::GROUP);
    if sections.len() > TRUNKS_MAX {
        root.note(root.line_of("group"), "group", Fault::TooMany { found: sections.len(), max: TRUNKS_MAX });
        return HashMap::new();
    }
    let names = Names::read("group", &sections);
    let mut groups = HashMap::new();
    for (index, section) in sections.iter().enumerate() {
        let Some(section) = section else { continue };
        let name: Arc<str> = names.name(index).into();
        if !members.contains_key(&name) && !name.is_empty() {
            let nearest = nearest(&name, members.keys().map(AsRef::as_ref));
            let fault = Fault::NoSuchGroup { found: name.to_string(), nearest };
            section.note(section.line_of("name"), "name", fault);
        }
        if !BOUNDS.iter().any(|key| section.has(key)) {
            section.note(
                section.line,
                "",
                Fault::Needs { key: "max_calls, max_calls_in, max_calls_out or max_cps" },
            );
        }
        let group = Group { name: Arc::clone(&name), limits: limits(section), load: Arc::default() };
        groups.insert(name, group);
    }
    groups
}

/// The trunk with the bounds of its group, which all trunks of that share.
pub(super) fn join(trunk: Trunk, groups: &HashMap<Arc<str>, Group>) -> Trunk {
    let group = trunk.as_target.group.as_ref().and_then(|name| groups.get(name)).cloned();
    Trunk { group, ..trunk }
}
