//! The way of a call from one trunk to the next, until one takes it: the places that its route names, and those that called
//! sides send it to.
//!
//! Each place gets a leg of its own: Call-ID, tags, and ports where the network or the IP family is another one. The leg before
//! has refused, or is withdrawn, and acknowledged and hung up if it answers all the same ([`super::attempt`]); so at most one
//! answer stands. What the caller has heard in provisional responses stays heard: a new leg is to him one more place that
//! rings (RFC 3261 section 13.2.2.4), and what it answers is told as another place's is. When all have failed, the caller hears
//! the best of what they said, in the order of RFC 3261 section 16.7.
//!
//! Invariants: a route is followed through at most [`TRUNKS_TRIED_MAX`] trunks, none of them twice, and `answer_max` bounds them
//! all together; a leg that still may answer is not given up before another place has taken the call; once an offer has crossed
//! anew before the answer, or the called side has made the first one, the call stays where it is.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;

use crate::edge::{Command, tag_number};
use crate::policy::{
    self, Failure, Importance, Number, Patience, Plan, Policy, Role, RouteId, TRUNKS_TRIED_MAX, Trunk,
    TrunkId,
};
use crate::transaction::{Path, T1};

use super::attempt::{Attempts, ways_to};
use super::calling::{admit, called_dialog, early_leg, leg_record, may_go_to, no_port};
use super::leg::{Leg, LegState};
use super::reason::Reason;
use super::record::Outcome;
use super::redirect::Redirection;
use super::streams::{End, Streams, is_left_out};
use super::{Call, Cause, Context, MediaState, Refused, Side};

/// A trunk, and what it is asked for at which of its addresses.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) trunk: TrunkId,
    pub(super) number: Number,
    /// One address of the trunk; `None` for whichever it has.
    pub(super) host: Option<SocketAddr>,
    /// The route that leads there, when it is not the call's own.
    pub(super) route: Option<RouteId>,
    /// Whether a called side has sent the call there.
    pub(super) redirected: bool,
    /// Who has, and to which number as routes match it, when a route leads there from that.
    pub(super) pointed: Option<(TrunkId, Number)>,
}

impl PartialEq for Place {
    /// Whichever route leads there, and whoever said so.
    fn eq(&self, other: &Self) -> bool {
        (self.trunk, self.host) == (other.trunk, other.host) && self.number == other.number
    }
}

/// The places of a route for `number`, in the order in which one call tries them.
pub(super) fn places(
    policy: &Policy,
    route: RouteId,
    number: &Number,
    ctx: &mut Context<'_>,
) -> VecDeque<Place> {
    let route = policy.routes.route(route);
    let since_epoch = ctx.since_epoch;
    let look = |id| policy.trunk(id).look(since_epoch);
    let order = route.plan.order(look, || ctx.random.next());
    let place = |at: usize| {
        let target = &route.plan.targets[at];
        let rewrite = target.rewrite.as_ref().unwrap_or(&route.rewrite);
        let number = number.routed(rewrite.apply(number.as_str()));
        Place { trunk: target.trunk, number, host: None, route: None, redirected: false, pointed: None }
    };
    order.into_iter().map(place).collect()
}

/// The failure as the record has it.
pub(super) const fn outcome_of(failure: Failure) -> Outcome {
    match failure {
        Failure::Status(code) => Outcome::Refused(code),
        Failure::Timeout => Outcome::Timeout,
        Failure::Unreachable => Outcome::Unreachable,
    }
}

/// Where a call has been, and where it may still go.
#[derive(Debug, Default)]
pub(super) struct Course {
    /// What its route wants; none for a call that joins two sides.
    plan: Option<Arc<Plan>>,
    /// Places of the route that are left, first to last.
    left: VecDeque<Place>,
    /// Trunks of the route that have had the call.
    tried: usize,
    /// How much it matters: whether it is exempt from the bounds of trunks.
    importance: Importance,
    /// The best of what the called sides said that have failed.
    best: Option<Said>,
}

