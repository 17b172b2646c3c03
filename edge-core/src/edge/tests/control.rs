//! An edge with three trunks and routes from each, for what peers do to calls that run.

use super::*;

pub(super) const DESK: &str = "10.0.0.30:5060";

/// Carrier, PBX and desk: the carrier reaches the PBX, which reaches both others.
pub(super) fn bench(change: impl FnOnce(&mut [Trunk; 3])) -> Control {
    bench_with(change, |_| {})
}

pub(super) fn bench_with(
    change: impl FnOnce(&mut [Trunk; 3]),
    change_realms: impl FnOnce(&mut [Realm; 2]),
) -> Control {
    let realm = |name: &str, ip: &str| Realm {
        name: name.to_owned(),
        device: name.to_owned(),
        sip: vec![Listener { transport: Transport::Udp, address: format!("{ip}:5060").parse().unwrap() }],
        media: vec![MediaRange {
            address: ip.parse().unwrap(),
            ports: PortRange::new(20_000, 20_015).unwrap(),
        }],
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
    let routes = vec![
        route("did", 0, "+44", 1, 1),
        route("outbound", 1, "+", 0, 0),
        route("desks", 1, "7", 0, 2),
        route("from desks", 2, "", 0, 1),
    ];
    let mut realms = [realm("outside", "192.0.2.1"), realm("inside", "10.0.0.1")];
    change_realms(&mut realms);
    let policy = Policy::new(
        "t".to_owned(),
        realms.into(),
        trunks.into(),
        routes,
        Strangers::Silent,
        CallTimers::default(),
    );
    let now = start();
    let edge = Edge::new(Arc::new(policy.unwrap()), Shard { index: 0, count: 1 }, now, [7; 32]);
    Control { edge, now, records: Vec::new() }
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
    pub(super) now: Instant,
    pub(super) records: Vec<CallRecord>,
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
        self.edge.handle(Input::Received { path, bytes: Bytes::from(message.to_owned()) }, self.now);
        self.carry_out()
    }

    pub(super) fn carry_out(&mut self) -> Sent {
        let mut sent = Vec::new();
        while let Some(command) = self.edge.poll() {
            match command {
                Command::Send { path, bytes } => {
                    sent.push((path.peer, String::from_utf8(bytes.to_vec()).unwrap()));
                }
                Command::InstallMedia { call, .. } => {
                    self.edge.handle(Input::MediaInstalled { call }, self.now);
                }
                Command::RemoveMedia { call } => {
                    let reports = Default::default();
                    self.edge.handle(Input::MediaRemoved { call, reports }, self.now);
                }
                Command::WriteRecord(record) => self.records.push(*record),
                Command::UpdateMedia { call, .. } | Command::CheckMedia { call, .. } => {
                    self.edge.handle(Input::MediaAccepted { call }, self.now);
                }
                Command::Journal { .. } | Command::Forget { .. } | Command::Drained => {}
            }
        }
        sent
    }

    /// Lets time go by, and gives what the edge sent meanwhile.
    pub(super) fn wait(&mut self, seconds: u64) -> Sent {
        let end = self.now + Duration::from_secs(seconds);
        let mut sent = Vec::new();
        while let Some(next) = self.edge.next_deadline().filter(|next| *next <= end) {
            self.now = self.now.max(next);
            self.edge.handle(Input::TimeElapsed, self.now);
            sent.extend(self.carry_out());
        }
        self.now = end;
        sent
    }

    /// Hangs up what still runs, and gives the records of all calls. Nothing is left of them, whatever the peers still
    /// owe.
    pub(super) fn settle(&mut self) -> &[CallRecord] {
        self.edge.handle(Input::DrainRequested { grace: Duration::ZERO }, self.now);
        self.carry_out();
        self.wait(400);
        let counters = self.edge.counters();
        assert!(self.edge.is_empty(), "something is left: {counters:?}");
        let rooms: u32 = self.edge.policy.trunks.iter().map(|trunk| trunk.usage.calls()).sum();
        assert_eq!((rooms, self.edge.media_ports_at_rest()), (0, 16), "rooms or ports leaked");
        &self.records
    }
}
