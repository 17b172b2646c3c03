//! Knows every connection: gives each message to its own, opens those that are missing, and reports those that fail.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use edge_core::policy::ListenerId;
use edge_core::transaction::Path;
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, Id, JoinError, JoinSet};
use tokio::time::timeout;

use super::acceptor::{self, Accepted};
use super::connection::{self, Ending};
use super::counters::count;
use super::feed::{self, Feed, Refused};
use super::{Outgoing, Shared};

/// Connections of one trunk, in both directions: a carrier opens a handful, and each costs us a buffer.
const CONNECTIONS_MAX: usize = 256;

/// Connections that may wait for the hub to take them.
const ACCEPTED_MAX: usize = 64;

/// How long a peer may take to accept a connection: one SYN that is sent again once.
const CONNECT_MAX: Duration = Duration::from_secs(4);

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
    /// Connections of each trunk, by its name.
    of_trunk: HashMap<String, usize>,
    tasks: JoinSet<(Path, Ending)>,
    acceptors: JoinSet<()>,
}

#[derive(Debug)]
struct Connection {
    feed: Feed,
    trunk: String,
    /// Whether something was given to it, so that someone may wait for an answer.
    used: bool,
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
            of_trunk: HashMap::new(),
            tasks: JoinSet::new(),
            acceptors,
        })
    }

    /// Works until nobody has anything to send any more; then lets what is queued leave.
    pub(super) async fn run(mut self) {
        loop {
            tokio::select! {
                outgoing = self.outgoing.recv() => match outgoing {
                    Some(Outgoing { path, bytes }) => self.send(path, bytes),
                    None => break,
                },
                Some(Accepted { path, stream }) = self.accepted.recv() => self.admit(path, stream),
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

    /// Sends over the connection of that name, which is opened when there is none.
    fn send(&mut self, path: Path, bytes: Bytes) {
        let outcome = match self.connections.get_mut(&path) {
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
                self.forget(path, Ending::Slow);
            }
            // It has ended and we have not heard yet; what it was given before is lost.
            Err(Refused::Ended(bytes)) => {
                self.forget(path, Ending::Closed);
                self.open(path, bytes);
            }
        }
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
        let (pongs, shared) = (feed.downgrade(), Arc::clone(&self.shared));
        let task = self.tasks.spawn(async move {
            let stream = match timeout(CONNECT_MAX, connect(address, path.peer)).await {
                Ok(Ok(stream)) => stream,
                failed => {
                    count(&shared.counters.failed);
                    tracing::info!(peer = %path.peer, ?failed, "no connection");
                    return (path, Ending::Closed);
                }
            };
            (path, connection::run(stream, path, queue, pongs, &shared).await)
        });
        self.connections.insert(path, Connection { feed, trunk, used: true, task });
    }

    fn admit(&mut self, path: Path, stream: TcpStream) {
        if self.connections.contains_key(&path) {
            // The peer has forgotten its old connection before we heard of its end.
            self.forget(path, Ending::Closed);
        }
        let Some(trunk) = self.take_room(path) else { return acceptor::turn_away(&stream) };
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(peer = %path.peer, "TCP_NODELAY: {error}");
        }
        let (feed, queue) = feed::queue();
        let (pongs, shared) = (feed.downgrade(), Arc::clone(&self.shared));
        let task = self
            .tasks
            .spawn(async move { (path, connection::run(stream, path, queue, pongs, &shared).await) });
        self.connections.insert(path, Connection { feed, trunk, used: false, task });
    }

    /// Name of the trunk, when it may have another connection.
    fn take_room(&mut self, path: Path) -> Option<String> {
        let name = self.shared.trunk(path)?.name.clone();
        let open = self.of_trunk.entry(name.clone()).or_insert(0);
        if *open >= CONNECTIONS_MAX {
            count(&self.shared.counters.refused);
            return None;
        }
        *open += 1;
        count(&self.shared.counters.open);
        Some(name)
    }

    fn on_ended(&mut self, ended: Result<(Id, (Path, Ending)), JoinError>) {
        let Ok((task, (path, ending))) = ended else { return }; // We ended it, and have forgotten it.
        match ending {
            Ending::Garbled => count(&self.shared.counters.garbled),
            Ending::Slow => count(&self.shared.counters.slow),
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
    }
}

async fn connect(from: IpAddr, peer: SocketAddr) -> std::io::Result<TcpStream> {
    let socket = if from.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.bind(SocketAddr::new(from, 0))?;
    let stream = socket.connect(peer).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}
