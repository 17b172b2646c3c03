//! The shards of one edge, hosted as one: messages go where their Call-ID leads, and notes from shard to shard.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use edge_core::call::{CallKey, CallView};
use edge_core::edge::{Counters, Shard};
use edge_core::policy::Policy;
use edge_core::{Command, Edge, Input};

#[derive(Debug)]
pub(crate) struct Fleet {
    edges: Vec<Edge>,
    /// Which shard has a call whose media was installed.
    owners: HashMap<CallKey, usize>,
}

impl Fleet {
    pub(crate) fn new(policy: &Arc<Policy>, shards: u8, now: Instant) -> Self {
        let edge = |index: u8| {
            let shard = Shard { index: index.into(), count: shards.into() };
            Edge::new(Arc::clone(policy), shard, now, [3 + index; 32])
        };
        Self { edges: (0..shards).map(edge).collect(), owners: HashMap::new() }
    }

    /// What one message or call is told, one shard hears.
    pub(crate) fn handle(&mut self, input: Input, now: Instant) {
        let shard = match &input {
            Input::Received { bytes, .. } => Some(Shard::of_datagram(bytes, self.edges.len())),
            Input::MediaInstalled { call }
            | Input::MediaAccepted { call }
            | Input::MediaRefused { call, .. }
            | Input::MediaRemoved { call, .. }
            | Input::DigitHeard { call, .. }
            | Input::DigitSent { call, .. }
            | Input::MediaHeard { call, .. }
            | Input::HangupRequested { call } => self.owners.get(call).copied(),
            Input::Told(_)
            | Input::CallFound { .. }
            | Input::Undelivered { .. }
            | Input::HandedOver
            | Input::Waited(_)
            | Input::QueueEmptied
            | Input::SendFailed { .. }
            | Input::PolicyReplaced(_)
            | Input::DrainRequested { .. }
            | Input::CalendarRead(_)
            | Input::TimeElapsed => None,
        };
        self.edges[shard.unwrap_or_default()].handle(input, now);
    }

    /// What all shards hear.
    pub(crate) fn tell_all(&mut self, input: impl Fn() -> Input, now: Instant) {
        for edge in &mut self.edges {
            edge.handle(input(), now);
        }
    }

    /// The next command of any shard; notes are carried when there is none.
    pub(crate) fn poll(&mut self, now: Instant) -> Option<Command> {
        loop {
            for (index, edge) in self.edges.iter_mut().enumerate() {
                let Some(command) = edge.poll() else { continue };
                if let Command::InstallMedia { call, .. } = &command {
                    self.owners.insert(*call, index);
                }
                return Some(command);
            }
            if !self.carry_notes(now) {
                return None;
            }
        }
    }

    fn carry_notes(&mut self, now: Instant) -> bool {
        let mut notes = Vec::new();
        for edge in &mut self.edges {
            edge.send_notes(|shard, note| {
                notes.push((shard, note));
                Ok(())
            });
        }
        let any = !notes.is_empty();
        for (shard, note) in notes {
            self.edges[shard].handle(Input::Told(note), now);
        }
        any
    }

    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.edges.iter().filter_map(Edge::next_deadline).min()
    }

    pub(crate) fn calls(&self) -> impl Iterator<Item = CallView> {
        self.edges.iter().flat_map(Edge::calls)
    }

    pub(crate) fn counters(&self) -> Counters {
        let sum = |of: fn(&Counters) -> u64| self.edges.iter().map(|edge| of(&edge.counters())).sum();
        Counters {
            calls_standing: sum(|counters| counters.calls_standing),
            calls_started: sum(|counters| counters.calls_started),
            calls_refused: sum(|counters| counters.calls_refused),
            transactions_open: sum(|counters| counters.transactions_open),
            ..Counters::default()
        }
    }

    pub(crate) fn media_ports_at_rest(&self) -> u64 {
        self.edges.iter().map(Edge::media_ports_at_rest).sum()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.edges.iter().all(Edge::is_empty)
    }

    pub(crate) fn shards(&self) -> usize {
        self.edges.len()
    }
}
