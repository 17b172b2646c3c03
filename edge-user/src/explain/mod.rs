//! How a call would go: each step from the number that is dialled to the trunks that are asked, and why.
//!
//! The answer of `edge route explain`, from a file or by the running edge. Everything is found by the functions that calls go by, so
//! it cannot tell of another way. Invariant: nothing changes by asking; no turn is taken, and no room.

mod text;

#[cfg(test)]
mod tests;

use std::time::Duration;

use edge_core::policy::{
    Group, Miss, NotTaken, Number, Policy, Readiness, Route, RouteId, RouteQuery, RouteTarget, Strategy,
    Trunk, TrunkId,
};
use jiff::{Timestamp, Unit};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::check::{Open, leads_on};

/// Routes that are shown beside the one that has the call: a crowd of others tells nobody anything.
const OTHERS_SHOWN: usize = 8;

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema, IntoParams)]
pub struct Question {
    /// Trunk that the call comes from.
    pub from: String,
    /// Number as it would be dialled.
    pub to: String,
    /// Number of the caller, as that trunk would say it.
    #[serde(default)]
    pub caller: String,
    /// Number in its P-Asserted-Identity; none, when nothing is said.
    pub pai: Option<String>,
    /// What time it is, as RFC 3339 has it; now, when nothing is said.
    pub at: Option<String>,
}

/// How the call would go.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Explanation {
    /// What was asked, with the time that was meant.
    pub question: Question,
    /// `file`, or `running` for what the edge that runs would do now.
    pub source: String,
    /// The number as routes match it.
    pub number: String,
    /// The caller as routes and guards match it.
    pub caller: String,
    /// Which identity that is, and why.
    pub identity: String,
    /// Routes that were tried for it in this order, until one took the call.
    pub considered: Vec<Considered>,
    /// The route that has it.
    pub route: Option<String>,
    /// Whether the call is exempt from the bounds of trunks.
    pub priority: bool,
    /// What leads from one trunk to the next.
    pub failover: Option<String>,
    /// The trunks in the order in which they would be tried. Where the order is drawn, this is one of those that can come.
    pub trunks: Vec<Candidate>,
    /// Why there would be no call; nothing, when there would.
    pub refused: Option<String>,
}

/// A route that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Considered {
    /// Its name.
    pub route: String,
    /// The numbers that it takes.
    pub numbers: String,
    /// Whether it has the call.
    pub taken: bool,
    /// Why, or why not.
    pub why: String,
}

/// A trunk that may get the call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Candidate {
    /// Its name.
    pub trunk: String,
    /// The failover group that it is here for.
    pub group: Option<String>,
    /// Its priority on the route; lower ones come first.
    pub priority: u16,
    /// Its weight there, when the order is drawn.
    pub weight: Option<u16>,
    /// What a minute costs.
    pub cost: Option<f64>,
    /// How its calls fare, of 1: the part that is answered, less the media that is lost.
    pub quality: Option<f64>,
    /// `ready`, or why it comes last, or is skipped.
    pub state: String,
    /// Whether it would be skipped.
    pub skipped: bool,
    /// Calls that stand on it, and the most that may.
    pub calls: u32,
    /// Most calls that may stand on it.
    pub max_calls: Option<u32>,
    /// What would be sent: the request-URI.
    pub request_uri: String,
    /// The caller's number as it would be written there.
    pub caller: String,
    /// Where it would be sent: the addresses that are known now.
    pub targets: Vec<String>,
}

/// Why a question has no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unanswerable {
    /// There is no such trunk.
    #[error("no trunk {0}; `edge trunk list` shows those that there are")]
    Trunk(String),
    /// The time is none.
    #[error("\"{0}\" is no time; write one as 2026-11-23T08:00:00Z or 2026-11-23T09:00:00+01:00")]
    Time(String),
}

/// What is known beside the policy.
#[derive(Debug, Clone, Copy)]
pub struct Moment {
    /// `file` or `running`.
    pub source: &'static str,
    /// What the calendar says.
    pub now: Timestamp,
    /// Time since the instant that the shards share.
    pub since_epoch: Duration,
}

