//! A side on its way from one call to another, be that in this shard or in another one.
//!
//! Invariant: a side that nobody takes is hung up, and no side is in two calls.

use std::time::Instant;

use bytes::Bytes;

use crate::edge::tag_number;
use crate::media::Steady;
use crate::sdp::LegLines;
use crate::sip::{Method, StatusCode};

use super::calling::leg_record;
use super::leg::{Leg, LegState};
use super::wish::{Source, Wish};
use super::{Call, CallKey, Cause, Context, Owner, Side};

/// A side that has left its call: its dialog with all that goes with it, and its m= lines.
#[derive(Debug)]
pub(crate) struct Given {
    pub(super) leg: Leg,
    pub(super) lines: LegLines,
    /// The stream that it is sent, if that is one of ours.
    pub(super) steady: Option<Steady>,
    /// Since when its call was up, counted from the first of those that it has been in.
    pub(super) since: Option<Instant>,
}

impl Given {
    /// What all messages of its dialog carry.
    pub(crate) const fn call_id(&self) -> &Bytes {
        &self.leg.dialog.call_id
    }

    /// The number that our tag in it writes.
    pub(crate) fn tag(&self) -> Option<u64> {
        tag_number(&self.leg.dialog.local_tag)
    }

    /// Nobody waits for it any more.
    pub(crate) fn hang_up(mut self, ctx: &mut Context<'_>) {
        let (branch, sequence) = (ctx.random.branch(), self.leg.dialog.next_sequence());
        let bye = self.leg.dialog.request(&Method::Bye, branch, sequence).empty();
        let (trunk, path) = (&self.leg.trunk, self.leg.path());
        if let Err(full) = ctx.request(trunk, Method::Bye, branch, bye.clone(), path, Owner::Nobody) {
            tracing::warn!("BYE said once, without hope of an answer: {full}");
            ctx.send(path, bye);
        }
    }
}

impl Call {
    /// Whether nothing is said to `side` here any more: it has heard the end, or has gone to another call with its dialog.
    pub(crate) fn is_closed(&self, side: Side) -> bool {
        self.leg(side).state == LegState::Closed
    }

    /// Gives a side away; [`Call::given_away`] follows.
    pub(crate) fn give(&mut self, side: Side) -> Box<Given> {
        let placeholder = self.leg(side).placeholder();
        let leg = std::mem::replace(self.leg_mut(side), placeholder);
        let call_max = self.policy.timers.call_max;
        let since = self.phase_over_at.and_then(|over_at| over_at.checked_sub(call_max));
        let steady = self.streams.steady(side);
        Box::new(Given { leg, lines: self.streams.give(side), steady, since })
    }

    /// A side that was given to the call `by` leaves only the other one, which is told and hung up.
    pub(crate) fn given_away(&mut self, side: Side, by: CallKey, ctx: &mut Context<'_>) {
        self.answered_for = None;
        let (cause, told) = match self.referred_to(by) {
            Some(referrer) => (Cause::Transferred(referrer), StatusCode::OK),
            // Nobody is left to be connected with the target of a REFER that has not come about.
            None => (Cause::Replaced(side.other()), StatusCode::REQUEST_TERMINATED),
        };
        self.end_referral(told, ctx);
        self.terminate(cause, ctx);
    }

    /// Takes a side of another call in.
    pub(crate) fn take(&mut self, side: Side, given: Given, ctx: &mut Context<'_>) {
        let Given { mut leg, lines, steady, since } = given;
        if let Some(joining) = &mut self.joining {
            joining.since = [joining.since, since].into_iter().flatten().min();
        }
        let local = self.streams.first(side).map(|end| end.local);
        leg.session.move_to(self.streams.address(side, &self.policy));
        self.streams.take(side, lines);
        self.streams.go_on_with(side, steady);
        let kept = tag_number(&self.leg(side).dialog.local_tag);
        if let Some(tag) = kept {
            ctx.dialogs.remove(&tag);
        }
        if let Some(tag) = tag_number(&leg.dialog.local_tag) {
            ctx.dialogs.insert(tag, (self.key, side));
        }
        if let Some(record) = &mut self.record {
            let taken = leg_record(&leg, local);
            match side {
                Side::A => record.a = taken,
                Side::B => record.b = Some(taken),
            }
        }
        *self.leg_mut(side) = leg;
    }

    /// A side has come from another shard, and waits until all others can be had.
    ///
    /// # Errors
    /// The side itself, when this call does not wait for it (any more).
    pub(crate) fn arrives(&mut self, from: Source, given: Box<Given>) -> Result<(), Box<Given>> {
        let ending = self.ending;
        let Some(joining) = self.joining.as_mut().filter(|_| !ending) else { return Err(given) };
        let place = joining.sources().find(|(_, source)| *source == from);
        let Some((side, _)) = place else { return Err(given) };
        match &mut joining.arrived[side.index()] {
            Some(_) => Err(given),
            empty => {
                *empty = Some(given);
                Ok(())
            }
        }
    }

    /// Whether the side that is to be taken in has come from its shard.
    pub(crate) fn has_arrived(&self, side: Side) -> bool {
        self.joining.as_ref().is_some_and(|joining| joining.arrived[side.index()].is_some())
    }

    /// The side that has come from its shard.
    pub(crate) fn take_arrived(&mut self, side: Side) -> Option<Box<Given>> {
        self.joining.as_mut()?.arrived[side.index()].take()
    }

    /// The call ends before its sides are joined: those that have come from elsewhere have no call to go back to.
    pub(super) fn let_go_of_arrived(&mut self, ctx: &mut Context<'_>) {
        let arrived = self.joining.iter_mut().flat_map(|joining| &mut joining.arrived);
        ctx.wishes.extend(arrived.filter_map(Option::take).map(|given| Wish::HangUp { given }));
    }
}
