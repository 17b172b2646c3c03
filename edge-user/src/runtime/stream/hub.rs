//! Knows every connection: gives each message to its own, opens those that are missing, and reports those that fail.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use edge_core::policy::{ListenerId, Trunk};
use edge_core::transaction::Path;
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, Id, JoinError, JoinSet};
use tokio::time::timeout;

use super::acceptor::{self, Accepted};
use super::connection::{Ending, OurEnd};
use super::counters::count;
use super::feed::{self, Feed, Refused};
use super::handshake::{Claim, Proven};
use super::line::{self, Line};
use super::{Outgoing, Shared};
use crate::runtime::marking::mark;

/// Connections of one trunk, in both directions: a carrier opens a handful, and each costs us a buffer.
const CONNECTIONS_MAX: usize = 256;

/// Connections of strangers who have yet to say a password, all together and from one host.
const STRANGERS_MAX: usize = 256;
const STRANGERS_OF_ONE_MAX: usize = 8;

/// Connections that may wait for the hub to take them.
const ACCEPTED_MAX: usize = 64;

/// How long the last messages have to leave when everything ends.
const FAREWELL: Duration = Duration::from_secs(1);

/// All connections.
#[derive(Debug)]
pub(super) struct Hub {
    shared: Arc<Shared>,
    /// Address of each listener: connections that we open come from there.
    addresses: HashMap<ListenerId, IpAddr>,
    outgoing: mpsc::Receiver<Outgoing>,
    accepted: mpsc::Receiver<Accepted>,
    connections: HashMap<Path, Connection>,
    /// Connections that serve under the name of another, too (RFC 5923): from that name to theirs.
    aliases: HashMap<Path, Path>,
    /// Connections of each trunk, by its name.
    of_trunk: HashMap<String, usize>,
    tasks: JoinSet<(Path, Ending)>,
    acceptors: JoinSet<()>,
}

#[derive(Debug)]
struct Connection {
    feed: Feed,
    /// The trunk that it is counted for; empty for a stranger's.
    trunk: String,
    /// Whether something was given to it, so that someone may wait for an answer.
    used: bool,
    /// What it was let in for; known once the handshake of one that we open is over.
    claim: Arc<OnceLock<Claim>>,
    alias: Arc<OnceLock<Option<SocketAddr>>>,
    task: AbortHandle,
}

impl Hub {
    /// A hub that listens already. To be called within a runtime.
    ///
    /// # Errors
    /// When a listener cannot be watched.
    pub(super) fn new(
        listeners: Vec<(ListenerId, TcpListener)>,
        outgoing: mpsc::Receiver<Outgoing>,
        shared: Arc<Shared>,
    ) -> std::io::Result<Self> {
        let (arrivals, accepted) = mpsc::channel(ACCEPTED_MAX);
        let (mut addresses, mut acceptors) = (HashMap::new(), JoinSet::new());
        for (id, listener) in listeners {
            addresses.insert(id, listener.local_addr()?.ip());
            listener.set_nonblocking(true)?;
            let listener = tokio::net::TcpListener::from_std(listener)?;
            acceptors.spawn(acceptor::accept(listener, id, arrivals.clone(), Arc::clone(&shared)));
        }
        Ok(Self {
            shared,
            addresses,
            outgoing,
            accepted,
            connections: HashMap::new(),
            aliases: HashMap::new(),
            of_trunk: HashMap::new(),
            tasks: JoinSet::new(),
            acceptors,
        })
    }

    /// Works until nobody has anything to send any more; then lets what is queued leave.
    pub(super) async fn run(mut self) {
        let changed = Arc::clone(&self.shared.reception);
        loop {
            tokio::select! {
                outgoing = self.outgoing.recv() => match outgoing {
                    Some(Outgoing { path, bytes }) => self.send(path, bytes),
                    None => break,
                },
                Some(accepted) = self.accepted.recv() => match accepted {
                    Accepted::Plain { path, stream } => self.admit(path, Line::Plain(stream), None),
                    Accepted::Proven(proven) => self.admit_proven(proven),
                },
                () = changed.changed.notified() => self.review(),
                Some(ended) = self.tasks.join_next_with_id() => self.on_ended(ended),
            }
        }
        self.acceptors.abort_all();
        self.connections.clear();
        let farewell = async { while self.tasks.join_next().await.is_some() {} };
        if timeout(FAREWELL, farewell).await.is_err() {
            tracing::warn!("connections are left that do not take their last messages");
        }
    }

