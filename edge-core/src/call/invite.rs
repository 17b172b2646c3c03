//! An INVITE crossing the edge: sent on, answered, acknowledged, withdrawn.

use bytes::Bytes;

use crate::edge::Command;
use crate::sdp::{Answer, Offer, SdpError, answer_to, codec_name, offer_to};
use crate::sip::{Method, Request, Response, StatusCode};

use super::exchange::{Exchange, SentInvite, Unacknowledged};
use super::leg::{LegState, SentAck};
use super::opening::{SDP, hops_left, phrase, session_body};
use super::{Call, Cause, Context, Owner, Side, cause};

impl Call {
    /// Sends the exchange's INVITE on to the other side.
    pub(super) fn send_invite(&mut self, ctx: &mut Context<'_>) {
        let Some(exchange) = &mut self.exchange else { return };
        let to = exchange.from.other();
        let leg = &mut self.legs[to.index()];
        let branch = ctx.random.branch();
        let sequence = leg.dialog.next_sequence();
        let request = leg.dialog.forwarded(&Method::Invite, branch, sequence, hops_left(&exchange.invite));
        let request =
            finish(request.header(crate::sip::HeaderName::Allow, super::ALLOW), exchange.body.take());
        let owner = Owner::Invite(self.key, to);
        match ctx.request(Method::Invite, branch, request, leg.dialog.path(), owner) {
            Ok(id) => {
                exchange.client = Some(SentInvite { branch, sequence });
                self.invites = [Some(exchange.server), Some(id)];
            }
            Err(full) => {
                tracing::warn!("INVITE not sent: {full}");
                self.invite_failed(StatusCode::SERVICE_UNAVAILABLE, None, ctx);
            }
        }
    }

    /// A provisional response from the side that was invited.
    pub(super) fn on_provisional(&mut self, side: Side, response: &Response, ctx: &mut Context<'_>) {
        let Some(exchange) = self.crossing_to(side) else { return };
        exchange.provisional_seen = true;
        if exchange.cancel_wanted {
            exchange.cancel_wanted = false;
            self.send_cancel(side, ctx);
        }
        if response.code == StatusCode::TRYING || self.ending {
            return;
        }
        self.note_ringing(ctx);
        let body = match self.early_answer(side, response, ctx) {
            Ok(body) => body,
            Err(error) => {
                tracing::debug!(side = ?side, "SDP of {} not passed on: {error}", response.code);
                None
            }
        };
        self.answer_invite(response.code, &phrase(response.code, response.message.reason()), body, ctx);
    }

    /// A 2xx from the side that was invited: the first one, a repeated one, or one of another fork.
    pub(super) fn on_success(&mut self, side: Side, response: &Response, ctx: &mut Context<'_>) {
        if self.leg(side).state == LegState::Cancelling {
            self.leg_mut(side).dialog.confirm(response);
            self.send_ack(side, response.cseq, None, ctx);
            self.leave(side, ctx);
            return;
        }
        if let Some(sent) = &self.leg(side).ack
            && sent.sequence == response.cseq
        {
            self.on_repeated_success(side, response, sent.clone(), ctx);
            return;
        }
        let awaited = self.crossing_to(side).is_some_and(|exchange| !exchange.answer_awaited);
        if awaited && !self.ending {
            self.on_answer(side, response, ctx);
        }
    }

    /// A final failure from the side that was invited.
    pub(super) fn on_failure(&mut self, side: Side, response: &Response, ctx: &mut Context<'_>) {
        if self.leg(side).state == LegState::Cancelling {
            self.leg_mut(side).state = LegState::Closed;
            return;
        }
        if self.crossing_to(side).is_some() && !self.ending {
            self.invite_failed(response.code, response.message.reason(), ctx);
        }
    }

    /// The ACK for our 2xx came in on `side`.
    pub(crate) fn on_ack(&mut self, side: Side, ack: &Request, ctx: &mut Context<'_>) {
        let Some(exchange) = &mut self.exchange else { return };
        let expected = exchange.from == side && exchange.invite.cseq == ack.cseq;
        if !expected || exchange.unacknowledged.take().is_none() {
            return;
        }
        let answer_awaited = exchange.answer_awaited;
        if self.leg(side).state == LegState::AwaitingAck {
            self.exchange = None;
            self.leave(side, ctx);
            return;
        }
        if answer_awaited {
            self.on_late_answer(side, ack, ctx);
        }
        self.exchange = None;
    }

    /// Withdraws our INVITE to `side`, as soon as the RFC allows it.
    pub(super) fn withdraw(&mut self, side: Side, ctx: &mut Context<'_>) {
        let Some(exchange) = self.crossing_to(side) else { return };
        if exchange.client.is_none() {
            return;
        }
        if exchange.provisional_seen {
            self.send_cancel(side, ctx);
        } else {
            exchange.cancel_wanted = true;
        }
    }

