//! One connection, whatever stream it is: reads messages for the shards, and writes what its queue holds.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use bytes::Bytes;
use edge_core::policy::Transport;
use edge_core::sip::{Incoming, MessageLimits, StreamDecoder, StreamFault, StreamItem};
use edge_core::transaction::Path;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

use super::feed::{Queue, WeakFeed};
use super::liveness::{Liveness, Step};
use super::{Shared, UNPROVEN_MAX};
use crate::runtime::clock;
use crate::tls::explain;

/// Bytes taken from a connection with one system call.
const READ_BYTES: usize = 16_384;

/// Messages written with one system call.
const WRITE_BATCH: usize = 64;

/// How long the rest of a message that has begun may take.
const REST_MAX: Duration = Duration::from_secs(32);

/// How long a peer may leave written bytes unread.
const WRITE_MAX: Duration = Duration::from_secs(5);

/// How long a connection that cannot be read on stays for the answer that says so.
const LAST_ANSWER: Duration = Duration::from_millis(500);

/// Why a connection has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// The peer closed or broke it.
    Closed,
    /// Nothing came for too long.
    Idle,
    /// The peer answered keepalives, and does no more.
    Dead,
    /// What came was no SIP, or nobody could tell where it ends.
    Garbled,
    /// The peer did not read what was written.
    Slow,
    /// Its trunk is no trunk any more.
    Stranger,
    /// We wanted it so; all that was queued has been written.
    Finished,
}

/// Our end of a connection.
#[derive(Debug)]
pub(super) struct OurEnd {
    /// The connection's name.
    pub(super) path: Path,
    /// What is to be written.
    pub(super) queue: Queue,
    /// Where keepalives and their answers are put.
    pub(super) feed: WeakFeed,
    /// Where requests to the peer would be sent that it takes over this connection, too (RFC 5923), once its first
    /// request has told.
    pub(super) alias: Arc<OnceLock<Option<SocketAddr>>>,
}

/// Carries `stream` until it ends. Dropping the feed of its queue ends it once all is written.
pub(super) async fn run(stream: impl AsyncRead + AsyncWrite, ours: OurEnd, shared: &Shared) -> Ending {
    let OurEnd { path, mut queue, feed, alias } = ours;
    let reader = Reader {
        path,
        feed,
        alias,
        decoder: StreamDecoder::default(),
        liveness: Liveness::Unknown,
        began: clock::now(),
    };
    let (input, output) = tokio::io::split(stream);
    tokio::select! {
        ending = reader.run(input, shared) => ending,
        ending = write(output, path, &mut queue) => ending,
    }
}

#[derive(Debug)]
struct Reader {
    path: Path,
    feed: WeakFeed,
    alias: Arc<OnceLock<Option<SocketAddr>>>,
    decoder: StreamDecoder,
    liveness: Liveness,
    began: Instant,
}

impl Reader {
    async fn run(mut self, mut input: impl AsyncRead + Unpin, shared: &Shared) -> Ending {
        let mut buffer = vec![0; READ_BYTES];
        loop {
            let within = self.decoder.is_within_message();
            let patience = if within { REST_MAX } else { self.liveness.patience() };
            let patience = self.left_to_prove(shared).map_or(patience, |left| patience.min(left));
            match timeout(patience, input.read(&mut buffer)).await {
                Ok(Ok(0)) => return Ending::Closed,
                Ok(Ok(length)) => self.push(&buffer[..length]),
                Ok(Err(error)) => return broken(self.path, &error),
                Err(_elapsed) if self.left_to_prove(shared).is_some_and(|left| left.is_zero()) => {
                    return Ending::Stranger;
                }
                Err(_elapsed) if within => return Ending::Idle,
                Err(_elapsed) => match self.on_silence() {
                    Some(ending) => return ending,
                    None => continue,
                },
            }
            if shared.trunk(self.path).is_none()
                && self.left_to_prove(shared).is_none_or(|left| left.is_zero())
            {
                return Ending::Stranger;
            }
            while let Some(item) = self.decoder.next() {
                if let Some(ending) = self.take(item, shared).await {
                    return ending;
                }
            }
        }
    }

