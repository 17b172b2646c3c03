//! Offers and answers crossing the edge (RFC 3264): understood on one side, said anew on the other.
//!
//! Invariant: what a side hears is in the terms of that side's dialog: our address, its m= lines, its payload types;
//! and the media that the datapath relays is what both sides were told.

use bytes::Bytes;

use crate::sdp::{Agreement, Offer, Proposal, SdpError};
use crate::sip::{Method, Request, Response};

use super::asks::{check_extensions, check_reliability};
use super::body::session_body;
use super::exchange::{Exchange, Success};
use super::offer_answer::OfferAnswer;
use super::relay::Then;
use super::session_timer::check_interval;
use super::{Call, Cause, Context, Refused, Side};

impl Call {
    /// The offer of a re-INVITE or UPDATE, if it has one, and what the other side is offered for it.
    pub(super) fn translate_change(
        &mut self,
        exchange: &Exchange,
        ctx: &mut Context<'_>,
    ) -> Result<Option<(Proposal, Bytes)>, Refused> {
        check_extensions(&exchange.request.message)?;
        if exchange.request.method == Method::Invite {
            check_reliability(&exchange.request.message, &self.leg(exchange.from).trunk)?;
        }
        check_interval(&exchange.request.message)?;
        let Some(sdp) = session_body(&exchange.request.message)? else { return Ok(None) };
        let offer = Offer::parse(&sdp).map_err(Refused::Offer)?;
        let translated = self.translate_offer(exchange.from, &offer, ctx).map_err(Refused::Offer)?;
        self.leg_mut(exchange.from).said.note(&sdp);
        Ok(Some(translated))
    }

    /// What a 2xx leads to: the answer to the other side's offer, or an offer when that made none; nothing to be told when
    /// both had been said before, reliably.
    pub(super) fn translate_success(
        &mut self,
        side: Side,
        response: &Response,
        ctx: &mut Context<'_>,
    ) -> Result<Success, SdpError> {
        let body = session_body(&response.message).unwrap_or_default();
        let Some(exchange) = &mut self.exchange else { return Err(SdpError::NoMedia) };
        let at = response.to.tag().and_then(|tag| exchange.early.position(tag));
        if exchange.own_offer.is_some() {
            return self.translate_own_success(side, at, body, ctx);
        }
        let early = at.and_then(|at| Some((at, exchange.early.get(at)?.session)));
        let told = |body| Success { body, answer: None };
        match (&exchange.offer, early, body) {
            (_, Some((at, OfferAnswer::Agreed)), _) => self.settle(side, at).map(told),
            // The answer to its offer is on its way, in a PRACK.
            (_, Some((_, OfferAnswer::Received)), _) => Ok(told(None)),
            (Some((offerer, _)), _, Some(sdp)) if *offerer == side => self.answer_other_place(side, &sdp),
            (Some(_), _, Some(sdp)) => self.settle_on(side, &sdp).map(told),
            (Some(_), _, None) => exchange.answer.clone().map(Some).map(told).ok_or(SdpError::NoMedia),
            (None, _, Some(sdp)) => {
                let offer = Offer::parse(&sdp)?;
                let (proposal, described) = self.translate_offer(side, &offer, ctx)?;
                self.leg_mut(side).said.note(&sdp);
                if let Some(exchange) = &mut self.exchange {
                    exchange.offer = Some((side, proposal));
                    exchange.answer_awaited = true;
                }
                Ok(told(Some(described)))
            }
            (None, _, None) => Err(SdpError::NoMedia),
        }
    }

    /// A place that was not heard of makes its offer in its 2xx, where another's has been answered already: it gets the same
    /// answer, in the ACK.
    fn answer_other_place(&mut self, side: Side, sdp: &[u8]) -> Result<Success, SdpError> {
        let proposal = self.proposal_of_other_place(side, &Offer::parse(sdp)?)?;
        let Some(exchange) = &mut self.exchange else { return Err(SdpError::NoMedia) };
        let answer = exchange.near_answer.clone().ok_or(SdpError::NoMedia)?;
        self.leg_mut(side).said.note(sdp);
        self.tell_of_other_place(side, &proposal);
        let body = self.answer_offer(side.other(), &proposal, &answer)?;
        if let Some(exchange) = &mut self.exchange {
            exchange.answer_awaited = true;
        }
        Ok(Success { body: None, answer: Some(body) })
    }

    /// A place answers that had said reliably what it has to say: that is in force now, whichever place was heard since.
    fn settle(&mut self, side: Side, at: usize) -> Result<Option<Bytes>, SdpError> {
        let toned = self.told_ringback().is_some();
        let Some(exchange) = &mut self.exchange else { return Err(SdpError::NoMedia) };
        let Some(early) = exchange.early.get(at) else { return Err(SdpError::NoMedia) };
        let current = exchange.early.current == Some(at);
        match (early.answer.clone(), early.offer.clone()) {
            // What it changed since by UPDATE is in force already.
            _ if current && exchange.near == OfferAnswer::Agreed && !toned => Ok(None),
            (Some(answer), _) => self.settle_on(side, &answer),
            (None, Some((offer, _))) => {
                let answer = exchange.near_answer.clone().ok_or(SdpError::NoMedia)?;
                let proposal = self.proposal_of_other_place(side, &offer)?;
                self.tell_of_other_place(side, &proposal);
                if let Some(exchange) = &mut self.exchange {
                    exchange.offer = Some((side, proposal));
                }
                self.translate_answer(side.other(), &answer).map(|_| None)
            }
            (None, None) => Err(SdpError::NoMedia),
        }
    }

