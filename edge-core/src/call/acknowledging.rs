//! Success of an INVITE and its ACK (RFC 3261 sections 13.2.2.4 and 13.3.1.4): the ACK that we wait for, those that we send, and
//! answers that come again or from another fork.
//!
//! Invariant: a 2xx of a dialog that the edge has begun is acknowledged each time that it comes; only one fork's dialog stays.

use bytes::Bytes;

use crate::sip::{Method, Request, Response};

use super::authentication::prove;
use super::body::session_body;
use super::invite::finish;
use super::leg::{LegState, SentAck};
use super::{Call, Context, Owner, Side};

/// Forks of one side that are hung up after another has answered; a peer that makes more of them is not answered.
const FORKS_MAX: u32 = 8;

impl Call {
    /// The ACK for our 2xx came in on `side`.
    pub(crate) fn on_ack(&mut self, side: Side, ack: &Request, ctx: &mut Context<'_>) {
        if self.hears_at_last(side, ack.cseq) {
            return;
        }
        let Some(exchange) = &mut self.exchange else { return };
        let expected = exchange.from == side && exchange.request.cseq == ack.cseq;
        if !expected || exchange.unacknowledged.take().is_none() {
            return;
        }
        exchange.acknowledged = true;
        let (answer_awaited, owed) = (exchange.answer_awaited, exchange.answer_owed);
        if self.leg(side).state == LegState::AwaitingAck {
            self.exchange = None;
            self.leave(side, ctx);
            return;
        }
        if answer_awaited {
            self.on_late_answer(side, ack, ctx);
        } else if owed {
            self.on_owed_answer(side, ack, ctx);
        } else {
            self.exchange_is_through(side, ctx);
            self.new_side_is_up(ctx);
            self.tell_who_waits(ctx);
        }
    }

    /// A 2xx that no INVITE of this process waits for. One that a former process has sent may have heard no ACK, and wants no
    /// more: what it was to change has not happened, or is known.
    pub(crate) fn on_unexpected_success(&mut self, side: Side, response: &Response, ctx: &mut Context<'_>) {
        let leg = self.leg(side);
        let tag = response.to.tag();
        let this = |sent: &SentAck| sent.sequence == response.cseq && sent.remote_tag.as_deref() == tag;
        let unheard = response.cseq <= leg.inherited && !leg.acks.iter().any(this);
        let ours = leg.dialog.remote_tag.as_deref() == tag;
        if unheard && ours {
            let answer = self.answer_in_force(side, response);
            return self.send_ack(side, response.cseq, answer, ctx);
        }
        if unheard && leg.forks_hung_up < FORKS_MAX {
            // Another fork than the one that the former process has taken.
            return self.hang_up_fork(side, response, ctx);
        }
        self.on_repeated_success(side, response, ctx);
    }

    /// What is in force, as the answer to an offer in a 2xx that a former process has asked for: whoever makes one and hears none ends
    /// the call. That it is one both sides tell, which are to hear what is in force.
    fn answer_in_force(&mut self, side: Side, response: &Response) -> Option<Bytes> {
        let offer = session_body(&response.message).unwrap_or_default()?;
        let lines =
            |sdp: &[u8]| sdp.split(|byte| *byte == b'\n').filter(|line| line.starts_with(b"m=")).count();
        let both = self.legs.iter().all(|leg| leg.describe_at.is_some());
        let session = &mut self.leg_mut(side).session;
        (both && lines(&offer) == lines(session.agreed())).then(|| session.again())
    }

    /// A 2xx that came again is acknowledged again; one of another fork (RFC 3261 section 13.2.2.4) is acknowledged
    /// and hung up.
    pub(crate) fn on_repeated_success(&mut self, side: Side, response: &Response, ctx: &mut Context<'_>) {
        let tag = response.to.tag();
        let leg = self.leg(side);
        let mut sent = leg.acks.iter().filter(|sent| sent.sequence == response.cseq);
        if let Some(ack) = sent.clone().find(|sent| sent.remote_tag.as_deref() == tag) {
            ctx.send(ack.path, ack.bytes.clone());
            return;
        }
        // While the first answer waits for its ACK, another fork's has to wait for its own repetition.
        if sent.next().is_some() && leg.forks_hung_up < FORKS_MAX {
            self.hang_up_fork(side, response, ctx);
        }
    }

    /// Acknowledges a dialog that nobody waits for, and hangs it up.
    fn hang_up_fork(&mut self, side: Side, response: &Response, ctx: &mut Context<'_>) {
        let leg = self.leg_mut(side);
        leg.forks_hung_up += 1;
        let mut fork = leg.dialog.clone();
        fork.confirm(response);
        let path = fork.path(|address| leg.trunk.is_at(address));
        let ack = fork.request(&Method::Ack, ctx.random.branch(), response.cseq);
        let bytes = prove(ack, leg.proof.as_ref()).empty();
        let remote_tag = fork.remote_tag.clone();
        leg.keep_ack(SentAck { sequence: response.cseq, remote_tag, bytes: bytes.clone(), path });
        ctx.send(path, bytes);
        let (branch, sequence) = (ctx.random.branch(), fork.next_sequence());
        let bye = fork.request(&Method::Bye, branch, sequence).empty();
        if let Err(full) = ctx.request(&self.leg(side).trunk, Method::Bye, branch, bye, path, Owner::Nobody) {
            tracing::warn!("a second answer was not hung up: {full}");
        }
    }

    /// Acknowledges a 2xx of `side`, with our answer where that owes one; it is kept for when the 2xx comes again.
    pub(super) fn send_ack(&mut self, side: Side, sequence: u32, body: Option<Bytes>, ctx: &mut Context<'_>) {
        let leg = self.leg_mut(side);
        let ack = leg.dialog.request(&Method::Ack, ctx.random.branch(), sequence);
        let bytes = finish(prove(ack, leg.proof.as_ref()), body);
        let (path, remote_tag) = (leg.path(), leg.dialog.remote_tag.clone());
        leg.keep_ack(SentAck { sequence, remote_tag, bytes: bytes.clone(), path });
        ctx.send(path, bytes);
    }
}
