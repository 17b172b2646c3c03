//! The routes, trunk by trunk, in the order in which they are tried.

use std::collections::BTreeMap;
use std::fmt::{self, Display, Formatter};

use edge_core::policy::{
    AsTarget, Cost, Hours, Incoming, IncomingRule, NumberMatch, NumberRewrite, Patience, Plan, Policy, Route,
    RouteTarget, Strategy, Trigger, Triggers, TrunkId,
};
use edge_core::sip::StatusClass;

use super::{Span, counted, listed, row};

/// Routes of one trunk that are written out: a person reads no more, and a thousand trunks may have all of 200,000.
const SHOWN_MAX: usize = 500;

pub(super) fn write(f: &mut Formatter<'_>, policy: &Policy) -> fmt::Result {
    f.write_str(
        "\nROUTES, in the order they are tried: exact numbers, then what a number begins with from the longest down\n",
    )?;
    let mut counts: BTreeMap<TrunkId, usize> = BTreeMap::new();
    for from in policy.routes.all().iter().flat_map(|route| &route.from) {
        *counts.entry(*from).or_default() += 1;
    }
    let shown = |from: &TrunkId| counts.get(from).is_some_and(|count| *count <= SHOWN_MAX);
    let mut tried: BTreeMap<TrunkId, Vec<&Route>> = BTreeMap::new();
    for route in policy.routes.all() {
        for from in route.from.iter().filter(|from| shown(from)) {
            tried.entry(*from).or_default().push(route);
        }
    }
    for (from, count) in &counts {
        writeln!(f, "  calls from {}", policy.trunk(*from).name)?;
        let Some(routes) = tried.get_mut(from) else {
            writeln!(f, "    {}; `edge route explain` says which takes a number", counted(*count, "route"))?;
            continue;
        };
        // Stable, so that between equals the first in the file stays first, as in `Routes::taker`.
        routes.sort_by_key(|route| route.precedence());
        routes.iter().try_for_each(|at| one(f, policy, at))?;
    }
    Ok(())
}

fn one(f: &mut Formatter<'_>, policy: &Policy, route: &Route) -> fmt::Result {
    let Route { name, from: _, to, caller, when, rewrite, priority, plan } = route;
    let numbers = match to {
        NumberMatch::Prefix(prefix) if prefix.is_empty() => "any other number".to_owned(),
        NumberMatch::Prefix(_) | NumberMatch::Exact(_) | NumberMatch::Pattern(_) => to.to_string(),
    };
    let conditions: Vec<String> = caller
        .iter()
        .map(|caller| format!("when {caller} calls"))
        .chain(when.iter().map(|hours| Open(hours).to_string()))
        .chain(priority.then(|| "exempt from max_calls and max_cps".to_owned()))
        .collect();
    let conditions = conditions.iter().fold(String::new(), |all, one| format!("{all}, {one}"));
    let (targets, rewriting) = (targets(policy, plan), rewriting(to, rewrite));
    row(f, &numbers, format_args!("to {targets} by route {name}{conditions}; {rewriting}"))?;
    if plan.targets.len() > 1 {
        row(f, "", format_args!("{}", leads_on(plan)))?;
    }
    Ok(())
}

/// What becomes of the number, by an example where there is one.
fn rewriting(to: &NumberMatch, rewrite: &NumberRewrite) -> String {
    let sent = example(to, rewrite.strip).map(|example| (rewrite.apply(&example), example));
    match sent {
        Some((sent, example)) if sent == example => "number unchanged".to_owned(),
        Some((sent, example)) => format!("{example} is sent as {sent}"),
        None => {
            format!(
                "{} off the front, \"{}\" put there",
                counted(rewrite.strip, "character"),
                rewrite.prepend
            )
        }
    }
}

/// The trunks of a plan, those of one priority together.
fn targets(policy: &Policy, plan: &Plan) -> String {
    let mut targets: Vec<&RouteTarget> = plan.targets.iter().collect();
    targets.sort_by_key(|target| target.priority);
    let name = |target: &&RouteTarget| {
        let name = &policy.trunk(target.trunk).name;
        let weight = (plan.strategy == Strategy::Weighted).then(|| format!(" (weight {})", target.weight));
        let rewrite = target
            .rewrite
            .as_ref()
            .map(|NumberRewrite { strip, prepend }| format!(" (strip {strip}, prepend \"{prepend}\")"));
        [Some(name.clone()), weight, rewrite].into_iter().flatten().collect::<String>()
    };
    let equal = |some: &[&RouteTarget]| some.iter().map(name).collect::<Vec<_>>().join(", ");
    let groups: Vec<String> = targets.chunk_by(|a, b| a.priority == b.priority).map(equal).collect();
    let strategy = match plan.strategy {
        _ if plan.targets.len() == 1 => "",
        Strategy::Priority => ", one after the other,",
        Strategy::Weighted => ", drawn by weight,",
        Strategy::RoundRobin => ", each first in turn,",
        Strategy::LeastCost => ", the cheapest first,",
        Strategy::Quality => ", the best first,",
    };
    format!("{}{strategy}", groups.join("; then "))
}

