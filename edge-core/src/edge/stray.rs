//! An INVITE of ours is answered, and nobody knows of it: the process that sent it was killed while it rang.
//!
//! Who answers believes that a call stands, and would say so for half a minute, then believe in it no more (RFC 3261 section
//! 13.3.1.4): it is acknowledged and hung up at once.
//!
//! Invariants: only what names a dialog as this edge names its own is answered, and only towards its trunk: a source that is
//! nobody's gets nothing.

use std::time::Instant;

use crate::call::{Owner, sent_by};
use crate::dialog::Dialog;
use crate::sip::{Method, Response};
use crate::transaction::Path;

use super::{Edge, shard};

impl Edge {
    /// Acknowledges and hangs up what `answer` believes to stand.
    pub(super) fn hang_up_stray(&mut self, path: Path, answer: &Response, now: Instant) {
        let ours = shard::is_own_call_id(&answer.call_id)
            && answer.from.tag().and_then(shard::tag_number).is_some()
            && answer.to.tag().is_some();
        let Some(trunk) = path.trunk(&self.policy).filter(|_| ours) else { return };
        let trunk = std::sync::Arc::clone(self.policy.trunk(trunk));
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
