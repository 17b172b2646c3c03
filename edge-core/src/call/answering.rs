//! The 2xx of the side that was invited, and the one that the side that invited hears for it.

use bytes::Bytes;

use crate::sip::{Method, Response, StatusCode};

use super::exchange::Success;
use super::leg::LegState;
use super::relay::Then;
use super::reliable::{Effect, Input, RAck, Sending};
use super::{Call, Cause, Context, Side};

impl Call {
    /// The first 2xx of the side that was invited.
    pub(super) fn on_answer(&mut self, side: Side, response: &Response, ctx: &mut Context<'_>) {
        let initial = self.leg(side).state == LegState::Early;
        self.stop_ringing_back(ctx);
        let Some(exchange) = &mut self.exchange else { return };
        exchange.answered = true;
        exchange.note(&response.message, &self.legs[side.index()].trunk);
        let wants_ack = exchange.onward == Method::Invite;
        if initial {
            self.confirm(side, response);
        } else {
            self.leg_mut(side).dialog.refresh_target(response.contact.as_ref());
        }
        let offered = self.exchange.as_ref().is_some_and(|exchange| exchange.offer.is_some());
        let leg = self.leg_mut(side);
        // What it was to hear was in the offer.
        leg.describe_at.take_if(|_| offered && !initial);
        leg.learn(&response.message);
        leg.timer.agree(&response.message, ctx.now);
        match self.translate_success(side, response, ctx) {
            Ok(success) => {
                let answer_awaited = self.exchange.as_ref().is_some_and(|exchange| exchange.answer_awaited);
                if wants_ack && !answer_awaited {
                    self.send_ack(side, response.cseq, None, ctx);
                }
                self.once_relayed(Then::Succeed { success }, ctx);
            }
            Err(error) => {
                if wants_ack {
                    self.send_ack(side, response.cseq, None, ctx);
                }
                self.terminate(Cause::BadAnswer(error), ctx);
            }
        }
    }

    /// Acknowledges the 2xx of another place than the one whose offer was answered.
    fn send_answering_ack(&mut self, answer: Option<Bytes>, ctx: &mut Context<'_>) {
        let Some(exchange) = &mut self.exchange else { return };
        if let (Some(answer), Some(sent)) = (answer, exchange.client) {
            exchange.answer_awaited = false;
            let to = exchange.from.other();
            self.send_ack(to, sent.sequence, Some(answer), ctx);
        }
    }

    /// The dialog of the place that answered is the one that stands.
    fn confirm(&mut self, side: Side, response: &Response) {
        let leg = &mut self.legs[side.index()];
        leg.dialog.confirm(response);
        leg.state = LegState::Confirmed;
        let early = self.exchange.as_ref().filter(|exchange| exchange.from != side);
        let at = response.to.tag().and_then(|tag| early?.early.position(tag));
        if let Some(early) = at.and_then(|at| early?.early.get(at)) {
            leg.dialog.follow(&early.dialog);
            leg.takes_update = early.takes_update;
        }
    }

    /// The side that sent the request hears that it succeeded: at once, or when it has acknowledged the description in a
    /// provisional response, and its own offer there is answered (RFC 3262 section 3).
    pub(super) fn succeed(&mut self, mut success: Success, ctx: &mut Context<'_>) {
        self.send_answering_ack(success.answer.take(), ctx);
        let changing = self.early_change.is_some();
        let Some(exchange) = &mut self.exchange else { return };
        let held = changing
            || exchange.sending.as_mut().is_some_and(|sending| sending.step(Input::Success) == Effect::Keep);
        if held {
            exchange.held = Some(success);
            return;
        }
        let awaited = exchange.sending.as_ref().and_then(Sending::awaited);
        let unpracked = awaited.map(|rseq| RAck { rseq, sequence: exchange.request.cseq });
        let from = exchange.from;
        self.leg_mut(from).unpracked = unpracked;
        if self.leg(Side::A).state == LegState::Early {
            self.note_answered(ctx);
        }
        // What was said reliably meanwhile is not said again (RFC 6337 section 2.2).
        let may_tell = self.exchange.as_ref().is_some_and(|exchange| exchange.near.may_tell());
        let body = success.body.filter(|_| may_tell);
        self.answer_invite(StatusCode::OK, body, ctx);
        self.exchange.take_if(|exchange| exchange.is_update());
    }
}
