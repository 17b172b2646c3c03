//! Another call takes the place of one that we ring (RFC 3891 section 3): the early dialog that it names is withdrawn, and the
//! caller hears that he is answered.
//!
//! The new side is answered first, as for any dialog that is replaced. Once it has acknowledged that, the caller is answered
//! with what it says of its media, and when he has acknowledged too, he is joined with it ([`super::join`]).
//!
//! Invariants: nothing changes for the caller, nor for who rings, before the new side is up; an early dialog that we have not
//! begun is none that could be replaced.

use bytes::Bytes;

use crate::sdp::SdpError;
use crate::sip::{Request, StatusCode};

use super::body::session_body;
use super::exchange::{Exchange, Success};
use super::join::Availability;
use super::leg::LegState;
use super::record::Outcome;
use super::relay::Then;
use super::wish::Wish;
use super::{Call, CallKey, Cause, Context, Refused, Replaces, Side};

impl Call {
    /// Whether `replaces` names a place that we ring.
    pub(crate) fn rings_at(&self, replaces: &Replaces) -> bool {
        let exchange = self.exchange.as_ref().filter(|_| self.leg(Side::B).state == LegState::Early);
        let early = exchange.filter(|exchange| exchange.from == Side::A && !self.ending);
        let at = early.and_then(|exchange| exchange.early.position(&replaces.from_tag));
        let place = at.and_then(|at| early?.early.get(at));
        place.is_some_and(|place| replaces.names(&place.dialog))
    }

    /// Whether the caller could be answered with what the sender of `invite` says.
    ///
    /// # Errors
    /// Why not: then nothing changes.
    pub(crate) fn could_be_answered_by(&self, invite: &Request) -> Result<(), Refused> {
        let offered = self.exchange.as_ref().and_then(|exchange| exchange.offer.as_ref());
        // A caller who has offered nothing has nothing to tell the new side.
        let (_, proposal) =
            offered.filter(|(by, _)| *by == Side::A).ok_or(Refused::Offer(SdpError::NoMedia))?;
        let Some(sdp) = session_body(&invite.message)? else { return Ok(()) };
        let agreed = self.streams.agreement(&self.policy, Side::B, self.leg(Side::B), proposal, &sdp);
        agreed.map(drop).map_err(Refused::Offer)
    }

    /// Whether the caller, who waits, may be answered.
    pub(super) fn availability_of_waiting(&self, side: Side) -> Availability {
        let open = |exchange: &&Exchange| {
            let offered = exchange.offer.as_ref().is_some_and(|(by, _)| *by == Side::A);
            exchange.from == Side::A && offered && !exchange.answered && !exchange.withdrawn
        };
        let waits = side == Side::A && self.leg(Side::A).state == LegState::Early && !self.ending;
        match self.exchange.as_deref().filter(open).filter(|_| waits) {
            Some(_) if self.early_change.is_some() || !self.waiting.is_empty() => Availability::Later,
            Some(_) => Availability::Unanswered,
            None => Availability::Never,
        }
    }

    /// What the new side of a joining call has said.
    pub(crate) const fn said_by_new_side(&self) -> &Bytes {
        self.leg(Side::A).said.agreed()
    }

    /// Answers the caller with what the new side of the call `by` has `said`, and withdraws what rings.
    ///
    /// # Errors
    /// When the caller cannot be answered with it; then nothing changes.
    pub(crate) fn answer_for(
        &mut self,
        by: CallKey,
        said: &[u8],
        ctx: &mut Context<'_>,
    ) -> Result<(), SdpError> {
        let told = self.exchange.as_ref().is_some_and(|exchange| !exchange.near.may_tell());
        let body = if told { None } else { Some(self.translate_answer(Side::B, said)?) };
        self.end_attempt(Outcome::Withdrawn, ctx);
        if let Some(pending) = self.pending_leg(ctx) {
            self.give_up(pending, ctx);
        }
        self.leg_mut(Side::B).state = LegState::Closed;
        if let Some(exchange) = &mut self.exchange {
            exchange.answered = true;
            exchange.early.clear();
        }
        self.answered_for = Some(by);
        self.once_relayed(Then::Succeed { success: Success { body, answer: None } }, ctx);
        Ok(())
    }

    /// The caller has acknowledged: the call that he was answered for may have him. It is told, too, when there is nobody to have
    /// any more.
    pub(super) fn tell_who_waits(&self, ctx: &mut Context<'_>) {
        ctx.wishes.extend(self.answered_for.map(|by| Wish::Take { by }));
    }

    /// The call `by` has failed, for which the caller was answered: nobody else is there for him.
    pub(super) fn not_picked_up(&mut self, by: CallKey, code: StatusCode, ctx: &mut Context<'_>) {
        if self.answered_for.take_if(|waits| *waits == by).is_some() {
            self.terminate(Cause::NotJoined(code), ctx);
        }
    }
}
