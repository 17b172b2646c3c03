//! The routes, trunk by trunk, in the order in which they are tried.

use std::collections::BTreeMap;
use std::fmt::{self, Display, Formatter};

use edge_core::policy::{Hours, NumberMatch, Policy, Route, TrunkId};

use super::{counted, listed, row};

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
    let Route { name, from: _, to, caller, when, rewrite, target } = route;
    let numbers = match to {
        NumberMatch::Prefix(prefix) if prefix.is_empty() => "any other number".to_owned(),
        NumberMatch::Prefix(_) | NumberMatch::Exact(_) | NumberMatch::Pattern(_) => to.to_string(),
    };
    let sent = example(to, rewrite.strip).map(|example| (rewrite.apply(&example), example));
    let rewriting = match sent {
        Some((sent, example)) if sent == example => "number unchanged".to_owned(),
        Some((sent, example)) => format!("{example} is sent as {sent}"),
        None => format!(
            "{} off the front, \"{}\" put there",
            counted(rewrite.strip, "character"),
            rewrite.prepend
        ),
    };
    let conditions: Vec<String> = caller
        .iter()
        .map(|caller| format!("when {caller} calls"))
        .chain(when.iter().map(|hours| Open(hours).to_string()))
        .collect();
    let conditions = conditions.iter().fold(String::new(), |all, one| format!("{all}, {one}"));
    row(
        f,
        &numbers,
        format_args!("to {} by route {name}{conditions}; {rewriting}", policy.trunk(*target).name),
    )
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