/// What leads from one trunk to the next, in words.
pub(crate) fn leads_on(plan: &Plan) -> String {
    let words = |triggers: &Triggers| listed(triggers.0.iter().map(trigger));
    let stop = if plan.stop_on.0.is_empty() {
        String::new()
    } else {
        format!("; never after {}", words(&plan.stop_on))
    };
    let waits = waits(plan.patience);
    let waits = if waits.is_empty() { waits } else { format!("; {waits}") };
    format!("the next one after {}{stop}{waits}", words(&plan.failover_on))
}

fn trigger(trigger: &Trigger) -> String {
    match trigger {
        Trigger::Status(status) => status.as_u16().to_string(),
        Trigger::Class(StatusClass::Redirection) => "3xx".to_owned(),
        Trigger::Class(StatusClass::RequestFailure) => "4xx".to_owned(),
        Trigger::Class(StatusClass::ServerFailure) => "5xx".to_owned(),
        Trigger::Class(StatusClass::GlobalFailure) => "6xx".to_owned(),
        Trigger::Class(StatusClass::Provisional | StatusClass::Success) => "no failure".to_owned(),
        Trigger::Timeout => "timeout".to_owned(),
        Trigger::Unreachable => "unreachable".to_owned(),
    }
}

/// A number that the route takes, long enough that something is left after stripping; `None` when a pattern hides it.
fn example(to: &NumberMatch, strip: usize) -> Option<String> {
    const DIGITS: &str = "1234567890";
    match to {
        NumberMatch::Exact(numbers) => numbers.first().cloned(),
        NumberMatch::Prefix(prefix) => {
            let kept = strip.saturating_sub(prefix.chars().count()) + 3;
            Some(prefix.chars().chain(DIGITS.chars().cycle().take(kept)).collect())
        }
        NumberMatch::Pattern(_) => None,
    }
}

/// When a route is open, in words.
pub(crate) struct Open<'a>(pub(crate) &'a Hours);

impl Display for Open<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self(hours) = self;
        let days: Vec<String> =
            hours.days().map(|day| format!("{day:?}").chars().take(3).collect()).collect();
        if days.len() < 7 {
            write!(f, "{} ", listed(days.into_iter()))?;
        }
        let [from, to] = hours.minutes().map(|minute| format!("{:02}:{:02}", minute / 60, minute % 60));
        write!(f, "from {from} to {to} of {}", hours.zone().iana_name().unwrap_or("UTC"))
    }
}

/// Which calls of a trunk are taken, rule by rule.
pub(super) fn taken(incoming: &Incoming) -> String {
    let rule = |IncomingRule { to, caller, when }: &IncomingRule| {
        let to = to.as_ref().map_or_else(|| "any number".to_owned(), ToString::to_string);
        let caller = caller.as_ref().map(|caller| format!("for callers {caller}"));
        let when = when.as_ref().map(|hours| Open(hours).to_string());
        [Some(to), caller, when].into_iter().flatten().collect::<Vec<_>>().join(" ")
    };
    incoming.0.iter().map(rule).collect::<Vec<_>>().join("; or ")
}

/// What a trunk is as one of several.
pub(super) fn as_target(f: &mut Formatter<'_>, as_target: &AsTarget) -> fmt::Result {
    let AsTarget { group, cost, patience } = as_target;
    if let Some(group) = group {
        row(f, "failover group", format_args!("{group}"))?;
    }
    if let Some(Cost(millionths)) = cost {
        row(f, "its cost", format_args!("{} a minute", *millionths as f64 / 1e6))?;
    }
    let waits = waits(*patience);
    if waits.is_empty() {
        Ok(())
    } else {
        row(f, "its patience", format_args!("the next trunk after {waits}"))
    }
}

/// How long a trunk is waited for, in words; nothing where nobody says so.
fn waits(Patience { trying, ringing, answer }: Patience) -> String {
    let waits = [("100", trying), ("18x", ringing), ("answer", answer)];
    listed(waits.iter().filter_map(|(what, wait)| Some(format!("no {what} within {}", Span((*wait)?)))))
}
