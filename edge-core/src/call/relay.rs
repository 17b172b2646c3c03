//! The datapath first, then the message: what a peer hears of media waits until the datapath relays it.
//!
//! A plan that changed goes to the datapath, and what was to follow waits for its word. An offer is only looked at there:
//! whether its address can be reached decides whether it crosses, and nothing moves before its answer.
//!
//! Invariants: what waits is carried out in order; a refused offer costs the offer, a refused answer the call, because its
//! sender believes by now that it is in force.

use bytes::Bytes;

use crate::edge::Command;
use crate::media::{MediaPlan, MediaRefusal, MediaReport};
use crate::sip::StatusCode;

use super::exchange::Success;
use super::{Call, Cause, Context, MediaState, Refused, Side};

/// Something that waits for the datapath.
#[derive(Debug)]
pub(super) struct Waiting {
    then: Then,
    /// The plan in force before, when the datapath was asked for it. What it was not asked for follows what it stands behind.
    before: Option<MediaPlan>,
}

/// What happens once the datapath has agreed.
#[derive(Debug)]
pub(super) enum Then {
    /// The ports that are new in the plan are installed, and then the open exchange crosses.
    Extend,
    /// The open exchange crosses.
    SendOn,
    /// A provisional response with this description goes back.
    Progress { code: StatusCode, body: Option<Bytes> },
    /// The 2xx goes back.
    Succeed { success: Success },
    /// The ACK with this answer goes to a side.
    Acknowledge { to: Side, sequence: u32, body: Bytes },
    /// The offers of reliable responses are acknowledged, the first one with this answer.
    Prack { body: Bytes },
    /// An offer that met an open INVITE goes on.
    SendUpdate,
    /// Its answer goes back.
    AnswerUpdate { body: Bytes },
    /// Nothing more.
    Rest,
}

impl Call {
    /// The datapath relays for this call now: the other side may be asked.
    pub(crate) fn on_media_installed(&mut self, ctx: &mut Context<'_>) {
        self.media = MediaState::Installed;
        if self.ending {
            self.remove_media(ctx);
        } else if !self.opens_joined(ctx) {
            self.send_on(ctx);
        }
    }

    /// The datapath does what it was asked last but not answered yet.
    pub(crate) fn on_media_accepted(&mut self, ctx: &mut Context<'_>) {
        if let Some(waiting) = self.waiting.pop_front() {
            self.carry_on(waiting.then, ctx);
        }
        self.follow(ctx);
    }

    /// Does what stood behind something that the datapath has answered.
    fn follow(&mut self, ctx: &mut Context<'_>) {
        while let Some(waiting) = self.waiting.pop_front_if(|waiting| waiting.before.is_none()) {
            self.carry_on(waiting.then, ctx);
        }
        if self.waiting.is_empty() {
            // Nothing waits for most of a call's time.
            self.waiting.shrink_to_fit();
        }
    }

    /// The datapath refused. Nothing of a refused first installation remains there; after a refused change all is as it was.
    pub(crate) fn on_media_refused(&mut self, refusal: MediaRefusal, ctx: &mut Context<'_>) {
        if self.media == MediaState::Installing && self.waiting.is_empty() {
            self.terminate(Cause::Refused(refused_offer(refusal)), ctx);
            return self.finish_record(None, ctx);
        }
        // What went with the call waits no more.
        let Some(Waiting { then, before }) = self.waiting.pop_front() else { return };
        match then {
            Then::Extend | Then::SendOn => {
                self.shorten(before, ctx);
                self.invite_failed(Cause::Refused(refused_offer(refusal)), ctx);
                self.follow(ctx);
            }
            Then::SendUpdate => {
                self.shorten(before, ctx);
                self.end_early_change(refused_offer(refusal).status(), None, ctx);
                self.follow(ctx);
            }
            Then::Progress { .. }
            | Then::Succeed { .. }
            | Then::Acknowledge { .. }
            | Then::Prack { .. }
            | Then::AnswerUpdate { .. }
            | Then::Rest => {
                self.streams.plan = before.unwrap_or_else(|| self.streams.plan.clone());
                let (MediaRefusal::Address { reason } | MediaRefusal::Datapath { reason }) = refusal;
                self.terminate(Cause::Refused(Refused::Datapath { reason }), ctx);
            }
        }
    }

