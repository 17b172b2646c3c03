//! An offer that crosses while an INVITE is open: in an UPDATE, or in a PRACK, as an UPDATE (RFC 3311 section 5.1, RFC 6337
//! sections 2.3 and 2.4).
//!
//! Invariants: there is at most one; it begins only where offer and answer are through on both sides, and meets nothing else.

use bytes::Bytes;

use crate::sdp::{Offer, Proposal};
use crate::sip::{HeaderName, Method, Response, StatusCode};
use crate::transaction::T1;

use super::asked::Asked;
use super::body::session_body;
use super::cause::{across, not_timed_out};
use super::invite::finish;
use super::offer_answer::{OfferAnswer, Taking};
use super::passage::hops_left;
use super::relay::Then;
use super::{ALLOW, Call, Cause, Context, Owner, Side};

/// An offer on its way across.
#[derive(Debug)]
pub(super) struct EarlyChange {
    /// The request that made it.
    asked: Asked,
    offer: Proposal,
    /// What the other side is offered for it.
    body: Bytes,
    /// CSeq of our UPDATE, once it is sent.
    sequence: Option<u32>,
    /// When it is given up: whoever made it has stopped waiting by then.
    over_at: std::time::Instant,
}

impl EarlyChange {
    /// It goes on under the number `now`, if it was sent to `side` under `before`.
    pub(super) fn renumber(&mut self, side: Side, before: u32, now: u32) {
        if self.asked.side != side && self.sequence == Some(before) {
            self.sequence = Some(now);
        }
    }
}

impl Call {
    /// An offer in an UPDATE or PRACK, while an INVITE is open.
    pub(super) fn on_early_offer(&mut self, asked: Asked, ctx: &mut Context<'_>) {
        match self.takes_early_offer(&asked) {
            Taking::Pending => return self.reply(&asked, StatusCode::REQUEST_PENDING, ctx),
            // A PRACK cannot come again: its offer is refused for good.
            Taking::Later if asked.request.method == Method::Prack => {
                return self.reply(&asked, StatusCode::NOT_ACCEPTABLE_HERE, ctx);
            }
            Taking::Later => return self.reply_later(&asked, ctx),
            Taking::Now => {}
        }
        let sdp = session_body(&asked.request.message).ok().flatten().unwrap_or_default();
        let offer = Offer::parse(&sdp);
        match offer.and_then(|offer| self.translate_offer(asked.side, &offer, ctx)) {
            Ok((offer, body)) => {
                let plan = self.streams.plan_of(asked.side, &offer);
                let grows = plan.streams.len() > self.relayed.streams.len();
                let over_at = ctx.now + T1 * 64;
                self.leg_mut(asked.side).said.note(&sdp);
                let change = EarlyChange { asked, offer, body, sequence: None, over_at };
                self.early_change = Some(Box::new(change));
                if let Some(exchange) = &mut self.exchange {
                    exchange.changed = true;
                }
                if grows {
                    self.once_relayed(Then::SendUpdate, ctx);
                } else {
                    self.if_relayable(plan, Then::SendUpdate, ctx);
                }
            }
            Err(_unusable) => self.reply(&asked, StatusCode::NOT_ACCEPTABLE_HERE, ctx),
        }
    }

    /// Whether an offer may cross now: to a side that takes it, where nothing else is under way.
    fn takes_early_offer(&self, asked: &Asked) -> Taking {
        let Some(exchange) = &self.exchange else { return Taking::Later };
        if let Some(change) = &self.early_change {
            return if change.asked.side == asked.side { Taking::Later } else { Taking::Pending };
        }
        let near = exchange.from;
        let current = exchange.early.current.and_then(|at| exchange.early.get(at));
        let (Some(far), false) = (current, exchange.is_update()) else {
            return if asked.side == near { Taking::Later } else { Taking::Pending };
        };
        let (own, other) =
            if asked.side == near { (exchange.near, far.session) } else { (far.session, exchange.near) };
        let takes_update = if asked.side == near { far.takes_update } else { self.leg(near).takes_update };
        let in_current = asked.side == near || far.dialog.contains(&asked.request);
        let acknowledged = exchange.sending.as_ref().is_none_or(|sending| sending.awaited().is_none());
        match own.takes_offer() {
            Taking::Now if other == OfferAnswer::Agreed && takes_update && in_current && acknowledged => {
                Taking::Now
            }
            Taking::Now => Taking::Later,
            refused @ (Taking::Later | Taking::Pending) => refused,
        }
    }

