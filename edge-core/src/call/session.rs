//! Offers and answers crossing the edge (RFC 3264): understood on one side, said anew on the other.
//!
//! Invariant: what a side hears is in the terms of that side's dialog: our address, its m= lines, its payload types;
//! and the media that the datapath relays is what both sides were told.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;

use crate::media::MediaPlan;
use crate::policy::Policy;
use crate::sdp::{Answer, Offer, SdpError, answer_to, codec_name, offer_to};
use crate::sip::{Method, Request, Response};

use super::exchange::{Exchange, Success};
use super::leg::Leg;
use super::offer_answer::OfferAnswer;
use super::opening::{check_extensions, check_reliability, session_body};
use super::relay::Then;
use super::session_timer::check_interval;
use super::{Call, Cause, Context, Refused, Side};

impl Call {
    /// The offer of a re-INVITE or UPDATE, if it has one, and what the other side is offered for it.
    pub(super) fn translate_change(
        &mut self,
        exchange: &Exchange,
    ) -> Result<Option<(Offer, Bytes)>, Refused> {
        check_extensions(&exchange.request.message)?;
        if exchange.request.method == Method::Invite {
            check_reliability(&exchange.request.message, &self.leg(exchange.from).trunk)?;
        }
        check_interval(&exchange.request.message)?;
        let Some(sdp) = session_body(&exchange.request.message)? else { return Ok(None) };
        let offer = Offer::parse(&sdp).map_err(Refused::Offer)?;
        let body = self.translate_offer(exchange.from, &offer).map_err(Refused::Offer)?;
        self.leg_mut(exchange.from).said.note(&sdp);
        Ok(Some((offer, body)))
    }

    /// What a 2xx leads to: the answer to the other side's offer, or an offer when that made none; nothing to be told when
    /// both had been said before, reliably.
    pub(super) fn translate_success(&mut self, side: Side, response: &Response) -> Result<Success, SdpError> {
        let body = session_body(&response.message).unwrap_or_default();
        let Some(exchange) = &mut self.exchange else { return Err(SdpError::NoAudio) };
        let at = response.to.tag().and_then(|tag| exchange.early.position(tag));
        let early = at.and_then(|at| Some((at, exchange.early.get(at)?.session)));
        let told = |body| Success { body, answer: None };
        match (&exchange.offer, early, body) {
            (_, Some((at, OfferAnswer::Agreed)), _) => self.settle(side, at).map(told),
            // The answer to its offer is on its way, in a PRACK.
            (_, Some((_, OfferAnswer::Received)), _) => Ok(told(None)),
            (Some((offerer, _)), _, Some(sdp)) if *offerer == side => self.answer_other_place(side, &sdp),
            (Some(_), _, Some(sdp)) => self.settle_on(side, &sdp).map(told),
            (Some(_), _, None) => exchange.answer.clone().map(Some).map(told).ok_or(SdpError::NoAudio),
            (None, _, Some(sdp)) => {
                let offer = Offer::parse(&sdp)?;
                let described = self.translate_offer(side, &offer)?;
                self.leg_mut(side).said.note(&sdp);
                if let Some(exchange) = &mut self.exchange {
                    exchange.offer = Some((side, offer));
                    exchange.answer_awaited = true;
                }
                Ok(told(Some(described)))
            }
            (None, _, None) => Err(SdpError::NoAudio),
        }
    }

    /// A place that was not heard of makes its offer in its 2xx, where another's has been answered already: it gets the same
    /// answer, in the ACK.
    fn answer_other_place(&mut self, side: Side, sdp: &[u8]) -> Result<Success, SdpError> {
        let offer = Offer::parse(sdp)?;
        self.policy.may_be_media(&self.leg(side).trunk, self.local(side), offer.audio())?;
        let Some(exchange) = &mut self.exchange else { return Err(SdpError::NoAudio) };
        let answer = exchange.near_answer.clone().ok_or(SdpError::NoAudio)?;
        self.leg_mut(side).said.note(sdp);
        let body = self.answer_offer(side.other(), &offer, &answer)?;
        if let Some(exchange) = &mut self.exchange {
            exchange.answer_awaited = true;
        }
        Ok(Success { body: None, answer: Some(body) })
    }