    /// The datapath relays what it relayed before; ports that were new are let go.
    fn shorten(&mut self, before: Option<MediaPlan>, ctx: &mut Context<'_>) {
        if let Some(before) = before {
            self.streams.shorten(before.streams.len(), ctx.ports, ctx.now);
            self.relayed = before;
        }
    }

    /// The datapath has forgotten this call.
    pub(crate) fn on_media_removed(&mut self, reports: [MediaReport; 2], ctx: &mut Context<'_>) {
        self.finish_record(Some(reports), ctx);
    }

    /// Does `then` once the datapath relays what the plan says.
    pub(super) fn once_relayed(&mut self, then: Then, ctx: &mut Context<'_>) {
        let changed = self.streams.plan != self.relayed && !self.ending;
        let before = changed.then(|| std::mem::replace(&mut self.relayed, self.streams.plan.clone()));
        if changed {
            self.listen_anew(ctx.now);
            // Whoever is to be heard from now on is not talked over.
            if self.relayed.streams.iter().any(|stream| stream.b.remote.is_some()) {
                self.stop_ringing_back(ctx);
            }
            ctx.command(Command::UpdateMedia { call: self.key, plan: self.relayed.clone() });
        }
        self.wait(then, before, ctx);
    }

    /// Does `then` once the datapath says that it could relay `plan`; changes nothing there.
    pub(super) fn if_relayable(&mut self, plan: MediaPlan, then: Then, ctx: &mut Context<'_>) {
        let before = (plan != self.relayed).then(|| self.relayed.clone());
        if before.is_some() {
            ctx.command(Command::CheckMedia { call: self.key, plan });
        }
        self.wait(then, before, ctx);
    }

    /// What waited for the open exchange waits no more.
    pub(super) fn forget_waiting(&mut self) {
        for waiting in &mut self.waiting {
            match waiting.then {
                Then::SendUpdate | Then::AnswerUpdate { .. } | Then::Rest => {}
                Then::Extend
                | Then::SendOn
                | Then::Progress { .. }
                | Then::Succeed { .. }
                | Then::Acknowledge { .. }
                | Then::Prack { .. } => waiting.then = Then::Rest,
            }
        }
    }

    fn wait(&mut self, then: Then, before: Option<MediaPlan>, ctx: &mut Context<'_>) {
        if before.is_some() || !self.waiting.is_empty() {
            self.waiting.push_back(Waiting { then, before });
        } else {
            self.carry_on(then, ctx);
        }
    }

    fn carry_on(&mut self, then: Then, ctx: &mut Context<'_>) {
        if self.ending {
            return;
        }
        if let (Some(record), Some(codec)) = (&mut self.record, self.codec.take()) {
            (record.codec, record.transcoded) = (Some(codec), self.transcoded.take());
        }
        match then {
            Then::Extend => self.once_relayed(Then::SendOn, ctx),
            Then::SendOn => self.send_on(ctx),
            Then::Progress { code, body } => self.progress(code, body, ctx),
            Then::Succeed { success } => self.succeed(success, ctx),
            Then::Prack { body } => self.prack_offers(body, ctx),
            Then::SendUpdate => self.send_early_update(ctx),
            Then::AnswerUpdate { body } => self.end_early_change(StatusCode::OK, Some(body), ctx),
            Then::Acknowledge { to, sequence, body } => {
                self.exchange = None;
                self.send_ack(to, sequence, Some(body), ctx);
            }
            Then::Rest => {}
        }
    }
}

/// An offer that names what cannot be reached is its sender's affair; that the datapath has no room is ours.
fn refused_offer(refusal: MediaRefusal) -> Refused {
    match refusal {
        MediaRefusal::Address { reason } => Refused::MediaAddress { reason },
        MediaRefusal::Datapath { reason } => Refused::Datapath { reason },
    }
}
