//! Where the calls of a route may go, and what leads from one trunk to the next: `targets`, `strategy`, `failover_on`, `stop_on`
//! and `timers`.

use std::cell::RefCell;
use std::collections::HashSet;
use std::sync::Arc;

use edge_core::policy::{Direction, Plan, RouteTarget, Strategy, Trigger, Triggers, TrunkId, Turn};
use edge_core::sip::{StatusClass, StatusCode};
use toml::de::DeValue;

use crate::config::as_target::{Groups, patience};
use crate::config::document::{At, FromToml, Section};
use crate::config::fault::Fault;
use crate::config::keys;
use crate::config::names::Names;
use crate::config::nearest::nearest;
use crate::config::trunk::TrunkDraft;

use super::fault::RouteFault;
use crate::config::value::{Within, form};

/// Trunks that a route may lead to, with the members of its groups: no call tries more than eight of them.
const TARGETS_MAX: usize = 64;

/// What a route refers to: the trunks of the file by position, and their groups.
#[derive(Debug, Clone, Copy)]
pub(in crate::config) struct Trunks<'a> {
    pub(in crate::config) names: &'a Names,
    pub(in crate::config) drafts: &'a [Option<TrunkDraft<'a>>],
    pub(in crate::config) groups: &'a Groups,
    /// Plans that there are: most routes of a large file share one.
    pub(in crate::config) plans: &'a RefCell<HashSet<Arc<Plan>>>,
}

impl Trunks<'_> {
    pub(super) fn resolve(self, section: &Section<'_>, key: &str, name: At<&str>) -> Option<TrunkId> {
        self.names.resolve(section, key, name).map(TrunkId::new)
    }

    pub(super) fn direction(self, id: TrunkId) -> Option<Direction> {
        self.drafts.get(id.index())?.as_ref().map(|draft| draft.said.direction)
    }
}

/// Reads the plan of a route; `None` when something was noted that it cannot be without.
pub(super) fn read(section: &Section<'_>, trunks: Trunks<'_>) -> Option<Arc<Plan>> {
    let strategy = section.or_default::<Strategy>("strategy");
    let plan = Plan {
        targets: targets(section, strategy, trunks)?,
        strategy,
        failover_on: triggers(section, "failover_on").unwrap_or_else(Triggers::usual),
        stop_on: triggers(section, "stop_on").unwrap_or_default(),
        patience: patience(section),
        turn: Turn::default(),
    };
    let mut plans = trunks.plans.borrow_mut();
    if let Some(same) = plans.get(&plan) {
        return Some(Arc::clone(same));
    }
    let plan = Arc::new(plan);
    plans.insert(Arc::clone(&plan));
    Some(plan)
}

fn targets(section: &Section<'_>, strategy: Strategy, trunks: Trunks<'_>) -> Option<Vec<RouteTarget>> {
    section.refuse_absent("targets", "targets = [{ trunk = \"...\" }], the trunks that may take the call");
    section.refuse_empty("targets", "write [{ trunk = \"...\" }], the trunks that may take the call");
    let mut all: Vec<RouteTarget> = Vec::new();
    for target in section.tables("targets", keys::ROUTE_TARGET).into_iter().flatten() {
        if target.has("weight") && strategy != Strategy::Weighted {
            target.note(target.line_of("weight"), "weight", RouteFault::WeightWithoutStrategy.into());
        }
        let weight = target.get::<Within<0, 65_535>>("weight").map_or(1, |weight| weight.value.0);
        let priority = target.get::<Within<0, 65_535>>("priority").map_or(0, |priority| priority.value.0);
        let rewrite = target.has("rewrite_to").then(|| super::rewrite(&target)).flatten();
        let group = target.get::<&str>("group").map(|group| Arc::from(group.value));
        for trunk in members(&target, trunks).unwrap_or_default() {
            all.push(RouteTarget {
                trunk,
                group: group.clone(),
                weight: u16::try_from(weight).unwrap_or(u16::MAX),
                priority: u16::try_from(priority).unwrap_or(u16::MAX),
                rewrite: rewrite.clone(),
            });
        }
    }
    refuse_twice(section, &all, trunks);
    if all.len() > TARGETS_MAX {
        let fault = Fault::TooMany { found: all.len(), max: TARGETS_MAX };
        section.note(section.line_of("targets"), "targets", fault);
    }
    (!all.is_empty()).then_some(all)
}

