//! What happens to a call: facts from the datapath, messages of its dialogs, time.

use crate::dialog::Dialog;
use crate::policy::Sign;
use crate::relation::sign_of_answer;
use crate::sip::{Method, Request, Response, StatusCode};
use crate::transaction::TransactionId;

use super::asked::Asked;
use super::cause::not_timed_out;
use super::course::{Said, outcome_of};
use super::exchange::Exchange;
use super::leg::LegState;
use super::methods::not_taken;
use super::passage::passes;
use super::reason::Reason;
use super::record::Outcome;
use super::{Call, Cause, Context, Owner, Side};

impl Call {
    /// The dialog that a request is within: the one that stands, or an early one.
    fn dialog_of(&mut self, asked: &Asked) -> &mut Dialog {
        let early = self.exchange.as_mut().filter(|exchange| exchange.from != asked.side);
        let dialog = &mut self.legs[asked.side.index()].dialog;
        if dialog.remote_tag.is_some() {
            return dialog;
        }
        early.and_then(|exchange| exchange.early.of(&asked.request)).map_or(dialog, |early| &mut early.dialog)
    }

    /// A request within a dialog of this call, other than an ACK.
    pub(crate) fn on_request(&mut self, asked: Asked, ctx: &mut Context<'_>) {
        if self.dialog_of(&asked).accept_sequence(&asked.request).is_err() {
            return self.reply(&asked, StatusCode::SERVER_INTERNAL_ERROR, ctx);
        }
        if asked.request.method == Method::Invite && self.hears_again(&asked, ctx) {
            return;
        }
        self.goes_on_with(asked.side, asked.request.cseq);
        #[expect(clippy::wildcard_enum_match_arm, reason = "the set of methods is open")]
        match &asked.request.method {
            Method::Bye => self.on_bye(&asked, ctx),
            Method::Invite if self.ending => self.reply(&asked, StatusCode::CALL_DOES_NOT_EXIST, ctx),
            Method::Invite if self.is_changing() || !self.answered() => {
                self.reply(&asked, StatusCode::REQUEST_PENDING, ctx);
            }
            Method::Invite => self.on_change(Exchange::new(asked), ctx),
            Method::Update => self.on_update(asked, ctx),
            Method::Prack => self.on_prack(asked, ctx),
            Method::Options => self.reply(&asked, StatusCode::OK, ctx),
            Method::Refer => self.on_refer(asked, ctx),
            method if passes(method) => self.pass_on(asked, ctx),
            method => self.reply(&asked, not_taken(method), ctx),
        }
    }

    /// The side that sent an INVITE withdraws it; the CANCEL itself was answered already.
    pub(crate) fn on_cancel(
        &mut self,
        side: Side,
        invite: TransactionId,
        cancel: &Request,
        ctx: &mut Context<'_>,
    ) {
        let pending = self
            .exchange
            .as_ref()
            .is_some_and(|exchange| exchange.server == invite && exchange.is_unanswered());
        if !pending {
            return;
        }
        self.reason = Reason::of(&cancel.message);
        if self.leg(side).state == LegState::Early {
            self.terminate(Cause::Cancelled, ctx);
        } else {
            self.withdraw(side.other(), ctx);
        }
    }

    /// A response to an INVITE of ours on `side`.
    pub(crate) fn on_invite_response(&mut self, side: Side, response: &Response, ctx: &mut Context<'_>) {
        let admission = &mut self.leg_mut(side).admission;
        admission.iter_mut().for_each(|admission| admission.heard(response.code, ctx.since_epoch));
        // A 503 has its own meaning for a call (`outlives_refusal`), and a 408 may be about the number alone.
        if side == Side::B && sign_of_answer(response.code) == Sign::Alive {
            self.leg(side).note_sign(Sign::Alive);
        }
        if response.code.is_provisional() {
            self.on_provisional(side, response, ctx);
        } else if response.code.is_success() {
            self.on_success(side, response, ctx);
        } else {
            self.on_failure(side, response, ctx);
        }
    }

    /// Our BYE to `side` was answered, or never will be.
    pub(crate) fn on_left(&mut self, side: Side) {
        self.leg_mut(side).state = LegState::Closed;
    }

    /// A transaction of this call ended without what it waited for.
    pub(crate) fn on_timed_out(&mut self, owner: Owner, ctx: &mut Context<'_>) {
        match owner {
            Owner::Bye(_, side) => self.on_left(side),
            Owner::Invite(_, side) if self.leg(side).state == LegState::Cancelling => self.on_left(side),
            Owner::Invite(_, Side::B) if self.leg(Side::B).state == LegState::Early => {
                let failure = self.unanswered(ctx);
                self.end_attempt(outcome_of(failure), ctx);
                if self.outlives_unreachable(ctx) {
                    return;
                }
                self.course.note(Said::of(Cause::Unreachable));
                if self.goes_elsewhere(failure, ctx) {
                    return;
                }
                self.leg_mut(Side::B).state = LegState::Closed;
                let cause = self.best_end(Cause::Unreachable);
                self.terminate(cause, ctx);
            }
            Owner::Update(_, side) if self.early_change_goes_to(side) => {
                self.end_early_change(not_timed_out(StatusCode::REQUEST_TIMEOUT), None, ctx);
            }
            Owner::Invite(_, side) | Owner::Update(_, side) => {
                if self.exchange.as_ref().is_some_and(|exchange| exchange.from != side) {
                    self.invite_failed(Cause::Unreachable, ctx);
                }
            }
            Owner::GivenUp(_, id) => self.forget_given_up(id),
            Owner::Refresh(_, side) => self.on_refresh_timed_out(side, ctx),
            Owner::Passage(_, server) => self.on_passage_timed_out(server, ctx),
            Owner::Digit(_, side) => self.on_digit_timed_out(side, ctx),
            // A failure that was never acknowledged needs nothing more.
            Owner::Invited(..) | Owner::Relation(..) | Owner::Nobody => {}
        }
    }