    /// How long its peer has to prove by a password who it is; `None` where that is known, or no password would say so.
    fn left_to_prove(&self, shared: &Shared) -> Option<Duration> {
        let unproven = shared.trunk(self.path).is_none() && shared.awaits_password(self.path);
        unproven.then(|| UNPROVEN_MAX.saturating_sub(clock::now().saturating_duration_since(self.began)))
    }

    fn push(&mut self, bytes: &[u8]) {
        let pong = bytes == b"\r\n" && self.liveness.awaits_pong() && !self.decoder.is_within_message();
        self.liveness = self.liveness.on_bytes(pong);
        if !pong {
            self.decoder.push(bytes);
        }
    }

    fn on_silence(&mut self) -> Option<Ending> {
        let (next, step) = self.liveness.on_silence();
        self.liveness = next;
        match step {
            Step::Ask => self.put(b"\r\n\r\n"),
            Step::Wait => {}
            Step::Dead => return Some(Ending::Dead),
            Step::Idle => return Some(Ending::Idle),
        }
        None
    }

    /// Without room it is lost: a peer that does not read has no claim to it.
    fn put(&self, keepalive: &'static [u8]) {
        let sent = self.feed.upgrade().map(|feed| feed.put(Bytes::from_static(keepalive)));
        if !matches!(sent, Some(Ok(()))) {
            tracing::debug!(peer = %self.path.peer, "keepalive not sent");
        }
    }

    /// Deals with one item; says when it was the last.
    async fn take(&self, item: Result<StreamItem, StreamFault>, shared: &Shared) -> Option<Ending> {
        let path = self.path;
        match item {
            Ok(StreamItem::Message(bytes)) => {
                if self.alias.get().is_none() {
                    self.learn_alias(&bytes, shared);
                }
                (!shared.hand_over(path, bytes).await).then_some(Ending::Finished)
            }
            Ok(StreamItem::Ping) => {
                self.put(b"\r\n");
                None
            }
            Err(fault) => {
                tracing::info!(peer = %path.peer, "connection closed: {fault}");
                if let StreamFault::Unframed { head } = fault {
                    shared.hand_over(path, head).await;
                    tokio::time::sleep(LAST_ANSWER).await;
                }
                Some(Ending::Garbled)
            }
        }
    }

    /// The first request says whether requests to its trunk may come over this connection.
    fn learn_alias(&self, bytes: &Bytes, shared: &Shared) {
        let Ok(Incoming::Request(request)) = Incoming::parse(bytes.clone(), &MessageLimits::default()) else {
            return;
        };
        let alias = shared.trunk(self.path).and_then(|trunk| self.path.alias(&request.via, &trunk));
        if self.alias.set(alias).is_err() {
            tracing::debug!(peer = %self.path.peer, "its alias is known already");
        }
    }
}

/// How a connection ends that the peer broke; over TLS it may have said why.
fn broken(path: Path, error: &io::Error) -> Ending {
    if path.listener.transport == Transport::Tls && error.kind() == io::ErrorKind::InvalidData {
        tracing::info!(peer = %path.peer, "connection ended: {}", explain(error));
    }
    Ending::Closed
}

async fn write(mut output: impl AsyncWrite + Unpin, path: Path, queue: &mut Queue) -> Ending {
    let mut batch: Vec<Bytes> = Vec::with_capacity(WRITE_BATCH);
    while queue.take(&mut batch, WRITE_BATCH).await > 0 {
        let bytes = batch.concat();
        batch.clear();
        // Within TLS, what is written has left only once it is flushed.
        let all = async {
            output.write_all(&bytes).await?;
            output.flush().await
        };
        match timeout(WRITE_MAX, all).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return broken(path, &error),
            Err(_elapsed) => return Ending::Slow,
        }
    }
    match timeout(WRITE_MAX, output.shutdown()).await {
        Ok(_closed) => Ending::Finished,
        Err(_elapsed) => Ending::Slow,
    }
}