/// How a called side failed, and what it said with it.
#[derive(Debug, Clone)]
pub(super) struct Said {
    pub(super) cause: Cause,
    pub(super) reason: Reason,
    pub(super) retry_after: Option<u32>,
}

impl Said {
    /// This cause, without a word of a peer.
    pub(super) fn of(cause: Cause) -> Self {
        Self { cause, reason: Reason::default(), retry_after: None }
    }

    /// Less is better (RFC 3261 section 16.7): nobody can do better than a 6xx, else the lowest hundred; a time-out says the
    /// least of its hundred.
    fn rank(&self) -> (bool, u16, bool) {
        let code = self.cause.status().as_u16();
        (code < 600, code / 100, code == 408)
    }
}

impl Course {
    /// The way through the places of a route; one of them has the call.
    pub(super) fn new(plan: Arc<Plan>, importance: Importance, left: VecDeque<Place>) -> Self {
        Self { plan: Some(plan), left, tried: 1, importance, best: None }
    }

    /// How much the call matters.
    pub(super) const fn importance(&self) -> Importance {
        self.importance
    }

    /// Whether the route has a place left.
    fn has_more(&self) -> bool {
        !self.left.is_empty() && self.tried < TRUNKS_TRIED_MAX
    }

    /// How long a trunk is waited for.
    pub(super) fn patience(&self, trunk: &Trunk) -> Patience {
        let own = trunk.as_target.patience;
        self.plan.as_ref().map_or(own, |plan| own.or(plan.patience))
    }

    /// Takes note of how a called side failed. Of equals the last one said most of where the call was to go.
    pub(super) fn note(&mut self, said: Said) {
        if self.best.as_ref().is_none_or(|best| said.rank() <= best.rank()) {
            self.best = Some(said);
        }
    }

    /// Whether a failure leads nowhere else, whatever there is.
    fn ends_with(&self, failure: Failure) -> bool {
        self.plan.as_ref().is_some_and(|plan| plan.stop_on.have(failure))
    }

    /// The next place of the route after such a failure.
    fn next(&mut self, failure: Failure) -> Option<Place> {
        let goes_on = self.plan.as_ref().is_some_and(|plan| plan.goes_on_after(failure));
        if goes_on && self.has_more() { self.left.pop_front() } else { None }
    }
}

impl Call {
    /// The called side has failed for good, or could not be reached: says whether another one has the call now.
    pub(super) fn goes_elsewhere(&mut self, failure: Failure, ctx: &mut Context<'_>) -> bool {
        if !self.may_go_elsewhere() || self.course.ends_with(failure) {
            return false;
        }
        let mut left = false;
        while let Some(place) = self.next_place(failure) {
            // Who has failed needs no room for it any more; the next place may be of the same trunk.
            if !std::mem::replace(&mut left, true) {
                drop(self.leg_mut(Side::B).admission.take());
            }
            if self.tries(place, ctx) {
                return true;
            }
        }
        false
    }

    /// The called side takes too long. It is given up when another one takes the call, and else goes on.
    pub(super) fn passes_over(&mut self, ctx: &mut Context<'_>) {
        if !self.may_go_elsewhere() || self.course.ends_with(Failure::Timeout) {
            return;
        }
        let Some(pending) = self.pending_leg(ctx) else { return };
        while let Some(place) = self.next_place(Failure::Timeout) {
            if self.tries(place, ctx) {
                self.course.note(Said::of(Cause::Unreachable));
                return self.give_up(pending, ctx);
            }
        }
    }

    /// Whether there is another place that the called side may be waited for in vain for.
    pub(super) fn has_another_place(&self) -> bool {
        self.redirection.has_more() || self.course.has_more()
    }

