//! `incoming` of a trunk: which of its calls are taken, and when.

use std::sync::Arc;

use edge_core::policy::{Direction, Incoming, IncomingRule};

use super::document::Section;
use super::fault::Fault;
use super::keys;
use super::route::{hours, numbers};

/// Rules of one trunk: each call is compared with all of them.
const RULES_MAX: usize = 64;

/// The rules of a trunk; `None` without the key.
pub(super) fn incoming(trunk: &Section<'_>, direction: Direction) -> Option<Arc<Incoming>> {
    if !trunk.has("incoming") {
        return None;
    }
    let line = trunk.line_of("incoming");
    if direction == Direction::Outbound {
        trunk.note(line, "incoming", Fault::Needs { key: "direction = \"both\" or direction = \"inbound\"" });
    }
    trunk.refuse_empty(
        "incoming",
        "remove the key to take all calls, or write direction = \"outbound\" to take none",
    );
    let sections = trunk.tables("incoming", keys::TRUNK_INCOMING);
    if sections.len() > RULES_MAX {
        trunk.note(line, "incoming", Fault::TooMany { found: sections.len(), max: RULES_MAX });
    }
    let rules = sections.iter().flatten().map(|section| {
        if !["to", "from_number", "when"].iter().any(|key| section.has(key)) {
            section.note(section.line, "", Fault::Needs { key: "to, from_number or when" });
        }
        let (to, caller) = (numbers::read(section, "to"), numbers::read(section, "from_number"));
        IncomingRule { to, caller, when: hours::read(section) }
    });
    Some(Arc::new(Incoming(rules.collect())))
}