    /// Sends over the connection of that name, or one that serves as well; it is opened when there is none.
    fn send(&mut self, path: Path, bytes: Bytes) {
        let serves = self.serving(path);
        let outcome = match self.connections.get_mut(&serves) {
            Some(connection) => {
                connection.used = true;
                connection.feed.put(bytes)
            }
            None => return self.open(path, bytes),
        };
        match outcome {
            Ok(()) => {}
            Err(Refused::Full) => {
                count(&self.shared.counters.slow);
                self.forget(serves, Ending::Slow);
            }
            // It has ended and we have not heard yet; what it was given before is lost.
            Err(Refused::Ended(bytes)) => {
                self.forget(serves, Ending::Closed);
                self.open(path, bytes);
            }
        }
    }

    /// The name of the connection that serves `path`: its own, or one that its trunk has opened and lets us use.
    fn serving(&mut self, path: Path) -> Path {
        if path.proven.is_none() || self.connections.contains_key(&path) {
            return path;
        }
        if let Some(serves) = self.aliases.get(&path) {
            return *serves;
        }
        let offers = |(other, connection): (&Path, &Connection)| {
            let same = other.proven == path.proven && other.listener.realm == path.listener.realm;
            let alias = connection.alias.get().copied().flatten();
            (same && alias == Some(path.peer)).then_some(*other)
        };
        let Some(serves) = self.connections.iter().find_map(offers) else { return path };
        self.aliases.insert(path, serves);
        serves
    }

    fn open(&mut self, path: Path, first: Bytes) {
        let Some(&address) = self.addresses.get(&path.listener) else {
            return self.shared.report_failed(path);
        };
        let Some(trunk) = self.take_room(path) else { return self.shared.report_failed(path) };
        let (feed, queue) = feed::queue();
        if feed.put(first).is_err() {
            tracing::error!("a queue without room for one message");
        }
        // What we open is ours to use; nobody has to allow it.
        let alias = Arc::new(OnceLock::from(None));
        let ours = OurEnd { path, queue, feed: feed.downgrade(), alias: Arc::clone(&alias) };
        let claim = Arc::new(OnceLock::new());
        let (shared, judged, called) = (Arc::clone(&self.shared), Arc::clone(&claim), Arc::clone(&trunk));
        let task = self.tasks.spawn(async move {
            let line = match line::open(address, path, &called, &judged, &shared).await {
                Ok(line) => line,
                Err(words) => {
                    count(&shared.counters.failed);
                    shared.complain(&called.name, path.peer, words);
                    return (path, Ending::Closed);
                }
            };
            shared.reconcile(&called.name);
            (path, line.run(ours, &shared).await)
        });
        let trunk = trunk.name.clone();
        self.connections.insert(path, Connection { feed, trunk, used: true, claim, alias, task });
    }

    /// Takes in a connection whose handshake is over, if what it was let in for is still so.
    fn admit_proven(&mut self, proven: Proven) {
        let Proven { path, stream, claim } = proven;
        let current = Arc::ptr_eq(&claim.policy, &self.shared.reception.policy());
        if current || self.still_stands(path, &claim) {
            self.admit(path, Line::Tls(stream), Some(claim));
        } else {
            count(&self.shared.counters.strangers);
            acceptor::turn_away(stream.get_ref().0);
        }
    }

    fn admit(&mut self, path: Path, line: Line, claim: Option<Claim>) {
        if self.connections.contains_key(&path) {
            // The peer has forgotten its old connection before we heard of its end.
            self.forget(path, Ending::Closed);
        }
        let Some(trunk) = self.take_room_for_peer(path) else { return acceptor::turn_away(line.tcp()) };
        if let Err(error) = line.tcp().set_nodelay(true) {
            tracing::debug!(peer = %path.peer, "TCP_NODELAY: {error}");
        }
        if let Some(dscp) = self.shared.trunk(path).and_then(|trunk| trunk.sip_dscp)
            && let Err(error) = mark(line.tcp(), path.peer.ip(), dscp)
        {
            tracing::debug!(peer = %path.peer, "marking: {error}");
        }
        let (feed, queue) = feed::queue();
        // Only who has proven to be the trunk may have its requests sent elsewhere.
        let alias = Arc::new(if path.proven.is_some() { OnceLock::new() } else { OnceLock::from(None) });
        let ours = OurEnd { path, queue, feed: feed.downgrade(), alias: Arc::clone(&alias) };
        let shared = Arc::clone(&self.shared);
        let task = self.tasks.spawn(async move { (path, line.run(ours, &shared).await) });
        let claim = Arc::new(claim.map_or_else(OnceLock::new, OnceLock::from));
        self.connections.insert(path, Connection { feed, trunk, used: false, claim, alias, task });
    }

