//! Peers, edge and network on one virtual clock, and what must hold in the end.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use edge_core::call::{CallKey, CallRecord};
use edge_core::edge::Shard;
use edge_core::media::{MediaPlan, MediaReport};
use edge_core::policy::{
    CallTimers, Listener, ListenerId, MediaRange, NumberMatch, NumberRewrite, Policy, PortRange, Realm,
    RealmId, Route, Strangers, Transport, Trunk, TrunkId,
};
use edge_core::transaction::Path;
use edge_core::{Command, Edge, Input};

use crate::network::{Dice, Quality};
use crate::peer::{Act, Peer, State};

pub(crate) const PAIRS: u64 = 8;

pub(crate) struct World {
    pub(crate) now: Instant,
    pub(crate) edge: Edge,
    pub(crate) caller: Peer,
    pub(crate) called: Peer,
    pub(crate) records: Vec<CallRecord>,
    quality: Quality,
    dice: Dice,
    in_flight: BTreeMap<(Instant, u64), (SocketAddr, SocketAddr, Bytes)>,
    media_due: BTreeMap<(Instant, u64), Input>,
    installed: HashMap<CallKey, MediaPlan>,
    /// Ports whose media was installed once. They rest after their call, so a message sent again may still name them.
    known_media: BTreeSet<SocketAddr>,
    sequence: u64,
    last_plan: Option<MediaPlan>,
    policy: Arc<Policy>,
    pub(crate) media_refused: bool,
    invites_seen: BTreeSet<Bytes>,
}

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

pub(crate) fn policy() -> Policy {
    let realm = |name: &str, ip: &str, first: u16| Realm {
        name: name.to_owned(),
        device: name.to_owned(),
        sip: vec![Listener { transport: Transport::Udp, address: address(&format!("{ip}:5060")) }],
        media: vec![MediaRange {
            address: ip.parse().unwrap(),
            ports: PortRange::new(first, first + 15).unwrap(),
        }],
    };
    let trunk = |name: &str, realm: usize, host: &str| Trunk {
        session_timer: Some(Duration::from_secs(90)),
        ..Trunk::new(name, RealmId::new(realm), address(host))
    };
    let route = Route {
        name: "all".to_owned(),
        from: vec![TrunkId::new(0)],
        to: NumberMatch::Prefix("+".to_owned()),
        rewrite: NumberRewrite::default(),
        target: TrunkId::new(1),
    };
    Policy::new(
        "sim".to_owned(),
        vec![realm("outside", "203.0.113.1", 20_000), realm("inside", "10.0.0.1", 30_000)],
        vec![trunk("carrier", 0, "203.0.113.10:5060"), trunk("pbx", 1, "10.0.0.20:5060")],
        vec![route],
        Strangers::Silent,
        CallTimers {
            answer_max: Duration::from_secs(60),
            call_max: Duration::from_secs(600),
            port_rest: Duration::from_secs(1),
        },
    )
    .unwrap()
}

