//! SIP over connections: one thread with a tokio loop of its own, beside the shards.
//!
//! [`hub`] knows which connection a message goes over and opens it on demand; [`acceptor`] takes in those that trunks
//! open, over TLS after a [`handshake`] that [`gate`] has let in; [`connection`] carries one, whatever stream it is. A connection is named by its [`Path`]: our listener and
//! the peer's address and port, so that an answer finds the connection of its request.
//!
//! Invariants:
//! - Every queue is bounded: to the hub, to a connection; and so are connections of a trunk.
//! - A peer that does not read, or a shard that does not keep up, holds up its own connections only.
//! - What was given to a connection that failed is reported to the shards ([`Notice::SendFailed`]).
//! - A stranger's connection is closed before anything is read from it; over TLS, where a certificate may say that it
//!   is none, before any SIP is. Where passwords say who somebody is, strangers have a few connections, and each as long as a
//!   request takes ([`UNPROVEN_MAX`]).
//! - A connection lasts no longer than what it was let in for: a reload looks at all of them again.

mod acceptor;
mod connection;
mod counters;
mod feed;
mod gate;
mod handshake;
mod hub;
mod inspect;
mod line;
mod liveness;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::Context;
use bytes::Bytes;
use crossbeam::channel::{Sender, TrySendError};
use edge_core::policy::{ListenerId, Policy, Trunk};
use edge_core::transaction::Path;
use tokio::sync::mpsc;

use super::clock;
use super::listener::Reception;
use super::shard::Notice;

pub(super) use counters::StreamCounters;
pub(super) use inspect::inspect;
pub use inspect::{Inspected, Shaken};

/// Messages that may wait for the hub, from all shards together: it only moves them on, so more than this means that
/// it does not run.
const OUTGOING_MAX: usize = 16_384;

/// How long a reader rests before it tries a full shard again; meanwhile its peer's window closes.
const SHARD_BUSY: Duration = Duration::from_millis(5);

/// A message for a connection.
#[derive(Debug)]
pub(super) struct Outgoing {
    /// The connection.
    pub(super) path: Path,
    /// The message.
    pub(super) bytes: Bytes,
}

/// Where shards put messages for connections, and where the hub takes them.
pub(super) fn queue() -> (mpsc::Sender<Outgoing>, mpsc::Receiver<Outgoing>) {
    mpsc::channel(OUTGOING_MAX)
}

/// What all connections share.
#[derive(Debug)]
pub(super) struct Shared {
    /// Where messages and failures go.
    shards: Vec<Sender<Notice>>,
    /// The operator's decisions.
    reception: Arc<Reception>,
    /// What is counted.
    counters: Arc<StreamCounters>,
    /// Who may begin a handshake.
    gate: Arc<gate::Gate>,
    /// What was last said about the connection to each trunk, so that it is said once.
    complaints: Mutex<HashMap<String, String>>,
    /// When a stranger was last spoken of, and how many were not since.
    strangers_said: Mutex<(Option<Instant>, u64)>,
}

/// How long a connection may last whose peer proves nothing, where passwords say who it is: a request is sent within
/// seconds, and its transaction is over by then.
const UNPROVEN_MAX: Duration = Duration::from_secs(32);

/// How often strangers are spoken of at most: a flood of them shall not become one of log lines.
const STRANGERS_SAID: Duration = Duration::from_secs(1);

impl Shared {
    /// Nothing counted, and nobody complained of.
    pub(super) fn new(
        shards: Vec<Sender<Notice>>,
        reception: Arc<Reception>,
        counters: Arc<StreamCounters>,
    ) -> Self {
        let (gate, complaints, strangers_said) = Default::default();
        Self { shards, reception, counters, gate, complaints, strangers_said }
    }

    /// Says why there is no connection to a trunk; aloud only when it is news.
    fn complain(&self, trunk: &str, peer: SocketAddr, words: String) {
        let mut complaints = self.complaints.lock().unwrap_or_else(PoisonError::into_inner);
        if complaints.get(trunk) == Some(&words) {
            return tracing::debug!(trunk, %peer, "no connection: {words}");
        }
        tracing::warn!(trunk, %peer, "no connection: {words}");
        complaints.insert(trunk.to_owned(), words);
    }

