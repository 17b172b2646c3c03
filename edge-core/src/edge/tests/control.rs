//! An edge with three trunks and routes from each, for what peers do to calls that run.

use std::collections::HashSet;

use super::*;
use crate::call::{Journaled, MediaFound};

pub(super) const DESK: &str = "10.0.0.30:5060";

/// Carrier, PBX and desk: the carrier reaches the PBX, which reaches both others.
pub(super) fn bench(change: impl FnOnce(&mut [Trunk; 3])) -> Control {
    bench_with(change, |_| {})
}

pub(super) fn bench_with(
    change: impl FnOnce(&mut [Trunk; 3]),
    change_realms: impl FnOnce(&mut [Realm; 2]),
) -> Control {
    bench_of(1, change, change_realms)
}

/// The same, of so many shards.
pub(super) fn bench_of(
    shards: usize,
    change: impl FnOnce(&mut [Trunk; 3]),
    change_realms: impl FnOnce(&mut [Realm; 2]),
) -> Control {
    bench_routing(shards, change, change_realms, |_| {})
}

/// The same, with other routes.
pub(super) fn bench_routing(
    shards: usize,
    change: impl FnOnce(&mut [Trunk; 3]),
    change_realms: impl FnOnce(&mut [Realm; 2]),
    change_routes: impl FnOnce(&mut [Route; 4]),
) -> Control {
    let realm = |name: &str, ip: &str| Realm {
        name: name.to_owned(),
        device: name.to_owned(),
        sip: vec![Listener { transport: Transport::Udp, address: format!("{ip}:5060").parse().unwrap() }],
        media: vec![MediaRange {
            address: ip.parse().unwrap(),
            ports: PortRange::new(20_000, 20_015).unwrap(),
        }],
        reaches: Vec::new(),
        advertised: crate::policy::Advertised::default(),
    };
    let mut trunks = [
        trunk("carrier", 0, "192.0.2.10:5060"),
        trunk("pbx", 1, "10.0.0.20:5060"),
        trunk("desk", 1, "10.0.0.30:5060"),
    ];
    change(&mut trunks);
    let route = |name: &str, from: usize, prefix: &str, strip, target: usize| {
        let (from, to) = (vec![TrunkId::new(from)], NumberMatch::Prefix(prefix.to_owned()));
        let rewrite = NumberRewrite { strip, prepend: String::new() };
        Route { rewrite, ..Route::new(name, from, to, TrunkId::new(target)) }
    };
    let mut routes = [
        route("did", 0, "+44", 1, 1),
        route("outbound", 1, "+", 0, 0),
        route("desks", 1, "7", 0, 2),
        route("from desks", 2, "", 0, 1),
    ];
    change_routes(&mut routes);
    let mut realms = [realm("outside", "192.0.2.1"), realm("inside", "10.0.0.1")];
    change_realms(&mut realms);
    let policy = Policy::new(
        "t".to_owned(),
        realms.into(),
        trunks.into(),
        routes.into(),
        Strangers::Silent,
        CallTimers::default(),
    );
    let now = start();
    let policy = Arc::new(policy.unwrap());
    let mut edges = (0..shards).map(|index| {
        let seed = [7 + u8::try_from(index).unwrap(); 32];
        Edge::new(Arc::clone(&policy), Shard { index, count: shards }, now, seed)
    });
    let edge = edges.next().unwrap();
    Control {
        edge,
        others: edges.collect(),
        hold_notes_after: None,
        held: Vec::new(),
        journal: BTreeMap::new(),
        began: now,
        now,
        records: Vec::new(),
        tones: Vec::new(),
    }
}

pub(super) type Sent = Vec<(SocketAddr, String)>;

/// The one message of `sent` that starts so.
pub(super) fn only<'a>(sent: &'a Sent, start: &str) -> &'a (SocketAddr, String) {
    let mut found = sent.iter().filter(|(_, text)| text.starts_with(start));
    let first = found.next().unwrap_or_else(|| panic!("no {start} in {:?}", statuses(sent)));
    assert!(found.next().is_none(), "more than one {start}: {:?}", statuses(sent));
    first
}

/// A description of this peer's.
pub(super) fn sdp_of(peer: &str) -> String {
    SDP.replace("192.0.2.10", peer.split(':').next().unwrap())
}

/// An edge, the time, and the records that it has written.
pub(super) struct Control {
    pub(super) edge: Edge,
    /// Rounds of notes between shards that are carried, before those that come next wait; all, when nothing is said.
    pub(super) hold_notes_after: Option<usize>,
    held: Vec<(usize, crate::edge::Note)>,
    /// Its other shards.
    pub(super) others: Vec<Edge>,
    /// What the journal has, and what its times are counted from.
    journal: BTreeMap<CallKey, Bytes>,
    began: Instant,
    pub(super) now: Instant,
    pub(super) records: Vec<CallRecord>,
    /// Tones that began, and those that ended.
    pub(super) tones: Vec<(CallKey, Option<Tone>)>,
}

impl Control {
    /// Lets a datagram arrive, and gives what the edge sends. Media is granted and removed at once.
    pub(super) fn receive(&mut self, from: &str, message: &str) -> Sent {
        let peer: SocketAddr = from.parse().unwrap();
        let realm = usize::from(peer.ip().to_string().starts_with("10."));
        let path = Path {
            listener: ListenerId { realm: RealmId::new(realm), index: 0, transport: Transport::Udp },
            peer,
            proven: None,
        };
        self.receive_over(path, message)
    }

    /// The same, over any path.
    pub(super) fn receive_over(&mut self, path: Path, message: &str) -> Sent {
        let bytes = Bytes::from(message.to_owned());
        let (shard, now) = (Shard::of_datagram(&bytes, 1 + self.others.len()), self.now);
        self.shard(shard).handle(Input::Received { path, bytes }, now);
        self.carry_out()
    }

