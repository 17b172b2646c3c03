//! One shard with its queue, and peers that call without end.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use edge_core::edge::{Counters, Shard};
use edge_core::policy::{
    CallTimers, Listener, ListenerId, MediaRange, NumberMatch, Policy, PortRange, Realm, RealmId, Route,
    Strangers, Transport, Trunk, TrunkId, Waiting,
};
use edge_core::transaction::Path;
use edge_core::{Command, Edge, Input};

use crate::caller::{AGAIN, Progress, callee, header, ok, request};

/// What a message costs to be read, in microseconds.
const READ_US: u64 = 50;
/// What one costs that is passed over.
const UNREAD_US: u64 = 5;
/// What one costs to be made and sent.
const SEND_US: u64 = 50;
/// What media, a record, and a call beside its messages cost.
const MEDIA_US: u64 = 150;
const JOURNAL_US: u64 = 5;
const RECORD_US: u64 = 150;
const CALL_US: u64 = 550;

/// How long anything takes through the network.
const TRANSIT: Duration = Duration::from_millis(1);

const CALLED: &str = "10.0.0.20";

enum Event {
    /// A message reaches the edge's socket.
    Arrives(Path, Bytes),
    /// A trunk starts its next call.
    Offer(usize),
    /// A caller sends again what has no answer, for the how-manieth time.
    Again(usize, usize, usize),
    /// The shard has done what it was at.
    Free,
}

struct Queued {
    arrived: Instant,
    path: Path,
    bytes: Bytes,
    _waiting: Waiting,
}

pub(crate) struct World {
    edge: Edge,
    policy: Arc<Policy>,
    now: Instant,
    events: BTreeMap<(Instant, u64), Event>,
    sequence: u64,
    queue: VecDeque<Queued>,
    busy: bool,
    rates: Vec<u64>,
    calls: Vec<Vec<Progress>>,
    trunk_at: HashMap<SocketAddr, usize>,
}

fn host(trunk: usize) -> String {
    format!("192.0.2.{}", 10 + trunk)
}

fn policy(callers: usize) -> Policy {
    let realm = |name: &str, ip: &str| Realm {
        name: name.to_owned(),
        device: name.to_owned(),
        sip: vec![Listener { transport: Transport::Udp, address: format!("{ip}:5060").parse().unwrap() }],
        media: vec![MediaRange {
            address: ip.parse().unwrap(),
            ports: PortRange::new(20_000, 59_999).unwrap(),
        }],
        reaches: Vec::new(),
        advertised: edge_core::policy::Advertised::default(),
    };
    let trunk = |name: String, realm: usize, host: String| {
        Trunk::new(&name, RealmId::new(realm), format!("{host}:5060").parse().unwrap())
    };
    let mut trunks: Vec<Trunk> =
        (0..callers).map(|caller| trunk(format!("t{caller}"), 0, host(caller))).collect();
    trunks.push(trunk("called".to_owned(), 1, CALLED.to_owned()));
    let route = Route::new(
        "all",
        (0..callers).map(TrunkId::new).collect(),
        NumberMatch::Prefix("+".to_owned()),
        TrunkId::new(callers),
    );
    let timers = CallTimers { port_rest: Duration::from_millis(1), ..CallTimers::default() };
    let realms = vec![realm("outside", "192.0.2.1"), realm("inside", "10.0.0.1")];
    Policy::new("o".to_owned(), realms, trunks, vec![route], Strangers::Silent, timers).unwrap()
}

fn path(realm: usize, peer: SocketAddr) -> Path {
    Path {
        listener: ListenerId { realm: RealmId::new(realm), index: 0, transport: Transport::Udp },
        peer,
        proven: None,
    }
}

