//! The edge is killed at any step, and another one goes on with what its journal has.
//!
//! The kernel's part stays: what is relayed is relayed, and what nobody knows is removed once the calls are found. The newest
//! writes of the journal may be lost with the process. Records are on disk when they are written, and a call that has one
//! is not gone on with.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use edge_core::call::{CallKey, CallView, Journaled, MediaFound};
use edge_core::media::MediaEndpoint;
use edge_core::{Edge, Input};

use super::World;
use super::media::locals;
use super::shards::{Due, Shards};
use crate::peer::{Peer, State};
use crate::policy::name;

/// How long a side may believe in a call that the other one has left: the edge is away, and then what was lost is said again.
const TOLD_WITHIN: Duration = Duration::from_secs(12);

/// When the edge is killed, and what was left of it.
#[derive(Default)]
pub(crate) struct Crashes {
    /// Steps of the world at which it is killed.
    at_steps: Vec<usize>,
    /// The thing that the edge does, counted from the beginning, before which it is killed.
    strikes_before: Option<usize>,
    /// Things that it has done: orders to the datapath, writes to the journal, messages, records.
    pub(crate) done: usize,
    /// Since when the sides of a call do not agree whether it stands.
    disagree_since: Option<Instant>,
    /// How many of the newest writes are lost each time.
    lost_writes: usize,
    /// How long nobody is there.
    down: Duration,
    down_until: Option<Instant>,
    /// What the journal was told, in order; `None` to forget.
    log: Vec<(CallKey, Option<Bytes>)>,
    /// Its first entries, which are certain to be on disk: what was found is written anew before the old journal goes.
    synced: usize,
    /// What the times of its entries are counted from.
    epoch: Option<Instant>,
    /// Calls that were found in it after a crash.
    pub(crate) found: BTreeSet<String>,
    /// Trunks of calls that were lost, or over: who is there and does not know has to find out himself.
    lost: BTreeSet<String>,
}

impl Crashes {
    pub(super) fn journal(&mut self, call: CallKey, entry: Option<Bytes>) {
        self.log.push((call, entry));
    }

    /// A call that was found has been written down anew.
    pub(super) fn sync(&mut self) {
        self.synced = self.log.len();
    }

    /// Whether a message to the edge finds nobody.
    pub(super) fn is_down(&self, now: Instant) -> bool {
        self.down_until.is_some_and(|until| now <= until)
    }

    /// Whether it was ever killed.
    pub(crate) fn any(&self) -> bool {
        self.down_until.is_some()
    }

    /// The newest entries of the calls that are not forgotten, without those that were not on disk yet.
    fn left(&mut self) -> BTreeMap<CallKey, Bytes> {
        let kept = self.log.len().saturating_sub(self.lost_writes).max(self.synced);
        self.synced = 0;
        let mut calls = BTreeMap::new();
        for (call, entry) in self.log.drain(..).take(kept) {
            match entry {
                Some(entry) => drop(calls.insert(call, entry)),
                None => drop(calls.remove(&call)),
            }
        }
        calls
    }
}

impl World {
    /// The edge is killed at each of these steps, and is away for a while.
    pub(crate) fn crash_at(&mut self, steps: &[usize], lost_writes: usize, down: Duration) {
        let epoch = Some(self.now);
        let at_steps = steps.to_vec();
        self.crashes = Crashes { at_steps, lost_writes, down, epoch, ..Crashes::default() };
    }

    /// The edge is killed just before the thing that it does after `done` others, and is away for a while.
    pub(crate) fn strike_after(&mut self, done: usize, down: Duration) {
        let epoch = Some(self.now);
        self.crashes = Crashes { strikes_before: Some(done), down, epoch, ..Crashes::default() };
    }

    /// Kills the edge, if it is to be killed at this step.
    pub(super) fn crash_when_due(&mut self, step: usize) {
        if self.crashes.at_steps.contains(&step) && !self.crashes.is_down(self.now) {
            self.crash();
        }
    }

    /// Whether the edge is killed instead of doing one thing more.
    pub(super) fn is_struck(&mut self) -> bool {
        let struck = self.crashes.strikes_before == Some(self.crashes.done);
        self.crashes.done += 1;
        if struck {
            self.crash();
        }
        struck
    }

