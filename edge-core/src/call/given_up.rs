//! An INVITE of ours that was given up before it was answered, because another target or trunk has the call.
//!
//! Invariants: whoever was given up hears a CANCEL once it has said anything (RFC 3261 section 9.1), and is acknowledged and hung
//! up if it answers all the same; so at most one answer of a call stands.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::dialog::Dialog;
use crate::policy::Trunk;
use crate::sip::{Method, Response};
use crate::transaction::{Path, T1, TransactionId};

use super::exchange::Sent;
use super::leg::SentAck;
use super::record::Outcome;
use super::{Call, Context, Owner, Side};

/// Forks of one target that are hung up after it was given up; a peer that makes more of them is not answered.
const FORKS_MAX: usize = 8;

/// How long what was given up is remembered: a server that says nothing more by then never will (RFC 3261 section 9.1).
const LATE_MAX: Duration = T1.saturating_mul(64);

/// An INVITE to a target that was given up before it had answered.
#[derive(Debug)]
pub(super) struct GivenUp {
    sent: Sent,
    trunk: Arc<Trunk>,
    dialog: Dialog,
    path: Path,
    over_at: Instant,
    /// Whether it has said something, so that it may hear a CANCEL.
    spoken: bool,
    cancelled: bool,
    acks: Vec<SentAck>,
}

impl Call {
    /// The INVITE that the called side has, as what it is when it is [given up](Self::give_up); changes nothing.
    pub(super) fn pending_leg(&self, ctx: &Context<'_>) -> Option<GivenUp> {
        let leg = self.leg(Side::B);
        let exchange = self.exchange.as_ref()?;
        Some(GivenUp {
            sent: exchange.client?,
            trunk: Arc::clone(&leg.trunk),
            dialog: leg.dialog.clone(),
            path: leg.path(),
            over_at: ctx.now + LATE_MAX,
            spoken: exchange.provisional_seen,
            cancelled: false,
            acks: Vec::new(),
        })
    }

    /// Lets nothing more be sent to who has the INVITE, but what ends it; what it says all the same is heard.
    pub(super) fn give_up(&mut self, mut pending: GivenUp, ctx: &mut Context<'_>) {
        let id = pending.sent.id;
        ctx.transactions.give_up(id, Owner::GivenUp(self.key, id));
        if let Some(record) = &mut self.record {
            record.attempt_ended(Outcome::Timeout, ctx.now);
        }
        if pending.spoken {
            pending.cancel(ctx);
        }
        self.given_up.push(pending);
    }

    /// Forgets who was given up long ago.
    pub(super) fn forget_late(&mut self, ctx: &mut Context<'_>) {
        self.given_up.retain(|given_up| {
            let over = given_up.over_at <= ctx.now;
            if over {
                ctx.transactions.abandon(given_up.sent.id);
            }
            !over
        });
    }

    /// A target that was given up says something.
    pub(crate) fn on_late_response(&mut self, id: TransactionId, response: &Response, ctx: &mut Context<'_>) {
        let Some(position) = self.given_up.iter().position(|given_up| given_up.sent.id == id) else { return };
        if response.code.is_provisional() {
            self.given_up[position].cancel(ctx);
        } else if response.code.is_success() {
            self.given_up[position].hang_up(response, ctx);
        } else {
            self.given_up.swap_remove(position);
        }
    }

    /// A target that was given up will never say anything.
    pub(super) fn forget_given_up(&mut self, id: TransactionId) {
        self.given_up.retain(|given_up| given_up.sent.id != id);
    }
}

impl GivenUp {
    /// When it is forgotten.
    pub(super) const fn over_at(&self) -> Instant {
        self.over_at
    }

    /// Withdraws the INVITE, now that the target has said that it has it (RFC 3261 section 9.1).
    fn cancel(&mut self, ctx: &mut Context<'_>) {
        if std::mem::replace(&mut self.cancelled, true) {
            return;
        }
        self.over_at = ctx.now + LATE_MAX;
        let Sent { branch, sequence, .. } = self.sent;
        let cancel = self.dialog.request(&Method::Cancel, branch, sequence).empty();
        if let Err(full) = ctx.request(&self.trunk, Method::Cancel, branch, cancel, self.path, Owner::Nobody)
        {
            tracing::warn!("CANCEL not sent: {full}");
        }
    }

    /// Acknowledges an answer that comes too late, and hangs it up; one that comes again is acknowledged again.
    fn hang_up(&mut self, response: &Response, ctx: &mut Context<'_>) {
        let tag = response.to.tag();
        if let Some(ack) = self.acks.iter().find(|ack| ack.remote_tag.as_deref() == tag) {
            return ctx.send(ack.path, ack.bytes.clone());
        }
        if self.acks.len() >= FORKS_MAX {
            return;
        }
        self.over_at = ctx.now + LATE_MAX;
        let mut fork = self.dialog.clone();
        fork.confirm(response);
        let path = fork.path(|address| !self.trunk.nat && self.trunk.is_at(address));
        let bytes: Bytes = fork.request(&Method::Ack, ctx.random.branch(), response.cseq).empty();
        let (sequence, remote_tag) = (response.cseq, fork.remote_tag.clone());
        self.acks.push(SentAck { sequence, remote_tag, bytes: bytes.clone(), path });
        ctx.send(path, bytes);
        let (branch, sequence) = (ctx.random.branch(), fork.next_sequence());
        let bye = fork.request(&Method::Bye, branch, sequence).empty();
        if let Err(full) = ctx.request(&self.trunk, Method::Bye, branch, bye, path, Owner::Nobody) {
            tracing::warn!("a late answer was not hung up: {full}");
        }
    }
}
