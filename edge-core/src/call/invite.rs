//! An INVITE or UPDATE crossing the edge: sent on, answered, refused, withdrawn. ACK is in [`super::acknowledging`].

use std::sync::Arc;

use bytes::Bytes;

use crate::sip::{HeaderName, MessageWriter, Method, Response, StatusCode};
use crate::transaction::{Path, T1, TransactionId};

use super::body::SDP;
use super::cause::not_timed_out;
use super::course::Said;
use super::exchange::{Exchange, Sent, Unacknowledged};
use super::introduction::{introduce, permit};
use super::join::tell_referrer;
use super::leg::LegState;
use super::passage::{copy_across, hops_left};
use super::reason::{Reason, retry_after};
use super::record::Outcome;
use super::relay::Then;
use super::reliable::Input;
use super::{ALLOW, Call, Cause, Context, Owner, Refused, Side};

impl Call {
    /// Sends the exchange's request on to the other side.
    pub(super) fn send_on(&mut self, ctx: &mut Context<'_>) {
        let Some(exchange) = &mut self.exchange else { return };
        if exchange.withdrawn {
            self.answer_invite(StatusCode::REQUEST_TERMINATED, None, ctx);
            self.exchange = None;
            return;
        }
        let to = exchange.from.other();
        let near = Arc::clone(&self.legs[exchange.from.index()].trunk);
        let leg = &mut self.legs[to.index()];
        let branch = ctx.random.branch();
        let sequence = leg.dialog.next_sequence();
        let method = exchange.onward.clone();
        let request = leg.dialog.forwarded(&method, branch, sequence, hops_left(&exchange.request));
        let request = exchange.propose(leg, request.header(HeaderName::Allow, ALLOW));
        let request = copy_across(request, &exchange.request.message, HeaderName::RecvInfo);
        let others = (&self.redirection, self.joining.as_deref());
        let request = introduce(request, (&exchange.request, &near), leg, others);
        let request = permit(request, &exchange.request.message, &near);
        let request = tell_referrer(self.joining.as_deref(), leg, request);
        let request = finish(request, exchange.body.clone());
        if leg.turns_to_tcp(request.len() + ctx.logins.length_of(&leg.trunk), &self.policy, ctx) {
            return self.send_on(ctx);
        }
        let owner =
            if method == Method::Update { Owner::Update(self.key, to) } else { Owner::Invite(self.key, to) };
        match ctx.request(&leg.trunk, method, branch, request, leg.path(), owner) {
            Ok(id) => {
                exchange.client = Some(Sent { id, branch, sequence });
                self.invites = [Some(exchange.server), Some(id)];
                self.note_attempt(to, ctx);
                self.note_proof(to, id, ctx);
            }
            Err(full) => {
                tracing::warn!("{} not sent: {full}", exchange.onward);
                self.invite_failed(Cause::Refused(Refused::Overload), ctx);
            }
        }
    }

    /// A 2xx from the side that was invited: the first one, a repeated one, or one of another fork.
    pub(super) fn on_success(&mut self, side: Side, response: &Response, ctx: &mut Context<'_>) {
        if self.leg(side).state == LegState::Cancelling {
            self.leg_mut(side).dialog.confirm(response);
            self.send_ack(side, response.cseq, None, ctx);
            self.leave(side, ctx);
            return;
        }
        let first = self.crossing_to(side).is_some_and(|exchange| {
            !exchange.answered && exchange.client.is_some_and(|sent| sent.sequence == response.cseq)
        });
        if first && !self.ending {
            self.on_answer(side, response, ctx);
        } else {
            self.on_repeated_success(side, response, ctx);
        }
    }

    /// A final failure from the side that was invited.
    pub(super) fn on_failure(&mut self, side: Side, response: &Response, ctx: &mut Context<'_>) {
        if self.leg(side).state == LegState::Cancelling {
            self.leg_mut(side).state = LegState::Closed;
            return;
        }
        let ours = self.crossing_to(side).and_then(|exchange| exchange.client);
        if ours.is_some_and(|sent| sent.sequence == response.cseq) && !self.ending {
            self.refused_by(side, response, ctx);
        }
    }

    /// The final response to our UPDATE, which carried an offer of the other side's.
    pub(crate) fn on_update_response(&mut self, side: Side, response: &Response, ctx: &mut Context<'_>) {
        let sent = self.crossing_to(side).and_then(|exchange| exchange.client);
        if self.ending || self.on_early_response(side, response, ctx) {
            return;
        }
        if sent.is_none_or(|sent| sent.sequence != response.cseq) {
            return;
        }
        if response.code.is_success() {
            self.on_answer(side, response, ctx);
        } else {
            self.refused_by(side, response, ctx);
        }
    }

