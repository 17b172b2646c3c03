//! Routes: from a trunk and a dialled number to the trunk that takes the call.
//!
//! Invariants: the answer does not depend on the order of a hash map. An exact number beats any prefix, a longer
//! prefix a shorter one, and between equals the first in the file wins.

use std::collections::HashMap;

use super::TrunkId;

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
    /// What happens to the number before it is sent.
    pub rewrite: NumberRewrite,
    /// Trunk that gets the call.
    pub target: TrunkId,
}

/// Numbers that a route takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NumberMatch {
    /// Any number that starts so; an empty prefix takes all.
    Prefix(String),
    /// Exactly one of these numbers.
    Exact(Vec<String>),
}

/// A change of the dialled number.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NumberRewrite {
    /// Characters removed from the front.
    pub strip: usize,
    /// Characters then put in front.
    pub prepend: String,
}

impl NumberRewrite {
    /// The number that is sent for the number `dialled`.
    #[must_use]
    pub fn apply(&self, dialled: &str) -> String {
        let Self { strip, prepend } = self;
        let kept = dialled.char_indices().nth(*strip).map_or("", |(start, _)| &dialled[start..]);
        format!("{prepend}{kept}")
    }
}

/// Where a call goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destination {
    /// The route that decided.
    pub route: RouteId,
    /// Trunk that gets the call.
    pub trunk: TrunkId,
    /// Number to ask that trunk for.
    pub number: String,
}

/// All routes, indexed for lookup by caller and number.
#[derive(Debug, Default)]
pub struct Routes {
    routes: Vec<Route>,
    exact: HashMap<(TrunkId, String), RouteId>,
    prefix: HashMap<(TrunkId, String), RouteId>,
    prefix_bytes_max: usize,
}

impl Routes {
    /// Indexes `routes`; between equals the first wins.
    #[must_use]
    pub fn new(routes: Vec<Route>) -> Self {
        let mut index = Self::default();
        for (id, route) in routes.iter().enumerate() {
            for from in &route.from {
                match &route.to {
                    NumberMatch::Exact(numbers) => {
                        for number in numbers {
                            index.exact.entry((*from, number.clone())).or_insert(id);
                        }
                    }
                    NumberMatch::Prefix(prefix) => {
                        index.prefix.entry((*from, prefix.clone())).or_insert(id);
                        index.prefix_bytes_max = index.prefix_bytes_max.max(prefix.len());
                    }
                }
            }
        }
        index.routes = routes;
        index
    }

    /// The route for `dialled` coming from `from`.
    #[must_use]
    pub fn find(&self, from: TrunkId, dialled: &str) -> Option<Destination> {
        let id =
            self.exact.get(&(from, dialled.to_owned())).copied().or_else(|| self.longest(from, dialled))?;
        let route = &self.routes[id];
        Some(Destination { route: id, trunk: route.target, number: route.rewrite.apply(dialled) })
    }

    /// The route behind an id that [`Routes::find`] gave.
    #[must_use]
    pub fn route(&self, id: RouteId) -> &Route {
        &self.routes[id]
    }

    /// All routes, in the order of the file.
    #[must_use]
    pub fn all(&self) -> &[Route] {
        &self.routes
    }

    fn longest(&self, from: TrunkId, dialled: &str) -> Option<RouteId> {
        let longest = self.prefix_bytes_max.min(dialled.len());
        (0..=longest)
            .rev()
            .filter(|length| dialled.is_char_boundary(*length))
            .find_map(|length| self.prefix.get(&(from, dialled[..length].to_owned())).copied())
    }
}