    /// The datapath could relay what is offered: it goes on.
    pub(super) fn send_early_update(&mut self, ctx: &mut Context<'_>) {
        let Some(change) = &mut self.early_change else { return };
        let to = change.asked.side.other();
        let leg = &mut self.legs[to.index()];
        let early = self.exchange.as_ref().filter(|exchange| exchange.from != to);
        let early = early.and_then(|exchange| exchange.early.get(exchange.early.current?));
        let confirmed = leg.dialog.remote_tag.is_some();
        let sequence = leg.dialog.next_sequence();
        let dialog = early.filter(|_| !confirmed).map_or(&leg.dialog, |early| &early.dialog);
        let branch = ctx.random.branch();
        let update = dialog.forwarded(&Method::Update, branch, sequence, hops_left(&change.asked.request));
        let update = update.header(HeaderName::Allow, ALLOW).header(HeaderName::Supported, leg.supported());
        let (update, path) = (update.body(super::body::SDP, change.body.clone()), leg.path_in(dialog));
        change.sequence = Some(sequence);
        if ctx.request(&leg.trunk, Method::Update, branch, update, path, Owner::Update(self.key, to)).is_err()
        {
            self.end_early_change(StatusCode::SERVICE_UNAVAILABLE, None, ctx);
        }
    }

    /// The final response to an UPDATE; says whether it was one of these.
    pub(super) fn on_early_response(
        &mut self,
        side: Side,
        response: &Response,
        ctx: &mut Context<'_>,
    ) -> bool {
        let ours = |change: &EarlyChange| change.asked.side != side && change.sequence == Some(response.cseq);
        let Some(offer) =
            self.early_change.as_ref().filter(|change| ours(change)).map(|change| change.offer.clone())
        else {
            return false;
        };
        if !response.code.is_success() {
            self.end_early_change(not_timed_out(across(response.code)), None, ctx);
            return true;
        }
        let sdp = session_body(&response.message).ok().flatten().unwrap_or_default();
        match self.answer_offer(side, &offer, &sdp) {
            Ok(body) => self.once_relayed(Then::AnswerUpdate { body }, ctx),
            Err(error) => self.terminate(Cause::BadAnswer(error), ctx),
        }
        true
    }

    /// Answers the side that made the offer, and lets go what waited for that.
    pub(super) fn end_early_change(&mut self, code: StatusCode, body: Option<Bytes>, ctx: &mut Context<'_>) {
        let Some(change) = self.early_change.take() else { return };
        let EarlyChange { asked, .. } = *change;
        // Both sides know now what is agreed.
        if let Some(exchange) = self.exchange.as_mut().filter(|_| code.is_success()) {
            exchange.untold = false;
            self.forget_ringback();
        }
        let leg = self.leg_mut(asked.side);
        let mut response = asked.response(leg, code);
        if code.is_success() {
            response = response.header(HeaderName::Supported, leg.supported());
            if asked.request.method == Method::Update {
                leg.refresh(&asked.request);
                response = response.header(HeaderName::Contact, leg.dialog.contact());
                response = leg.timer.accept(&asked.request.message, response, ctx.now);
            }
        }
        ctx.respond(asked.server, code, finish(response, body));
        self.release(ctx);
    }

    /// Whether it goes on to `side`, by an UPDATE of ours that is out.
    pub(super) fn early_change_goes_to(&self, side: Side) -> bool {
        self.early_change
            .as_ref()
            .is_some_and(|change| change.asked.side != side && change.sequence.is_some())
    }

    /// When it is given up.
    pub(super) fn early_change_over_at(&self) -> Option<std::time::Instant> {
        self.early_change.as_ref().map(|change| change.over_at)
    }
}
