//! `[[route]]`: from trunks and a number, a caller and a time, to the trunks that may take the call.

mod fault;
pub(super) mod hours;
pub(super) mod numbers;
mod targets;

use edge_core::policy::{Direction, NumberMatch, NumberRewrite, Route, TrunkId};

use super::document::{At, Section};
use super::fault::Fault;
use super::names::Names;
use super::pieces::Pieces;
use super::{ROUTES_MAX, keys, plan};

pub(super) use fault::RouteFault;
pub(super) use targets::Trunks;

/// Reads all routes, a few at a time; `None` when there is none, there are too many, or something was noted of one.
pub(super) fn all(root: &Section<'_>, pieces: &Pieces<'_>, trunks: Trunks<'_>) -> Option<Vec<Route>> {
    let here = root.tables("route", keys::ROUTE);
    if pieces.len() == 0 {
        root.refuse_absent("route", "at least one [[route]], the way that calls take");
    }
    let count = here.len() + pieces.len();
    if count > ROUTES_MAX {
        root.note(root.line_of("route"), "route", Fault::TooMany { found: count, max: ROUTES_MAX });
        return None;
    }
    let (mut names, mut routes) = (Names::none("route"), Vec::with_capacity(count));
    let mut take = |section: Option<Section<'_>>| {
        names.add(section.as_ref());
        let name = names.name(routes.len());
        routes.push(section.and_then(|section| read(&section, name, trunks)));
    };
    here.into_iter().for_each(&mut take);
    pieces.chunks().for_each(|piece| root.routes_of(piece, &mut take));
    routes.into_iter().collect()
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
    let plan = targets::read(section, trunks);
    let priority = section.get("priority").is_some_and(|priority| priority.value);
    let (to, rewrite) = (to?, rewrite?);
    refuse_empty_numbers(section, &to, &rewrite);
    Some(Route { name, from: from?, to, caller, when, rewrite, priority, plan: plan? })
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
            section.note(name.line, "from", RouteFault::NeverCalls { trunk: name.value.to_owned() }.into());
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
        let fault = RouteFault::NothingLeft { number: number.clone(), strip: rewrite.strip }.into();
        section.note(section.line_of("rewrite_to"), "rewrite_to", fault);
    }
}
