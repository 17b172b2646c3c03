//! Routes: from a trunk, a number, a caller and a time to the trunks that may take the call.
//!
//! The order in which routes are tried:
//! 1. a number that is written out as a whole;
//! 2. then by what the number begins with, the longest text first: a prefix is such a text, and so is what every number of a
//!    pattern begins with (`\+4420[0-9]{8}` counts as `+4420`). Between the two a pattern comes first;
//! 3. between equals, the one with more conditions (`from_number`, `when`), then the one with the more specific caller;
//! 4. then the first in the file.
//!
//! The first whose conditions all hold has the call. Invariants: the answer depends on nothing but the routes and what is asked,
//! and a look-up allocates nothing. Time is an argument; while nobody has said what time it is, no
//! route that asks for a time is open.

mod hours;
mod index;
mod number;
mod plan;

use std::cmp::Reverse;
use std::sync::Arc;

use jiff::Timestamp;

use super::TrunkId;
use index::Index;

pub use hours::Hours;
pub use number::{NumberMatch, NumberRewrite, Pattern, PatternError};
pub use plan::{
    AsTarget, Cost, Failure, Look, Order, Patience, Plan, RouteTarget, Strategy, TRUNKS_TRIED_MAX, Trigger,
    Triggers, Turn,
};

/// Index of a route in its file.
pub type RouteId = usize;

/// One way for calls to go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// The operator's name for it.
    pub name: String,
    /// Trunks that the call may come from; never empty.
    pub from: Vec<TrunkId>,
    /// Numbers that it takes.
    pub to: NumberMatch,
    /// Callers that it is for; all, when there is nothing.
    pub caller: Option<NumberMatch>,
    /// When it is open; always, when there is nothing.
    pub when: Option<Hours>,
    /// What happens to the number before it is sent.
    pub rewrite: NumberRewrite,
    /// Whether its calls are exempt from the bounds of trunks: emergency calls.
    pub priority: bool,
    /// Trunks that may get the call; many routes share one.
    pub plan: Arc<Plan>,
}

impl Route {
    /// A route without conditions that leaves numbers as they are.
    #[must_use]
    pub fn new(name: &str, from: Vec<TrunkId>, to: NumberMatch, target: TrunkId) -> Self {
        Self {
            name: name.to_owned(),
            from,
            to,
            caller: None,
            when: None,
            rewrite: NumberRewrite::default(),
            priority: false,
            plan: Arc::new(Plan::to(target)),
        }
    }

    /// Its place among the routes that take a number; the least is tried first.
    #[must_use]
    pub fn precedence(&self) -> Precedence {
        let (whole, text) = self.to.specificity();
        let conditions = usize::from(self.caller.is_some()) + usize::from(self.when.is_some());
        let caller = self.caller.as_ref().map_or((false, 0), NumberMatch::specificity);
        Precedence(Reverse((whole, text, conditions, caller)))
    }
}

/// Where a route stands among those that take the same number: the order that this module documents, but for the file's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Precedence(Reverse<(bool, usize, usize, (bool, usize))>);

/// What a route is looked up by.
#[derive(Debug, Clone, Copy)]
pub struct RouteQuery<'a> {
    /// Trunk that the call comes from.
    pub from: TrunkId,
    /// Number that it is for.
    pub number: &'a str,
    /// Number of the caller; empty when it is unknown.
    pub caller: &'a str,
    /// What time it is.
    pub time: Option<Timestamp>,
}

/// Why a route whose number may be meant does not take a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Miss {
    /// It does not take calls from this trunk.
    From,
    /// The number begins as it should, but is another one, or is not as the pattern says.
    Number,
    /// It is not for this caller.
    Caller,
    /// It is closed now, or nobody knows what time it is.
    Closed,
}

/// All routes, indexed for lookup by number.
#[derive(Debug, Default)]
pub struct Routes {
    routes: Vec<Route>,
    index: Index,
    has_priority: bool,
}

impl Routes {
    /// Indexes `routes`.
    #[must_use]
    pub fn new(routes: Vec<Route>) -> Self {
        let has_priority = routes.iter().any(|route| route.priority);
        Self { index: Index::new(&routes), routes, has_priority }
    }

    /// The route that takes a call.
    #[must_use]
    pub fn taker(&self, query: RouteQuery<'_>) -> Option<RouteId> {
        self.index.texts(query.number).find_map(|(text, whole)| {
            let mut entries = self.index.entries_for(text, query.from);
            let entry = entries
                .find(|entry| (whole || !entry.whole) && self.conditions(entry.route, query).is_ok())?;
            Some(entry.route as RouteId)
        })
    }

    /// Every route whose number the call's begins with, or begins as, in the order in which they are tried: until one takes
    /// the call, and those behind it too.
    pub fn considered<'a>(
        &'a self,
        query: RouteQuery<'a>,
    ) -> impl Iterator<Item = (RouteId, Result<(), Miss>)> {
        self.index.texts(query.number).flat_map(move |(text, whole)| {
            self.index.entries(text).iter().map(move |entry| {
                let from = self.routes[entry.route as usize].from.contains(&query.from);
                let verdict = match (from, whole || !entry.whole) {
                    (false, _) => Err(Miss::From),
                    (true, false) => Err(Miss::Number),
                    (true, true) => self.conditions(entry.route, query),
                };
                (entry.route as RouteId, verdict)
            })
        })
    }

    /// Whether a call from a trunk to `number` may be an emergency: a priority route of its takes that number, for some caller and at
    /// some time.
    #[must_use]
    pub fn may_be_urgent(&self, from: TrunkId, number: &str) -> bool {
        self.has_priority
            && self.index.texts(number).any(|(text, whole)| {
                self.index.entries_for(text, from).any(|entry| {
                    let route = &self.routes[entry.route as usize];
                    route.priority && (whole || !entry.whole) && route.to.takes(number)
                })
            })
    }

    /// The route behind an id that [`Routes::taker`] gave.
    #[must_use]
    pub fn route(&self, id: RouteId) -> &Route {
        &self.routes[id]
    }

    /// All routes, in the order of the file.
    #[must_use]
    pub fn all(&self) -> &[Route] {
        &self.routes
    }

    /// Bytes of memory that the index takes, beside the routes themselves.
    #[must_use]
    pub fn index_bytes(&self) -> usize {
        self.index.bytes()
    }

    /// Whether a route whose text the number begins with takes the call.
    fn conditions(&self, route: u32, query: RouteQuery<'_>) -> Result<(), Miss> {
        let route = &self.routes[route as usize];
        if let NumberMatch::Pattern(pattern) = &route.to
            && !pattern.takes(query.number)
        {
            return Err(Miss::Number);
        }
        if route.caller.as_ref().is_some_and(|caller| !caller.takes(query.caller)) {
            return Err(Miss::Caller);
        }
        let open = |hours: &Hours| query.time.is_some_and(|time| hours.hold(time));
        if route.when.as_ref().is_some_and(|hours| !open(hours)) { Err(Miss::Closed) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests;
