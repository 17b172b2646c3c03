//! What a shard works with, and what it shows.

use std::collections::HashMap;
use std::net::UdpSocket;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};

use crossbeam::channel::{Receiver, Sender};
use edge_core::Edge;
use edge_core::edge::Counters;
use edge_core::policy::{ListenerId, Marking};
use hdrhistogram::Histogram;
use tokio::sync::mpsc;

use crate::cdr::Entry;
use crate::datapath::DatapathWriter;
use crate::journal::Ahead;
use crate::shield::Shield;

use super::super::node::Node;
use super::super::stream::Outgoing;
use super::super::tones::Tones;
use super::Notice;

/// What a shard shows of itself.
#[derive(Debug)]
pub(in crate::runtime) struct ShardStatus {
    /// What its edge counts; renewed about once a second.
    pub(in crate::runtime) counters: Mutex<Counters>,
    /// Nanoseconds from a datagram's arrival until everything that follows from it was sent.
    pub(in crate::runtime) handling: Mutex<Histogram<u64>>,
    /// Records that were lost because their writer could not keep up.
    pub(in crate::runtime) records_lost: AtomicU64,
    /// Messages that the kernel, or the hub of connections, did not take.
    pub(in crate::runtime) sends_refused: AtomicU64,
}

impl ShardStatus {
    /// Nothing counted yet.
    ///
    /// # Panics
    /// Never: the histogram's bounds are constants that it accepts.
    #[must_use]
    #[expect(clippy::expect_used, reason = "constant bounds that hdrhistogram documents as valid")]
    pub(in crate::runtime) fn new() -> Self {
        let handling =
            Histogram::new_with_bounds(1, 60_000_000_000, 3).expect("bounds of one nanosecond to one minute");
        Self {
            counters: Mutex::new(Counters::default()),
            handling: Mutex::new(handling),
            records_lost: AtomicU64::new(0),
            sends_refused: AtomicU64::new(0),
        }
    }
}

impl Default for ShardStatus {
    fn default() -> Self {
        Self::new()
    }
}

/// What a shard works with.
#[derive(Debug)]
pub(in crate::runtime) struct ShardHost {
    /// The calls.
    pub(in crate::runtime) edge: Edge,
    /// What it is told.
    pub(in crate::runtime) inbox: Receiver<Notice>,
    /// All shards by number, to be told something.
    pub(in crate::runtime) shards: Vec<Sender<Notice>>,
    /// The datapath's tables.
    pub(in crate::runtime) datapath: DatapathWriter,
    /// How SIP to each trunk is marked.
    pub(in crate::runtime) marking: Marking,
    /// Sockets by listener.
    pub(in crate::runtime) sockets: Arc<HashMap<ListenerId, UdpSocket>>,
    /// Where messages for connections go.
    pub(in crate::runtime) streams: mpsc::Sender<Outgoing>,
    /// Who plays tones.
    pub(in crate::runtime) tones: Tones,
    /// Where call records go.
    pub(in crate::runtime) records: Sender<Entry>,
    /// Where calls are written down for whoever goes on with them.
    pub(in crate::runtime) journal: Ahead,
    /// Told once no call is left after a drain.
    pub(in crate::runtime) drained: Sender<()>,
    /// Who is kept out.
    pub(in crate::runtime) shield: Arc<Shield>,
    /// What others may see.
    pub(in crate::runtime) status: Arc<ShardStatus>,
    /// The process, which keeps how calls have sounded.
    pub(in crate::runtime) node: Arc<Node>,
}
