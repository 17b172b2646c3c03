//! Delayed offer on one side, early offer on the other (RFC 3261 section 13.2.1, RFC 3264): a side that wants an offer in every
//! INVITE gets one of ours where the other side has made none.
//!
//! What the invited side answers is what the other one is offered, in a reliable provisional response or the 2xx; and its
//! answer, in PRACK or ACK, agrees. The invited side hears of that only when it leaves out something that its own answer
//! had: in a re-INVITE, once the INVITE is through.
//!
//! Invariants: the side that invited is made one offer, of one place; what it is offered is no more than what we offered.

use bytes::Bytes;

use crate::policy::{DelayedOffer, Policy};
use crate::sdp::{self, Offer, SdpError};
use crate::sip::Request;

use super::body::session_body;
use super::exchange::{Exchange, Success};
use super::join::resumed;
use super::leg::Leg;
use super::offer_answer::OfferAnswer;
use super::relay::Then;
use super::streams::Streams;
use super::{Call, Cause, Context, Side};

impl Exchange {
    /// Makes an offer of our own to the side that is called, if its trunk wants one and the request has none. Returns the
    /// description that our INVITE then carries.
    ///
    /// # Errors
    /// When the trunks have no codec in common that we could name.
    pub(super) fn offer_for(
        &mut self,
        policy: &Policy,
        streams: &Streams,
        (near, far): (&Leg, &mut Leg),
    ) -> Result<Option<Bytes>, SdpError> {
        self.own_offer = None;
        if self.offer.is_some() || far.trunk.delayed_offer == DelayedOffer::Pass {
            return Ok(None);
        }
        let body = streams.own_offer(policy, self.from.other(), (near, far))?;
        self.own_offer = Some(Offer::parse(&body)?);
        Ok(Some(body))
    }

    /// The same within a call that stands: the session as it is, without hold, for whoever invites again without an offer
    /// wants to hear all that there is.
    pub(super) fn offer_again_for(&mut self, far: &mut Leg) {
        let agreed = resumed(far.session.agreed());
        if far.trunk.delayed_offer == DelayedOffer::Pass || agreed.is_empty() {
            return;
        }
        let body = far.session.describe(|origin| sdp::renewed(&agreed, origin));
        self.own_offer = Offer::parse(&body).ok();
        self.body = self.own_offer.is_some().then_some(body);
    }
}

impl Call {
    /// The reliable answer of an early dialog to our offer. The first one is offered on, if the other side can answer it before
    /// the 2xx.
    pub(super) fn hear_own_answer(
        &mut self,
        side: Side,
        at: usize,
        sdp: &[u8],
        ctx: &mut Context<'_>,
    ) -> Result<Option<Bytes>, SdpError> {
        let offer = self.offered_by_answer(sdp)?;
        let first = |exchange: &&mut Exchange| exchange.offer.is_none() && exchange.sending.is_some();
        if self.exchange.as_deref_mut().filter(first).is_none() {
            return Ok(None);
        }
        let described = self.offer_on(side, &offer, sdp, ctx)?;
        if let Some(exchange) = &mut self.exchange {
            exchange.early.current = Some(at);
        }
        Ok(Some(described))
    }

    /// What the 2xx of the side that we made an offer leads to: an offer to the other side, unless that has had one.
    pub(super) fn translate_own_success(
        &mut self,
        side: Side,
        at: Option<usize>,
        body: Option<Bytes>,
        ctx: &mut Context<'_>,
    ) -> Result<Success, SdpError> {
        let told = |body| Success { body, answer: None };
        let Some(exchange) = &mut self.exchange else { return Err(SdpError::NoMedia) };
        let near = exchange.near;
        if at.is_some() && at == exchange.early.current && near != OfferAnswer::Nothing {
            return Ok(told(None));
        }
        let reliable = at.and_then(|at| exchange.early.get(at)?.answer.clone());
        let sdp = reliable.or(body).ok_or(SdpError::NoMedia)?;
        let offer = self.offered_by_answer(&sdp)?;
        if near == OfferAnswer::Nothing {
            let described = self.offer_on(side, &offer, &sdp, ctx)?;
            if let Some(exchange) = &mut self.exchange {
                exchange.answer_owed = true;
            }
            return Ok(told(Some(described)));
        }
        // Another place was heard before: what the other side says to its offer, or has said, is the answer to this one's.
        let proposal = self.proposal_of_other_place(side, &offer)?;
        self.leg_mut(side).said.note(&sdp);
        let Some(exchange) = &mut self.exchange else { return Err(SdpError::NoMedia) };
        (exchange.offer, exchange.early.current) = (Some((side, proposal)), at);
        if let Some(answer) = exchange.near_answer.clone() {
            self.translate_answer(side.other(), &answer)?;
        }
        Ok(told(None))
    }

    /// What side B `said` to another side, as an offer in our 2xx to one that takes that one's place and makes none.
    pub(super) fn offer_for_the_other(
        &mut self,
        said: &[u8],
        ctx: &mut Context<'_>,
    ) -> Result<Bytes, SdpError> {
        let described = self.offer_on(Side::B, &Offer::parse(said)?, said, ctx)?;
        if let Some(exchange) = &mut self.exchange {
            exchange.answer_owed = true;
        }
        Ok(described)
    }

    /// The answer in an ACK of `side`, to the offer in our 2xx. The other side's 2xx was acknowledged when it came.
    pub(super) fn on_owed_answer(&mut self, side: Side, ack: &Request, ctx: &mut Context<'_>) {
        let body = session_body(&ack.message).unwrap_or_default();
        match body.ok_or(SdpError::NoMedia).and_then(|sdp| self.translate_answer(side, &sdp)) {
            Ok(_told) => {
                self.once_relayed(Then::Rest, ctx);
                self.exchange_is_through(side, ctx);
                self.new_side_is_up(ctx);
            }
            Err(error) => self.terminate(Cause::BadAnswer(error), ctx),
        }
    }

    /// What `side` answered to our offer, as an offer to the other side.
    fn offered_by_answer(&self, sdp: &[u8]) -> Result<Offer, SdpError> {
        let own = self.exchange.as_ref().and_then(|exchange| exchange.own_offer.as_ref());
        own.ok_or(SdpError::NoMedia)?.answered_with(sdp)
    }

    fn offer_on(
        &mut self,
        side: Side,
        offer: &Offer,
        sdp: &[u8],
        ctx: &mut Context<'_>,
    ) -> Result<Bytes, SdpError> {
        let (proposal, described) = self.translate_offer(side, offer, ctx)?;
        self.leg_mut(side).said.note(sdp);
        if let Some(exchange) = &mut self.exchange {
            exchange.offer = Some((side, proposal));
        }
        Ok(described)
    }
}