/// Says how a call would go.
///
/// # Errors
/// [`Unanswerable`].
pub fn explain(policy: &Policy, question: Question, moment: Moment) -> Result<Explanation, Unanswerable> {
    let time = match &question.at {
        Some(text) => text.parse().map_err(|_unreadable| Unanswerable::Time(text.clone()))?,
        None => moment.now,
    };
    let (from, trunk) = trunk_of(policy, &question.from)?;
    let asserted = question.pai.as_ref().filter(|number| trunk.identity.trusted && !number.is_empty());
    let number = trunk.numbers.read_text(&question.to);
    let caller = trunk.numbers.read_text(asserted.unwrap_or(&question.caller));
    let query = RouteQuery { from, number: number.as_str(), caller: caller.as_str(), time: Some(time) };
    let taker = policy.routes.taker(query);
    let route = taker.map(|id| policy.routes.route(id));
    let trunks = route.map_or_else(Vec::new, |route| candidates(policy, route, &number, &caller, moment));
    Ok(Explanation {
        refused: refused(policy, trunk, (&number, &caller), time, route, &trunks),
        identity: identity(trunk, question.pai.as_deref()).to_owned(),
        considered: considered(policy, query, taker),
        number: number.as_str().to_owned(),
        caller: caller.as_str().to_owned(),
        route: route.map(|route| route.name.clone()),
        priority: route.is_some_and(|route| route.priority),
        failover: route.filter(|route| route.plan.targets.len() > 1).map(|route| leads_on(&route.plan)),
        trunks,
        source: moment.source.to_owned(),
        // Nobody writes hours to less than a second.
        question: Question { at: Some(time.round(Unit::Second).unwrap_or(time).to_string()), ..question },
    })
}

fn trunk_of<'a>(policy: &'a Policy, name: &str) -> Result<(TrunkId, &'a Trunk), Unanswerable> {
    let position = policy.trunks.iter().position(|trunk| trunk.name == name && !trunk.former);
    let id = position.map(TrunkId::new).ok_or_else(|| Unanswerable::Trunk(name.to_owned()))?;
    Ok((id, policy.trunk(id)))
}

/// The routes up to the one that has the call, or all that come near; those of other trunks only where nothing else does.
fn considered(policy: &Policy, query: RouteQuery<'_>, taker: Option<RouteId>) -> Vec<Considered> {
    let mut tried = Vec::new();
    for (id, verdict) in policy.routes.considered(query) {
        tried.push((id, verdict));
        if Some(id) == taker {
            break;
        }
    }
    let (own, others): (Vec<_>, Vec<_>) =
        tried.into_iter().partition(|(_, verdict)| *verdict != Err(Miss::From));
    let shown = if own.is_empty() { others } else { own };
    let last = shown.len().saturating_sub(OTHERS_SHOWN);
    shown[last..].iter().map(|(id, verdict)| looked_at(policy, *id, *verdict)).collect()
}

fn looked_at(policy: &Policy, id: RouteId, verdict: Result<(), Miss>) -> Considered {
    let route = policy.routes.route(id);
    let why = match verdict {
        Ok(()) => "the most specific one that takes the call".to_owned(),
        Err(Miss::From) => "does not take calls from this trunk".to_owned(),
        Err(Miss::Number) => "begins so, but takes other numbers".to_owned(),
        Err(Miss::Caller) => {
            let caller = route.caller.as_ref().map(ToString::to_string).unwrap_or_default();
            format!("is for callers {caller}")
        }
        Err(Miss::Closed) => {
            let hours = route.when.as_ref().map(|hours| Open(hours).to_string()).unwrap_or_default();
            format!("is open {hours}")
        }
    };
    let Route { name, to, .. } = route;
    Considered { route: name.clone(), numbers: to.to_string(), taken: verdict.is_ok(), why }
}