impl World {
    #[expect(
        clippy::disallowed_methods,
        reason = "a virtual clock starts somewhere, and only the clock makes instants"
    )]
    pub(crate) fn new(seed: u64, quality: Quality, caller: &[(u64, Act)], called: &[(u64, Act)]) -> Self {
        let now = Instant::now();
        let shard = Shard { index: 0, count: 1 };
        let policy = Arc::new(policy());
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        let mut world = Self {
            now,
            edge: Edge::new(Arc::clone(&policy), shard, now, bytes),
            caller: Peer::new(address("203.0.113.10:5060"), address("203.0.113.1:5060"), caller, seed ^ 1),
            called: Peer::new(address("10.0.0.20:5060"), address("10.0.0.1:5060"), called, seed ^ 2),
            records: Vec::new(),
            quality,
            dice: Dice::new(seed),
            in_flight: BTreeMap::new(),
            media_due: BTreeMap::new(),
            installed: HashMap::new(),
            known_media: BTreeSet::new(),
            sequence: 0,
            last_plan: None,
            policy: Arc::clone(&policy),
            media_refused: false,
            invites_seen: BTreeSet::new(),
        };
        world.caller.begin(now);
        world
    }

    /// Runs until nothing is due any more, then checks what must hold.
    pub(crate) fn settle(&mut self) {
        for _ in 0..200_000 {
            let Some(next) = self.next_event() else { break };
            self.now = self.now.max(next);
            self.step();
        }
        let counters = self.edge.counters();
        assert_eq!(counters.calls_standing, 0, "a call is left");
        assert!(self.edge.is_empty(), "something is remembered: {:?}", self.edge);
        let rooms: u32 = self.policy.trunks.iter().map(|trunk| trunk.usage.calls()).sum();
        assert_eq!(rooms, 0, "room on a trunk leaked");
        assert!(self.installed.is_empty(), "media is left");
        assert_eq!(self.records.len(), self.invites_seen.len(), "one record for each INVITE");
        assert!(self.caller.is_quiet() && self.called.is_quiet(), "a peer is still busy");
        assert_eq!(self.edge.media_ports_at_rest(), 2 * PAIRS, "a port leaked");
        for peer in [&self.caller, &self.called] {
            let over = matches!(peer.state, State::Idle | State::Ended | State::Dead);
            assert!(over, "a peer believes that its call goes on: {:?}", peer.state);
        }
    }

    fn next_event(&self) -> Option<Instant> {
        let network = self.in_flight.keys().next().map(|(at, _)| *at);
        let media = self.media_due.keys().next().map(|(at, _)| *at);
        let timers = [self.edge.next_deadline(), self.caller.next_deadline(), self.called.next_deadline()];
        timers.into_iter().chain([network, media]).flatten().min()
    }

    fn step(&mut self) {
        while let Some(entry) = self.in_flight.first_entry()
            && entry.key().0 <= self.now
        {
            let (from, to, bytes) = entry.remove();
            self.deliver(from, to, bytes);
        }
        while let Some(entry) = self.media_due.first_entry()
            && entry.key().0 <= self.now
        {
            let input = entry.remove();
            self.edge.handle(input, self.now);
            self.carry_out();
        }
        self.edge.handle(Input::TimeElapsed, self.now);
        self.carry_out();
        self.caller.on_time(self.now);
        self.called.on_time(self.now);
        self.send_peers();
    }

    fn deliver(&mut self, from: SocketAddr, to: SocketAddr, bytes: Bytes) {
        if to == self.caller.address {
            self.caller.on_datagram(bytes, self.now);
        } else if to == self.called.address {
            self.called.on_datagram(bytes, self.now);
        } else {
            let realm = if from == self.caller.address { 0 } else { 1 };
            let path = Path {
                listener: ListenerId { realm: RealmId::new(realm), index: 0, transport: Transport::Udp },
                peer: from,
            };
            self.note_invite(realm, &bytes);
            self.edge.handle(Input::Received { path, bytes }, self.now);
            self.carry_out();
        }
        self.send_peers();
    }

    fn note_invite(&mut self, realm: usize, bytes: &Bytes) {
        let text = String::from_utf8_lossy(bytes);
        let to_tagged = text.lines().any(|line| line.starts_with("To:") && line.contains(";tag="));
        if realm == 0 && text.starts_with("INVITE") && !to_tagged {
            let call_id = text.lines().find(|line| line.starts_with("Call-ID")).unwrap().to_owned();
            self.invites_seen.insert(call_id.into());
        }
    }

    fn send_peers(&mut self) {
        for (address, outbox) in [
            (self.caller.address, std::mem::take(&mut self.caller.outbox)),
            (self.called.address, std::mem::take(&mut self.called.outbox)),
        ] {
            for (to, bytes) in outbox {
                self.send(address, to, bytes);
            }
        }
    }

    fn send(&mut self, from: SocketAddr, to: SocketAddr, bytes: Bytes) {
        for transit in self.quality.deliveries(&mut self.dice) {
            self.sequence += 1;
            self.in_flight.insert((self.now + transit, self.sequence), (from, to, bytes.clone()));
        }
    }

    fn carry_out(&mut self) {
        while let Some(command) = self.edge.poll() {
            match command {
                Command::Send { path, bytes } => {
                    let text = String::from_utf8_lossy(&bytes);
                    let realm = path.listener.realm.index();
                    self.check_sdp(realm, &text);
                    self.check_hiding(realm, &text);
                    let from =
                        if path.listener.realm.index() == 0 { "203.0.113.1:5060" } else { "10.0.0.1:5060" };
                    self.send(address(from), path.peer, bytes);
                }
                Command::InstallMedia { call, plan } => self.install(call, plan),
                Command::UpdateMedia { call, plan } => {
                    assert!(self.installed.insert(call, plan).is_some(), "an update before its installation");
                    self.last_plan = Some(plan);
                }
                Command::RemoveMedia { call } => {
                    assert!(self.installed.remove(&call).is_some(), "only what is installed is removed");
                    self.later(Input::MediaRemoved {
                        call,
                        reports: [MediaReport::default(), MediaReport::default()],
                    });
                }
                Command::WriteRecord(record) => {
                    // Without a codec the caller never answered the offer in the 200.
                    if record.codec.is_some() {
                        self.check_plan(&self.last_plan.expect("a codec means an answer"));
                    }
                    self.records.push(*record);
                }
                Command::Drained => {}
            }
        }
    }

    fn install(&mut self, call: CallKey, plan: MediaPlan) {
        if self.media_refused {
            return self.later(Input::MediaRefused { call, reason: "no room".to_owned() });
        }
        for local in [plan.a.local, plan.b.local] {
            self.known_media.insert(local);
        }
        assert!(self.installed.insert(call, plan).is_none(), "installed twice");
        self.later(Input::MediaInstalled { call });
    }

    fn later(&mut self, input: Input) {
        self.sequence += 1;
        let delay = self.dice.millis(20);
        self.media_due.insert((self.now + delay, self.sequence), input);
    }

    /// SDP that names one of our ports leaves only after its media exists, and names the address of its own realm.
    fn check_sdp(&self, realm: usize, text: &str) {
        let ip = ["203.0.113.1", "10.0.0.1"][realm];
        for line in text.lines().filter_map(|line| line.strip_prefix("m=audio ")) {
            let port: u16 = line.split(' ').next().unwrap().parse().unwrap();
            let local = SocketAddr::new(ip.parse().unwrap(), port);
            assert!(self.known_media.contains(&local), "SDP names {local} before its media is there");
            assert!(text.contains(&format!("c=IN IP4 {ip}\r\n")), "{text}");
        }
    }

    /// Nothing of one side may be read on the other: no address of its network, and not its Call-ID.
    fn check_hiding(&self, realm: usize, text: &str) {
        let foreign = ["10.0.0.", "203.0.113."][realm];
        assert!(!text.contains(foreign), "an address of the other side: {text}");
        assert!(realm == 0 || !text.contains("@peer"), "the caller's Call-ID: {text}");
    }

    /// What is relayed is what both sides were told.
    fn check_plan(&self, plan: &MediaPlan) {
        let remote = |peer: &Peer| Some(SocketAddr::new(peer.address.ip(), peer.media_port));
        assert_eq!(plan.a.remote.map(|remote| remote.rtp), remote(&self.caller));
        assert_eq!(plan.b.remote.map(|remote| remote.rtp), remote(&self.called));
    }
}
