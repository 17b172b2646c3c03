//! The edge is killed at any step, and another one goes on with what its journal has.
//!
//! The kernel's part stays: what is relayed is relayed, and what nobody knows is removed once the calls are found. The newest
//! writes of the journal may be lost with the process. Records are on disk when they are written, and a call that has one
//! is not gone on with.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use edge_core::call::{CallKey, Journaled, MediaFound};
use edge_core::{Edge, Input};

use super::World;
use super::media::locals;
use super::shards::{Due, Shards};
use crate::peer::State;
use crate::policy::name;

/// When the edge is killed, and what was left of it.
#[derive(Default)]
pub(crate) struct Crashes {
    /// Steps of the world at which it is killed.
    at_steps: Vec<usize>,
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
    pub(super) fn any(&self) -> bool {
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

    /// Kills the edge, if it is to be killed at this step.
    pub(super) fn crash_when_due(&mut self, step: usize) {
        if !self.crashes.at_steps.contains(&step) || self.crashes.is_down(self.now) {
            return;
        }
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
        for call in standing.iter().filter(|call| found.iter().all(|found| found.id() != call.id)) {
            self.crashes.lost.insert(call.a.trunk.clone());
            self.crashes.lost.extend(call.b.as_ref().map(|b| b.trunk.clone()));
        }
        // A BYE that was lost, and would have been sent again.
        self.crashes.lost.extend(self.records.iter().map(|record| record.a.trunk.clone()));
        self.crashes
            .lost
            .extend(self.records.iter().filter_map(|record| Some(record.b.as_ref()?.trunk.clone())));
        for call in found {
            self.crashes.found.insert(call.id().to_owned());
            let media = match self.installed.contains_key(&call.key()) {
                true => MediaFound::Relayed,
                false => MediaFound::Gone(Box::default()),
            };
            let input = Input::CallFound { call: Box::new(call), since_epoch, media };
            self.later(self.crashes.down, input);
        }
    }

    /// Calls in the journal that have no record.
    fn find_calls(&mut self) -> Vec<Journaled> {
        let left = self.crashes.left();
        let found = left.values().map(|entry| Journaled::parse(entry).expect("what was written can be read"));
        let recorded = |call: &Journaled| self.records.iter().any(|record| record.id == call.id());
        found.filter(|call| !recorded(call)).collect()
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
