//! An INVITE of ours is answered, and nobody knows of it: the process that sent it was killed while it rang.
//!
//! Who answers believes that a call stands, and would say so for half a minute, then believe in it no more (RFC 3261 section
//! 13.3.1.4): it is acknowledged and hung up at once.
//!
//! Invariants: only what names a dialog as this edge names its own is answered, and only towards its trunk: a source that is
//! nobody's gets nothing. However many of them a trunk makes up, so few leave that they take no room from calls.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::call::{Owner, sent_by};
use crate::dialog::Dialog;
use crate::policy::TrunkId;
use crate::sip::{Method, Response};
use crate::transaction::Path;

use super::pace::after_one;
use super::{Edge, shard};

/// Answers of a trunk that are hung up in a second, two seconds' worth at once: what rang when the former process was killed is
/// answered over many seconds, and who hears nothing says it again for half a minute. Each is a transaction for as long.
const A_SECOND: u32 = 200;

/// Of all trunks: who makes up what he may leaves as much to the others.
const ALL_A_SECOND: u32 = 2 * A_SECOND;

/// How many were hung up.
#[derive(Debug, Default)]
pub(super) struct Strays {
    all: Rest,
    of_trunk: HashMap<TrunkId, Rest>,
}

impl Strays {
    /// Takes one of this trunk, if there is one left.
    fn take(&mut self, trunk: TrunkId, now: Duration) -> bool {
        let of_trunk = self.of_trunk.entry(trunk).or_default();
        match (of_trunk.after_one(A_SECOND, now), self.all.after_one(ALL_A_SECOND, now)) {
            (Some(rested), Some(all_rested)) => {
                (*of_trunk, self.all) = (rested, all_rested);
                true
            }
            _ => false,
        }
    }
}

/// When what was taken will have rested.
#[derive(Debug, Default, Clone, Copy)]
struct Rest(Duration);

impl Rest {
    fn after_one(self, a_second: u32, now: Duration) -> Option<Self> {
        let second = Duration::from_secs(1);
        after_one(self.0, second / a_second, second * 2, now).map(Self)
    }
}

impl Edge {
    /// Acknowledges and hangs up what `answer` believes to stand.
    pub(super) fn hang_up_stray(&mut self, path: Path, answer: &Response, now: Instant) {
        let ours = shard::is_own_call_id(&answer.call_id)
            && answer.from.tag().and_then(shard::tag_number).is_some()
            && answer.to.tag().is_some();
        let Some(trunk) = path.trunk(&self.policy).filter(|_| ours) else { return };
        if !self.strays.take(trunk, self.resources.at(now).since_epoch) {
            return;
        }
        let trunk = Arc::clone(self.policy.trunk(trunk));
        let rules = trunk.headers.outbound.clone();
        let mut dialog = Dialog::of_stray(answer, sent_by(&self.policy, path), path).ruled(rules);
        let to = dialog.path(|address| !trunk.nat && trunk.is_at(address));
        let mut ctx = self.resources.at(now);
        let ack = dialog.request(&Method::Ack, ctx.random.branch(), answer.cseq).empty();
        ctx.send(to, ack);
        let (branch, sequence) = (ctx.random.branch(), dialog.next_sequence());
        let bye = dialog.request(&Method::Bye, branch, sequence).empty();
        tracing::info!(trunk = trunk.name, "an answer to a call that is not known any more is hung up");
        if let Err(full) = ctx.request(&trunk, Method::Bye, branch, bye, to, Owner::Nobody) {
            tracing::warn!("an answer that nobody waits for was not hung up: {full}");
        }
    }
}
