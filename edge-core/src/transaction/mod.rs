//! The transaction layer (RFC 3261 section 17, RFC 6026): retransmission, absorption and time-out.
//!
//! The four machines are tables ([`ClientInvite`], [`ClientNonInvite`], [`ServerInvite`], [`ServerNonInvite`]);
//! [`Transactions`] hosts them: it matches messages, keeps the newest message of each for retransmission, and
//! turns timers into deadlines.
//!
//! Invariants:
//! - A message that repeats one already seen never reaches the transaction user.
//! - A transaction that has its final response ends by its own timers. The RFC gives none to an INVITE that only
//!   rings: its user ends that with [`Transactions::abandon`].
//! - Over a reliable transport nothing is sent twice, and a failed connection ends at once what waits for an answer
//!   through it.
//! - The number of transactions is bounded by [`TRANSACTIONS_MAX`], and what one trunk may hold by what is left.

mod client_invite;
mod client_non_invite;
mod entry;
mod key;
mod layer;
mod machine;
mod server_invite;
mod server_non_invite;
mod shares;
mod step;
#[cfg(test)]
mod tests;

use std::net::SocketAddr;

use bytes::Bytes;

use crate::policy::{ListenerId, Policy, Target, Trunk, TrunkId, TrunkKey};

pub use client_invite::{ClientInvite, Input as ClientInviteInput};
pub use client_non_invite::{ClientNonInvite, Input as ClientNonInviteInput};
pub use key::Branch;
pub use layer::{Challenged, Full, Matched, Transactions};
pub use server_invite::{Input as ServerInviteInput, ServerInvite};
pub use server_non_invite::{Input as ServerNonInviteInput, ServerNonInvite};
pub use step::{Effect, Step, T1, T2, T4, Timer};

/// Transactions of one shard. A call has four of them, three of which stay for half a minute after it is over (RFC 6026,
/// RFC 3261 timer J), so this is what 1,800 calls a second of one trunk hold; a trunk that sends faster than they end hears 503
/// instead of filling the memory. An accepted INVITE holds no message meanwhile, a BYE its short answer.
pub const TRANSACTIONS_MAX: usize = 400_000;

/// Name of a transaction within its shard; never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TransactionId(u64);

impl TransactionId {
    /// No transaction: what the edge asks itself is answered nowhere.
    pub(crate) const NONE: Self = Self(u64::MAX);
}

/// Where messages of a dialog or transaction go: out of which socket, to which address. Over TCP and TLS it names a
/// connection, open or to be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Path {
    /// Socket that sends, and with it the transport.
    pub listener: ListenerId,
    /// Address that receives.
    pub peer: SocketAddr,
    /// The trunk at the other end, where its certificate says who that is; `None` where its address does.
    pub proven: Option<TrunkKey>,
}

impl Path {
    /// Whether what is sent over it arrives or fails ([`crate::policy::Transport::is_reliable`]).
    #[must_use]
    pub const fn is_reliable(&self) -> bool {
        self.listener.transport.is_reliable()
    }

    /// The way to one target of a trunk; `None` when its realm does not listen for the target's transport and family.
    #[must_use]
    pub fn to(policy: &Policy, trunk: &Trunk, target: &Target) -> Option<Self> {
        let listener = policy.listener_to(trunk.realm, target)?;
        Some(Self { listener, peer: target.address, proven: trunk.to_be_proven() })
    }

    /// The trunk that is at the other end, by its certificate or else its address; of several that share that, the first.
    #[must_use]
    pub fn trunk(&self, policy: &Policy) -> Option<TrunkId> {
        match self.proven {
            Some(key) => policy.proven(self.listener.realm, key),
            None => policy.identify(self.listener.realm, self.listener.transport, self.peer),
        }
    }

    /// Where requests to `trunk` would be sent that this connection of its serves as well (RFC 5923): it has proven to be
    /// that trunk, and says so with `alias` in the Via of a request.
    #[must_use]
    pub fn alias(self, via: &crate::sip::Via, trunk: &Trunk) -> Option<SocketAddr> {
        let proven = self.proven.is_some() && self.proven == trunk.to_be_proven();
        if !proven || via.params().get(b"alias").is_none() {
            return None;
        }
        let named = || trunk.names.iter().any(|name| via.host().eq_ignore_ascii_case(name.as_bytes()));
        let first = || trunk.targets.iter().next().map(|target| target.address.ip());
        let ip = via.host_ip().or_else(|| first().filter(|_ip| named()))?;
        Some(SocketAddr::new(ip, via.port().unwrap_or(self.listener.transport.usual_port())))
    }

    /// Where the answer to a request goes that came over this path with `via` on top: over UDP to where RFC 3581
    /// and RFC 3261 section 18.2.2 point, over a stream back through its connection.
    #[must_use]
    pub fn answering(self, via: &crate::sip::Via) -> Self {
        if self.is_reliable() { self } else { self.at_sent_by(via) }
    }

    /// Where an answer goes when the connection that the request came over is gone: to the port of sent-by (RFC
    /// 3261 section 18.2.2).
    #[must_use]
    pub fn at_sent_by(self, via: &crate::sip::Via) -> Self {
        let peer =
            if self.is_reliable() { via.sent_by_address(self.peer) } else { via.reply_address(self.peer) };
        Self { peer, ..self }
    }
}

/// A message to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transmit {
    /// Where it goes.
    pub path: Path,
    /// The message.
    pub bytes: Bytes,
}