    /// The operator has decided anew: ends each connection that would not be let in any more.
    fn review(&mut self) {
        let stands = |(path, connection): (&Path, &Connection)| {
            if connection.trunk.is_empty() {
                let awaited = self.shared.awaits_password(*path);
                return (awaited || self.shared.trunk(*path).is_some()).then_some(());
            }
            let trunk = self.shared.trunk(*path)?;
            let same = trunk.name == connection.trunk;
            let claimed = connection.claim.get().is_none_or(|claim| self.still_stands(*path, claim));
            (same && claimed).then_some(())
        };
        let fallen: Vec<Path> = self
            .connections
            .iter()
            .filter_map(|(path, connection)| stands((path, connection)).is_none().then_some(*path))
            .collect();
        for path in fallen {
            tracing::info!(peer = %path.peer, "connection ended: by the new configuration it is no trunk's");
            self.forget(path, Ending::Stranger);
        }
    }

    fn still_stands(&self, path: Path, claim: &Claim) -> bool {
        match self.shared.trunk(path) {
            Some(trunk) => claim.stands(&trunk, &self.shared.reception.keyring()),
            None => self.shared.awaits_password(path),
        }
    }

    /// The name of the trunk that a connection from outside is counted for, when that may have another one; none for a stranger's.
    fn take_room_for_peer(&mut self, path: Path) -> Option<String> {
        if self.shared.trunk(path).is_some() || !self.shared.awaits_password(path) {
            return Some(self.take_room(path)?.name.clone());
        }
        let strangers = self.connections.iter().filter(|(other, connection)| {
            connection.trunk.is_empty() && self.shared.trunk(**other).is_none()
        });
        let same = |(other, _): &(&Path, &Connection)| other.peer.ip() == path.peer.ip();
        let (all, of_one) = (strangers.clone().count(), strangers.filter(same).count());
        if all >= STRANGERS_MAX || of_one >= STRANGERS_OF_ONE_MAX {
            count(&self.shared.counters.refused);
            return None;
        }
        count(&self.shared.counters.open);
        Some(String::new())
    }

    /// The trunk, when it may have another connection.
    fn take_room(&mut self, path: Path) -> Option<Arc<Trunk>> {
        let trunk = self.shared.trunk(path)?;
        let open = self.of_trunk.entry(trunk.name.clone()).or_insert(0);
        if *open >= CONNECTIONS_MAX {
            count(&self.shared.counters.refused);
            return None;
        }
        *open += 1;
        count(&self.shared.counters.open);
        Some(trunk)
    }

    fn on_ended(&mut self, ended: Result<(Id, (Path, Ending)), JoinError>) {
        let Ok((task, (path, ending))) = ended else { return }; // We ended it, and have forgotten it.
        match ending {
            Ending::Garbled => count(&self.shared.counters.garbled),
            Ending::Slow => count(&self.shared.counters.slow),
            Ending::Dead => count(&self.shared.counters.dead),
            Ending::Closed | Ending::Idle | Ending::Stranger | Ending::Finished => {}
        }
        if self.connections.get(&path).is_some_and(|connection| connection.task.id() == task) {
            self.forget(path, ending);
        }
    }

    /// Ends a connection, and reports it when something was sent over it.
    fn forget(&mut self, path: Path, ending: Ending) {
        let Some(connection) = self.connections.remove(&path) else { return };
        connection.task.abort();
        tracing::debug!(peer = %path.peer, trunk = connection.trunk, ?ending, "connection ended");
        self.shared.counters.open.fetch_sub(1, Ordering::Relaxed);
        if let Some(open) = self.of_trunk.get_mut(&connection.trunk) {
            *open -= 1;
            if *open == 0 {
                self.of_trunk.remove(&connection.trunk);
            }
        }
        if connection.used {
            self.shared.report_failed(path);
        }
        self.aliases.retain(|alias, serves| {
            let stays = *serves != path;
            if !stays {
                self.shared.report_failed(*alias);
            }
            stays
        });
    }
}
