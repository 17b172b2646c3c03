//! Messages of a trunk that were received and not read yet: a share of the queues for each.
//!
//! Without it one trunk that sends faster than it is served fills the queues, and everybody else's messages wait behind
//! its own or are lost. What is over the share is lost unread: that costs a receiver next to nothing, and a shard nothing.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::{Trunk, TrunkUsage};
use crate::edge::Urgency;

/// Messages that ask for something new of one trunk, waiting at once in all shards together: what one shard refuses in some
/// 20 ms, so that a trunk's flood holds up the others by no more than that.
const NEW_WAITING_MAX: u32 = 2_048;

/// Messages of one trunk waiting at once, whatever they are: half of what one shard's queue takes.
const WAITING_MAX: u32 = 8_192;

/// Proof that a trunk's message may wait; dropping it makes room for the next.
#[derive(Debug)]
pub struct Waiting {
    usage: Arc<TrunkUsage>,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.usage.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Trunk {
    /// Takes room in the queues for a message of this trunk; `None` when its share is full.
    #[must_use]
    pub fn enqueue(&self, message: &[u8]) -> Option<Waiting> {
        // Receivers may pass the bound together, by one message each; the queue itself is bounded exactly.
        let waiting = self.usage.waiting.load(Ordering::Relaxed);
        if waiting >= WAITING_MAX || (waiting >= NEW_WAITING_MAX && Urgency::of(message) == Urgency::New) {
            return None;
        }
        self.usage.waiting.fetch_add(1, Ordering::Relaxed);
        Some(Waiting { usage: Arc::clone(&self.usage) })
    }
}
