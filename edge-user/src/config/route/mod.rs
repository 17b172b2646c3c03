//! `[[route]]`: from trunks and a number, a caller and a time, to the trunk that takes the call.

mod hours;
mod numbers;

use edge_core::policy::{Direction, NumberMatch, NumberRewrite, Route, TrunkId};

use super::document::{At, Section};
use super::fault::Fault;
use super::keys;
use super::names::Names;
use super::plan;
use super::trunk::TrunkDraft;

/// What a route refers to: the trunks of the file, by position.
#[derive(Debug, Clone, Copy)]
pub(super) struct Trunks<'a> {
    pub(super) names: &'a Names,
    pub(super) drafts: &'a [Option<TrunkDraft<'a>>],
}

impl Trunks<'_> {
    fn resolve(self, section: &Section<'_>, key: &str, name: At<&str>) -> Option<TrunkId> {
        self.names.resolve(section, key, name).map(TrunkId::new)
    }

    fn direction(self, id: TrunkId) -> Option<Direction> {
        self.drafts.get(id.index())?.as_ref().map(|draft| draft.direction)
    }
}

/// Reads one route; `None` when something was noted.
pub(super) fn read(section: &Section<'_>, name: String, trunks: Trunks<'_>) -> Option<Route> {
    let from = from(section, trunks);
    section.refuse_absent(
        "to",
        "to = { prefix = \"+44\" } or to = { exact = [\"112\"] }; an empty prefix takes every number",
    );
    let to = numbers::read(section, "to");
    let caller = numbers::read(section, "from_number");
    let when = hours::read(section);
    let rewrite = rewrite(section);
    let target = target(section, trunks);
    let (to, rewrite) = (to?, rewrite?);
    refuse_empty_numbers(section, &to, &rewrite);
    Some(Route { name, from: from?, to, caller, when, rewrite, target: target? })
}

fn from(section: &Section<'_>, trunks: Trunks<'_>) -> Option<Vec<TrunkId>> {
    let names: Vec<At<&str>> = section.require_list(
        "from",
        "from = [\"...\"], the trunks that the calls come from",
        "name at least one trunk that the calls come from",
    )?;
    let mut from: Vec<TrunkId> = Vec::with_capacity(names.len());
    for name in names {
        let Some(id) = trunks.resolve(section, "from", name) else { continue };
        if from.contains(&id) {
            let found = format!("\"{}\"", name.value);
            section.note(name.line, "from", Fault::Duplicate { found, first: section.line_of("from") });
        }
        if trunks.direction(id) == Some(Direction::Outbound) {
            section.note(name.line, "from", Fault::NeverCalls { trunk: name.value.to_owned() });
        }
        from.push(id);
    }
    Some(from)
}

fn rewrite(section: &Section<'_>) -> Option<NumberRewrite> {
    if !section.has("rewrite_to") {
        return Some(NumberRewrite::default());
    }
    section.table("rewrite_to", keys::ROUTE_REWRITE).as_ref().map(plan::rewrite)
}

/// A rewriting may be right for one number and leave nothing of the next; only whole numbers can be tried here.
fn refuse_empty_numbers(section: &Section<'_>, to: &NumberMatch, rewrite: &NumberRewrite) {
    let NumberMatch::Exact(numbers) = to else { return };
    for number in numbers.iter().filter(|number| !number.is_empty() && rewrite.apply(number).is_empty()) {
        let fault = Fault::NothingLeft { number: number.clone(), strip: rewrite.strip };
        section.note(section.line_of("rewrite_to"), "rewrite_to", fault);
    }
}

fn target(section: &Section<'_>, trunks: Trunks<'_>) -> Option<TrunkId> {
    section.refuse_absent("targets", "targets = [{ trunk = \"...\" }], the trunk that takes the call");
    section.refuse_empty("targets", "write [{ trunk = \"...\" }], the trunk that takes the call");
    let targets = section.tables("targets", keys::ROUTE_TARGET);
    if targets.len() > 1 {
        section.note(section.line_of("targets"), "targets", Fault::Targets { found: targets.len() });
    }
    let target = targets.into_iter().next().flatten()?;
    if target.has("group") && !target.has("trunk") {
        return None;
    }
    let name: At<&str> = target.require("trunk", "{ trunk = \"...\" }")?;
    let id = trunks.resolve(&target, "trunk", name)?;
    if trunks.direction(id) == Some(Direction::Inbound) {
        target.note(name.line, "trunk", Fault::NeverCalled { trunk: name.value.to_owned() });
    }
    Some(id)
}
