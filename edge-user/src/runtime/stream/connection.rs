//! One connection, whatever stream it is: reads messages for the shards, and writes what its queue holds.

use std::time::Duration;

use bytes::Bytes;
use edge_core::sip::{StreamDecoder, StreamFault, StreamItem};
use edge_core::transaction::Path;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

use super::Shared;
use super::feed::{Queue, WeakFeed};

/// Bytes taken from a connection with one system call.
const READ_BYTES: usize = 16_384;

/// Messages written with one system call.
const WRITE_BATCH: usize = 64;

/// How long a connection lives over which nothing comes. A peer that wants it longer sends keepalives.
const IDLE_MAX: Duration = Duration::from_secs(3600);

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
    /// What came was no SIP, or nobody could tell where it ends.
    Garbled,
    /// The peer did not read what was written.
    Slow,
    /// Its trunk is no trunk any more.
    Stranger,
    /// We wanted it so; all that was queued has been written.
    Finished,
}

/// Carries `stream` until it ends. Dropping the feed of `queue` ends it once all is written;
/// `pongs` is that feed.
pub(super) async fn run(
    stream: impl AsyncRead + AsyncWrite,
    path: Path,
    mut queue: Queue,
    pongs: WeakFeed,
    shared: &Shared,
) -> Ending {
    let (input, output) = tokio::io::split(stream);
    tokio::select! {
        ending = read(input, path, pongs, shared) => ending,
        ending = write(output, &mut queue) => ending,
    }
}

async fn read(mut input: impl AsyncRead + Unpin, path: Path, pongs: WeakFeed, shared: &Shared) -> Ending {
    let mut decoder = StreamDecoder::default();
    let mut buffer = vec![0; READ_BYTES];
    loop {
        let patience = if decoder.is_within_message() { REST_MAX } else { IDLE_MAX };
        match timeout(patience, input.read(&mut buffer)).await {
            Ok(Ok(0) | Err(_)) => return Ending::Closed,
            Ok(Ok(length)) => decoder.push(&buffer[..length]),
            Err(_elapsed) => return Ending::Idle,
        }
        if shared.trunk(path).is_none() {
            return Ending::Stranger;
        }
        while let Some(item) = decoder.next() {
            if let Some(ending) = take(item, path, &pongs, shared).await {
                return ending;
            }
        }
    }
}

/// Deals with one item; says when it was the last.
async fn take(
    item: Result<StreamItem, StreamFault>,
    path: Path,
    pongs: &WeakFeed,
    shared: &Shared,
) -> Option<Ending> {
    match item {
        Ok(StreamItem::Message(bytes)) => (!shared.hand_over(path, bytes).await).then_some(Ending::Finished),
        Ok(StreamItem::Ping) => {
            // Without room it is lost: a peer that pings without reading has no claim to it.
            let sent = pongs.upgrade().map(|feed| feed.put(Bytes::from_static(b"\r\n")));
            if !matches!(sent, Some(Ok(()))) {
                tracing::debug!(peer = %path.peer, "keepalive not answered");
            }
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

async fn write(mut output: impl AsyncWrite + Unpin, queue: &mut Queue) -> Ending {
    let mut batch: Vec<Bytes> = Vec::with_capacity(WRITE_BATCH);
    while queue.take(&mut batch, WRITE_BATCH).await > 0 {
        let bytes = batch.concat();
        batch.clear();
        match timeout(WRITE_MAX, output.write_all(&bytes)).await {
            Ok(Ok(())) => {}
            Ok(Err(_broken)) => return Ending::Closed,
            Err(_elapsed) => return Ending::Slow,
        }
    }
    match timeout(WRITE_MAX, output.shutdown()).await {
        Ok(_closed) => Ending::Finished,
        Err(_elapsed) => Ending::Slow,
    }
}
