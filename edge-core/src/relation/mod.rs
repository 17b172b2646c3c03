//! What the edge has with its trunks beside calls: requests that it begins by itself, and what they tell.
//!
//! Each trunk's relation is kept by one shard, chosen by the trunk's name, so that a reload does not move it and no two
//! shards ask the same thing. A relation has errands, each a machine of its own; [`Inquiry`] is the request that an errand
//! sends.
//!
//! Invariants: an errand learns of its request exactly once: an answer, or that none will come. A trunk that the operator has
//! disabled is asked nothing, but what the operator orders ([`Relations::begin_test`]).

mod inquiry;
mod keepalive;
mod registration;
mod trunk_test;

use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use crate::call::{Context, Owner};
use crate::edge::Shard;
use crate::policy::{AdminState, Health, Policy, Sign, Target, Trunk};
use crate::sip::Response;
use crate::transaction::{Challenged, Path, TransactionId};

pub(crate) use inquiry::{Addresses, Inquiry};
use keepalive::Keepalive;
pub(crate) use keepalive::sign_of_answer;
use registration::{Of, Registration};
use trunk_test::TrunkTest;
pub use trunk_test::{Heard, TEST_MAX, Tested, TestedTarget};

/// Number of a relation within its shard; never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct RelationId(u32);

/// What a request of a relation is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Errand {
    /// To find out whether a target is alive.
    Keepalive,
    /// To be known where we are.
    Registration,
    /// To tell the operator how a trunk does.
    Test,
}

/// What came of a request.
#[derive(Debug)]
pub(crate) enum Outcome<'a> {
    /// A final answer.
    Answered(&'a Response),
    /// There will be none: nobody spoke in time, or the connection failed.
    Failed,
}

/// The relations that one shard keeps.
#[derive(Debug, Default)]
pub(crate) struct Relations {
    relations: HashMap<RelationId, Relation>,
    by_name: HashMap<String, RelationId>,
    /// The deadline of each relation that has one.
    deadlines: BTreeSet<(Instant, RelationId)>,
    /// Tests that are over, until the host takes what they have found.
    tested: Vec<(u64, Tested)>,
    /// The edge is being stopped: none begins.
    ended: bool,
    next: u32,
}

/// What one trunk and the edge have with one another.
#[derive(Debug)]
struct Relation {
    trunk: Arc<Trunk>,
    keepalive: Option<Keepalive>,
    registration: Option<Registration>,
    /// A test that the operator has ordered; one at a time.
    test: Option<TrunkTest>,
    /// It is to end, and is forgotten once it has.
    leaving: bool,
    /// What a test has found that is over.
    tested: Option<(u64, Tested)>,
    /// The deadline that is noted for it.
    scheduled: Option<Instant>,
}

impl Relations {
    /// Keeps relations as `policy` wants them from now on: those of trunks that stay go on, by name.
    pub(crate) fn renew(&mut self, policy: &Policy, ctx: &mut Context<'_>) {
        if self.ended {
            return;
        }
        let mut before = std::mem::take(&mut self.by_name);
        let ours = |trunk: &&Arc<Trunk>| !trunk.former && shard_of(trunk, ctx.shard) == ctx.shard.index;
        for trunk in policy.trunks.iter().filter(ours) {
            let id = before.remove(&trunk.name).unwrap_or_else(|| {
                self.next += 1;
                RelationId(self.next)
            });
            self.by_name.insert(trunk.name.clone(), id);
            let relation = self.relations.entry(id).or_insert_with(|| Relation::new(trunk));
            relation.trunk = Arc::clone(trunk);
        }
        for id in before.into_values() {
            self.with(id, |relation| relation.end(id, policy, ctx));
        }
        let ids: Vec<RelationId> = self.by_name.values().copied().collect();
        for id in ids {
            self.with(id, |relation| relation.renew(id, policy, ctx));
        }
    }

    /// Ends all of them: the edge is being stopped. What a registrar has to hear is still answered.
    pub(crate) fn end(&mut self, policy: &Policy, ctx: &mut Context<'_>) {
        self.ended = true;
        self.by_name.clear();
        let mut ids: Vec<RelationId> = self.relations.keys().copied().collect();
        ids.sort_unstable();
        for id in ids {
            self.with(id, |relation| relation.end(id, policy, ctx));
        }
    }

    /// The trunk that a relation is with.
    pub(crate) fn trunk_of(&self, id: RelationId) -> Option<&Arc<Trunk>> {
        self.relations.get(&id).map(|relation| &relation.trunk)
    }

    /// Whether none is left.
    pub(crate) fn is_empty(&self) -> bool {
        self.relations.is_empty()
    }

