//! `guards` of a trunk: what is looked at before its calls are placed.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use edge_core::policy::{Guards, PrefixGuard};

use super::document::Section;
use super::fault::Fault;
use super::keys;
use super::node::{Bounds, duration};
use super::value::{Number, form};

/// Prefixes that are guarded, and those that are denied, of one trunk: each call is compared with all of them.
const PREFIXES_MAX: usize = 64;

/// The guards of a trunk; `None` without the key.
pub(super) fn guards(trunk: &Section<'_>) -> Option<Arc<Guards>> {
    let section = trunk.table("guards", keys::TRUNK_GUARDS)?;
    let any = ["deny", "calls_per_caller", "call_max", "prefixes"].into_iter().any(|key| section.has(key));
    if !any {
        let key = "deny, calls_per_caller, call_max or prefixes";
        section.note(section.line, "", Fault::Needs { key });
    }
    section.refuse_empty("deny", "remove the key to deny nothing");
    let deny: Vec<_> = section.list::<Number>("deny").unwrap_or_default();
    let prefixes = section.tables("prefixes", keys::GUARD_PREFIX);
    for (key, found) in [("deny", deny.len()), ("prefixes", prefixes.len())] {
        if found > PREFIXES_MAX {
            section.note(section.line_of(key), key, Fault::TooMany { found, max: PREFIXES_MAX });
        }
    }
    // An empty one would deny everything.
    for empty in deny.iter().filter(|prefix| prefix.value.0.is_empty()) {
        section.note(empty.line, "deny", form("", "the beginning of a number, such as \"+882\""));
    }
    let bounds = Bounds { min: ("1s", Duration::from_secs(1)), max: ("168h", Duration::from_secs(604_800)) };
    let usual = Duration::ZERO;
    Some(Arc::new(Guards {
        deny: deny.into_iter().map(|prefix| prefix.value.0).collect(),
        calls_per_caller_max: section.get::<NonZeroU32>("calls_per_caller").map(|max| max.value.get()),
        call_max: section.has("call_max").then(|| duration(&section, "call_max", usual, &bounds)),
        prefixes: prefixes.into_iter().flatten().filter_map(|prefix| guard(&prefix)).collect(),
        callers: Arc::default(),
    }))
}

fn guard(section: &Section<'_>) -> Option<PrefixGuard> {
    let prefix = section.require::<Number>("prefix", "prefix = \"+37\", or \"\" for all numbers")?.value.0;
    let bound = |key| section.get::<NonZeroU32>(key).map(|max| max.value.get());
    if !section.has("calls") && !section.has("calls_per_minute") {
        section.note(section.line, "", Fault::Needs { key: "calls or calls_per_minute" });
    }
    let (calls_max, calls_per_minute_max) = (bound("calls"), bound("calls_per_minute"));
    Some(PrefixGuard { prefix, calls_max, calls_per_minute_max, usage: Arc::default() })
}
