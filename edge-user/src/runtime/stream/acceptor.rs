//! Takes in connections of one listener, and lets strangers go before any SIP is read from them: over TCP, before
//! anything is; over TLS, as soon as their handshake has shown that they are strangers. Where passwords say who somebody is, a few
//! of them are let in to say theirs.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use edge_core::policy::{ListenerId, Transport};
use edge_core::transaction::Path;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::Shared;
use super::counters::count;
use super::gate::Visit;
use super::handshake::{self, Proven};
use crate::runtime::clock;
use crate::shield::Offence;

/// How long the acceptor rests after the kernel has refused it, so that a lasting fault is no busy loop.
const PAUSE: Duration = Duration::from_millis(100);

/// A connection that a trunk has opened.
#[derive(Debug)]
pub(super) enum Accepted {
    /// A trunk's by its address.
    Plain {
        /// Its name.
        path: Path,
        /// The connection.
        stream: TcpStream,
    },
    /// A trunk's by a handshake.
    Proven(Proven),
}

/// Accepts until the hub is gone.
pub(super) async fn accept(
    listener: TcpListener,
    id: ListenerId,
    hub: mpsc::Sender<Accepted>,
    shared: Arc<Shared>,
) {
    // Bounded by the gate.
    let mut handshakes = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(_done) = handshakes.join_next() => continue,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(listener = ?id, "accepting: {error}");
                tokio::time::sleep(PAUSE).await;
                continue;
            }
        };
        let path = Path { listener: id, peer, proven: None };
        if id.transport == Transport::Tls {
            match admit(id, peer, &shared) {
                Some(visit) => {
                    handshakes.spawn(prove(stream, path, visit, hub.clone(), Arc::clone(&shared)));
                }
                None => turn_away(&stream),
            }
        } else if shared.trunk(path).is_none() && !is_let_in(path, &shared) {
            count(&shared.counters.strangers);
            shared.reception.shield.offended(peer.ip(), Offence::Connection);
            turn_away(&stream);
        } else if hub.send(Accepted::Plain { path, stream }).await.is_err() {
            return;
        }
    }
}

/// Whether a stranger may begin to say its password: as often as others may begin to show a certificate.
fn is_let_in(path: Path, shared: &Shared) -> bool {
    shared.awaits_password(path) && shared.gate.enter(path.peer.ip(), false, clock::now()).is_some()
}

/// Leave for a handshake: to a trunk by its address, and to anybody where certificates or passwords say who it is.
fn admit(id: ListenerId, peer: SocketAddr, shared: &Arc<Shared>) -> Option<Visit> {
    let policy = shared.reception.policy();
    let path = Path { listener: id, peer, proven: None };
    let known = shared.trunk(path).is_some();
    if !known && !policy.takes_certificates(id.realm) && !shared.awaits_password(path) {
        count(&shared.counters.strangers);
        shared.reception.shield.offended(peer.ip(), Offence::Connection);
        return None;
    }
    let visit = shared.gate.enter(peer.ip(), known, clock::now());
    if visit.is_none() {
        count(&shared.counters.crowded);
        if !known {
            shared.reception.shield.offended(peer.ip(), Offence::Connection);
        }
    }
    visit
}

async fn prove(
    stream: TcpStream,
    path: Path,
    visit: Visit,
    hub: mpsc::Sender<Accepted>,
    shared: Arc<Shared>,
) {
    let proven = handshake::receive(stream, path, &shared).await;
    drop(visit);
    if let Some(proven) = proven
        && hub.send(Accepted::Proven(proven)).await.is_err()
    {
        tracing::debug!(peer = %path.peer, "proven too late: everything ends");
    }
}

/// Lets the kernel forget the connection at once, too: an orderly close would leave a minute of state for each.
pub(super) fn turn_away(stream: &TcpStream) {
    if let Err(error) = stream.set_zero_linger() {
        tracing::debug!("connection closed slowly: {error}");
    }
}
