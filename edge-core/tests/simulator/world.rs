//! Peers, edge and network on one virtual clock, and what must hold in the end.

mod crash;
mod follow;
mod media;
mod shards;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use edge_core::Input;
use edge_core::call::{CallKey, CallRecord};
use edge_core::media::{MediaPlan, Tone};
use edge_core::policy::{Policy, RealmId, Transport};
use edge_core::transaction::Path;

use crate::network::{Delivery, Dice, Network, Quality};
use crate::peer::{Act, Peer, State};
use crash::Crashes;
use shards::{Due, Shards};

use crate::policy::{Decided, EDGE, PAIRS, listener, policy, realm_of, trunk_address};

/// What one side of a call does, and when.
pub(crate) type Script = [(u64, Act)];

/// What a world is made of.
pub(crate) struct Setting<'a> {
    pub(crate) seed: u64,
    pub(crate) quality: Quality,
    pub(crate) transport: Transport,
    pub(crate) calls: &'a [Pattern<'a>],
    pub(crate) shards: usize,
    /// Where the peer of a pair is.
    pub(crate) address: fn(usize, usize) -> SocketAddr,
}

impl<'a> Setting<'a> {
    /// One shard, and a trunk for each peer.
    pub(crate) fn plain(seed: u64, quality: Quality, transport: Transport, calls: &'a [Pattern<'a>]) -> Self {
        Self { seed, quality, transport, calls, shards: 1, address: trunk_address }
    }
}

/// One call of a world.
#[derive(Clone, Copy)]
pub(crate) struct Pattern<'a> {
    pub(crate) caller: &'a Script,
    pub(crate) called: &'a Script,
    /// Whether the caller is on the inside.
    pub(crate) outbound: bool,
}

/// Both sides of one call.
pub(crate) struct Pair {
    pub(crate) caller: Peer,
    pub(crate) called: Peer,
}

pub(crate) struct World {
    pub(crate) now: Instant,
    shards: Shards,
    pub(crate) pairs: Vec<Pair>,
    pub(crate) records: Vec<CallRecord>,
    seed: u64,
    network: Network,
    transport: Transport,
    dice: Dice,
    facts_due: BTreeMap<(Instant, u64), Due>,
    installed: HashMap<CallKey, MediaPlan>,
    playing: HashMap<CallKey, Tone>,
    /// Ports whose media was installed once. They rest after their call, so a message sent again may still name them.
    known_media: BTreeSet<SocketAddr>,
    sequence: u64,
    /// The newest plan of each call there was.
    plans: HashMap<CallKey, MediaPlan>,
    /// What the operator decided first, and now.
    policy: Arc<Policy>,
    current: Arc<Policy>,
    /// Changes of each call's media that the datapath has not answered yet, and when it will have.
    media_asked: HashMap<CallKey, (u32, Instant)>,
    /// Every message with SDP so far, so that one that is repeated is known.
    described: BTreeSet<String>,
    pub(crate) media_refused: bool,
    pub(crate) update_refused: bool,
    /// When each side of all calls falls silent, if it does.
    pub(crate) silent_from: [Option<Instant>; 2],
    invites_seen: BTreeSet<Bytes>,
    pub(crate) drained: bool,
    /// Peers whose connection broke: a BYE may have gone with it, and only their own session timer would tell them.
    disconnected: BTreeSet<SocketAddr>,
    pub(crate) crashes: Crashes,
}

impl World {
    /// One call, over datagrams.
    pub(crate) fn new(seed: u64, quality: Quality, caller: &Script, called: &Script) -> Self {
        let calls = &[Pattern { caller, called, outbound: false }];
        Self::of(&Setting::plain(seed, quality, Transport::Udp, calls))
    }

    /// Several calls, each between the trunks of its pair.
    pub(crate) fn of(setting: &Setting<'_>) -> Self {
        Self::under(setting, policy(setting.calls.len(), Decided::of(setting.seed, setting.transport)))
    }

