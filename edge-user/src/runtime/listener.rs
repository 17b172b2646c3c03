//! Receivers: one thread a listening socket, which hands each datagram to the shard that it belongs to.
//!
//! Invariants: a datagram of a stranger is counted and costs nothing else, but where trunks prove by a password who they are: there
//! a shard that has leisure looks at it; a full shard loses datagrams, counted,
//! and never makes a receiver wait, so one busy shard cannot stop the others; a trunk fills no queue for the others.

use std::collections::HashMap;
use std::net::UdpSocket;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use bytes::Bytes;
use crossbeam::channel::{Sender, TrySendError};
use edge_core::edge::Shard;
use edge_core::policy::{ListenerId, Policy, Strangers, Waiting};
use edge_core::transaction::Path;
use tokio::sync::Notify;

use crate::shield::{Offence, Shield};
use crate::tls::Keyring;

use super::clock;
use super::shard::{NOTICES_MAX, Notice};
use super::udp::{Inbox, reports::take_reports};

/// What all receivers share.
#[derive(Debug)]
pub(super) struct Reception {
    /// The operator's decisions, as they are now.
    policy: RwLock<Arc<Policy>>,
    /// The certificates that belong to them.
    keyring: RwLock<Arc<Keyring>>,
    /// Shards of dialogs of an earlier process, by Call-ID, that their Call-ID does not lead to: the number of shards has changed
    /// since. It holds no more than that process had calls, and goes with this one.
    elsewhere: HashMap<Box<[u8]>, usize>,
    /// Who is kept out before anything of it is read.
    pub(super) shield: Arc<Shield>,
    /// Told when they have changed.
    pub(super) changed: Notify,
    /// Set once, when receivers are to end.
    pub(super) stopping: AtomicBool,
    /// Datagrams of sources that belong to no trunk.
    pub(super) strangers: AtomicU64,
    /// Datagrams that were lost because too many of their trunk's waited.
    pub(super) unread: AtomicU64,
    /// Datagrams that were lost because a shard's queue was full.
    pub(super) overflowed: AtomicU64,
}

impl Reception {
    /// Nothing received yet.
    #[must_use]
    pub(super) fn new(policy: Arc<Policy>, keyring: Arc<Keyring>, shield: Arc<Shield>) -> Self {
        Self {
            policy: RwLock::new(policy),
            keyring: RwLock::new(keyring),
            elsewhere: HashMap::new(),
            shield,
            changed: Notify::new(),
            stopping: AtomicBool::new(false),
            strangers: AtomicU64::new(0),
            unread: AtomicU64::new(0),
            overflowed: AtomicU64::new(0),
        }
    }

    /// The same, where dialogs with these Call-IDs belong to other shards than these lead to.
    #[must_use]
    pub(super) fn sending_elsewhere(self, elsewhere: HashMap<Box<[u8]>, usize>) -> Self {
        Self { elsewhere, ..self }
    }

    /// Number of the shard, of `count`, that a message belongs to.
    pub(super) fn shard_of(&self, message: &[u8], count: usize) -> usize {
        let elsewhere = |call_id: &[u8]| self.elsewhere.get(call_id).copied();
        match self.elsewhere.is_empty() {
            true => Shard::of_datagram(message, count),
            false => Shard::peek_call_id(message)
                .and_then(elsewhere)
                .unwrap_or_else(|| Shard::of_datagram(message, count)),
        }
    }

    /// The operator's decisions, as they are now.
    #[must_use]
    pub(super) fn policy(&self) -> Arc<Policy> {
        Arc::clone(&self.policy.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The certificates, as they are now.
    #[must_use]
    pub(super) fn keyring(&self) -> Arc<Keyring> {
        Arc::clone(&self.keyring.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Puts new decisions in place of the old ones.
    pub(super) fn replace_policy(&self, policy: Arc<Policy>) {
        *self.policy.write().unwrap_or_else(PoisonError::into_inner) = policy;
        self.changed.notify_one();
    }

    /// Puts new certificates in place of the old ones, before the decisions that they belong to. Who is judged between the
    /// two steps is judged again by the hub.
    pub(super) fn replace_keyring(&self, keyring: Arc<Keyring>) {
        *self.keyring.write().unwrap_or_else(PoisonError::into_inner) = keyring;
    }
}

/// How long a receiver rests after the kernel has refused it, so that a lasting fault is no busy loop.
const PAUSE: Duration = Duration::from_millis(100);

/// Whether no shard has much to do. Strangers hear a 403 only then: they shall not stand in the trunks' way.
fn has_leisure(shards: &[Sender<Notice>]) -> bool {
    shards.iter().all(|shard| shard.len() < NOTICES_MAX / 8)
}

/// Receives on one socket until it is told to stop.
pub(super) fn receive(
    socket: &UdpSocket,
    listener: ListenerId,
    shards: &[Sender<Notice>],
    shared: &Reception,
) {
    let mut inbox = Inbox::default();
    while !shared.stopping.load(Ordering::Relaxed) {
        let policy = shared.policy();
        let outcome = inbox.receive(socket, |peer, datagram| {
            let path = Path { listener, peer, proven: None };
            let guest = || policy.guest(listener.realm, peer.ip());
            match policy.identify(listener.realm, listener.transport, peer).or_else(guest) {
                Some(trunk) => match policy.trunk(trunk).enqueue(datagram) {
                    Some(waiting) => hand_over(shards, shared, path, datagram, Some(waiting)),
                    None => drop(shared.unread.fetch_add(1, Ordering::Relaxed)),
                },
                None => {
                    shared.shield.offended(peer.ip(), Offence::Datagram);
                    let heard = policy.strangers == Strangers::Forbid
                        || policy.door(listener.realm, peer.ip()).is_some();
                    if heard && has_leisure(shards) {
                        hand_over(shards, shared, path, datagram, None);
                    } else {
                        shared.strangers.fetch_add(1, Ordering::Relaxed);
                    }
                }
            }
        });
        take_reports(socket, |peer, quoted| {
            report(shards, Path { listener, peer, proven: None }, quoted);
        });
        if let Err(error) = outcome {
            tracing::warn!(?listener, "receiving: {error}");
            std::thread::sleep(PAUSE);
        }
    }
}

/// Tells all shards of a datagram that was not delivered: which one sent it, only its transactions know. Where there is
/// much to do it is not told; the request comes again, or times out.
fn report(shards: &[Sender<Notice>], path: Path, quoted: &[u8]) {
    if !has_leisure(shards) {
        return;
    }
    let beginning = Bytes::copy_from_slice(quoted);
    for shard in shards {
        drop(shard.try_send(Notice::Undelivered { path, beginning: beginning.clone() }));
    }
}

fn hand_over(
    shards: &[Sender<Notice>],
    shared: &Reception,
    path: Path,
    datagram: &[u8],
    waiting: Option<Waiting>,
) {
    let shard = shared.shard_of(datagram, shards.len());
    let bytes = Bytes::copy_from_slice(datagram);
    let notice = Notice::Message { path, bytes, arrived: clock::now(), waiting };
    match shards[shard].try_send(notice) {
        Ok(()) => {}
        Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {
            shared.overflowed.fetch_add(1, Ordering::Relaxed);
        }
    }
}
