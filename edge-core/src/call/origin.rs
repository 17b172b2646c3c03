//! Where a call came from: what tells its INVITE from every other, and whether it is one of our own come back.
//!
//! A request may reach us twice over different ways (RFC 3261 section 8.2.2.2), and a proxy may send our own INVITE back to us.
//! Coming back is no fault in itself: a number that was forwarded is another call (a spiral). It is a loop when the
//! same trunk asks for the same number again on behalf of the same call (in the spirit of RFC 5393: without a Via list
//! across the edge, what is compared is what our routes decide by). A peer that makes a new call of ours, Call-ID and
//! all, cannot be seen through; Max-Forwards, which goes down at each crossing, bounds that.

use bytes::Bytes;

use crate::policy::{Policy, TrunkId};
use crate::sip::Request;

use super::CallKey;
use super::journal::OriginSnapshot;

/// Times that a call may come back to us, each time for another number: forwarding chains have two or three.
pub(crate) const SPIRALS_MAX: usize = 8;

/// What is the same in every copy of one INVITE, whichever way it took. A trunk cannot take another one's place: its
/// copies are its own.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Invitation {
    trunk: TrunkId,
    call_id: Bytes,
    from_tag: Option<Bytes>,
    cseq: u32,
}

impl Invitation {
    /// What names `invite`, which `trunk` sent: a copy, that does not keep its datagram in memory.
    pub(crate) fn of(trunk: TrunkId, invite: &Request) -> Self {
        let call_id = Bytes::copy_from_slice(&invite.call_id);
        let from_tag = invite.from.tag().map(Bytes::copy_from_slice);
        Self { trunk, call_id, from_tag, cseq: invite.cseq }
    }

    /// Whether this is its CSeq, so that it is no later one of its dialog.
    pub(super) const fn is_of(&self, sequence: u32) -> bool {
        self.cseq == sequence
    }
}

/// Where a call came from.
#[derive(Debug)]
pub(crate) struct Origin {
    /// Its INVITE.
    pub(crate) invitation: Invitation,
    number: Box<str>,
    /// The call whose INVITE came back as this one.
    pub(crate) ancestor: Option<CallKey>,
}

impl Origin {
    /// The origin of the call that `invite` of `trunk` asks for.
    pub(crate) fn of(trunk: TrunkId, invite: &Request, ancestor: Option<CallKey>) -> Self {
        let number = invite.uri.number().unwrap_or_default();
        Self { invitation: Invitation::of(trunk, invite), number: number.into(), ancestor }
    }

    /// What another process has to know of it: not its ancestor, which may have gone.
    pub(super) fn snapshot(&self, policy: &Policy) -> OriginSnapshot {
        let Invitation { trunk, call_id, from_tag, cseq } = self.invitation.clone();
        let trunk = policy.trunks.get(trunk.index()).map(|trunk| trunk.name.clone()).unwrap_or_default();
        OriginSnapshot { trunk, call_id, from_tag, cseq, number: self.number.clone() }
    }

    /// The origin of a call that another process has begun.
    pub(super) fn restore(snapshot: OriginSnapshot, policy: &Policy) -> Self {
        let OriginSnapshot { trunk, call_id, from_tag, cseq, number } = snapshot;
        let known = policy.trunks.iter().position(|known| known.name == trunk);
        // A trunk that is not known any more has no INVITE that could come again.
        let trunk = TrunkId::new(known.unwrap_or(policy.trunks.len()));
        Self { invitation: Invitation { trunk, call_id, from_tag, cseq }, number, ancestor: None }
    }

    /// Whether `trunk` asks for the same number in `invite`.
    pub(crate) fn is_asked_again(&self, trunk: TrunkId, invite: &Request) -> bool {
        self.invitation.trunk == trunk && invite.uri.number().unwrap_or_default() == *self.number
    }
}