    /// When [`Relations::on_time`] is wanted.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.deadlines.first().map(|(at, _)| *at)
    }

    /// Does what is due.
    pub(crate) fn on_time(&mut self, policy: &Policy, ctx: &mut Context<'_>) {
        while let Some((_, id)) = self.deadlines.first().copied().filter(|(at, _)| *at <= ctx.now) {
            self.deadlines.pop_first();
            self.with(id, |relation| {
                relation.scheduled = None;
                relation.on_time(id, policy, ctx);
            });
        }
    }

    /// A request of a relation has come to its end.
    pub(crate) fn on_outcome(
        &mut self,
        (id, errand): (RelationId, Errand),
        transaction: TransactionId,
        outcome: &Outcome<'_>,
        policy: &Policy,
        ctx: &mut Context<'_>,
    ) {
        self.with(id, |relation| match errand {
            Errand::Registration => relation.registration(id, policy, |registration, of| {
                registration.on_outcome(transaction, outcome, of, ctx);
            }),
            Errand::Keepalive => {
                let keepalive = relation.keepalive.as_mut();
                let asked = keepalive
                    .and_then(|keepalive| keepalive.on_outcome(&relation.trunk, transaction, outcome, ctx));
                if let (Some(target), Outcome::Answered(response)) = (asked, outcome) {
                    relation.registration(id, policy, |registration, of| {
                        registration.on_seen(&target, response, of, ctx);
                    });
                }
            }
            Errand::Test => {
                if let Some(test) = &mut relation.test {
                    test.on_outcome(transaction, outcome, ctx.now);
                }
            }
        });
    }

    /// A request of a relation was challenged; says whether it was sent again.
    pub(crate) fn answer_challenge(
        &mut self,
        (id, errand): (RelationId, Errand),
        challenged: &Challenged<Owner>,
        response: &Response,
        ctx: &mut Context<'_>,
    ) -> bool {
        let Some(relation) = self.relations.get_mut(&id) else { return false };
        let asked = challenged.id;
        let inquiry = match errand {
            Errand::Registration => {
                relation.registration.as_mut().and_then(|registration| registration.inquiry_of(asked))
            }
            Errand::Keepalive => {
                relation.keepalive.as_mut().and_then(|keepalive| keepalive.inquiry_of(asked))
            }
            Errand::Test => relation.test.as_mut().and_then(|test| test.inquiry_of(asked)),
        };
        inquiry.is_some_and(|inquiry| inquiry.answer_challenge(&relation.trunk, challenged, response, ctx))
    }

    /// Begins a test of a trunk by name, which the host knows by `ticket`; says whether its relation is kept here, and no other test
    /// of it is under way.
    pub(crate) fn begin_test(
        &mut self,
        name: &str,
        ticket: u64,
        policy: &Policy,
        ctx: &mut Context<'_>,
    ) -> bool {
        let Some(id) = self.by_name.get(name).copied() else { return false };
        let mut begun = false;
        self.with(id, |relation| {
            if relation.test.is_none() {
                relation.test = Some(TrunkTest::begin(ticket, id, policy, &relation.trunk, ctx));
                relation.registration(id, policy, |registration, of| registration.ask_now(of, ctx));
                begun = true;
            }
        });
        begun
    }

    /// A test that is over, and what it has found.
    pub(crate) fn take_tested(&mut self) -> Option<(u64, Tested)> {
        self.tested.pop()
    }

    /// A request of a relation was not delivered; its outcome follows.
    pub(crate) fn on_undelivered(&mut self, (id, errand): (RelationId, Errand), transaction: TransactionId) {
        let relation = self.relations.get_mut(&id).filter(|_| errand == Errand::Test);
        if let Some(test) = relation.and_then(|relation| relation.test.as_mut()) {
            test.on_undelivered(transaction);
        }
    }

    /// Nothing goes over `path` any more: what would call us over it cannot.
    pub(crate) fn on_unreachable(&mut self, path: Path, policy: &Policy, ctx: &mut Context<'_>) {
        let over = |(_, relation): &(&RelationId, &Relation)| {
            relation.registration.as_ref().is_some_and(|registration| registration.goes_over(path))
        };
        let mut ids: Vec<RelationId> = self.relations.iter().filter(over).map(|(id, _)| *id).collect();
        ids.sort_unstable();
        for id in ids {
            self.with(id, |relation| {
                relation.registration(id, policy, |registration, of| registration.on_unreachable(of, ctx));
            });
        }
    }

    /// Lets a relation act, and notes when it wants to act next.
    fn with(&mut self, id: RelationId, act: impl FnOnce(&mut Relation)) {
        let Some(relation) = self.relations.get_mut(&id) else { return };
        act(relation);
        self.tested.extend(relation.tested.take());
        if relation.leaving && relation.is_over() {
            let scheduled = relation.scheduled;
            self.relations.remove(&id);
            scheduled.map(|at| self.deadlines.remove(&(at, id)));
            return;
        }
        let deadline = relation.next_deadline();
        if deadline != relation.scheduled {
            relation.scheduled.map(|at| self.deadlines.remove(&(at, id)));
            relation.scheduled = deadline;
            self.deadlines.extend(deadline.map(|at| (at, id)));
        }
    }
}