/// The trunks that one target names: itself, or those of its group.
fn members(target: &Section<'_>, trunks: Trunks<'_>) -> Option<Vec<TrunkId>> {
    match (target.has("trunk"), target.has("group")) {
        (true, false) => {
            let name: At<&str> = target.get("trunk")?;
            let id = trunks.resolve(target, "trunk", name)?;
            if trunks.direction(id) == Some(Direction::Inbound) {
                target.note(
                    name.line,
                    "trunk",
                    RouteFault::NeverCalled { trunk: name.value.to_owned() }.into(),
                );
            }
            Some(vec![id])
        }
        (false, true) => {
            let name: At<&str> = target.get("group")?;
            let members = trunks.groups.get(name.value).filter(|members| !members.is_empty());
            // A trunk that could not be read may be the one that is meant.
            if members.is_none() && trunks.drafts.iter().all(Option::is_some) {
                let nearest = nearest(name.value, trunks.groups.keys().map(AsRef::as_ref));
                let nearest = nearest.filter(|nearest| nearest != name.value);
                let found = name.value.to_owned();
                target.note(name.line, "group", Fault::NoSuchGroup { found, nearest });
            }
            members.cloned()
        }
        (both, _) => {
            let found = if both { "both" } else { "neither" };
            target.note(target.line, "targets", RouteFault::TrunkOrGroup { found }.into());
            None
        }
    }
}

/// A trunk is tried once, so one that is named twice by itself is a slip.
fn refuse_twice(section: &Section<'_>, all: &[RouteTarget], trunks: Trunks<'_>) {
    for (index, target) in all.iter().enumerate().filter(|(_, target)| target.group.is_none()) {
        if all[..index].iter().any(|before| before.group.is_none() && before.trunk == target.trunk) {
            let name = trunks.drafts.get(target.trunk.index()).and_then(Option::as_ref);
            let found = name.map_or_else(String::new, |draft| format!("\"{}\"", draft.said.name));
            let line = section.line_of("targets");
            section.note(line, "targets", Fault::Duplicate { found, first: line });
        }
    }
}

fn triggers(section: &Section<'_>, key: &'static str) -> Option<Triggers> {
    let triggers: Vec<At<Trigger>> = section.list(key)?;
    Some(Triggers(triggers.into_iter().map(|trigger| trigger.value).collect()))
}

impl<'a> FromToml<'a> for Trigger {
    fn from_toml(value: &'a DeValue<'a>) -> Result<Self, Fault> {
        let text = <&str>::from_toml(value)?;
        let status = || {
            let code: u16 = text.parse().ok().filter(|code| (300..700).contains(code))?;
            StatusCode::new(code).map(Self::Status)
        };
        let trigger = match text {
            "timeout" => Some(Self::Timeout),
            "unreachable" => Some(Self::Unreachable),
            "3xx" => Some(Self::Class(StatusClass::Redirection)),
            "4xx" => Some(Self::Class(StatusClass::RequestFailure)),
            "5xx" => Some(Self::Class(StatusClass::ServerFailure)),
            "6xx" => Some(Self::Class(StatusClass::GlobalFailure)),
            _ => status(),
        };
        trigger.ok_or_else(|| {
            form(
                text,
                "a status from \"300\" to \"699\", a hundred such as \"5xx\", \"timeout\" or \"unreachable\"",
            )
        })
    }
}
