//! Provisional responses crossing the edge: each side hears them as reliably as it asked for (RFC 3262).
//!
//! A reliable response of the side that was invited is acknowledged here, at once, unless it makes an offer: then its PRACK
//! carries the answer of the other side. What goes back to the side that invited is a response of our own.

use std::sync::Arc;

use bytes::Bytes;

use crate::sdp::{Offer, SdpError};
use crate::sip::{HeaderName, Method, Response, StatusCode};

use super::body::session_body;
use super::invite::finish;
use super::offer_answer::OfferAnswer;
use super::relay::Then;
use super::reliable::{Effect, Input, Order, Provisional, RAck, REL, rseq, wants_reliable};
use super::{Call, Cause, Context, Owner, Side};

/// 199 (RFC 6228): one of several places has failed.
const EARLY_DIALOG_TERMINATED: u16 = 199;

impl Call {
    /// A provisional response from the side that was invited.
    pub(super) fn on_provisional(&mut self, side: Side, response: &Response, ctx: &mut Context<'_>) {
        self.leg_mut(side).attempts.heard();
        let trunk = Arc::clone(&self.leg(side).trunk);
        let Some(exchange) = self.crossing_to(side) else { return };
        exchange.provisional_seen = true;
        exchange.note(&response.message, &trunk);
        if exchange.cancel_wanted {
            exchange.cancel_wanted = false;
            self.send_cancel(side, ctx);
        }
        // 100 is hop by hop.
        if response.code == StatusCode::TRYING {
            return;
        }
        let Some((at, rack)) = self.place(side, response) else { return };
        if self.ending || response.code.as_u16() == EARLY_DIALOG_TERMINATED {
            self.acknowledge(side, at, rack, ctx);
            return;
        }
        self.leg_mut(side).attempts.rang();
        self.note_ringing(ctx);
        let sdp = session_body(&response.message).unwrap_or_default();
        match (at, rack) {
            (Some(at), Some(rack)) => self.hear_reliably(at, rack, response.code, sdp, ctx),
            (at, _) => {
                let body = sdp.and_then(|sdp| self.hear_preview(side, at, &sdp, ctx));
                self.tell(response.code, body, ctx);
            }
        }
    }

    /// The early dialog of a response, and what acknowledges it when it is reliable; `None` for one that is not taken.
    fn place(&mut self, side: Side, response: &Response) -> Option<(Option<usize>, Option<RAck>)> {
        let leg = &self.legs[side.index()];
        let exchange = self.exchange.as_mut().filter(|exchange| exchange.from != side)?;
        let offered = exchange.offer.as_ref().is_some_and(|(offerer, _)| *offerer != side);
        let session =
            if offered || exchange.own_offer.is_some() { OfferAnswer::Sent } else { OfferAnswer::Nothing };
        let at = exchange.early.begin(leg, response, session);
        let Some(rseq) = rseq(&response.message).filter(|_| exchange.asks_reliable) else {
            return Some((at, None));
        };
        let early = exchange.early.get_mut(at?)?;
        let rack = RAck { rseq, sequence: response.cseq };
        (early.received.take(rseq) == Order::Next).then_some((at, Some(rack)))
    }

    /// A reliable response that was taken: its description is the answer or offer of its dialog.
    fn hear_reliably(
        &mut self,
        at: usize,
        rack: RAck,
        code: StatusCode,
        sdp: Option<Bytes>,
        ctx: &mut Context<'_>,
    ) {
        let Some(exchange) = &mut self.exchange else { return };
        let side = exchange.from.other();
        let Some(early) = exchange.early.get_mut(at) else { return };
        let sdp = sdp.filter(|_| early.session != OfferAnswer::Agreed);
        let before = early.session;
        let Some(sdp) = sdp else {
            self.send_prack(side, at, rack, None, ctx);
            return self.tell(code, None, ctx);
        };
        early.session = before.heard();
        let heard = if before == OfferAnswer::Sent {
            early.answer = Some(sdp.clone());
            let own = exchange.own_offer.is_some();
            self.send_prack(side, at, rack, None, ctx);
            if own {
                self.hear_own_answer(side, at, &sdp, ctx)
            } else {
                self.hear_answer(side, Some(at), &sdp, ctx)
            }
        } else {
            self.hear_offer(side, at, rack, &sdp, ctx)
        };
        match heard {
            Ok(body) => self.tell(code, body, ctx),
            Err(error) => self.hear_useless(code, error, ctx),
        }
    }