    /// This is the answer. A side that was told another one reliably is told anew, after its ACK.
    fn settle_on(&mut self, side: Side, sdp: &[u8]) -> Result<Option<Bytes>, SdpError> {
        let told = self.exchange.as_ref().is_some_and(|exchange| exchange.near == OfferAnswer::Agreed);
        let misled = told && !self.would_say_the_same(side, sdp)?;
        let body = self.translate_answer(side, sdp)?;
        if let Some(exchange) = &mut self.exchange {
            exchange.misled = misled;
        }
        Ok(Some(body).filter(|_| !told))
    }

    /// Whether the answer of `side` would tell the other one what that was told last: in so many words, or by a tone.
    pub(super) fn would_say_the_same(&self, side: Side, sdp: &[u8]) -> Result<bool, SdpError> {
        let Some((_, proposal)) = self.exchange.as_ref().and_then(|exchange| exchange.offer.as_ref()) else {
            return Ok(false);
        };
        let agreement = self.streams.agreement(&self.policy, side, self.leg(side), proposal, sdp)?;
        if let Some(tone) = self.told_ringback() {
            return Ok(agreement.sounds_like(tone));
        }
        let far = side.other();
        Ok(self.leg(far).session.is_last(|origin| self.streams.answer(&self.policy, &agreement, far, origin)))
    }

    /// The answer of `side` to an offer of the other one, said anew for that, and nothing else changed.
    pub(super) fn describe_answer(
        &mut self,
        side: Side,
        offer: &Offer,
        sdp: &[u8],
    ) -> Result<Bytes, SdpError> {
        let far = side.other();
        let proposal = self.proposal_of_other_place(far, offer)?;
        let agreement = self.streams.agreement(&self.policy, side, self.leg(side), &proposal, sdp)?;
        let (streams, policy, leg) = (&self.streams, &self.policy, &mut self.legs[far.index()]);
        Ok(leg.session.describe(|origin| streams.answer(policy, &agreement, far, origin)))
    }

    /// The offer of another place that `side` may be at, for a side that has answered the first one already.
    pub(super) fn proposal_of_other_place(&self, side: Side, offer: &Offer) -> Result<Proposal, SdpError> {
        let (near, far) = (self.leg(side), self.leg(side.other()));
        self.streams.propose_alone(&self.policy, side, (near, far), offer.clone())
    }

    /// The answer in an ACK of `side`, to the offer in the 2xx of the other side.
    pub(super) fn on_late_answer(&mut self, side: Side, ack: &Request, ctx: &mut Context<'_>) {
        let Some(exchange) = &mut self.exchange else { return };
        let Some(sent) = exchange.client else { return };
        let body = session_body(&ack.message).unwrap_or_default();
        let to = side.other();
        match body.ok_or(SdpError::NoMedia).and_then(|sdp| self.translate_answer(side, &sdp)) {
            Ok(body) => self.once_relayed(Then::Acknowledge { to, sequence: sent.sequence, body }, ctx),
            Err(error) => self.terminate(Cause::BadAnswer(error), ctx),
        }
    }

    /// The offer that `side` made, said anew for the other side. The plan has the ports that are new in it.
    pub(super) fn translate_offer(
        &mut self,
        side: Side,
        offer: &Offer,
        ctx: &mut Context<'_>,
    ) -> Result<(Proposal, Bytes), SdpError> {
        let [a, b] = &mut self.legs;
        let legs = if side == Side::A { (&*a, b) } else { (&*b, a) };
        self.streams.pass_offer(&self.policy, side, legs, offer.clone(), (ctx.ports, ctx.now))
    }

    /// The answer that `side` gave to the offer of the open exchange, said anew for the side that offered.
    pub(super) fn translate_answer(&mut self, side: Side, sdp: &[u8]) -> Result<Bytes, SdpError> {
        let offer = self.exchange.as_ref().and_then(|exchange| exchange.offer.clone());
        let (_, offer) = offer.ok_or(SdpError::NoMedia)?;
        let (agreement, body) = self.agree_on(side, &offer, sdp)?;
        if let Some(exchange) = &mut self.exchange {
            exchange.answer = Some(body.clone());
            exchange.untold = exchange.own_offer.is_some() && agreement.leaves_out();
        }
        Ok(body)
    }

    /// The answer that `side` gave to `offer`, said anew for the side that offered; the plan follows it, and the datapath
    /// with [`Call::once_relayed`].
    pub(super) fn answer_offer(
        &mut self,
        side: Side,
        proposal: &Proposal,
        sdp: &[u8],
    ) -> Result<Bytes, SdpError> {
        self.agree_on(side, proposal, sdp).map(|(_, body)| body)
    }

    fn agree_on(
        &mut self,
        side: Side,
        proposal: &Proposal,
        sdp: &[u8],
    ) -> Result<(Agreement, Bytes), SdpError> {
        let agreed = self.streams.agree(&self.policy, side, &mut self.legs, proposal, sdp)?;
        self.codec = agreed.0.codec_name().map(str::to_owned);
        self.transcoded = agreed.0.transcoded().map(str::to_owned);
        Ok(agreed)
    }
}