    /// A failure of what went on to `side`. One that is about the session interval is put right, once.
    fn refused_by(&mut self, side: Side, response: &Response, ctx: &mut Context<'_>) {
        let opening = self.leg(Side::A).state == LegState::Early;
        if opening {
            self.end_attempt(Outcome::Refused(response.code), ctx);
        }
        let leg = &mut self.legs[side.index()];
        let first = |exchange: &&mut Exchange| !exchange.interval_raised && !exchange.withdrawn;
        if let Some(exchange) = self.exchange.as_deref_mut().filter(first)
            && leg.timer.raise(response)
        {
            exchange.interval_raised = true;
            exchange.early.clear();
            exchange.provisional_seen = false;
            return self.send_on(ctx);
        }
        if self.outlives_refusal(response, ctx) {
            return;
        }
        if let Some(exchange) = &mut self.exchange {
            exchange.note(&response.message, &self.legs[side.index()].trunk);
        }
        self.reason = Reason::of(&response.message);
        self.retry_after = retry_after(&response.message);
        let cause = Cause::Rejected(response.code);
        if !opening {
            return self.invite_failed(cause, ctx);
        }
        let (reason, retry_after) = (self.reason.clone(), self.retry_after);
        self.course.note(Said { cause: cause.clone(), reason, retry_after });
        if self.leads_elsewhere(response, ctx) {
            return;
        }
        let cause = self.redirected_cause(response).unwrap_or_else(|| self.best_end(cause));
        self.invite_failed(cause, ctx);
    }

    /// Nothing more is awaited of the exchange that `side` began. Who was told, or has said, something else than what is agreed
    /// hears of that.
    pub(super) fn exchange_is_through(&mut self, side: Side, ctx: &mut Context<'_>) {
        let Some(exchange) = self.exchange.take() else { return };
        self.ringback = None;
        if exchange.misled {
            self.describe_anew(side, ctx);
        }
        if exchange.untold {
            self.describe_anew(side.other(), ctx);
        }
    }

    /// Withdraws our INVITE to `side`, as soon as the RFC allows it.
    pub(super) fn withdraw(&mut self, side: Side, ctx: &mut Context<'_>) {
        let Some(exchange) = self.crossing_to(side) else { return };
        if exchange.answered {
            return;
        }
        exchange.withdrawn = true;
        if exchange.client.is_none() {
            return;
        }
        // RFC 3261 section 9.1: a server that says nothing more is given up after 64*T1.
        exchange.over_at = Some(ctx.now + T1 * 64);
        if exchange.provisional_seen {
            self.send_cancel(side, ctx);
        } else {
            exchange.cancel_wanted = true;
        }
    }

    /// Ends the exchange with a failure: the end of a call that was not answered, a refusal of a change of one
    /// that was.
    pub(super) fn invite_failed(&mut self, cause: Cause, ctx: &mut Context<'_>) {
        let Some(from) = self.exchange.as_ref().map(|exchange| exchange.from) else { return };
        self.note_reason(&cause);
        self.answer_invite(cause.status(), None, ctx);
        self.forget_waiting();
        let before = self.exchange.take().and_then(|exchange| exchange.plan_before);
        if self.leg(from).state == LegState::Early {
            for leg in &mut self.legs {
                leg.state = LegState::Closed;
            }
            self.terminate(cause, ctx);
        } else if dialog_is_gone(&cause) {
            self.terminate(Cause::Lost(from.other()), ctx);
        } else {
            // What a provisional answer had moved is where it was.
            if let Some(before) = before {
                self.streams.go_back_to(&before);
            }
            self.once_relayed(Then::Rest, ctx);
        }
    }

    /// The exchange has been open for too long: the side that began it hears so, and the other one is given up.
    pub(super) fn exchange_over(&mut self, ctx: &mut Context<'_>) {
        let Some(exchange) = &self.exchange else { return };
        if let Some(sent) = exchange.client {
            ctx.transactions.abandon(sent.id);
        }
        if exchange.withdrawn {
            self.answer_invite(StatusCode::REQUEST_TERMINATED, None, ctx);
            self.exchange = None;
        } else {
            self.invite_failed(Cause::Unreachable, ctx);
        }
    }

