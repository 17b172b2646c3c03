//! How a call ends: both sides told, media removed, ports and rooms given back, one record written.

use std::time::Duration;

use crate::edge::Command;
use crate::media::MediaReport;
use crate::sip::{Method, StatusCode};
use crate::transaction::T1;

use super::leg::LegState;
use super::reason::Reason;
use super::record::Outcome;
use super::{Call, Cause, Context, MediaState, Owner, Side};

/// How long a side may take over the last message that it owes us (RFC 3261 section 9.1: 64*T1).
const CLOSING_MAX: Duration = T1.saturating_mul(64);

impl Call {
    /// Ends the call. Only the first cause counts.
    pub(crate) fn terminate(&mut self, cause: Cause, ctx: &mut Context<'_>) {
        if self.ending {
            return;
        }
        self.ending = true;
        self.stop_ringing_back(ctx);
        self.waiting.clear();
        self.phase_over_at = None;
        self.closed_by = Some(ctx.now + CLOSING_MAX);
        self.note_reason(&cause);
        self.end_attempt(Outcome::Withdrawn, ctx);
        let status = cause.status();
        if let Some(record) = &mut self.record {
            record.ended = ctx.now;
            let (by, detail) = (cause.ended_by().as_str(), cause.detail());
            let talk_s = record.answered.map_or(0.0, |at| (ctx.now - at).as_secs_f64());
            tracing::info!(call = record.id, by, talk_s, detail, "call ended: {}", cause.name());
            record.cause = cause;
        }
        self.end_referral(StatusCode::REQUEST_TERMINATED, ctx);
        self.end_joining(status, ctx);
        self.tell_who_waits(ctx);
        self.end_passages(ctx);
        self.end_early_change(StatusCode::REQUEST_TERMINATED, None, ctx);
        for side in [Side::A, Side::B] {
            drop(self.leg_mut(side).admission.take());
            self.close(side, status, ctx);
        }
        if self.media == MediaState::Installed {
            self.remove_media(ctx);
        }
    }

    /// Takes note of why the edge ends it; what a peer said stands.
    pub(super) fn note_reason(&mut self, cause: &Cause) {
        if let Some(reason) = Reason::of_our_own(cause) {
            self.reason = reason;
        }
    }

    /// Does what a side needs to hear that the call is over.
    fn close(&mut self, side: Side, status: StatusCode, ctx: &mut Context<'_>) {
        let unacknowledged = self
            .exchange
            .as_ref()
            .is_some_and(|exchange| exchange.from == side && exchange.unacknowledged.is_some());
        let unanswered =
            self.exchange.as_ref().is_some_and(|exchange| exchange.from == side && exchange.is_unanswered());
        match (self.leg(side).state, side) {
            (LegState::Early, Side::A) => {
                self.answer_invite(status, None, ctx);
                self.leg_mut(side).state = LegState::Closed;
            }
            (LegState::Early, Side::B) => {
                let sent = self.exchange.as_ref().is_some_and(|exchange| exchange.client.is_some());
                self.leg_mut(side).state = if sent { LegState::Cancelling } else { LegState::Closed };
                self.withdraw(side, ctx);
            }
            (LegState::Confirmed, _) if unacknowledged => self.leg_mut(side).state = LegState::AwaitingAck,
            (LegState::Confirmed, _) => {
                if unanswered {
                    // RFC 3261 section 15.1.2: what is still pending in the dialog hears 487.
                    self.answer_invite(StatusCode::REQUEST_TERMINATED, None, ctx);
                }
                self.leave(side, ctx);
            }
            (LegState::Cancelling | LegState::AwaitingAck | LegState::Leaving | LegState::Closed, _) => {}
        }
    }

    /// Hangs up on one side.
    pub(super) fn leave(&mut self, side: Side, ctx: &mut Context<'_>) {
        self.acknowledge_unanswered(side, ctx);
        let (key, reason) = (self.key, self.reason.clone());
        let leg = self.leg_mut(side);
        let (branch, sequence) = (ctx.random.branch(), leg.dialog.next_sequence());
        let bye = leg.dialog.request(&Method::Bye, branch, sequence);
        let bye = reason.tell(bye).empty();
        leg.state = LegState::Leaving;
        if ctx
            .request(&leg.trunk, Method::Bye, branch, bye.clone(), leg.path(), Owner::Bye(key, side))
            .is_err()
        {
            // Better said once, without hope of an answer, than not at all.
            ctx.send(leg.path(), bye);
            leg.state = LegState::Closed;
        }
    }

    /// Acknowledges a 2xx of `side` whose ACK was to carry an answer that now never comes.
    pub(super) fn acknowledge_unanswered(&mut self, side: Side, ctx: &mut Context<'_>) {
        let Some(exchange) = &mut self.exchange else { return };
        let awaited = exchange.from != side && std::mem::take(&mut exchange.answer_awaited);
        if let Some(sent) = exchange.client.filter(|_| awaited) {
            self.send_ack(side, sent.sequence, None, ctx);
        }
    }

    pub(super) fn remove_media(&mut self, ctx: &mut Context<'_>) {
        self.media = MediaState::Removing;
        ctx.command(Command::RemoveMedia { call: self.key });
    }

    /// The media is gone (or never was there): the record is complete.
    pub(super) fn finish_record(&mut self, reports: Option<[MediaReport; 2]>, ctx: &mut Context<'_>) {
        self.media = MediaState::Gone;
        // Until its record is kept, whoever goes on knows that it is over.
        self.keep_journal(ctx);
        let Some(mut record) = self.record.take() else { return };
        record.direct_media = self.streams.are_direct();
        record.a.media_remote = self.media_remote(Side::A);
        if let Some(b) = &mut record.b {
            b.media_remote = self.media_remote(Side::B);
        }
        if let Some([a, b]) = reports.filter(|_| !record.direct_media) {
            for (leg, report) in self.legs.iter().zip([&a, &b]) {
                leg.trunk.note_media(report.packets, report.rtp.lost, ctx.since_epoch);
            }
            record.a.media = a;
            if let Some(leg) = &mut record.b {
                leg.media = b;
            }
        }
        ctx.command(Command::WriteRecord(record));
    }
}
