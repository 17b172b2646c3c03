//! The shards of a simulated edge: which of them a fact is for, and what they tell each other.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use edge_core::call::CallKey;
use edge_core::edge::{Note, Shard};
use edge_core::policy::Policy;
use edge_core::{Command, Edge, Input};

use super::World;

/// A fact on its way, to one shard or to whichever it is for.
pub(super) struct Due {
    pub(super) shard: Option<usize>,
    pub(super) input: Input,
}

/// All shards of an edge.
#[derive(Debug)]
pub(super) struct Shards {
    pub(super) edges: Vec<Edge>,
    /// Which of them has a call.
    of_call: HashMap<CallKey, usize>,
    /// When the newest note from one to another arrives: none overtakes another.
    newest: HashMap<(usize, usize), Instant>,
    drained: usize,
}

impl Shards {
    pub(super) fn new(count: usize, policy: &Arc<Policy>, now: Instant, seed: [u8; 32]) -> Self {
        let edge = |index: usize| {
            let mut seed = seed;
            seed[31] = u8::try_from(index).expect("few shards");
            Edge::new(Arc::clone(policy), Shard { index, count }, now, seed)
        };
        let edges = (0..count).map(edge).collect();
        Self { edges, of_call: HashMap::new(), newest: HashMap::new(), drained: 0 }
    }

    /// Gives a fact to `shard`, or to that which it is for, or to all.
    pub(super) fn handle(&mut self, shard: Option<usize>, input: Input, now: Instant) {
        match shard.or_else(|| self.shard_for(&input)) {
            Some(shard) => self.edges[shard].handle(input, now),
            None => {
                for edge in &mut self.edges {
                    edge.handle(again(&input), now);
                }
            }
        }
    }

    fn shard_for(&self, input: &Input) -> Option<usize> {
        let count = self.edges.len();
        match input {
            Input::Received { bytes, .. } => Some(Shard::of_datagram(bytes, count)),
            Input::MediaInstalled { call }
            | Input::MediaAccepted { call }
            | Input::MediaRefused { call, .. }
            | Input::DigitHeard { call, .. }
            | Input::DigitSent { call, .. }
            | Input::MediaHeard { call, .. }
            | Input::MediaRemoved { call, .. } => Some(self.of_call[call]),
            Input::CallFound { call, .. } => Some(Shard::of_call_id(call.call_ids()[0], count)),
            Input::SendFailed { .. }
            | Input::PolicyReplaced(_)
            | Input::DrainRequested { .. }
            | Input::CalendarRead(_)
            | Input::HandedOver
            | Input::TimeElapsed => None,
            Input::Told(_)
            | Input::Waited(_)
            | Input::QueueEmptied
            | Input::Undelivered { .. }
            | Input::HangupRequested { .. } => {
                unreachable!("nobody says so here: {input:?}")
            }
        }
    }

    /// The next thing that a shard wants.
    pub(super) fn poll(&mut self) -> Option<(usize, Command)> {
        self.edges.iter_mut().enumerate().find_map(|(index, edge)| Some((index, edge.poll()?)))
    }

    /// Takes note of which shard has a call.
    pub(super) fn note_call_of(&mut self, shard: usize, command: &Command) {
        if let Command::InstallMedia { call, .. }
        | Command::UpdateMedia { call, .. }
        | Command::CheckMedia { call, .. }
        | Command::ListenTo { call }
        | Command::RemoveMedia { call } = command
        {
            self.of_call.insert(*call, shard);
        }
    }

    /// One more shard is drained; whether all are.
    pub(super) fn drained(&mut self) -> bool {
        self.drained += 1;
        assert!(self.drained <= self.edges.len(), "drained twice");
        self.drained == self.edges.len()
    }

    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.edges.iter().filter_map(Edge::next_deadline).min()
    }

    pub(super) fn media_ports_at_rest(&self) -> u64 {
        self.edges.iter().map(Edge::media_ports_at_rest).sum()
    }

    pub(super) fn check_nothing_is_left(&self) {
        for edge in &self.edges {
            assert_eq!(edge.counters().calls_standing, 0, "a call is left");
            assert!(edge.is_empty(), "something is remembered: {edge:?}");
        }
    }

    /// Notes that wait to be carried, from whom and to whom.
    fn notes(&mut self) -> Vec<(usize, usize, Note)> {
        let mut notes = Vec::new();
        for (from, edge) in self.edges.iter_mut().enumerate() {
            edge.send_notes(|to, note| {
                notes.push((from, to, note));
                Ok(())
            });
        }
        notes
    }

    /// When a note arrives that would take so long.
    fn arrives(&mut self, from: usize, to: usize, at: Instant) -> Instant {
        let newest = self.newest.entry((from, to)).or_insert(at);
        *newest = at.max(*newest);
        *newest
    }
}

impl World {
    /// What the shards tell each other arrives a little later, in order.
    pub(super) fn carry_notes(&mut self) {
        for (from, to, note) in self.shards.notes() {
            let at = self.now + Duration::from_micros(self.dice.below(3_000));
            let at = self.shards.arrives(from, to, at);
            self.later_to(Some(to), at - self.now, Input::Told(note));
        }
    }
}

/// The same fact for another shard.
fn again(input: &Input) -> Input {
    match input {
        Input::SendFailed { path } => Input::SendFailed { path: *path },
        Input::PolicyReplaced(policy) => Input::PolicyReplaced(Arc::clone(policy)),
        Input::DrainRequested { grace } => Input::DrainRequested { grace: *grace },
        Input::TimeElapsed => Input::TimeElapsed,
        Input::Received { .. }
        | Input::Told(_)
        | Input::Waited(_)
        | Input::QueueEmptied
        | Input::Undelivered { .. }
        | Input::MediaInstalled { .. }
        | Input::MediaAccepted { .. }
        | Input::MediaRefused { .. }
        | Input::MediaRemoved { .. }
        | Input::DigitHeard { .. }
        | Input::DigitSent { .. }
        | Input::MediaHeard { .. }
        | Input::CallFound { .. }
        | Input::HangupRequested { .. }
        | Input::CalendarRead(_)
        | Input::HandedOver => unreachable!("nobody says so to all here: {input:?}"),
    }
}