    /// The same under another policy.
    #[expect(
        clippy::disallowed_methods,
        reason = "a virtual clock starts somewhere, and only the clock makes instants"
    )]
    pub(crate) fn under(setting: &Setting<'_>, policy: Policy) -> Self {
        let now = Instant::now();
        let &Setting { seed, quality, transport, calls, shards, address } = setting;
        let policy = Arc::new(policy);
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        let pair = |(index, pattern): (usize, &Pattern<'_>)| {
            let peer = |realm: usize, script: &Script| {
                let seed = seed ^ (index as u64 * 2 + realm as u64 + 1);
                Peer::new(address(realm, index), EDGE[realm], transport, script, seed)
            };
            let realm = usize::from(pattern.outbound);
            Pair { caller: peer(realm, pattern.caller), called: peer(1 - realm, pattern.called) }
        };
        let mut pairs: Vec<Pair> = calls.iter().enumerate().map(pair).collect();
        for pair in &mut pairs {
            pair.caller.begin(now);
        }
        Self {
            now,
            shards: Shards::new(shards, &policy, now, bytes),
            pairs,
            records: Vec::new(),
            seed,
            network: Network::new(transport, quality),
            transport,
            dice: Dice::new(seed),
            facts_due: BTreeMap::new(),
            installed: HashMap::new(),
            playing: HashMap::new(),
            known_media: BTreeSet::new(),
            sequence: 0,
            plans: HashMap::new(),
            current: Arc::clone(&policy),
            policy,
            media_asked: HashMap::new(),
            described: BTreeSet::new(),
            media_refused: false,
            update_refused: false,
            silent_from: [None; 2],
            invites_seen: BTreeSet::new(),
            drained: false,
            disconnected: BTreeSet::new(),
            crashes: Crashes::default(),
        }
    }

    pub(crate) fn caller(&self) -> &Peer {
        &self.pairs[0].caller
    }

    pub(crate) fn called(&self) -> &Peer {
        &self.pairs[0].called
    }

    /// The operator stops the edge at some time.
    pub(crate) fn drain_after(&mut self, after: Duration, grace: Duration) {
        self.later(after, Input::DrainRequested { grace });
    }

    /// The operator takes the trunks of the last pair out of the file at some time.
    pub(crate) fn reload_after(&mut self, after: Duration) {
        let mut changed = policy(self.pairs.len() - 1, Decided::of(self.seed, self.transport));
        changed.take_over(&self.policy);
        self.later(after, Input::PolicyReplaced(Arc::new(changed)));
    }

    /// Runs until nothing is due any more, then checks what must hold.
    pub(crate) fn settle(&mut self) {
        for step in 0..200_000 {
            let Some(next) = self.next_event() else { break };
            self.now = self.now.max(next);
            self.crash_when_due(step);
            self.step();
        }
        self.shards.check_nothing_is_left();
        let rooms: u32 = self.policy.trunks.iter().map(|trunk| trunk.usage.calls()).sum();
        assert_eq!(rooms, 0, "room on a trunk leaked");
        assert!(self.installed.is_empty(), "media is left");
        assert!(self.playing.is_empty(), "a tone is left");
        assert_eq!(self.shards.media_ports_at_rest(), 2 * u64::from(PAIRS), "a port leaked");
        if self.crashes.any() {
            return self.check_after_crashes();
        }
        self.check_records();
        for peer in self.peers() {
            // What the edge said last may have gone with a connection; it has forgotten the call all the same.
            if !self.disconnected.contains(&peer.address) {
                assert!(peer.is_quiet(), "a peer is still busy");
                let over = matches!(peer.state, State::Idle | State::Ended | State::Dead);
                assert!(over, "a peer believes that its call goes on: {:?}", peer.state);
            }
        }
    }

    fn next_event(&self) -> Option<Instant> {
        let facts = self.facts_due.keys().next().map(|(at, _)| *at);
        let earliest = self.peers().filter_map(Peer::next_deadline).min();
        [self.shards.next_deadline(), self.network.next_arrival(), facts, earliest]
            .into_iter()
            .flatten()
            .min()
    }

    fn step(&mut self) {
        while let Some(delivery) = self.network.arrived(self.now) {
            match delivery {
                Delivery::Message { from, to, bytes } => self.deliver(from, to, bytes),
                Delivery::Broken { between } => self.disconnect(between),
            }
        }
        while let Some(entry) = self.facts_due.first_entry()
            && entry.key().0 <= self.now
        {
            let Due { shard, input } = entry.remove();
            self.tell_to(shard, input);
        }
        self.check_agreement();
        self.tell(Input::TimeElapsed);
        self.name_dialogs();
        for pair in &mut self.pairs {
            pair.caller.on_time(self.now);
            pair.called.on_time(self.now);
        }
        self.send_peers();
    }

    /// Who refers to another call of its trunk, or replaces one, knows how that is named.
    fn name_dialogs(&mut self) {
        let names: Vec<_> = self.peers().map(Peer::name_of_dialog).collect();
        for (index, pair) in self.pairs.iter_mut().enumerate() {
            for (side, peer) in [&mut pair.caller, &mut pair.called].into_iter().enumerate() {
                let other = peer.transfer.named.filter(|other| *other != 2 * index + side);
                peer.transfer.name = other.and_then(|other| names.get(other)?.clone());
            }
        }
    }

    fn peer_at(&mut self, address: SocketAddr) -> Option<&mut Peer> {
        let peers = self.pairs.iter_mut().flat_map(|pair| [&mut pair.caller, &mut pair.called]);
        peers.into_iter().find(|peer| peer.address == address)
    }

    fn path_of(&self, peer: SocketAddr) -> Path {
        Path { listener: listener(realm_of(peer), self.transport), peer, proven: None }
    }

    fn deliver(&mut self, from: SocketAddr, to: SocketAddr, bytes: Bytes) {
        let now = self.now;
        if let Some(peer) = self.peer_at(to) {
            peer.on_datagram(bytes, now);
        } else if !self.crashes.is_down(now) {
            self.note_invite(from, &bytes);
            self.tell(Input::Received { path: self.path_of(from), bytes });
        }
        self.send_peers();
    }

    fn disconnect(&mut self, between: [SocketAddr; 2]) {
        let now = self.now;
        self.disconnected.extend(between);
        for end in between {
            match self.peer_at(end) {
                Some(peer) => {
                    peer.on_disconnected(now);
                    self.tell(Input::SendFailed { path: self.path_of(end) });
                }
                None => assert!(EDGE.contains(&end), "a message to nobody: {end}"),
            }
        }
        self.send_peers();
    }

    fn note_invite(&mut self, from: SocketAddr, bytes: &Bytes) {
        if self.current.identify(RealmId::new(realm_of(from)), Transport::Udp, from).is_none() {
            return;
        }
        let text = String::from_utf8_lossy(bytes);
        let to_tagged = text.lines().any(|line| line.starts_with("To:") && line.contains(";tag="));
        if text.starts_with("INVITE") && !to_tagged {
            let call_id = text.lines().find(|line| line.starts_with("Call-ID")).unwrap().to_owned();
            self.invites_seen.insert(call_id.into());
        }
    }

    fn send_peers(&mut self) {
        for peer in self.pairs.iter_mut().flat_map(|pair| [&mut pair.caller, &mut pair.called]) {
            for (to, bytes) in std::mem::take(&mut peer.outbox) {
                self.network.send(peer.address, to, &bytes, &mut self.dice, self.now);
            }
        }
    }

    fn tell(&mut self, input: Input) {
        self.tell_to(None, input);
    }

    /// Tells one shard, or whichever it is for.
    fn tell_to(&mut self, shard: Option<usize>, input: Input) {
        if let Input::MediaAccepted { call } | Input::MediaRefused { call, .. } = &input
            && let Some((asked, _)) = self.media_asked.get_mut(call)
        {
            *asked -= 1;
        }
        if let Input::PolicyReplaced(policy) = &input {
            self.current = Arc::clone(policy);
        }
        let found = matches!(input, Input::CallFound { .. });
        self.shards.handle(shard, input, self.now);
        if !self.follow() {
            return;
        }
        self.carry_notes();
        if found {
            self.crashes.sync();
        }
    }

    /// One record for each INVITE; and one for each call that a REFER led to, at most.
    fn check_records(&self) {
        let ids: BTreeSet<&str> = self.records.iter().map(|record| record.id.as_str()).collect();
        assert_eq!(ids.len(), self.records.len(), "two records of a call");
        let refers: usize = self.peers().map(|peer| peer.transfer.sent).sum();
        let expected = self.invites_seen.len()..=self.invites_seen.len() + refers;
        assert!(expected.contains(&self.records.len()), "{} records: {expected:?}", self.records.len());
        let began = |from: &String| ids.contains(from.as_str());
        assert!(self.records.iter().filter_map(|record| record.from_call.as_ref()).all(began));
    }

    fn peers(&self) -> impl Iterator<Item = &Peer> {
        self.pairs.iter().flat_map(|pair| [&pair.caller, &pair.called])
    }

    fn later(&mut self, after: Duration, input: Input) {
        self.later_to(None, after, input);
    }

    fn later_to(&mut self, shard: Option<usize>, after: Duration, input: Input) {
        self.sequence += 1;
        self.facts_due.insert((self.now + after, self.sequence), Due { shard, input });
    }
}
