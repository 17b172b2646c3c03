//! What a side hears that is answered already and waits for where it was referred to: a ringing tone of ours, at the port that it
//! has, where its trunk wants that (`tones = "answered"`).
//!
//! What the target sends before its answer reaches nobody, because that side is not joined with it yet; so the tone goes on over
//! other targets, until one has answered or none has.
//!
//! Invariants: it plays once the target rings and while nobody else can be heard: who referred has gone, or has said that it
//! sends nothing. It ends with the referral, at the latest, before the side goes over to another call.

use crate::edge::Command;
use crate::media::Tone;
use crate::policy::Tones;
use crate::sdp::{Speech, is_silent};
use crate::sip::StatusCode;

use super::super::leg::LegState;
use super::super::{Call, Context, Side};

/// How far the tone of a referral is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Ringing {
    /// The target does not ring.
    #[default]
    No,
    /// It rings, and no tone plays.
    Unheard,
    /// A tone plays.
    Played,
}

impl Call {
    /// The target says something before its answer.
    pub(super) fn target_said(&mut self, code: StatusCode, ctx: &mut Context<'_>) {
        let rings = matches!(code, StatusCode::RINGING | StatusCode::SESSION_PROGRESS);
        if let Some(referral) =
            self.referral.as_mut().filter(|referral| rings && referral.ringing == Ringing::No)
        {
            referral.ringing = Ringing::Unheard;
        }
        self.ring_back_kept(ctx);
    }

    /// Plays, if there is anything to be heard and nothing else is.
    pub(super) fn ring_back_kept(&mut self, ctx: &mut Context<'_>) {
        let Some(referral) = self.referral.as_ref().filter(|referral| referral.ringing == Ringing::Unheard)
        else {
            return;
        };
        let Some(tone) = self.tone_for(referral.by.other(), ctx) else { return };
        if let Some(referral) = &mut self.referral {
            referral.ringing = Ringing::Played;
        }
        if let Some(record) = &mut self.record {
            record.ringback = true;
        }
        ctx.command(Command::PlayTone { call: self.key, tone });
    }

    /// Plays no more.
    pub(in super::super) fn stop_ringing_back_kept(&mut self, ctx: &mut Context<'_>) {
        let played = self.referral.as_mut().filter(|referral| referral.ringing == Ringing::Played);
        if let Some(referral) = played {
            referral.ringing = Ringing::No;
            ctx.command(Command::StopTone { call: self.key });
        }
    }

    /// The tone for `kept`, if its trunk wants one and it can be sent one where it hears us.
    fn tone_for(&self, kept: Side, ctx: &mut Context<'_>) -> Option<Tone> {
        let (leg, other) = (self.leg(kept), self.leg(kept.other()));
        let trunk = &leg.trunk;
        let wanted = trunk.media.tones == Tones::Answered && leg.state == LegState::Confirmed && !self.ending;
        let quiet = other.state == LegState::Closed || is_silent(other.said.agreed());
        let settled = self.exchange.is_none() && self.waiting.is_empty();
        if !(wanted && quiet && settled) || trunk.nat {
            return None;
        }
        let Speech { remote, law, payload_type } = Speech::of(leg.said.agreed(), leg.session.agreed())?;
        let ends = self.relayed.streams.iter().map(|stream| stream.end(kept));
        let end = ends.into_iter().find(|end| end.remote.is_some_and(|known| known.rtp == remote))?;
        let random = ctx.random.next();
        Some(Tone {
            realm: trunk.realm,
            local: end.local,
            remote,
            dscp: end.dscp,
            country: trunk.media.tone_country,
            law,
            payload_type,
            ssrc: random as u32,
            sequence: (random >> 32) as u16,
            timestamp: ctx.random.next() as u32,
        })
    }
}
