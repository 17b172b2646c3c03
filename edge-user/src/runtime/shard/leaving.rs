//! What leaves a shard: messages, and records.
//!
//! Invariant: nothing leaves before the journal is sure to have what it follows from: no message, which tells a peer of it, and no
//! record, which says that a call is over. Nor does a message leave a process whose journal is not the one that the next process
//! would read ([`Running::run`]).

use std::sync::atomic::Ordering;

use bytes::Bytes;
use crossbeam::channel::TrySendError;
use edge_core::Input;
use edge_core::call::CallKey;
use edge_core::policy::Transport;
use edge_core::transaction::Path;

use crate::cdr::Entry;
use crate::journal::Note;

use super::super::stream::Outgoing;
use super::super::{clock, udp};
use super::Running;

/// What waits for the journal; bounded by what follows from [`super::NOTICES_AT_ONCE`] notices, or, before the shard runs, by the
/// calls that it goes on with.
#[derive(Debug, Default)]
pub(super) struct Leaving {
    /// What the journal is to have.
    pub(super) notes: Vec<Note>,
    /// What the writer of records is to have, in order.
    pub(super) entries: Vec<Entry>,
    /// Messages for connections.
    outgoing: Vec<Outgoing>,
}

impl Running {
    /// Lets everything leave. Says whether all of it did: else the edge knows, and something more follows.
    pub(super) fn let_go(&mut self) -> bool {
        self.write_down();
        self.send();
        self.send_over_connections()
    }

    /// Has the journal and the writer of records know what they are to know. No message leaves.
    pub(super) fn write_down(&mut self) {
        self.host.journal.keep(std::mem::take(&mut self.leaving.notes));
        self.hand_over_records();
    }

    /// Has a message leave with the others.
    pub(super) fn dispatch(&mut self, path: Path, bytes: Bytes) {
        match path.listener.transport {
            Transport::Udp => {
                let key = (path.listener, self.host.marking.towards(path));
                self.outbox.entry(key).or_default().push((path.peer, bytes));
            }
            Transport::Tcp | Transport::Tls => self.leaving.outgoing.push(Outgoing { path, bytes }),
        }
    }

    fn send(&mut self) {
        for ((listener, dscp), datagrams) in &mut self.outbox {
            if let Some(socket) = self.host.sockets.get(listener) {
                let refused = udp::send_all(socket, datagrams, *dscp);
                self.host.status.sends_refused.fetch_add(refused as u64, Ordering::Relaxed);
            }
            datagrams.clear();
        }
    }

    fn send_over_connections(&mut self) -> bool {
        let mut all = true;
        for outgoing in std::mem::take(&mut self.leaving.outgoing) {
            let path = outgoing.path;
            if self.host.streams.try_send(outgoing).is_err() {
                self.host.status.sends_refused.fetch_add(1, Ordering::Relaxed);
                self.host.edge.handle(Input::SendFailed { path }, clock::now());
                all = false;
            }
        }
        all
    }

    fn hand_over_records(&mut self) {
        for entry in std::mem::take(&mut self.leaving.entries) {
            match entry {
                Entry::Record(record) => {
                    self.host.node.quality.observe(&record);
                    self.keep(Entry::Record(record));
                }
                Entry::Then(Note::Forget { call }) => self.forget(call),
                Entry::Then(note) => self.host.journal.keep(vec![note]),
            }
        }
    }

    fn keep(&self, entry: Entry) {
        let Err(TrySendError::Full(entry) | TrySendError::Disconnected(entry)) =
            self.host.records.try_send(entry)
        else {
            return;
        };
        if let Entry::Record(record) = entry {
            self.host.status.records_lost.fetch_add(1, Ordering::Relaxed);
            tracing::error!(call = record.id, ?record, "call record not written: the writer cannot keep up");
        }
    }

    /// The journal forgets a call once its record is on disk, or at once when that was lost.
    fn forget(&mut self, call: CallKey) {
        if self.host.records.try_send(Entry::Then(Note::Forget { call })).is_err() {
            self.host.journal.keep(vec![Note::Forget { call }]);
        }
    }
}