    /// Answers the exchange's request on the side that it came from.
    pub(super) fn answer_invite(&mut self, code: StatusCode, body: Option<Bytes>, ctx: &mut Context<'_>) {
        let Some(exchange) = &mut self.exchange else { return };
        if exchange.server == TransactionId::NONE {
            return self.on_own_answer(code, ctx);
        }
        let leg = &mut self.legs[exchange.from.index()];
        if exchange.is_update() && code.is_provisional() {
            return;
        }
        let code = if exchange.is_update() { not_timed_out(code) } else { code };
        let mut response = exchange.response(leg, code);
        if code.is_success() {
            response = leg.timer.accept(&exchange.request.message, response, ctx.now);
        }
        if code.as_u16() >= 300 {
            if let Some(sending) = &mut exchange.sending {
                sending.step(Input::Failure);
            }
            response = self.redirection.point(self.reason.explain(response));
            if let Some(seconds) = self.retry_after {
                response = response.header(HeaderName::RetryAfter, seconds.to_string());
            }
        }
        let response = finish(response, body);
        if code.is_success() && !exchange.is_update() {
            exchange.unacknowledged = Some(Unacknowledged::new(response.clone(), ctx.now));
        }
        ctx.respond(exchange.server, code, response);
    }

    /// A re-INVITE came in, or an UPDATE with an offer; `exchange` has its transaction.
    pub(super) fn on_change(&mut self, mut exchange: Exchange, ctx: &mut Context<'_>) {
        match self.translate_change(&exchange, ctx) {
            Ok(Some((offer, body))) => {
                exchange.offer = Some((exchange.from, offer));
                exchange.body = Some(body);
            }
            // Nothing is offered in the place of who receives the media: he has to do that.
            Ok(None) if self.streams.are_direct() => {}
            Ok(None) => {
                let from = exchange.from;
                exchange.offer_again_for(self.leg_mut(from.other()));
            }
            Err(refused) => {
                let path = Path { peer: exchange.source, ..self.leg(exchange.from).dialog.opened_over() };
                super::refuse(&exchange.request, path, exchange.server, &refused, ctx);
                return;
            }
        }
        (self.reason, self.retry_after) = (Reason::default(), None);
        self.leg_mut(exchange.from).refresh(&exchange.request);
        let mut patience = self.policy.timers.answer_max;
        if exchange.is_update() {
            // Whoever sent it has stopped waiting by then (RFC 3261 section 17.1.2.2, timer F).
            patience = patience.min(T1 * 64);
            if self.leg(exchange.from.other()).takes_update {
                exchange.onward = Method::Update;
            }
        }
        let (near, far) = (&self.leg(exchange.from).trunk, &self.leg(exchange.from.other()).trunk);
        exchange.decide_reliability(near, far, ctx.random.next());
        exchange.over_at = Some(ctx.now + patience);
        exchange.plan_before = Some(self.relayed.clone());
        let plan = match &exchange.offer {
            Some((side, proposal)) => self.streams.plan_of(*side, proposal),
            None => self.streams.plan.clone(),
        };
        let grows = plan.streams.len() > self.relayed.streams.len();
        self.exchange = Some(Box::new(exchange));
        self.answer_invite(StatusCode::TRYING, None, ctx);
        self.if_relayable(plan, if grows { Then::Extend } else { Then::SendOn }, ctx);
    }

    pub(super) fn send_cancel(&mut self, side: Side, ctx: &mut Context<'_>) {
        let Some(sent) = self.crossing_to(side).and_then(|exchange| exchange.client) else { return };
        let leg = self.leg(side);
        let cancel = leg.dialog.request(&Method::Cancel, sent.branch, sent.sequence);
        let cancel = self.reason.tell(cancel).empty();
        if let Err(full) =
            ctx.request(&leg.trunk, Method::Cancel, sent.branch, cancel, leg.path(), Owner::Nobody)
        {
            tracing::warn!("CANCEL not sent: {full}");
        }
    }

    /// The exchange, when it crosses towards `side`.
    pub(super) fn crossing_to(&mut self, side: Side) -> Option<&mut Exchange> {
        self.exchange.as_deref_mut().filter(|exchange| exchange.from != side)
    }
}

/// Whether a failed re-INVITE means that the other side has no dialog any more (RFC 3261 section 12.2.1.2).
fn dialog_is_gone(cause: &Cause) -> bool {
    matches!(
        cause,
        Cause::Unreachable | Cause::Rejected(StatusCode::CALL_DOES_NOT_EXIST | StatusCode::REQUEST_TIMEOUT)
    )
}

/// A message with an SDP body, or without one.
pub(super) fn finish(message: MessageWriter, body: Option<Bytes>) -> Bytes {
    match body {
        Some(sdp) => message.body(SDP, sdp),
        None => message.empty(),
    }
}
