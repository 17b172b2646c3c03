//! What a shard is told.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use edge_core::edge::{Note, Tested};
use edge_core::policy::{Policy, Waiting};
use edge_core::transaction::Path;
use tokio::sync::oneshot;

use crate::datapath::DigitNews;

use super::super::control::{CallFilter, ShownCall};

/// Notices that may wait for a shard: at ten thousand calls a second over two shards a quarter of a second of
/// datagrams; what waits longer its peer sends again. A trunk may have half of them, and less for what is new
/// ([`Waiting`]); how long they wait is bounded by turning calls away.
pub(in crate::runtime) const NOTICES_MAX: usize = 16_384;

/// Something that a shard is told.
#[derive(Debug)]
pub(in crate::runtime) enum Notice {
    /// A message of a trunk.
    Message {
        /// Where it came in and from.
        path: Path,
        /// What it holds.
        bytes: Bytes,
        /// When its receiver had it.
        arrived: Instant,
        /// Its room in the queues; none for a stranger's.
        waiting: Option<Waiting>,
    },
    /// What another shard says.
    Told(Note),
    /// A datagram could not be delivered.
    Undelivered {
        /// Where it was sent.
        path: Path,
        /// What of it was quoted.
        beginning: Bytes,
    },
    /// The datapath has something to say of a digit of a call that may be here.
    Digit(DigitNews),
    /// A connection could not be opened, or has ended after something was given to it.
    SendFailed {
        /// The connection.
        path: Path,
    },
    /// The operator's decisions changed.
    Policy(Arc<Policy>),
    /// The operator wants to see calls.
    ShowCalls {
        /// Which.
        filter: CallFilter,
        /// Who waits for them.
        reply: oneshot::Sender<Vec<ShownCall>>,
    },
    /// The operator wants a call to end.
    HangUp {
        /// Its id.
        id: String,
        /// Told whether it stood here.
        reply: oneshot::Sender<bool>,
    },
    /// The operator wants a trunk tested.
    TestTrunk {
        /// Its name.
        name: String,
        /// Told what was found; nothing, when this shard has nothing to do with it.
        reply: oneshot::Sender<Option<Tested>>,
    },
    /// No more calls; those that run are hung up after the grace.
    Drain(Duration),
    /// End, whatever runs.
    Stop(Farewell),
}

/// What becomes of the calls of a process that ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::runtime) enum Farewell {
    /// They are hung up.
    HangUp,
    /// Those that are answered are left to whoever goes on with them.
    Leave,
}