    /// What was wrong with the connection to a trunk no longer is.
    fn reconcile(&self, trunk: &str) {
        let mut complaints = self.complaints.lock().unwrap_or_else(PoisonError::into_inner);
        if complaints.remove(trunk).is_some() {
            tracing::info!(trunk, "connected again");
        }
    }

    /// Says why somebody is nobody, now and then.
    fn speak_of(&self, stranger: SocketAddr, words: &str) {
        let now = clock::now();
        let mut said = self.strangers_said.lock().unwrap_or_else(PoisonError::into_inner);
        let (last, unsaid) = *said;
        if last.is_some_and(|last| now.saturating_duration_since(last) < STRANGERS_SAID) {
            said.1 += 1;
            return;
        }
        *said = (Some(now), 0);
        tracing::info!(peer = %stranger, others_unsaid = unsaid, "TLS connection refused: {words}");
    }

    /// The trunk that a connection belongs to, as the operator has it now; of several that have proven themselves from there by
    /// their passwords, the last.
    fn trunk(&self, path: Path) -> Option<Arc<Trunk>> {
        let policy: Arc<Policy> = self.reception.policy();
        let guest = || policy.guest(path.listener.realm, path.peer.ip()).filter(|_| path.proven.is_none());
        let trunk = path.trunk(&policy).or_else(guest)?;
        Some(Arc::clone(policy.trunk(trunk)))
    }

    /// Whether somebody may be there who is yet to prove by a password who it is.
    fn awaits_password(&self, path: Path) -> bool {
        path.proven.is_none() && self.reception.policy().door(path.listener.realm, path.peer.ip()).is_some()
    }

    /// Gives a message to its shard, and waits while that, or its trunk's share, has no room: nobody would send it again.
    /// `false` once the shard has ended.
    async fn hand_over(&self, path: Path, bytes: Bytes) -> bool {
        let shard = &self.shards[self.reception.shard_of(&bytes, self.shards.len())];
        let waiting = loop {
            // A stranger has nobody to share with; the connection of one whose trunk is gone ends when it is next read from.
            let Some(trunk) = self.trunk(path) else { break None };
            if let Some(waiting) = trunk.enqueue(&bytes) {
                break Some(waiting);
            }
            tokio::time::sleep(SHARD_BUSY).await;
        };
        // Its shard is measured by how long it waits from here on, not by what its trunk sends too fast.
        let mut notice = Notice::Message { path, bytes, arrived: clock::now(), waiting };
        loop {
            match shard.try_send(notice) {
                Ok(()) => return true,
                Err(TrySendError::Disconnected(_)) => return false,
                Err(TrySendError::Full(back)) => notice = back,
            }
            tokio::time::sleep(SHARD_BUSY).await;
        }
    }

    /// Tells every shard that a connection is gone: any of them may wait for an answer from it. One that is too busy
    /// to hear it has its timers.
    fn report_failed(&self, path: Path) {
        for shard in &self.shards {
            drop(shard.try_send(Notice::SendFailed { path }));
        }
    }
}

/// Starts the thread that carries connections, until every sender of `outgoing` is gone. What is queued then still
/// leaves.
///
/// # Errors
/// When there is no thread to be had, or a listener cannot be watched.
pub(super) fn start(
    listeners: Vec<(ListenerId, TcpListener)>,
    outgoing: mpsc::Receiver<Outgoing>,
    shared: Shared,
) -> anyhow::Result<JoinHandle<()>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let hub = {
        let _within = runtime.enter();
        hub::Hub::new(listeners, outgoing, Arc::new(shared)).context("listening for connections")?
    };
    let run = move || runtime.block_on(hub.run());
    Ok(std::thread::Builder::new().name("sip-streams".to_owned()).spawn(run)?)
}