impl World {
    /// A world in which trunk number i starts `rates[i]` calls a second.
    #[expect(clippy::disallowed_methods, reason = "any instant will do, and only the clock makes them")]
    pub(crate) fn new(rates: &[u64]) -> Self {
        let now = Instant::now();
        let policy = Arc::new(policy(rates.len()));
        let trunk_at =
            (0..rates.len()).map(|trunk| (format!("{}:5060", host(trunk)).parse().unwrap(), trunk));
        Self {
            edge: Edge::new(Arc::clone(&policy), Shard { index: 0, count: 1 }, now, [9; 32]),
            policy,
            now,
            events: BTreeMap::new(),
            sequence: 0,
            queue: VecDeque::new(),
            busy: false,
            rates: rates.to_vec(),
            calls: vec![Vec::new(); rates.len()],
            trunk_at: trunk_at.collect(),
        }
    }

    /// Lets the trunks call for as long as `span`.
    pub(crate) fn run(&mut self, span: Duration) {
        for trunk in 0..self.rates.len() {
            self.at(Duration::ZERO, Event::Offer(trunk));
        }
        self.go_on(span);
        self.rates.fill(0);
    }

    /// Lets time go by.
    pub(crate) fn go_on(&mut self, span: Duration) {
        let end = self.now + span;
        while let Some((at, event)) = self.next_event().filter(|(at, _)| *at < end) {
            self.now = at;
            match event {
                Some(event) => self.happens(event),
                None => drop(self.carry_out(Input::TimeElapsed)),
            }
            self.serve();
        }
    }

    /// Calls of a trunk that were set up and ended.
    pub(crate) fn completed(&self, trunk: usize) -> u64 {
        self.calls[trunk].iter().filter(|call| **call == Progress::Completed).count() as u64
    }

    pub(crate) fn counters(&self) -> Counters {
        self.edge.counters()
    }

    fn unread(&self) -> u64 {
        let counters = self.edge.counters();
        counters.requests_stale + counters.calls_ignored
    }

    fn next_event(&mut self) -> Option<(Instant, Option<Event>)> {
        let timer = self.edge.next_deadline().map(|at| at.max(self.now)).filter(|_| !self.busy);
        let first = self.events.keys().next().map(|(at, _)| *at);
        match (timer, first) {
            (Some(at), first) if first.is_none_or(|first| at < first) => Some((at, None)),
            (_, Some(_)) => self.events.pop_first().map(|((at, _), event)| (at, Some(event))),
            (_, None) => None,
        }
    }

    fn at(&mut self, after: Duration, event: Event) {
        self.sequence += 1;
        self.events.insert((self.now + after, self.sequence), event);
    }

    fn happens(&mut self, event: Event) {
        match event {
            Event::Free => self.busy = false,
            Event::Arrives(path, bytes) => {
                let trunk = path.trunk(&self.policy).unwrap();
                if let Some(waiting) = self.policy.trunk(trunk).enqueue(&bytes) {
                    self.queue.push_back(Queued { arrived: self.now, path, bytes, _waiting: waiting });
                }
            }
            Event::Offer(trunk) if self.rates[trunk] == 0 => {}
            Event::Offer(trunk) => {
                let call = self.calls[trunk].len();
                self.calls[trunk].push(Progress::Inviting);
                self.send_again(trunk, call, 0);
                self.at(
                    Duration::from_secs(1) / u32::try_from(self.rates[trunk]).unwrap(),
                    Event::Offer(trunk),
                );
            }
            Event::Again(trunk, call, times) => self.send_again(trunk, call, times),
        }
    }

    /// Sends the request that has no answer yet.
    fn send_again(&mut self, trunk: usize, call: usize, times: usize) {
        let (method, to) = match &self.calls[trunk][call] {
            Progress::Inviting => ("INVITE", callee(call)),
            Progress::Leaving(to) => ("BYE", to.clone()),
            Progress::Proceeding | Progress::Completed | Progress::Refused => return,
        };
        self.send(trunk, request(&host(trunk), call, method, &to));
        if let Some(after) = AGAIN.get(times) {
            let before = times.checked_sub(1).map_or(Duration::ZERO, |before| AGAIN[before]);
            self.at(*after - before, Event::Again(trunk, call, times + 1));
        }
    }

