//! The tone that a caller hears while who is called rings and sends nothing: played by the edge, under an answer of ours.
//!
//! The caller is told of it in a 183 with a description, reliably when he can acknowledge it, and hears nothing more of 180. The
//! answer of the called side then comes in the 2xx, as after any early media of another place. Where the caller has acknowledged
//! ours it stands as the answer to his offer: one of the called side that sounds the same needs no saying, and any other one
//! is told by a re-INVITE.
//!
//! Invariants: a tone is played only at a port that is installed, and stops before the datapath hears of where the called side wants
//! its media; one call plays one tone at most, and none when it has ended.

use bytes::Bytes;

use crate::edge::Command;
use crate::media::Tone;
use crate::policy::Tones;
use crate::sdp::{Agreement, ToneAnswer};
use crate::sip::StatusCode;
use crate::transaction::TransactionId;

use super::leg::LegState;
use super::offer_answer::OfferAnswer;
use super::{Call, Context, Side};

/// What the caller hears before the called side is heard.
#[derive(Debug)]
pub(super) struct Ringback {
    /// His offer and our answer to it.
    answer: Agreement,
    /// That answer as he is told it.
    body: Bytes,
    /// Whether he was told of it reliably, so that it stands.
    told: bool,
    playing: bool,
}

impl Call {
    /// What the caller is told when the called side says this without a description.
    pub(super) fn with_ringback(
        &mut self,
        code: StatusCode,
        ctx: &mut Context<'_>,
    ) -> (StatusCode, Option<Bytes>) {
        if code != StatusCode::RINGING {
            return (code, None);
        }
        if self.ringback.as_ref().is_some_and(|ringback| ringback.playing) {
            // A 180 would have him play a tone of his own over ours (RFC 3960 section 3.2).
            return (StatusCode::SESSION_PROGRESS, None);
        }
        match self.may_ring_back().and_then(|answer| self.ring_back(answer, ctx)) {
            Some(body) => (StatusCode::SESSION_PROGRESS, Some(body)),
            None => (code, None),
        }
    }

    /// Our answer to the caller, where his trunk wants a tone and nothing has been heard of the called side yet.
    fn may_ring_back(&self) -> Option<ToneAnswer> {
        let exchange = self.exchange.as_ref().filter(|exchange| exchange.server != TransactionId::NONE)?;
        let caller = self.leg(Side::A);
        let wanted = match caller.trunk.media.tones {
            Tones::None | Tones::Answered => false,
            Tones::EarlyMedia => caller.state == LegState::Early,
        };
        let unheard = exchange.from == Side::A
            && exchange.answer.is_none()
            && exchange.near == OfferAnswer::Received
            && !exchange.withdrawn;
        // Behind a NAT nobody knows where he hears before he has sent something.
        let reachable = !caller.trunk.nat && !self.streams.are_direct() && !self.ending;
        if !(wanted && unheard && reachable) {
            return None;
        }
        let (_, proposal) = exchange.offer.as_ref().filter(|(side, _)| *side == Side::A)?;
        proposal.answered_by_a_tone()
    }

    /// Begins to play; returns what the caller is told.
    fn ring_back(&mut self, answer: ToneAnswer, ctx: &mut Context<'_>) -> Option<Bytes> {
        let ToneAnswer { agreement, stream, law, payload_type } = answer;
        let end = &self.streams.plan.streams.get(stream)?.a;
        let caller = &mut self.legs[Side::A.index()];
        let random = ctx.random.next();
        let tone = Tone {
            realm: caller.trunk.realm,
            local: end.local,
            remote: agreement.stream(stream)?.offered.remote?.rtp,
            dscp: end.dscp,
            country: caller.trunk.media.tone_country,
            law,
            payload_type,
            ssrc: random as u32,
            sequence: (random >> 32) as u16,
            timestamp: ctx.random.next() as u32,
        };
        let (streams, policy) = (&self.streams, &self.policy);
        let body = caller.session.describe(|origin| streams.answer(policy, &agreement, Side::A, origin));
        let ringback = Ringback { answer: agreement, body: body.clone(), told: false, playing: true };
        self.ringback = Some(Box::new(ringback));
        if let Some(record) = &mut self.record {
            record.ringback = true;
        }
        ctx.command(Command::PlayTone { call: self.key, tone });
        Some(body)
    }

    /// Plays no more.
    pub(super) fn stop_ringing_back(&mut self, ctx: &mut Context<'_>) {
        self.stop_ringing_back_kept(ctx);
        let Some(ringback) = &mut self.ringback else { return };
        if std::mem::take(&mut ringback.playing) {
            ctx.command(Command::StopTone { call: self.key });
        }
    }

    /// A description leaves in a response that will be acknowledged.
    pub(super) fn note_told(&mut self, body: &Bytes) {
        if let Some(ringback) = &mut self.ringback {
            ringback.told = ringback.body == *body;
        }
    }

    /// What the caller was told reliably, if that was the tone.
    pub(super) fn told_ringback(&self) -> Option<&Agreement> {
        self.ringback.as_ref().filter(|ringback| ringback.told).map(|ringback| &ringback.answer)
    }

    /// The caller knows what is agreed, whatever he was told of a tone.
    pub(super) fn forget_ringback(&mut self) {
        if let Some(ringback) = &mut self.ringback {
            ringback.told = false;
        }
    }
}