    /// Does what is due.
    pub(crate) fn on_time(&mut self, ctx: &mut Context<'_>) {
        if self.phase_over_at.is_some_and(|at| at <= ctx.now) {
            let cause = if self.answered() { Cause::TooLong } else { Cause::NoAnswer };
            self.terminate(cause, ctx);
        }
        if self.closed_by.is_some_and(|by| by <= ctx.now) {
            self.closed_by = None;
            self.exchange = None;
            for leg in &mut self.legs {
                leg.state = LegState::Closed;
            }
        }
        if self.exchange_over_at().is_some_and(|at| at <= ctx.now) {
            self.exchange_over(ctx);
        }
        if self.early_change_over_at().is_some_and(|at| at <= ctx.now) {
            self.end_early_change(not_timed_out(StatusCode::REQUEST_TIMEOUT), None, ctx);
        }
        if !self.ending {
            self.repeat_progress(ctx);
        }
        self.on_attempts_due(ctx);
        self.repeat_success(ctx);
        self.repeat_unheard(ctx);
        self.keep_sessions(ctx);
        self.join_again(ctx);
        self.on_digits_due(ctx);
    }

    fn on_bye(&mut self, asked: &Asked, ctx: &mut Context<'_>) {
        if self.has_not_answered(asked.side) {
            return self.reply(asked, StatusCode::CALL_DOES_NOT_EXIST, ctx);
        }
        self.reply(asked, StatusCode::OK, ctx);
        self.hung_up_by(asked.side, &asked.request, ctx);
    }

    /// Whether `side` is called and has not answered. It has nothing to hang up then (RFC 3261 section 15), and other places
    /// may still ring.
    pub(crate) fn has_not_answered(&self, side: Side) -> bool {
        side == Side::B && self.leg(side).state == LegState::Early
    }

    /// `side` has sent a BYE, and heard that we know.
    pub(crate) fn hung_up_by(&mut self, side: Side, bye: &Request, ctx: &mut Context<'_>) {
        if self.has_not_answered(side) {
            return;
        }
        if !self.ending {
            self.reason = Reason::of(&bye.message);
        }
        if self.leaves_after_refer(side, ctx) {
            return;
        }
        match self.leg(side).state {
            // A caller may hang up before the answer (RFC 3261 section 15): its INVITE still wants a final response.
            LegState::Early => self.terminate(Cause::Cancelled, ctx),
            LegState::Confirmed
            | LegState::Cancelling
            | LegState::AwaitingAck
            | LegState::Leaving
            | LegState::Closed => {
                self.acknowledge_unanswered(side.other(), ctx);
                let pending = self.exchange.take_if(|exchange| exchange.from == side);
                if let Some(exchange) = pending.filter(|exchange| exchange.is_unanswered()) {
                    let code = StatusCode::REQUEST_TERMINATED;
                    let response = exchange.response(self.leg(side), code);
                    ctx.respond(exchange.server, code, response.empty());
                }
                self.leg_mut(side).state = LegState::Closed;
                self.terminate(Cause::Hangup(side), ctx);
            }
        }
    }

    /// Sends our 2xx again until its ACK comes, and gives up in the end (RFC 3261 section 13.3.1.4).
    fn repeat_success(&mut self, ctx: &mut Context<'_>) {
        let Some(exchange) = &mut self.exchange else { return };
        let Some(waiting) = &mut exchange.unacknowledged else { return };
        let from = exchange.from;
        if waiting.give_up_at <= ctx.now {
            self.exchange = None;
            if self.leg(from).state == LegState::AwaitingAck {
                self.leave(from, ctx);
            } else {
                self.terminate(Cause::NoAck(from), ctx);
            }
        } else if waiting.again_at <= ctx.now {
            waiting.repeated(ctx.now);
            let response = waiting.response.clone();
            ctx.respond(exchange.server, StatusCode::OK, response);
        }
    }

    pub(super) fn note_ringing(&mut self, ctx: &Context<'_>) {
        if let Some(record) = &mut self.record
            && record.answered.is_none()
        {
            record.ringing.get_or_insert(ctx.now);
        }
    }

    pub(super) fn note_answered(&mut self, ctx: &Context<'_>) {
        let guard = self.leg(Side::A).trunk.guards.as_ref().and_then(|guards| guards.call_max);
        let call_max = guard.map_or(self.policy.timers.call_max, |max| max.min(self.policy.timers.call_max));
        self.phase_over_at = Some(ctx.now + call_max);
        self.leg_mut(Side::A).state = LegState::Confirmed;
        self.end_attempt(Outcome::Answered, ctx);
        self.forget_the_way();
        self.listen(ctx);
        if let Some(record) = &mut self.record {
            record.answered = Some(ctx.now);
            let to = record.b.as_ref().map(|leg| leg.trunk.as_str());
            tracing::info!(
                call = record.id,
                from = record.a.trunk,
                to,
                caller = record.caller,
                number = record.number_dialled,
                sent = record.number_sent,
                codec = record.codec,
                "call established"
            );
        }
    }
}