    /// What a dialog says reliably cannot be used. When it is the only one there will be no call.
    fn hear_useless(&mut self, code: StatusCode, error: SdpError, ctx: &mut Context<'_>) {
        let only = self.exchange.as_ref().is_some_and(|exchange| exchange.early.len() == 1);
        if only {
            self.terminate(Cause::BadAnswer(error), ctx);
        } else {
            tracing::debug!("SDP of {code} not passed on: {error}");
        }
    }

    /// The answer of an early dialog. The other side is told the first one; media follows a later one only where that says
    /// the same.
    fn hear_answer(
        &mut self,
        side: Side,
        at: Option<usize>,
        sdp: &[u8],
        ctx: &mut Context<'_>,
    ) -> Result<Option<Bytes>, SdpError> {
        let Some(exchange) = &mut self.exchange else { return Ok(None) };
        let told = exchange.near == OfferAnswer::Agreed;
        // A tone ends with the first that is heard, whatever that says.
        let ends_tone = exchange.answer.is_none() && self.told_ringback().is_some();
        if told && !ends_tone && !self.would_say_the_same(side, sdp)? {
            return Ok(None);
        }
        let body = self.translate_answer(side, sdp)?;
        self.stop_ringing_back(ctx);
        if let Some(exchange) = &mut self.exchange {
            exchange.early.current = at;
        }
        Ok(Some(body).filter(|_| !told))
    }

    /// What an unreliable response says of the answer: its 2xx may say something else.
    fn hear_preview(
        &mut self,
        side: Side,
        at: Option<usize>,
        sdp: &[u8],
        ctx: &mut Context<'_>,
    ) -> Option<Bytes> {
        let exchange = self.exchange.as_ref()?;
        let offered = exchange.offer.as_ref().is_some_and(|(offerer, _)| *offerer != side);
        let agreed = at.and_then(|at| exchange.early.get(at)).is_some_and(|early| early.answer.is_some());
        if !offered || agreed {
            return None;
        }
        let heard = self.hear_answer(side, at, sdp, ctx);
        heard.inspect_err(|error| tracing::debug!(?side, "SDP of a preview not passed on: {error}")).ok()?
    }

    /// The offer of an early dialog. The first one crosses; that of another place gets the answer to the first.
    fn hear_offer(
        &mut self,
        side: Side,
        at: usize,
        rack: RAck,
        sdp: &[u8],
        ctx: &mut Context<'_>,
    ) -> Result<Option<Bytes>, SdpError> {
        let offer = Offer::parse(sdp)?;
        let Some(exchange) = &mut self.exchange else { return Ok(None) };
        let first = exchange.offer.is_none();
        if let Some(early) = exchange.early.get_mut(at) {
            early.offer = Some((offer.clone(), rack));
        }
        if !first {
            self.answer_early(at, ctx);
            return Ok(None);
        }
        let (proposal, described) = self.translate_offer(side, &offer, ctx)?;
        self.leg_mut(side).said.note(sdp);
        if let Some(exchange) = &mut self.exchange {
            exchange.offer = Some((side, proposal));
            exchange.early.current = Some(at);
        }
        Ok(Some(described))
    }

    /// Answers the offer of another place with the answer that the other side gave to the first one.
    pub(super) fn answer_early(&mut self, at: usize, ctx: &mut Context<'_>) {
        let Some(exchange) = &mut self.exchange else { return };
        let (side, current) = (exchange.from.other(), exchange.early.current);
        let Some(answer) = exchange.near_answer.clone() else { return };
        let Some(early) = exchange.early.get_mut(at).filter(|_| Some(at) != current) else { return };
        let Some((offer, rack)) = early.offer.clone().filter(|_| early.session == OfferAnswer::Received)
        else {
            return;
        };
        match self.describe_answer(side.other(), &offer, &answer) {
            Ok(body) => {
                if let Some(early) = self.exchange.as_mut().and_then(|exchange| exchange.early.get_mut(at)) {
                    early.session = OfferAnswer::Agreed;
                }
                self.send_prack(side, at, rack, Some(body), ctx);
            }
            // Unacknowledged, that place gives up.
            Err(error) => tracing::debug!("the offer of another place has no answer: {error}"),
        }
    }