fn candidates(
    policy: &Policy,
    route: &Route,
    number: &Number,
    caller: &Number,
    moment: Moment,
) -> Vec<Candidate> {
    let look = |id| policy.trunk(id).look(moment.since_epoch);
    // One of the orders that can be drawn: the one that prefers weight.
    let order = route.plan.next_order(look, || 1);
    let candidate = |at: usize| {
        let target: &RouteTarget = &route.plan.targets[at];
        let trunk = policy.trunk(target.trunk);
        let rewrite = target.rewrite.as_ref().unwrap_or(&route.rewrite);
        let sent = number.routed(rewrite.apply(number.as_str()));
        let (state, skipped) = state(trunk, route.priority, moment.since_epoch);
        Candidate {
            trunk: trunk.name.clone(),
            group: target.group.as_deref().map(str::to_owned),
            priority: target.priority,
            weight: (route.plan.strategy == Strategy::Weighted).then_some(target.weight),
            cost: trunk.as_target.cost.map(|cost| cost.0 as f64 / 1e6),
            quality: look(target.trunk).quality.map(|thousandths| f64::from(thousandths) / 1e3),
            state,
            skipped,
            calls: trunk.usage.calls(),
            max_calls: trunk.limits.calls_max,
            request_uri: trunk.request_uri(&sent, &trunk.domain()),
            caller: trunk.numbers.write(caller),
            targets: trunk.targets.iter().map(|at| format!("{}:{}", at.transport, at.address)).collect(),
        }
    };
    order.into_iter().map(candidate).collect()
}

/// The state of a trunk in words, and whether a call would skip it.
fn state(trunk: &Trunk, exempt: bool, since_epoch: Duration) -> (String, bool) {
    let (limits, usage) = (&trunk.limits, &trunk.usage);
    let at = |max: Option<u32>, calls: u32| max.is_some_and(|max| calls >= max) && !exempt;
    let full = at(limits.calls_max, usage.calls()) || at(limits.calls_out_max, usage.calls_out());
    let group_full = trunk.group.as_ref().is_some_and(|Group { limits, load, .. }| {
        at(limits.calls_max, load.calls()) || at(limits.calls_out_max, load.calls_out())
    });
    match trunk.outbound(since_epoch) {
        Readiness::Closed(closed) => (closed.to_string(), true),
        _ if full => ("is full".to_owned(), true),
        _ if group_full => ("is in a group that is full".to_owned(), true),
        _ if trunk.targets.is_empty() => ("has no address: DNS has said none".to_owned(), true),
        Readiness::Doubtful(doubt) => (format!("comes last: {doubt}"), false),
        Readiness::Ready => ("ready".to_owned(), false),
    }
}

/// Which identity a call is routed and guarded by.
fn identity(trunk: &Trunk, asserted: Option<&str>) -> &'static str {
    match (trunk.identity.trusted, asserted) {
        (true, Some(_)) => "its P-Asserted-Identity, which is believed (trust_identity)",
        (true, None) => "From: it says no other; a P-Asserted-Identity would be believed (trust_identity)",
        (false, Some(_)) => "From: its P-Asserted-Identity is not believed (trust_identity is false)",
        (false, None) => "From",
    }
}

fn refused(
    policy: &Policy,
    trunk: &Trunk,
    (number, caller): (&Number, &Number),
    time: Timestamp,
    route: Option<&Route>,
    trunks: &[Candidate],
) -> Option<String> {
    if let Err(closed) = trunk.inbound() {
        return Some(format!("trunk {} {closed}: 403 or 503", trunk.name));
    }
    if number.as_str().is_empty() {
        return Some("the number is empty: 484".to_owned());
    }
    let Some(route) = route else { return Some("no route takes the number: 404".to_owned()) };
    let exempt = route.priority;
    let taken = trunk.takes_in((caller.as_str(), number.as_str()), Some(time));
    if let Some(why) = taken.err().filter(|_| !exempt) {
        let status = if why == NotTaken::Hours { 480 } else { 403 };
        return Some(format!("trunk {} {why} (incoming): {status}", trunk.name));
    }
    let to = || policy.destinations(number, &trunk.numbers, route);
    let allowed = trunk.guards.as_ref().map_or(Ok(()), |guards| guards.allow(&to()));
    if let Some(guarded) = allowed.err().filter(|_| !exempt) {
        return Some(format!("trunk {} {guarded} (guards): 403", trunk.name));
    }
    trunks
        .iter()
        .all(|trunk| trunk.skipped)
        .then(|| "no trunk of the route may have the call: 503".to_owned())
}
