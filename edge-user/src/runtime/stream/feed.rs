//! The queue of one connection: bounded in messages and in bytes, because a peer chooses how long our answers are.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use tokio::sync::mpsc;

/// Messages that may wait for one connection: a second of a thousand calls a second. A peer that lets them wait does
/// not read.
const MESSAGES_MAX: usize = 8_192;

/// Bytes that may wait for one connection.
const BYTES_MAX: usize = 4 << 20;

/// Where messages for a connection are put.
#[derive(Debug)]
pub(super) struct Feed {
    messages: mpsc::Sender<Bytes>,
    waiting: Arc<AtomicUsize>,
}

/// A [`Feed`] that does not keep its connection open.
#[derive(Debug)]
pub(super) struct WeakFeed {
    messages: mpsc::WeakSender<Bytes>,
    waiting: Arc<AtomicUsize>,
}

/// Where a connection takes them.
#[derive(Debug)]
pub(super) struct Queue {
    messages: mpsc::Receiver<Bytes>,
    waiting: Arc<AtomicUsize>,
}

/// Why a message was not taken.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// The peer does not read.
    Full,
    /// The connection has ended; here it is again.
    Ended(Bytes),
}

/// A queue and its feed.
pub(super) fn queue() -> (Feed, Queue) {
    let (sender, receiver) = mpsc::channel(MESSAGES_MAX);
    let waiting = Arc::new(AtomicUsize::new(0));
    (Feed { messages: sender, waiting: Arc::clone(&waiting) }, Queue { messages: receiver, waiting })
}

impl Feed {
    /// Puts a message behind the others.
    ///
    /// # Errors
    /// [`Refused`] at either bound, or when nobody takes it any more.
    pub(super) fn put(&self, bytes: Bytes) -> Result<(), Refused> {
        let length = bytes.len();
        if self.waiting.fetch_add(length, Ordering::Relaxed) + length > BYTES_MAX {
            self.waiting.fetch_sub(length, Ordering::Relaxed);
            return Err(Refused::Full);
        }
        self.messages.try_send(bytes).map_err(|error| {
            self.waiting.fetch_sub(length, Ordering::Relaxed);
            match error {
                mpsc::error::TrySendError::Full(_lost) => Refused::Full,
                mpsc::error::TrySendError::Closed(bytes) => Refused::Ended(bytes),
            }
        })
    }

    /// The same, without keeping the connection open.
    pub(super) fn downgrade(&self) -> WeakFeed {
        WeakFeed { messages: self.messages.downgrade(), waiting: Arc::clone(&self.waiting) }
    }
}

impl WeakFeed {
    /// The feed, while the connection is wanted.
    pub(super) fn upgrade(&self) -> Option<Feed> {
        Some(Feed { messages: self.messages.upgrade()?, waiting: Arc::clone(&self.waiting) })
    }
}

impl Queue {
    /// Waits for messages and moves up to `most` of them into `batch`; none once every feed is gone.
    pub(super) async fn take(&mut self, batch: &mut Vec<Bytes>, most: usize) -> usize {
        let taken = self.messages.recv_many(batch, most).await;
        self.waiting.fetch_sub(batch.iter().map(Bytes::len).sum(), Ordering::Relaxed);
        taken
    }
}