    /// Acknowledges a response whose description nobody needs any more.
    fn acknowledge(&mut self, side: Side, at: Option<usize>, rack: Option<RAck>, ctx: &mut Context<'_>) {
        if let (Some(at), Some(rack)) = (at, rack) {
            self.send_prack(side, at, rack, None, ctx);
        }
    }

    /// Acknowledges a reliable response in its own dialog. Whether that arrives is its sender's affair, who repeats the
    /// response, and in the end refuses the INVITE.
    pub(super) fn send_prack(
        &mut self,
        side: Side,
        at: usize,
        rack: RAck,
        body: Option<Bytes>,
        ctx: &mut Context<'_>,
    ) {
        let Some(early) = self.exchange.as_ref().and_then(|exchange| exchange.early.get(at)) else { return };
        let leg = &mut self.legs[side.index()];
        let (branch, sequence) = (ctx.random.branch(), leg.dialog.next_sequence());
        let prack = early.dialog.request(&Method::Prack, branch, sequence);
        let prack = finish(prack.header(HeaderName::RAck, rack.to_string()), body);
        let path = leg.path_in(&early.dialog);
        if let Err(full) = ctx.request(&leg.trunk, Method::Prack, branch, prack, path, Owner::Nobody) {
            tracing::warn!("PRACK not sent: {full}");
        }
    }

    /// Tells the side that invited, once the datapath relays what it is told.
    fn tell(&mut self, code: StatusCode, body: Option<Bytes>, ctx: &mut Context<'_>) {
        let (code, body) = match body {
            Some(body) => (code, Some(body)),
            None => self.with_ringback(code, ctx),
        };
        self.once_relayed(Then::Progress { code, body }, ctx);
    }

    /// A provisional response for the side that invited: reliably when it has to be, or when it can be and says something.
    /// While that side waits for our offer, only what makes it is reliable (RFC 3261 section 13.2.1); who takes nothing
    /// unreliable hears nothing until then.
    pub(super) fn progress(&mut self, code: StatusCode, body: Option<Bytes>, ctx: &mut Context<'_>) {
        let Some(exchange) = &mut self.exchange else { return };
        let body = body.filter(|_| exchange.near.may_tell());
        let awaits_offer = exchange.near == OfferAnswer::Nothing;
        let reliably =
            |sending: &&mut super::reliable::Sending| body.is_some() || sending.all && !awaits_offer;
        let Some(sending) = exchange.sending.as_mut().filter(reliably) else {
            if wants_reliable(&exchange.request.message) {
                return;
            }
            return self.answer_invite(code, body, ctx);
        };
        match sending.step(if body.is_some() { Input::Session } else { Input::Provisional }) {
            Effect::Send => self.send_reliably(Provisional { code, body }, ctx),
            Effect::Keep => sending.keep(Provisional { code, body }),
            Effect::Nothing | Effect::Repeat | Effect::Release | Effect::Refuse => {}
        }
    }

    fn send_reliably(&mut self, Provisional { code, body }: Provisional, ctx: &mut Context<'_>) {
        let Some(exchange) = &mut self.exchange else { return };
        let Some(sending) = &mut exchange.sending else { return };
        let rseq = sending.next_number();
        let response = exchange
            .response(&self.legs[exchange.from.index()], code)
            .header(HeaderName::Require, REL)
            .header(HeaderName::RSeq, rseq.to_string());
        if body.is_some() {
            exchange.near = exchange.near.told();
        }
        if let Some(body) = &body {
            self.note_told(body);
        }
        let response = finish(response, body);
        let Some(exchange) = &mut self.exchange else { return };
        if let Some(sending) = &mut exchange.sending {
            sending.sent(code, response.clone(), ctx.now);
        }
        ctx.respond(exchange.server, code, response);
    }

    /// Sends again what the side that invited has not acknowledged, and gives it up in the end.
    pub(super) fn repeat_progress(&mut self, ctx: &mut Context<'_>) {
        let Some(exchange) = &mut self.exchange else { return };
        let Some(sending) = &mut exchange.sending else { return };
        let Some(due) = sending.due(ctx.now) else { return };
        match sending.step(due) {
            Effect::Repeat => {
                if let Some((code, response)) = sending.repeat(ctx.now) {
                    ctx.respond(exchange.server, code, response);
                }
            }
            Effect::Refuse => {
                let from = exchange.from;
                self.terminate(Cause::NoPrack(from), ctx);
            }
            Effect::Nothing | Effect::Send | Effect::Keep | Effect::Release => {}
        }
    }
}