    /// Ends the exchange with a failure: the end of a call that was not answered, a refusal of a change of one
    /// that was.
    pub(super) fn invite_failed(&mut self, code: StatusCode, reason: Option<&[u8]>, ctx: &mut Context<'_>) {
        let Some(from) = self.exchange.as_ref().map(|exchange| exchange.from) else { return };
        if self.leg(from).state == LegState::Early {
            for leg in &mut self.legs {
                leg.state = LegState::Closed;
            }
        }
        let across = cause::across(code);
        self.answer_invite(across, &phrase(across, reason), None, ctx);
        self.exchange = None;
        if self.leg(from).state == LegState::Closed {
            self.terminate(Cause::Rejected(code), ctx);
            return;
        }
        if matches!(code, StatusCode::CALL_DOES_NOT_EXIST | StatusCode::REQUEST_TIMEOUT) {
            self.terminate(Cause::Lost(from.other()), ctx);
        }
    }

    /// Answers the exchange's INVITE on the side that it came from.
    pub(super) fn answer_invite(
        &mut self,
        code: StatusCode,
        reason: &[u8],
        body: Option<Bytes>,
        ctx: &mut Context<'_>,
    ) {
        let Some(exchange) = &mut self.exchange else { return };
        let leg = &self.legs[exchange.from.index()];
        let response = finish(exchange.response(leg, code, reason), body);
        if code.is_success() {
            exchange.unacknowledged = Some(Unacknowledged::new(response.clone(), ctx.now));
        }
        ctx.respond(exchange.server, code, response);
    }

    /// A re-INVITE came in from `side`; `exchange` has its transaction.
    pub(super) fn on_reinvite(&mut self, mut exchange: Exchange, ctx: &mut Context<'_>) {
        let side = exchange.from;
        let offered = session_body(&exchange.invite.message)
            .and_then(|body| body.map(|sdp| Offer::parse(&sdp).map_err(super::Refused::Offer)).transpose());
        let offered = match offered {
            Ok(offered) => offered,
            Err(refused) => {
                super::refuse(
                    &exchange.invite,
                    self.leg(side).dialog.opened_over(),
                    exchange.server,
                    &refused,
                    ctx,
                );
                return;
            }
        };
        self.leg_mut(side).dialog.refresh_target(exchange.invite.contact.as_ref());
        if let Some(offer) = offered {
            match self.translate_offer(side, &offer) {
                Ok(body) => exchange.body = Some(body),
                Err(error) => {
                    let refused = super::Refused::Offer(error);
                    super::refuse(
                        &exchange.invite,
                        self.leg(side).dialog.opened_over(),
                        exchange.server,
                        &refused,
                        ctx,
                    );
                    return;
                }
            }
            exchange.offer = Some((side, offer));
        }
        self.exchange = Some(exchange);
        self.answer_invite(StatusCode::TRYING, b"Trying", None, ctx);
        self.send_invite(ctx);
    }

    fn on_answer(&mut self, side: Side, response: &Response, ctx: &mut Context<'_>) {
        let initial = self.leg(side).state == LegState::Early;
        if initial {
            self.leg_mut(side).dialog.confirm(response);
            self.leg_mut(side).state = LegState::Confirmed;
        } else {
            self.leg_mut(side).dialog.refresh_target(response.contact.as_ref());
        }
        match self.translate_success(side, response, ctx) {
            Ok(body) => {
                let answer_awaited = self.exchange.as_ref().is_some_and(|exchange| exchange.answer_awaited);
                if !answer_awaited {
                    self.send_ack(side, response.cseq, None, ctx);
                }
                if initial {
                    self.note_answered(ctx);
                }
                self.answer_invite(StatusCode::OK, b"OK", Some(body), ctx);
            }
            Err(error) => {
                self.send_ack(side, response.cseq, None, ctx);
                self.terminate(Cause::BadAnswer(error), ctx);
            }
        }
    }