    /// One side that believes in a call which the other one has left is told within seconds. Where both believe in it, what is
    /// relayed is what both were told.
    pub(super) fn check_agreement(&mut self) {
        if self.pairs.len() > 1 || self.crashes.strikes_before.is_none() {
            return;
        }
        let (caller, called) = (self.caller().state, self.called().state);
        let stands = |state| matches!(state, State::Up);
        let over = |state| matches!(state, State::Ended);
        let disagree = (stands(caller) && over(called)) || (over(caller) && stands(called));
        let settled = self.crashes.down_until.is_some_and(|until| self.now > until + TOLD_WITHIN);
        if settled && stands(caller) && stands(called) {
            let mut streams = self.installed.values().flat_map(|plan| &plan.streams);
            let right = |side: &MediaEndpoint, peer: &Peer| {
                let remote = side.remote.map(|remote| remote.rtp);
                remote == Some(peer.media()) && peer.told == Some(side.local)
            };
            let relayed =
                streams.any(|stream| right(&stream.a, self.caller()) && right(&stream.b, self.called()));
            assert!(relayed, "what both sides were told is not relayed: {:?}", self.installed);
        }
        if !disagree {
            self.crashes.disagree_since = None;
            return;
        }
        let since = *self.crashes.disagree_since.get_or_insert(self.now);
        let alone = self.now.saturating_duration_since(since);
        assert!(alone < TOLD_WITHIN, "alone for {alone:?}: {caller:?}, {called:?}");
    }

    fn crash(&mut self) {
        let back_at = self.now + self.crashes.down;
        let since_epoch = self.crashes.epoch.map_or(Duration::ZERO, |epoch| back_at - epoch);
        let mut seed = [0; 32];
        seed[..8].copy_from_slice(&self.dice.next().to_le_bytes());
        let standing: Vec<_> = self.shards.edges.iter().flat_map(Edge::calls).collect();
        self.shards = Shards::new(self.shards.edges.len(), &self.current, back_at, seed);
        (self.crashes.epoch, self.crashes.down_until) = (Some(back_at), Some(back_at));
        self.forget_what_the_edge_awaited();
        self.playing.clear();
        let found = self.find_calls();
        self.remove_the_media_of_others(&found);
        // Where nothing is lost but the process, nobody has to find out himself.
        let excused = self.crashes.strikes_before.is_none();
        let unknown = |call: &&CallView| found.iter().all(|found| found.id() != call.id);
        for call in standing.iter().filter(unknown).filter(|_| excused) {
            self.crashes.lost.insert(call.a.trunk.clone());
            self.crashes.lost.extend(call.b.as_ref().map(|b| b.trunk.clone()));
        }
        if self.crashes.lost_writes > 0 {
            // What was lost may have been the news that a call is over, and its BYE with it.
            let ended = self.records.iter().flat_map(|record| [Some(&record.a), record.b.as_ref()]);
            self.crashes.lost.extend(ended.flatten().map(|leg| leg.trunk.clone()));
        }
        for mut call in found {
            self.crashes.found.insert(call.id().to_owned());
            if self.records.iter().any(|record| record.id == call.id()) {
                call.note_recorded();
            }
            let media = match self.installed.contains_key(&call.key()) {
                true => MediaFound::Relayed,
                false => MediaFound::Gone(Box::default()),
            };
            let input = Input::CallFound { call: Box::new(call), since_epoch, media };
            self.later(self.crashes.down, input);
        }
    }

    /// Calls in the journal.
    fn find_calls(&mut self) -> Vec<Journaled> {
        let left = self.crashes.left();
        left.values().map(|entry| Journaled::parse(entry).expect("what was written can be read")).collect()
    }

    fn remove_the_media_of_others(&mut self, found: &[Journaled]) {
        self.installed.retain(|key, plan| {
            let known = found.iter().find(|call| call.key() == *key);
            known.inspect(|call| *plan = call.plan().clone()).is_some()
        });
        for (key, plan) in &self.installed {
            self.plans.insert(*key, plan.clone());
        }
        let ports: HashSet<SocketAddr> = self.installed.values().flat_map(locals).collect();
        for edge in &mut self.shards.edges {
            edge.withhold_ports(&ports);
        }
    }

    /// Answers of the datapath and of nobody in particular go to a process that is not there.
    fn forget_what_the_edge_awaited(&mut self) {
        self.media_asked.clear();
        self.facts_due.retain(|_, Due { input, .. }| {
            matches!(input, Input::PolicyReplaced(_) | Input::DrainRequested { .. })
        });
    }

    /// What must hold of records and peers when the edge was killed.
    pub(super) fn check_after_crashes(&self) {
        let mut ids = BTreeSet::new();
        for record in &self.records {
            assert!(ids.insert(record.id.clone()), "two records of {}", record.id);
        }
        for id in &self.crashes.found {
            assert!(ids.contains(id), "no record of {id}, which was found");
        }
        for peer in self.peers() {
            if self.crashes.lost.contains(&name(peer.address)) || self.disconnected.contains(&peer.address) {
                continue;
            }
            let over = !matches!(peer.state, State::Up);
            assert!(over, "a peer believes that its call goes on: {:?}", peer.state);
        }
    }
}
