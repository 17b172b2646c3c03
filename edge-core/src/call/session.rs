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
use crate::sip::{Request, Response};

use super::exchange::Exchange;
use super::leg::Leg;
use super::opening::{check_extensions, session_body};
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
        check_interval(&exchange.request.message)?;
        let Some(sdp) = session_body(&exchange.request.message)? else { return Ok(None) };
        let offer = Offer::parse(&sdp).map_err(Refused::Offer)?;
        let body = self.translate_offer(exchange.from, &offer).map_err(Refused::Offer)?;
        Ok(Some((offer, body)))
    }

    /// What the other side hears of the SDP in a provisional response, if anything.
    pub(super) fn translate_progress(
        &mut self,
        side: Side,
        response: &Response,
    ) -> Result<Option<Bytes>, SdpError> {
        let offered = self.exchange.as_ref().is_some_and(|exchange| exchange.offer.is_some());
        match session_body(&response.message).unwrap_or_default() {
            Some(sdp) if offered => self.translate_answer(side, &sdp).map(Some),
            Some(_) | None => Ok(None),
        }
    }

    /// What the other side hears of the SDP in a 2xx: the answer to its offer, or an offer when it made none.
    pub(super) fn translate_success(&mut self, side: Side, response: &Response) -> Result<Bytes, SdpError> {
        let body = session_body(&response.message).unwrap_or_default();
        let Some(exchange) = &mut self.exchange else { return Err(SdpError::NoAudio) };
        match (&exchange.offer, body) {
            (Some(_), Some(sdp)) => self.translate_answer(side, &sdp),
            (Some(_), None) => exchange.answer.clone().ok_or(SdpError::NoAudio),
            (None, Some(sdp)) => {
                let offer = Offer::parse(&sdp)?;
                let described = self.translate_offer(side, &offer)?;
                if let Some(exchange) = &mut self.exchange {
                    exchange.offer = Some((side, offer));
                    exchange.answer_awaited = true;
                }
                Ok(described)
            }
            (None, None) => Err(SdpError::NoAudio),
        }
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
    const fn local(&self, side: Side) -> SocketAddr {
        match side {
            Side::A => self.plan.a.local,
            Side::B => self.plan.b.local,
        }
    }

    /// The offer that `side` made, said anew for the other side.
    fn translate_offer(&mut self, side: Side, offer: &Offer) -> Result<Bytes, SdpError> {
        let (policy, local) = (Arc::clone(&self.policy), self.local(side));
        let (near, far) = self.legs_from(side);
        pass_offer(&policy, near, local, far, offer)
    }

    /// The answer that `side` gave, said anew for the side that offered; the plan follows it, and the datapath with
    /// [`Call::once_relayed`].
    fn translate_answer(&mut self, side: Side, sdp: &[u8]) -> Result<Bytes, SdpError> {
        let answer = Answer::parse(sdp)?;
        self.policy.may_be_media(&self.leg(side).trunk, self.local(side), answer.audio())?;
        let Some(exchange) = &mut self.exchange else { return Err(SdpError::NoAudio) };
        let Some((_, offer)) = &exchange.offer else { return Err(SdpError::NoAudio) };
        let [a, b] = &mut self.legs;
        let (near, far) = if side == Side::A { (a, b) } else { (b, a) };
        let policies = [&near.trunk.codecs, &far.trunk.codecs];
        let body = far.session.describe(|local| answer_to(local, offer, &answer, policies))?;
        near.session.agree();
        far.session.agree();
        exchange.answer = Some(body.clone());
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