    /// A place answers that had said reliably what it has to say: that is in force now, whichever place was heard since.
    fn settle(&mut self, side: Side, at: usize) -> Result<Option<Bytes>, SdpError> {
        let Some(exchange) = &mut self.exchange else { return Err(SdpError::NoAudio) };
        let Some(early) = exchange.early.get(at) else { return Err(SdpError::NoAudio) };
        let current = exchange.early.current == Some(at);
        match (early.answer.clone(), early.offer.clone()) {
            // What it changed since by UPDATE is in force already.
            _ if current && exchange.near == OfferAnswer::Agreed => Ok(None),
            (Some(answer), _) => self.settle_on(side, &answer),
            (None, Some((offer, _))) => {
                exchange.offer = Some((side, offer));
                let answer = exchange.near_answer.clone().ok_or(SdpError::NoAudio)?;
                self.translate_answer(side.other(), &answer).map(|_| None)
            }
            (None, None) => Err(SdpError::NoAudio),
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

    /// Whether the answer of `side` would tell the other one what that was told last.
    pub(super) fn would_say_the_same(&self, side: Side, sdp: &[u8]) -> Result<bool, SdpError> {
        let answer = Answer::parse(sdp)?;
        let Some((_, offer)) = self.exchange.as_ref().and_then(|exchange| exchange.offer.as_ref()) else {
            return Ok(false);
        };
        let (near, far) = (self.leg(side), self.leg(side.other()));
        let policies = [&near.trunk.codecs, &far.trunk.codecs];
        far.session.is_last(|local| answer_to(local, offer, &answer, policies))
    }

    /// The answer of `side` to an offer of the other one, said anew for that, and nothing else changed.
    pub(super) fn describe_answer(
        &mut self,
        side: Side,
        offer: &Offer,
        sdp: &[u8],
    ) -> Result<Bytes, SdpError> {
        let answer = Answer::parse(sdp)?;
        let (near, far) = self.legs_from(side);
        let policies = [&near.trunk.codecs, &far.trunk.codecs];
        far.session.describe(|local| answer_to(local, offer, &answer, policies))
    }

    /// The answer in an ACK of `side`, to the offer in the 2xx of the other side.
    pub(super) fn on_late_answer(&mut self, side: Side, ack: &Request, ctx: &mut Context<'_>) {
        let Some(exchange) = &mut self.exchange else { return };
        let Some(sent) = exchange.client else { return };
        let body = session_body(&ack.message).unwrap_or_default();
        let to = side.other();
        match body.ok_or(SdpError::NoAudio).and_then(|sdp| self.translate_answer(side, &sdp)) {
            Ok(body) => self.once_relayed(Then::Acknowledge { to, sequence: sent.sequence, body }, ctx),
            Err(error) => self.terminate(Cause::BadAnswer(error), ctx),
        }
    }

    /// The plan that an offer of `side` would lead to, whose answer is not known yet.
    pub(super) fn plan_of_offer(&self, side: Side, offer: &Offer) -> MediaPlan {
        let mut plan = self.plan;
        let endpoint = if side == Side::A { &mut plan.a } else { &mut plan.b };
        endpoint.remote = offer.audio().remote;
        plan
    }

    /// Our media address towards `side`.
    pub(super) const fn local(&self, side: Side) -> SocketAddr {
        match side {
            Side::A => self.plan.a.local,
            Side::B => self.plan.b.local,
        }
    }

    /// The offer that `side` made, said anew for the other side.
    pub(super) fn translate_offer(&mut self, side: Side, offer: &Offer) -> Result<Bytes, SdpError> {
        let (policy, local) = (Arc::clone(&self.policy), self.local(side));
        let (near, far) = self.legs_from(side);
        pass_offer(&policy, near, local, far, offer)
    }

    /// The answer that `side` gave to the offer of the open exchange, said anew for the side that offered.
    pub(super) fn translate_answer(&mut self, side: Side, sdp: &[u8]) -> Result<Bytes, SdpError> {
        let offer = self.exchange.as_ref().and_then(|exchange| exchange.offer.clone());
        let (_, offer) = offer.ok_or(SdpError::NoAudio)?;
        let body = self.answer_offer(side, &offer, sdp)?;
        if let Some(exchange) = &mut self.exchange {
            exchange.answer = Some(body.clone());
        }
        Ok(body)
    }

    /// The answer that `side` gave to `offer`, said anew for the side that offered; the plan follows it, and the datapath
    /// with [`Call::once_relayed`].
    pub(super) fn answer_offer(&mut self, side: Side, offer: &Offer, sdp: &[u8]) -> Result<Bytes, SdpError> {
        let answer = Answer::parse(sdp)?;
        self.policy.may_be_media(&self.leg(side).trunk, self.local(side), answer.audio())?;
        let [a, b] = &mut self.legs;
        let (near, far) = if side == Side::A { (a, b) } else { (b, a) };
        let policies = [&near.trunk.codecs, &far.trunk.codecs];
        let body = far.session.describe(|local| answer_to(local, offer, &answer, policies))?;
        near.said.note(sdp);
        for leg in [near, far] {
            leg.said.agree();
            leg.session.agree();
        }
        let (offered, answered) = (offer.audio(), answer.audio());
        for (end, audio) in [(side.other(), offered), (side, answered)] {
            let endpoint = if end == Side::A { &mut self.plan.a } else { &mut self.plan.b };
            endpoint.remote = audio.remote;
            endpoint.clock_rate = answered.clock_rate();
        }
        self.codec = codec_name(&answer).map(str::to_owned);
        Ok(body)
    }
}

/// The offer that leg `near` made, whose media comes to `near_local`, said anew for leg `far`.
pub(super) fn pass_offer(
    policy: &Policy,
    near: &mut Leg,
    near_local: SocketAddr,
    far: &mut Leg,
    offer: &Offer,
) -> Result<Bytes, SdpError> {
    policy.may_be_media(&near.trunk, near_local, offer.audio())?;
    near.lines = offer.lines().clone();
    let (from, to) = (&near.trunk.codecs, &far.trunk.codecs);
    far.session.describe(|local| offer_to(local, offer, from, to, &far.lines))
}
