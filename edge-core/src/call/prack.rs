//! The PRACK of the side that invited (RFC 3262): what it acknowledges, and what it may carry (RFC 3262 section 5).

use bytes::Bytes;

use crate::sdp::SdpError;
use crate::sip::{HeaderName, StatusCode};

use super::asked::Asked;
use super::asks::check_extensions;
use super::body::session_body;
use super::offer_answer::OfferAnswer;
use super::relay::Then;
use super::reliable::{Effect, Input, RAck};
use super::{Call, Cause, Context, Side};

impl Call {
    /// A PRACK. One that acknowledges nothing of ours hears 481 (section 3).
    pub(super) fn on_prack(&mut self, asked: Asked, ctx: &mut Context<'_>) {
        let message = &asked.request.message;
        let body = check_extensions(message).and_then(|()| session_body(message));
        if !RAck::of(message).is_some_and(|rack| self.acknowledges(asked.side, rack)) {
            return self.reply(&asked, StatusCode::CALL_DOES_NOT_EXIST, ctx);
        }
        let near = self.exchange.as_ref().map_or(OfferAnswer::Agreed, |exchange| exchange.near);
        match (body, near) {
            (Err(refused), _) => self.refuse(&asked, &refused, ctx),
            (Ok(Some(_)), _) if self.ending => self.reply(&asked, StatusCode::CALL_DOES_NOT_EXIST, ctx),
            (Ok(Some(sdp)), OfferAnswer::Sent) => {
                self.confirm_prack(&asked, ctx);
                self.on_answer_in_prack(asked.side, sdp, ctx);
            }
            // Section 5: the offer that it acknowledges wants an answer in it.
            (Ok(None), OfferAnswer::Sent) => {
                self.confirm_prack(&asked, ctx);
                self.terminate(Cause::BadAnswer(SdpError::NoMedia), ctx);
            }
            (Ok(Some(_)), OfferAnswer::Agreed) if self.exchange.is_some() => self.on_early_offer(asked, ctx),
            (Ok(Some(_)), OfferAnswer::Agreed | OfferAnswer::Nothing | OfferAnswer::Received) => {
                self.reply(&asked, StatusCode::NOT_ACCEPTABLE_HERE, ctx);
            }
            (Ok(None), _) => self.confirm_prack(&asked, ctx),
        }
        self.release(ctx);
    }

    /// Whether a PRACK of `side` is for a response of ours that waits for one.
    fn acknowledges(&mut self, side: Side, rack: RAck) -> bool {
        // What our 2xx has passed may be acknowledged behind it; the exchange may be through by then.
        let late = self.leg_mut(side).unpracked.take_if(|unpracked| *unpracked == rack).is_some();
        late | self.acknowledges_of_exchange(side, rack)
    }

    fn acknowledges_of_exchange(&mut self, side: Side, rack: RAck) -> bool {
        let Some(exchange) = self.exchange.as_mut().filter(|exchange| exchange.from == side) else {
            return false;
        };
        let ours = exchange.request.cseq == rack.sequence;
        let Some(sending) = exchange.sending.as_mut().filter(|_| ours) else { return false };
        let acknowledged = sending.acknowledge(rack.rseq);
        if acknowledged {
            let effect = sending.step(Input::Prack);
            debug_assert!(matches!(effect, Effect::Release | Effect::Nothing), "a PRACK sends nothing");
        }
        acknowledged
    }

    fn confirm_prack(&self, asked: &Asked, ctx: &mut Context<'_>) {
        let code = StatusCode::OK;
        let response = asked
            .response(self.leg(asked.side), code)
            .header(HeaderName::Supported, self.leg(asked.side).supported());
        ctx.respond(asked.server, code, response.empty());
    }

    /// The answer to the offer of the other side's reliable response: it goes there in the PRACK that waits for it.
    fn on_answer_in_prack(&mut self, side: Side, sdp: Bytes, ctx: &mut Context<'_>) {
        match self.translate_answer(side, &sdp) {
            Ok(body) => {
                if let Some(exchange) = &mut self.exchange {
                    exchange.near = exchange.near.heard();
                    exchange.near_answer = Some(sdp);
                }
                self.once_relayed(Then::Prack { body }, ctx);
            }
            Err(error) => self.terminate(Cause::BadAnswer(error), ctx),
        }
    }

    /// Acknowledges the offers of the other side, with their answer.
    pub(super) fn prack_offers(&mut self, body: Bytes, ctx: &mut Context<'_>) {
        let Some(exchange) = &mut self.exchange else { return };
        let (side, current) = (exchange.from.other(), exchange.early.current);
        let places = exchange.early.len();
        if let Some(at) = current
            && let Some(early) = exchange.early.get_mut(at)
            && let Some((_, rack)) = early.offer.clone().filter(|_| early.session == OfferAnswer::Received)
        {
            early.session = early.session.told();
            self.send_prack(side, at, rack, Some(body), ctx);
        }
        for at in 0..places {
            self.answer_early(at, ctx);
        }
    }

    /// Sends the side that invited what waited for its PRACK: the 2xx, else the newest provisional response.
    pub(super) fn release(&mut self, ctx: &mut Context<'_>) {
        if self.early_change.is_some() || self.ending {
            return;
        }
        let Some(exchange) = &mut self.exchange else { return };
        let held = exchange.held.take();
        let kept = exchange.sending.as_mut().and_then(|sending| sending.take_kept());
        if let Some(held) = held {
            self.succeed(held, ctx);
        } else if let Some(kept) = kept {
            self.progress(kept.code, kept.body, ctx);
        }
    }
}