impl Relation {
    fn new(trunk: &Arc<Trunk>) -> Self {
        Self {
            trunk: Arc::clone(trunk),
            keepalive: None,
            registration: None,
            test: None,
            leaving: false,
            tested: None,
            scheduled: None,
        }
    }

    fn renew(&mut self, id: RelationId, policy: &Policy, ctx: &mut Context<'_>) {
        match (self.trunk.keepalive, &mut self.keepalive) {
            (Some(rule), None) => self.keepalive = Some(Keepalive::new(rule, ctx)),
            (Some(rule), Some(keepalive)) => keepalive.renew(rule, ctx),
            (None, keepalive) => {
                if let Some(mut keepalive) = keepalive.take() {
                    keepalive.end(ctx);
                }
            }
        }
        let register = self.trunk.register.clone();
        if let (Some(register), None) = (&register, &self.registration) {
            self.registration = Some(Registration::new(register));
        }
        self.registration(id, policy, |registration, of| match &register {
            Some(register) => registration.renew(register, of, ctx),
            None => registration.end(of, ctx),
        });
    }

    fn next_deadline(&self) -> Option<Instant> {
        let keepalive = self.keepalive.as_ref().map(Keepalive::next_deadline);
        let registration = self.registration.as_ref().and_then(Registration::next_deadline);
        let test = self.test.as_ref().map(|test| test.next_deadline(self.is_settled()));
        [keepalive, registration, test].into_iter().flatten().min()
    }

    fn on_time(&mut self, id: RelationId, policy: &Policy, ctx: &mut Context<'_>) {
        if let Some(keepalive) = &mut self.keepalive {
            keepalive.on_time(id, policy, &self.trunk, ctx);
        }
        let leaving = self.leaving;
        self.registration(id, policy, |registration, of| registration.on_time(leaving, of, ctx));
        let settled = self.is_settled();
        self.test.take_if(|test| {
            self.tested = test.on_time(settled, ctx).map(|tested| (test.ticket, tested));
            self.tested.is_some()
        });
    }

    fn end(&mut self, id: RelationId, policy: &Policy, ctx: &mut Context<'_>) {
        self.leaving = true;
        if let Some(mut keepalive) = self.keepalive.take() {
            keepalive.end(ctx);
        }
        if let Some(mut test) = self.test.take() {
            test.end(ctx);
            self.tested = Some((test.ticket, Tested::default()));
        }
        self.registration(id, policy, |registration, of| registration.end(of, ctx));
    }

    /// Whether there is no registration that waits for an answer.
    fn is_settled(&self) -> bool {
        self.registration.as_ref().is_none_or(Registration::is_settled)
    }

    /// Whether nothing more is to be heard.
    fn is_over(&self) -> bool {
        self.keepalive.is_none() && self.registration.as_ref().is_none_or(Registration::is_over)
    }

    /// Lets the registration act, if there is one; one that has ended and is not wanted is forgotten.
    fn registration(&mut self, id: RelationId, policy: &Policy, act: impl FnOnce(&mut Registration, Of<'_>)) {
        let Some(registration) = &mut self.registration else { return };
        act(registration, Of { id, policy, trunk: &self.trunk });
        self.registration.take_if(|registration| registration.is_over() && self.trunk.register.is_none());
    }
}

/// Takes a sign of a target, of whatever it was asked; says so when something else is thought of it from now on.
pub(crate) fn note_sign(trunk: &Trunk, target: &Target, sign: Sign) {
    let Some(now) = trunk.note_sign(target, sign) else { return };
    let (name, whole, target) = (&trunk.name, trunk.health().as_str(), target.address);
    match now {
        Health::Down => tracing::warn!(trunk = name, %target, "target is down, the trunk is {whole}"),
        Health::Up | Health::Unknown => {
            tracing::info!(trunk = name, %target, "target is up, the trunk is {whole}")
        }
    }
}

/// The peer at an address of a trunk has acknowledged an answer of ours: what we send reaches it. A request alone would not
/// say so.
pub(crate) fn note_reached(trunk: &Trunk, peer: IpAddr) {
    if trunk.keepalive.is_some() {
        let there = trunk.targets.iter().filter(|target| target.address.ip() == peer);
        there.for_each(|target| note_sign(trunk, target, Sign::Alive));
    }
}

/// The shard that keeps the relation of a trunk.
fn shard_of(trunk: &Trunk, shard: Shard) -> usize {
    Shard::of_call_id(trunk.name.as_bytes(), shard.count)
}

/// Whether anything may be asked of a trunk.
fn may_ask(trunk: &Trunk) -> bool {
    trunk.admin_state() != AdminState::Disabled
}