    /// The attempt that is under way is over.
    pub(super) fn end_attempt(&mut self, outcome: Outcome, ctx: &Context<'_>) {
        if let Some(record) = &mut self.record {
            record.attempt_ended(outcome, ctx.now);
        }
    }

    /// It is where it was to go: where else it could have gone is of no more use.
    pub(super) fn forget_the_way(&mut self) {
        (self.course, self.redirection) = (Course::default(), Redirection::default());
        for leg in &mut self.legs {
            leg.attempts = Attempts::default();
        }
    }

    /// How it ends, now that nobody takes it: the best of what was said.
    pub(super) fn best_end(&mut self, last: Cause) -> Cause {
        let Some(Said { cause, reason, retry_after }) = self.course.best.take() else { return last };
        (self.reason, self.retry_after) = (reason, retry_after);
        cause
    }

    /// How the called side failed that has not answered: where nothing came back in the time of a transaction it was silent,
    /// before that nothing could be sent.
    pub(super) fn unanswered(&self, ctx: &Context<'_>) -> Failure {
        let began =
            self.record.as_ref().and_then(|record| record.attempts.last()).map(|attempt| attempt.began);
        let waited = began.is_none_or(|began| ctx.now.saturating_duration_since(began) >= T1 * 64);
        if waited { Failure::Timeout } else { Failure::Unreachable }
    }

    /// Whether the caller still waits, and nothing binds the call to where it is.
    pub(super) fn may_go_elsewhere(&self) -> bool {
        let waits = self.leg(Side::A).state == LegState::Early && !self.ending;
        waits && self.exchange.as_ref().is_some_and(|exchange| exchange.may_cross_again())
    }

    fn next_place(&mut self, failure: Failure) -> Option<Place> {
        self.redirection.next().or_else(|| self.course.next(failure))
    }

    /// Takes the call to a place; says whether it has it.
    fn tries(&mut self, place: Place, ctx: &mut Context<'_>) -> bool {
        let outcome = self.go_to(&place, ctx);
        if let Err(refused) = &outcome {
            let trunk = self.policy.trunk(place.trunk);
            let (name, number) = (&trunk.name, trunk.numbers.write(&place.number));
            if let Some(record) = &mut self.record {
                tracing::info!(call = record.id, trunk = name, "not tried: {refused}");
                record.attempt_skipped(name, &number, refused, ctx.now);
            }
        } else if !place.redirected {
            self.course.tried += 1;
        }
        self.redirection.note(place);
        outcome.is_ok()
    }

    /// Puts a new called side in the place of the one that failed.
    fn go_to(&mut self, place: &Place, ctx: &mut Context<'_>) -> Result<(), Refused> {
        let policy = Arc::clone(&self.policy);
        let trunk = policy.trunk(place.trunk);
        may_go_to(trunk, ctx)?;
        let (way, attempts) = ways(&policy, place, ctx)?;
        let refuse_with = self.leg(Side::A).trunk.limits.refuse_with;
        let mut admission = admit((trunk, Role::Called), self.course.importance, refuse_with, ctx)?;
        if place.redirected {
            self.may_be_sent_to(place, &mut admission, ctx)?;
        }
        let Some(exchange) = &self.exchange else { return Err(Refused::NoNumber) };
        let host = place.host.map_or_else(|| trunk.domain(), |host| host.to_string());
        let (trunks, asked) = ((&*self.legs[0].trunk, &**trunk), (&place.number, host));
        let dialog = called_dialog(&policy, trunks, asked, way, &exchange.request, ctx);
        let end = End::of(trunk, way.peer.ip(), ctx.random);
        let left_out = is_left_out(&policy, &self.legs[0].trunk, trunk, exchange.offer.is_some());
        let streams = self.streams.towards(end, left_out, ctx.ports, ctx.now);
        let mut streams = streams.map_err(|realm| no_port(&policy, realm))?;
        let local = streams.address(Side::B, &policy);
        let mut leg = early_leg(trunk, dialog, local, Some(admission), ctx);
        leg.tries(attempts);
        match self.offer_again(&mut streams, &mut leg, ctx) {
            Ok(()) => {
                self.streams.turn_to(streams);
                self.take_side(leg, place, ctx);
                Ok(())
            }
            Err(refused) => {
                streams.release(ctx.ports, ctx.now);
                Err(refused)
            }
        }
    }

