//! A side on its way from one call to another, be that in this shard or in another one.
//!
//! Invariant: a side that nobody takes is hung up, and no side is in two calls.

use std::time::Instant;

use bytes::Bytes;

use crate::edge::tag_number;
use crate::media::Steady;
use crate::sdp::LegLines;
use crate::sip::Method;

use super::join::{Source, Wish};
use super::leg::Leg;
use super::{Call, Context, Owner, Side};

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
    /// Gives a side away; [`Call::given_away`] follows.
    pub(crate) fn give(&mut self, side: Side) -> Box<Given> {
        let husk = self.leg(side).husk();
        let leg = std::mem::replace(self.leg_mut(side), husk);
        let call_max = self.policy.timers.call_max;
        let since = self.phase_over_at.and_then(|over_at| over_at.checked_sub(call_max));
        let steady = self.streams.steady(side);
        Box::new(Given { leg, lines: self.streams.give(side), steady, since })
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
