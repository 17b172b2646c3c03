//! Where the calls of a route may go, in which order, and what leads a call from one trunk to the next.
//!
//! The order: lower `priority` first; within one, what the strategy says; trunks that are doubtful, because they have failed
//! lately, come after all others, but are never left out. A trunk is tried once.
//!
//! Invariants: a pure function of what is known of the trunks, of a turn that all shards share, and of numbers that are drawn.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use smallvec::SmallVec;

use super::NumberRewrite;
use crate::policy::target::pick_by_weight;
use crate::policy::{Readiness, Trunk, TrunkId};
use crate::sip::{StatusClass, StatusCode};

/// Trunks that one call tries: the caller has hung up long before it has tried more.
pub const TRUNKS_TRIED_MAX: usize = 8;

/// Where calls may go.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Plan {
    /// Trunks, in the order of the file; never empty. A failover group stands here as its members.
    pub targets: Vec<RouteTarget>,
    /// How those of one priority are ordered.
    pub strategy: Strategy,
    /// What leads from one trunk to the next.
    pub failover_on: Triggers,
    /// What does not, whatever `failover_on` says.
    pub stop_on: Triggers,
    /// How long a trunk is waited for, while there is another one.
    pub patience: Patience,
    /// Whose turn it is, when each is first in turn.
    pub turn: Turn,
}

/// A trunk that the calls of a route may go to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RouteTarget {
    /// The trunk.
    pub trunk: TrunkId,
    /// The failover group that it is here for.
    pub group: Option<Arc<str>>,
    /// Its share of the calls among those of its priority, when the strategy is weighted.
    pub weight: u16,
    /// Lower ones are tried first.
    pub priority: u16,
    /// What happens to the number, in the place of what the route says.
    pub rewrite: Option<NumberRewrite>,
}

/// How trunks of one priority are ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Strategy {
    /// As in the file.
    #[default]
    Priority,
    /// At random, by their weights (RFC 2782).
    Weighted,
    /// Each first in turn.
    RoundRobin,
    /// The cheapest first; those without a cost last.
    LeastCost,
    /// The one whose calls fare best first.
    Quality,
}

/// How long a trunk is waited for, while there is another one; `None` for as long as a call may ring.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Patience {
    /// Until it says anything (100).
    pub trying: Option<Duration>,
    /// Until it rings (18x).
    pub ringing: Option<Duration>,
    /// Until it answers.
    pub answer: Option<Duration>,
}

impl Patience {
    /// What this one says, and where it says nothing, `other`.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            trying: self.trying.or(other.trying),
            ringing: self.ringing.or(other.ringing),
            answer: self.answer.or(other.answer),
        }
    }
}

/// What an operator says of a trunk as one of several.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AsTarget {
    /// The failover group that it is in.
    pub group: Option<Arc<str>>,
    /// What a minute costs.
    pub cost: Option<Cost>,
    /// How long it is waited for: it knows best how long it needs, so this counts before what a route says.
    pub patience: Patience,
}

/// What a minute costs, in millionths of whatever the operator counts in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cost(pub u64);

/// How a trunk did not take a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Failure {
    /// It refused with this status.
    Status(StatusCode),
    /// It said nothing for too long, or not enough.
    Timeout,
    /// Nothing could be sent to it.
    Unreachable,
}

/// What a list of failures has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Trigger {
    /// One status.
    Status(StatusCode),
    /// All of one hundred, 3 to 6.
    Class(StatusClass),
    /// [`Failure::Timeout`].
    Timeout,
    /// [`Failure::Unreachable`].
    Unreachable,
}

/// A list of failures.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Triggers(pub Vec<Trigger>);

impl Triggers {
    /// What leads to the next trunk unless the operator says otherwise.
    #[must_use]
    pub fn usual() -> Self {
        Self(vec![
            Trigger::Status(StatusCode::REQUEST_TIMEOUT),
            Trigger::Class(StatusClass::ServerFailure),
            Trigger::Timeout,
            Trigger::Unreachable,
        ])
    }

    /// Whether a failure is in it.
    #[must_use]
    pub fn have(&self, failure: Failure) -> bool {
        self.0.iter().any(|trigger| match (trigger, failure) {
            (Trigger::Status(status), Failure::Status(code)) => *status == code,
            (Trigger::Class(class), Failure::Status(code)) => *class == code.class(),
            (Trigger::Timeout, Failure::Timeout) | (Trigger::Unreachable, Failure::Unreachable) => true,
            (Trigger::Status(_) | Trigger::Class(_), Failure::Timeout | Failure::Unreachable)
            | (Trigger::Timeout, Failure::Status(_) | Failure::Unreachable)
            | (Trigger::Unreachable, Failure::Status(_) | Failure::Timeout) => false,
        })
    }
}

/// Whose turn it is: shared by all shards, and no part of what was decided.
#[derive(Debug, Clone, Default)]
pub struct Turn(Arc<AtomicUsize>);

impl PartialEq for Turn {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Turn {}

impl std::hash::Hash for Turn {
    fn hash<H: std::hash::Hasher>(&self, _: &mut H) {}
}

/// What is known of a trunk when a call looks for one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Look {
    /// Whether others are tried first.
    pub doubtful: bool,
    /// What a minute costs.
    pub cost: Option<Cost>,
    /// How its calls fare, in thousandths: the part that is answered, less the part of their media that is lost. `None` while
    /// too few have been counted.
    pub quality: Option<u16>,
}