    /// Says the caller's offer to the new side.
    fn offer_again(
        &mut self,
        streams: &mut Streams,
        leg: &mut Leg,
        ctx: &mut Context<'_>,
    ) -> Result<(), Refused> {
        let Some(exchange) = &mut self.exchange else { return Ok(()) };
        let offer = exchange.offer.take();
        let trunk = Arc::clone(&leg.trunk);
        let body = match offer {
            Some((_, proposal)) => {
                let (legs, ports) = ((&self.legs[0], leg), (&mut *ctx.ports, ctx.now));
                let passed = streams.pass_offer(&self.policy, Side::A, legs, proposal.offer().clone(), ports);
                let (told, body) = match passed {
                    Ok(passed) => passed,
                    Err(error) => {
                        exchange.offer = Some((Side::A, proposal));
                        return Err(Refused::Offer(error));
                    }
                };
                exchange.offer = Some((Side::A, told));
                Some(body)
            }
            None => {
                exchange.offer_for(&self.policy, streams, (&self.legs[0], leg)).map_err(Refused::Offer)?
            }
        };
        exchange.cross_again(body, &trunk);
        Ok(())
    }

    /// From now on the call is with `leg`; its INVITE leaves when its media is installed.
    fn take_side(&mut self, leg: Leg, place: &Place, ctx: &mut Context<'_>) {
        let before = std::mem::replace(&mut self.legs[1], leg);
        for (tag, is_new) in [(&before.dialog.local_tag, false), (&self.legs[1].dialog.local_tag, true)] {
            match tag_number(tag) {
                Some(tag) if is_new => drop(ctx.dialogs.insert(tag, (self.key, Side::B))),
                Some(tag) => drop(ctx.dialogs.remove(&tag)),
                None => {}
            }
        }
        let leg = &self.legs[1];
        let [a, b] = [Side::A, Side::B].map(|side| self.streams.first(side).map(|end| end.local));
        // What the one before had agreed to is not this one's.
        self.codec = None;
        if let Some(record) = &mut self.record {
            record.codec = None;
            record.a.media_local = a;
            record.b = Some(leg_record(leg, b));
            record.number_sent = Some(leg.trunk.numbers.write(&place.number));
            if let Some(route) = place.route {
                record.route = Some(self.policy.routes.route(route).name.clone());
            }
            if place.redirected {
                record.redirects = record.redirects.saturating_add(1);
                self.redirection.tell_from(&self.legs[0].trunk, record);
            }
        }
        self.forget_waiting();
        self.relayed = self.streams.plan.clone();
        self.media = MediaState::Installing;
        ctx.command(Command::InstallMedia { call: self.key, plan: self.relayed.clone() });
    }
}

/// Where requests to a place go: to the host that it names, over the transport of its trunk, else to its trunk.
fn ways(policy: &Policy, place: &Place, ctx: &mut Context<'_>) -> Result<(Path, Attempts), Refused> {
    let trunk = policy.trunk(place.trunk);
    let (way, attempts) = ways_to(policy, trunk, &place.number, ctx)?;
    let Some(peer) = place.host else { return Ok((way, attempts)) };
    let host = policy::Target::new(peer, way.listener.transport);
    let unresolved = || Refused::Unresolved { trunk: trunk.name.clone(), host: peer.to_string() };
    let listener = policy.listener_to(trunk.realm, &host).ok_or_else(unresolved)?;
    Ok((Path { listener, peer, ..way }, Attempts::one(host)))
}