    fn send(&mut self, trunk: usize, message: String) {
        let peer = format!("{}:5060", host(trunk)).parse().unwrap();
        self.at(TRANSIT, Event::Arrives(path(0, peer), message.into()));
    }

    /// Takes what is next in the queue, if the shard has nothing to do.
    fn serve(&mut self) {
        if self.busy {
            return;
        }
        let Some(Queued { arrived, path, bytes, .. }) = self.queue.pop_front() else {
            return self.edge.handle(Input::QueueEmptied, self.now);
        };
        self.edge.handle(Input::Waited(self.now - arrived), self.now);
        let unread = self.unread();
        let cost_us = self.carry_out(Input::Received { path, bytes });
        let read_us = if self.unread() > unread { UNREAD_US } else { READ_US };
        self.busy = true;
        self.at(Duration::from_micros(read_us + cost_us), Event::Free);
    }

    /// Gives the edge a fact and does what it wants; says what that costs.
    fn carry_out(&mut self, input: Input) -> u64 {
        self.edge.handle(input, self.now);
        let mut cost_us = 0;
        while let Some(command) = self.edge.poll() {
            cost_us += match command {
                Command::Send { path, bytes } => {
                    self.deliver(path.peer, &String::from_utf8_lossy(&bytes));
                    SEND_US
                }
                Command::InstallMedia { call, .. } => {
                    self.edge.handle(Input::MediaInstalled { call }, self.now);
                    CALL_US + MEDIA_US
                }
                Command::RemoveMedia { call } => {
                    let reports = Box::default();
                    self.edge.handle(Input::MediaRemoved { call, reports }, self.now);
                    MEDIA_US
                }
                Command::UpdateMedia { call, .. } | Command::CheckMedia { call, .. } => {
                    self.edge.handle(Input::MediaAccepted { call }, self.now);
                    MEDIA_US
                }
                Command::WriteRecord(_) => RECORD_US,
                Command::Journal { .. } => JOURNAL_US,
                Command::PlayTone { .. } | Command::StopTone { .. } => 0,
                Command::SendDigit { .. } | Command::WithdrawDigit { .. } => MEDIA_US,
                Command::ListenTo { call } => {
                    self.edge.handle(Input::MediaHeard { call, heard: Default::default() }, self.now);
                    0
                }
                Command::Forget { .. } | Command::Judge { .. } | Command::Drained => 0,
            };
        }
        cost_us
    }

    fn deliver(&mut self, to: SocketAddr, message: &str) {
        match self.trunk_at.get(&to) {
            Some(&trunk) => self.caller_hears(trunk, message),
            None if message.starts_with("ACK") || message.starts_with("SIP/2.0") => {}
            None => self.at(2 * TRANSIT, Event::Arrives(path(1, to), ok(message).into())),
        }
    }

    fn caller_hears(&mut self, trunk: usize, message: &str) {
        let call: usize = header(message, "Call-ID:").split('@').next().unwrap().parse().unwrap();
        let to = header(message, "To:").to_owned();
        let ends = header(message, "CSeq:").ends_with("BYE");
        let progress = self.calls[trunk][call].clone();
        match (message.get(8..11), progress) {
            (Some("100"), Progress::Inviting) => self.calls[trunk][call] = Progress::Proceeding,
            (Some("200"), _) if ends => self.calls[trunk][call] = Progress::Completed,
            (Some("200"), Progress::Inviting | Progress::Proceeding) => {
                self.send(trunk, request(&host(trunk), call, "ACK", &to));
                self.calls[trunk][call] = Progress::Leaving(to);
                self.at(20 * TRANSIT, Event::Again(trunk, call, 0));
            }
            (Some("200"), _) => self.send(trunk, request(&host(trunk), call, "ACK", &to)),
            (Some("503"), _) => {
                self.calls[trunk][call] = Progress::Refused;
                // In its transaction: the branch is the INVITE's.
                let ack = request(&host(trunk), call, "ACK", &to).replace("z9hG4bKACK", "z9hG4bKfirst");
                self.send(trunk, ack);
            }
            _ => {}
        }
    }
}