impl Look {
    /// The best first; one that nobody knows is welcome, or nobody ever would.
    const fn badness(&self) -> u16 {
        match self.quality {
            Some(quality) => QUALITY_BEST.saturating_sub(quality),
            None => 0,
        }
    }
}

/// Every call is answered, and nothing is lost.
const QUALITY_BEST: u16 = 1000;

/// Calls that have to be counted before they tell anything of the next one.
const QUALITY_SEIZURES_MIN: u64 = 10;

impl Trunk {
    /// What a call sees of it that looks for a trunk, at a time since the instant that all shards share. One that is closed is
    /// not doubtful: it is skipped where it stands, so that the record says so.
    #[must_use]
    pub fn look(&self, since_epoch: Duration) -> Look {
        let doubtful = matches!(self.outbound(since_epoch), Readiness::Doubtful(_));
        let tally = self.tally(since_epoch);
        let counted = tally.seizures >= QUALITY_SEIZURES_MIN;
        let quality = tally.asr().filter(|_| counted).map(|answered| {
            let thousandths = answered * (1.0 - tally.loss().unwrap_or(0.0)) * f64::from(QUALITY_BEST);
            // Between zero and a thousand: a part of a part.
            thousandths.clamp(0.0, f64::from(QUALITY_BEST)) as u16
        });
        Look { doubtful, cost: self.as_target.cost, quality }
    }
}

/// Positions in [`Plan::targets`].
pub type Order = SmallVec<[usize; TRUNKS_TRIED_MAX]>;

impl Plan {
    /// These trunks, one after the other, as far as `failover_on` usually leads.
    #[must_use]
    pub fn of(targets: Vec<RouteTarget>) -> Self {
        Self {
            targets,
            strategy: Strategy::default(),
            failover_on: Triggers::usual(),
            stop_on: Triggers::default(),
            patience: Patience::default(),
            turn: Turn::default(),
        }
    }

    /// Just this trunk.
    #[must_use]
    pub fn to(trunk: TrunkId) -> Self {
        Self::of(vec![RouteTarget::new(trunk)])
    }

    /// Whether a failure leads to the next trunk.
    #[must_use]
    pub fn goes_on_after(&self, failure: Failure) -> bool {
        self.failover_on.have(failure) && !self.stop_on.have(failure)
    }

    /// The targets in the order in which one call tries them. `draw` gives random numbers. Each call is one turn.
    #[must_use]
    pub fn order(&self, look: impl Fn(TrunkId) -> Look, draw: impl FnMut() -> u64) -> Order {
        let turn = match self.strategy {
            Strategy::RoundRobin => self.turn.0.fetch_add(1, Ordering::Relaxed),
            Strategy::Priority | Strategy::Weighted | Strategy::LeastCost | Strategy::Quality => 0,
        };
        self.order_at(turn, look, draw)
    }

    /// The order that the next call would have; takes no turn.
    #[must_use]
    pub fn next_order(&self, look: impl Fn(TrunkId) -> Look, draw: impl FnMut() -> u64) -> Order {
        self.order_at(self.turn.0.load(Ordering::Relaxed), look, draw)
    }

    fn order_at(&self, turn: usize, look: impl Fn(TrunkId) -> Look, mut draw: impl FnMut() -> u64) -> Order {
        let mut all: Order = (0..self.targets.len()).collect();
        all.sort_by_key(|at| self.targets[*at].priority);
        for equal in all.chunk_by_mut(|a, b| self.targets[*a].priority == self.targets[*b].priority) {
            match self.strategy {
                Strategy::Priority => {}
                Strategy::Weighted => self.draw(equal, &mut draw),
                Strategy::RoundRobin => equal.rotate_left(turn % equal.len()),
                Strategy::LeastCost => equal.sort_by_key(|at| {
                    let cost = look(self.targets[*at].trunk).cost;
                    (cost.is_none(), cost)
                }),
                Strategy::Quality => equal.sort_by_key(|at| look(self.targets[*at].trunk).badness()),
            }
        }
        all.sort_by_key(|at| look(self.targets[*at].trunk).doubtful);
        let mut order = Order::new();
        for at in all {
            if !order.iter().any(|before| self.targets[*before].trunk == self.targets[at].trunk) {
                order.push(at);
            }
        }
        order
    }

    /// Puts some of the targets in an order that is drawn by their weights.
    fn draw(&self, some: &mut [usize], draw: &mut impl FnMut() -> u64) {
        for done in 0..some.len() {
            let weights = some[done..].iter().map(|at| self.targets[*at].weight);
            let next = pick_by_weight(weights, draw);
            some[done..=done + next].rotate_right(1);
        }
    }
}

impl RouteTarget {
    /// This trunk, as it is by default.
    #[must_use]
    pub const fn new(trunk: TrunkId) -> Self {
        Self { trunk, group: None, weight: 1, priority: 0, rewrite: None }
    }
}

#[cfg(test)]
mod tests;