    /// What the other side hears of the SDP in a 2xx: the answer to its offer, or an offer when it made none.
    fn translate_success(
        &mut self,
        side: Side,
        response: &Response,
        ctx: &mut Context<'_>,
    ) -> Result<Bytes, SdpError> {
        let body = session_body(&response.message).unwrap_or_default();
        let Some(exchange) = &mut self.exchange else { return Err(SdpError::NoAudio) };
        match (&exchange.offer, body) {
            (Some(_), Some(sdp)) => self.translate_answer(side, &sdp, ctx),
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

    /// The answer in an ACK, to the offer in the 2xx of the other side.
    fn on_late_answer(&mut self, side: Side, ack: &Request, ctx: &mut Context<'_>) {
        let other = side.other();
        let Some(sequence) =
            self.exchange.as_ref().and_then(|exchange| exchange.client).map(|sent| sent.sequence)
        else {
            return;
        };
        let body = session_body(&ack.message).unwrap_or_default();
        let answered = body.ok_or(SdpError::NoAudio).and_then(|sdp| self.translate_answer(side, &sdp, ctx));
        match answered {
            Ok(body) => self.send_ack(other, sequence, Some(body), ctx),
            Err(error) => {
                self.send_ack(other, sequence, None, ctx);
                self.exchange = None;
                self.terminate(Cause::BadAnswer(error), ctx);
            }
        }
    }

    fn early_answer(
        &mut self,
        side: Side,
        response: &Response,
        ctx: &mut Context<'_>,
    ) -> Result<Option<Bytes>, SdpError> {
        let offered = self.exchange.as_ref().is_some_and(|exchange| exchange.offer.is_some());
        match session_body(&response.message).unwrap_or_default() {
            Some(sdp) if offered => self.translate_answer(side, &sdp, ctx).map(Some),
            Some(_) | None => Ok(None),
        }
    }

    /// The offer that `side` made, said anew for the other side.
    fn translate_offer(&mut self, side: Side, offer: &Offer) -> Result<Bytes, SdpError> {
        let [a, b] = &mut self.legs;
        let (near, far) = if side == Side::A { (a, b) } else { (b, a) };
        near.lines = offer.lines().clone();
        let (from, to) = (&near.trunk.codecs, &far.trunk.codecs);
        far.session.describe(|local| offer_to(local, offer, from, to, &far.lines))
    }

    /// The answer that `side` gave, said anew for the side that offered; the media follows it.
    fn translate_answer(&mut self, side: Side, sdp: &[u8], ctx: &mut Context<'_>) -> Result<Bytes, SdpError> {
        let answer = Answer::parse(sdp)?;
        let Some(exchange) = &mut self.exchange else { return Err(SdpError::NoAudio) };
        let Some((_, offer)) = &exchange.offer else { return Err(SdpError::NoAudio) };
        let near = &mut self.legs[side.other().index()];
        let policy = &near.trunk.codecs;
        let body = near.session.describe(|local| answer_to(local, offer, &answer, policy))?;
        exchange.answer = Some(body.clone());
        let (offered, answered, before) = (offer.audio(), answer.audio(), self.plan);
        for (end, audio) in [(side.other(), offered), (side, answered)] {
            let endpoint = if end == Side::A { &mut self.plan.a } else { &mut self.plan.b };
            endpoint.remote = audio.remote;
            endpoint.clock_rate = answered.clock_rate();
        }
        if let Some(record) = &mut self.record {
            record.codec = codec_name(&answer).map(str::to_owned);
        }
        if self.plan != before {
            ctx.command(Command::UpdateMedia { call: self.key, plan: self.plan });
        }
        Ok(body)
    }

    fn on_repeated_success(&mut self, side: Side, response: &Response, sent: SentAck, ctx: &mut Context<'_>) {
        if response.to.tag() == sent.remote_tag.as_deref() {
            ctx.send(sent.path, sent.bytes);
            return;
        }
        // Another fork answered too (RFC 3261 section 13.2.2.4): it is acknowledged and hung up.
        let mut fork = self.leg(side).dialog.clone();
        fork.confirm(response);
        let ack = fork.request(&Method::Ack, ctx.random.branch(), response.cseq).empty();
        ctx.send(fork.path(), ack);
        let (branch, sequence) = (ctx.random.branch(), fork.next_sequence());
        let bye = fork.request(&Method::Bye, branch, sequence).empty();
        if let Err(full) = ctx.request(Method::Bye, branch, bye, fork.path(), Owner::Nobody) {
            tracing::warn!("a second answer was not hung up: {full}");
        }
    }

    pub(super) fn send_ack(&mut self, side: Side, sequence: u32, body: Option<Bytes>, ctx: &mut Context<'_>) {
        let leg = self.leg_mut(side);
        let bytes = finish(leg.dialog.request(&Method::Ack, ctx.random.branch(), sequence), body);
        let path = leg.dialog.path();
        leg.ack =
            Some(SentAck { sequence, remote_tag: leg.dialog.remote_tag.clone(), bytes: bytes.clone(), path });
        ctx.send(path, bytes);
    }

    fn send_cancel(&mut self, side: Side, ctx: &mut Context<'_>) {
        let Some(sent) = self.crossing_to(side).and_then(|exchange| exchange.client) else { return };
        let dialog = &self.leg(side).dialog;
        let cancel = dialog.request(&Method::Cancel, sent.branch, sent.sequence).empty();
        if let Err(full) = ctx.request(Method::Cancel, sent.branch, cancel, dialog.path(), Owner::Nobody) {
            tracing::warn!("CANCEL not sent: {full}");
        }
    }

    /// The exchange, when it crosses towards `side`.
    fn crossing_to(&mut self, side: Side) -> Option<&mut Exchange> {
        self.exchange.as_mut().filter(|exchange| exchange.from != side)
    }
}

/// A message with an SDP body, or without one.
fn finish(message: crate::sip::MessageWriter, body: Option<Bytes>) -> Bytes {
    match body {
        Some(sdp) => message.body(SDP, sdp),
        None => message.empty(),
    }
}
