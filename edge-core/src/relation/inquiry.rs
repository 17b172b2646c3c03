//! A request that the edge itself begins, outside of any call: what every one of them says, and its way.
//!
//! All tries of one inquiry share its Call-ID, its From tag and a CSeq that grows, as RFC 3261 sections 8.1.3.5 (credentials
//! after a challenge) and 10.2 (the registrations of one address) want it. The Call-ID names our shard, so the answers
//! come back to it.

use bytes::Bytes;

use crate::call::{Context, Owner, call_id, sent_by, tag};
use crate::dialog::Dialog;
use crate::policy::{Policy, Target, Trunk};
use crate::sip::{MessageWriter, Method, Response};
use crate::transaction::{Challenged, Full, Path, TransactionId};

/// Who asks whom.
#[derive(Debug)]
pub(crate) struct Addresses {
    /// The request-URI.
    pub(crate) uri: Bytes,
    /// From, as a name-addr.
    pub(crate) from: Bytes,
    /// To, as a name-addr.
    pub(crate) to: Bytes,
    /// Routes that it has to take.
    pub(crate) routes: Vec<Bytes>,
}

/// A request of the edge's own to one target of a trunk.
#[derive(Debug)]
pub(crate) struct Inquiry {
    method: Method,
    dialog: Dialog,
    path: Path,
    /// The newest try, while it may be answered.
    open: Option<TransactionId>,
}

impl Inquiry {
    /// Towards `target`, by the way that a call would take. `None` when no listener of the realm leads there.
    pub(crate) fn new(
        method: Method,
        policy: &Policy,
        (trunk, target): (&Trunk, &Target),
        addresses: impl FnOnce(&Bytes) -> Addresses,
        ctx: &mut Context<'_>,
    ) -> Option<Self> {
        let path = Path::to(policy, trunk, target)?;
        Some(Self::over(path, method, policy, addresses, ctx))
    }

    /// The same over this path.
    pub(crate) fn over(
        path: Path,
        method: Method,
        policy: &Policy,
        addresses: impl FnOnce(&Bytes) -> Addresses,
        ctx: &mut Context<'_>,
    ) -> Self {
        let sent_by = sent_by(policy, path);
        let Addresses { uri, from, to, routes } = addresses(&sent_by);
        let dialog = Dialog::calling(call_id(ctx), tag(ctx), from, to, uri, sent_by, path).through(routes);
        Self { method, dialog, path, open: None }
    }

    /// Sends the request, or sends it again as a new one; `say` adds what only this one says.
    ///
    /// # Errors
    /// [`Full`]: nothing was sent.
    pub(crate) fn ask(
        &mut self,
        trunk: &Trunk,
        owner: Owner,
        say: impl FnOnce(MessageWriter) -> MessageWriter,
        ctx: &mut Context<'_>,
    ) -> Result<(), Full> {
        self.drop_open(ctx);
        let (branch, sequence) = (ctx.random.branch(), self.dialog.next_sequence());
        let request = say(self.dialog.request(&self.method, branch, sequence)).empty();
        self.open = Some(ctx.request(trunk, self.method.clone(), branch, request, self.path, owner)?);
        Ok(())
    }

    /// Sends it again, now that it was challenged, with what is to be proven; says whether that could help.
    pub(crate) fn answer_challenge(
        &mut self,
        trunk: &Trunk,
        challenged: &Challenged<Owner>,
        response: &Response,
        ctx: &mut Context<'_>,
    ) -> bool {
        if !ctx.heed_challenge(trunk, challenged, response) {
            return false;
        }
        let sequence = self.dialog.next_sequence();
        let Some((id, _branch)) = ctx.send_again(trunk, challenged, sequence) else { return false };
        self.open = Some(id);
        true
    }

    /// Whether it goes over this path.
    pub(crate) fn goes_over(&self, path: Path) -> bool {
        self.path == path
    }

    /// Whether this is the newest try.
    pub(crate) fn is_open(&self, id: TransactionId) -> bool {
        self.open == Some(id)
    }

    /// Sends nothing more, and hears nothing more. Repeated answers are still absorbed.
    pub(crate) fn drop_open(&mut self, ctx: &mut Context<'_>) {
        if let Some(id) = self.open.take() {
            ctx.transactions.give_up(id, Owner::Nobody);
        }
    }
}