    fn shard(&mut self, index: usize) -> &mut Edge {
        if index == 0 { &mut self.edge } else { &mut self.others[index - 1] }
    }

    /// Does what all shards want, until they have nothing more to say to each other.
    pub(super) fn carry_out(&mut self) -> Sent {
        let mut sent = Vec::new();
        loop {
            let mut notes = std::mem::take(&mut self.held);
            for index in 0..=self.others.len() {
                while let Some(command) = self.shard(index).poll() {
                    self.carry_out_one(index, command, &mut sent);
                }
                self.shard(index).send_notes(|shard, note| {
                    notes.push((shard, note));
                    Ok(())
                });
            }
            if notes.is_empty() || self.hold_notes_after == Some(0) {
                self.held = notes;
                return sent;
            }
            self.hold_notes_after = self.hold_notes_after.map(|rounds| rounds - 1);
            for (shard, note) in notes {
                let now = self.now;
                self.shard(shard).handle(Input::Told(note), now);
            }
        }
    }

    fn carry_out_one(&mut self, index: usize, command: Command, sent: &mut Sent) {
        let fact = match command {
            Command::Send { path, bytes } => {
                return sent.push((path.peer, String::from_utf8(bytes.to_vec()).unwrap()));
            }
            Command::InstallMedia { call, .. } => Input::MediaInstalled { call },
            Command::RemoveMedia { call } => Input::MediaRemoved { call, reports: Default::default() },
            Command::UpdateMedia { call, .. } | Command::CheckMedia { call, .. } => {
                Input::MediaAccepted { call }
            }
            Command::WriteRecord(record) => return self.records.push(*record),
            Command::PlayTone { call, tone } => return self.tones.push((call, Some(tone))),
            Command::StopTone { call } => return self.tones.push((call, None)),
            Command::Journal { call, entry } => return drop(self.journal.insert(call, entry)),
            Command::Forget { call } => return drop(self.journal.remove(&call)),
            Command::Judge { .. }
            | Command::SendDigit { .. }
            | Command::WithdrawDigit { .. }
            | Command::ListenTo { .. }
            | Command::Drained => return,
        };
        let now = self.now;
        self.shard(index).handle(fact, now);
    }

    /// Lets time go by, and gives what the edge sent meanwhile.
    pub(super) fn wait(&mut self, seconds: u64) -> Sent {
        let end = self.now + Duration::from_secs(seconds);
        let mut sent = Vec::new();
        loop {
            let edges = std::iter::once(&self.edge).chain(&self.others);
            let Some(next) = edges.filter_map(Edge::next_deadline).min().filter(|next| *next <= end) else {
                break;
            };
            self.now = self.now.max(next);
            self.tell_all(|| Input::TimeElapsed);
            sent.extend(self.carry_out());
        }
        self.now = end;
        sent
    }

    /// Kills the edge, and has another one go on with what its journal has: each call in the shard of its caller's Call-ID.
    pub(super) fn restart(&mut self) -> Sent {
        self.restart_with(|_found| {})
    }

    /// The same, with the calls in another order.
    pub(super) fn restart_with(&mut self, reorder: impl FnOnce(&mut Vec<Journaled>)) -> Sent {
        let (count, policy) = (1 + self.others.len(), Arc::clone(&self.edge.policy));
        let mut found: Vec<Journaled> =
            self.journal.values().map(|entry| Journaled::parse(entry).unwrap()).collect();
        reorder(&mut found);
        let since_epoch = self.now - std::mem::replace(&mut self.began, self.now);
        self.journal.clear();
        let ports: HashSet<SocketAddr> = found
            .iter()
            .flat_map(|call| &call.plan().streams)
            .flat_map(|stream| [stream.a.local, stream.b.local])
            .collect();
        for index in 0..count {
            let seed = [70 + u8::try_from(index).unwrap(); 32];
            *self.shard(index) = Edge::new(Arc::clone(&policy), Shard { index, count }, self.now, seed);
            self.shard(index).withhold_ports(&ports);
        }
        for call in found {
            let (shard, now) = (Shard::of_call_id(call.call_ids()[0], count), self.now);
            let media = MediaFound::Relayed;
            self.shard(shard).handle(Input::CallFound { call: Box::new(call), since_epoch, media }, now);
        }
        self.carry_out()
    }

    fn tell_all(&mut self, fact: impl Fn() -> Input) {
        let now = self.now;
        for index in 0..=self.others.len() {
            self.shard(index).handle(fact(), now);
        }
    }

    /// Hangs up what still runs, and gives the records of all calls. Nothing is left of them, whatever the peers still
    /// owe.
    pub(super) fn settle(&mut self) -> &[CallRecord] {
        self.tell_all(|| Input::DrainRequested { grace: Duration::ZERO });
        self.carry_out();
        self.wait(400);
        for edge in std::iter::once(&self.edge).chain(&self.others) {
            assert!(edge.is_empty(), "something is left: {:?} {:?}", edge.counters(), edge.elsewhere);
        }
        let rooms: u32 = self.edge.policy.trunks.iter().map(|trunk| trunk.usage.calls()).sum();
        let at_rest: u64 =
            std::iter::once(&self.edge).chain(&self.others).map(Edge::media_ports_at_rest).sum();
        let ranges = self.edge.policy.realms.iter().flat_map(|realm| &realm.media);
        let pairs: u64 = ranges.map(|range| u64::from(range.ports.pairs())).sum();
        assert_eq!((rooms, at_rest), (0, pairs), "rooms or ports leaked");
        &self.records
    }
}
