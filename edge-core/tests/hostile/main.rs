//! A trunk that is known and means harm: it sends anything, at any time, made from what the edge itself sent.
//!
//! Whatever comes, the edge does not panic, answers no stranger, and when it is drained nothing is left of it all:
//! no call, no transaction, no port, and one record for each call.

#![expect(clippy::expect_used, reason = "a test that meets the unexpected has failed")]

mod bytes_to_steps;
mod fleet;

use std::collections::{BTreeSet, HashSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use edge_core::call::{CallKey, Journaled};
use edge_core::media::{MediaPlan, MediaRefusal};
use edge_core::policy::{
    CallTimers, DelayedOffer, Listener, ListenerId, MediaRange, NumberMatch, Policy, PortRange, Realm,
    RealmId, Redirects, Refer, Route, Strangers, Tones, Transport, Trunk, TrunkId,
};
use edge_core::transaction::Path;
use edge_core::{Command, Input};
use fleet::Fleet;
use proptest::prelude::*;

#[cfg_attr(test, expect(unused_imports, reason = "the fuzz target's way in"))]
pub(crate) use bytes_to_steps::any_steps;

const SDP: &str =
    "v=0\r\no=- 1 1 IN IP4 192.0.2.10\r\ns=-\r\nc=IN IP4 192.0.2.10\r\nt=0 0\r\nm=audio 6000 RTP/AVP 8\r\n";
const PAIRS: u64 = 64;

/// Messages that are picked by how new they are.
const NEWEST: usize = 16;

const WITH_SDP: &str = "Content-Type: application/sdp\r\n";
const WITH_DIGIT: &str = "Content-Type: application/dtmf-relay\r\n";
const DIGIT: &str = "Signal=5\r\nDuration=160\r\n";

/// Requests that a peer makes within a dialog: method, headers, body.
const METHODS: &[(&str, &str, &str)] = &[
    ("BYE", "", ""),
    ("INVITE", WITH_SDP, SDP),
    ("INVITE", "", ""),
    ("ACK", "", ""),
    ("ACK", WITH_SDP, SDP),
    ("CANCEL", "", ""),
    ("OPTIONS", "", ""),
    ("INFO", WITH_DIGIT, DIGIT),
    ("INFO", WITH_SDP, SDP),
    ("MESSAGE", "Content-Type: text/plain\r\n", "hello"),
    ("NOTIFY", "Event: refer\r\nSubscription-State: active\r\n", ""),
    ("UPDATE", "Allow: UPDATE\r\n", ""),
    ("UPDATE", "Allow: INVITE, UPDATE\r\nContent-Type: application/sdp\r\n", SDP),
    ("UPDATE", "Supported: timer\r\nSession-Expires: 90\r\n", ""),
    ("UPDATE", "Supported: timer\r\nSession-Expires: 1\r\n", ""),
    ("PRACK", "", ""),
    ("PRACK", WITH_SDP, SDP),
    ("REFER", "Refer-To: <sip:2@192.0.2.77>\r\n", ""),
    ("REFER", "Refer-To: <sip:2@192.0.2.77>\r\nRefer-Sub: false\r\n", ""),
    ("REFER", "Refer-To: <sip:2@a?Replaces=[replaces]>\r\n", ""),
    ("INVITE", "Replaces: [replaces]\r\nContent-Type: application/sdp\r\n", SDP),
];

/// What an answer says of methods, of session timers, and of its own reliability.
const TIMERS: &[&str] = &[
    "",
    "Allow: INVITE, UPDATE\r\n",
    "Session-Expires: 90;refresher=uac\r\n",
    "Allow: UPDATE\r\nSession-Expires: 90;refresher=uac\r\n",
    "Session-Expires: 90;refresher=uas\r\n",
    "Min-SE: 4294967295\r\n",
    "Require: 100rel\r\nRSeq: 1\r\n",
    "Require: 100rel\r\nRSeq: 2\r\n",
    "Require: 100rel\r\nRSeq: 2\r\nAllow: INVITE, UPDATE\r\n",
    "Require: 100rel\r\nRSeq: 4294967295\r\n",
    "Session-Expires: 4294967295\r\n",
];

/// One thing that the world does.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    /// A new INVITE, from one side or the other.
    Invite { side: usize, number: u8, with_offer: bool },
    /// Something the edge sent, answered: with this status, with SDP or without.
    Answer { pick: u16, code: u16, with_sdp: bool, timer: usize },
    /// A request in a dialog that something the edge sent belongs to.
    InDialog { pick: u16, method: usize, sequence: u32 },
    /// A new INVITE in the place of a dialog that something the edge sent belongs to.
    Replace { pick: u16, number: u8 },
    /// Something the edge sent, sent back to it.
    Echo { pick: u16 },
    /// Something the edge sent, with a byte changed, sent back to it.
    Mutated { pick: u16, at: u16, to: u8 },
    /// Bytes.
    Noise(Vec<u8>),
    /// Time goes by.
    Wait { ms: u32 },
    /// The operator hangs a call up.
    HangUp { pick: u16 },
    /// The edge takes no more calls, and hangs up the others after a while.
    Drain { ms: u32 },
    /// The next word of the datapath is no.
    RefuseMedia,
}

fn step() -> impl Strategy<Value = Step> {
    let codes = prop::sample::select(vec![
        100, 180, 183, 200, 200, 200, 202, 302, 401, 404, 408, 422, 481, 486, 487, 491, 503, 603,
    ]);
    prop_oneof![
        4 => (0..2_usize, 0..6_u8, any::<bool>())
            .prop_map(|(side, number, with_offer)| Step::Invite { side, number, with_offer }),
        8 => (any::<u16>(), codes, any::<bool>(), 0..TIMERS.len())
            .prop_map(|(pick, code, with_sdp, timer)| Step::Answer { pick, code, with_sdp, timer }),
        6 => (any::<u16>(), 0..METHODS.len(), 1..9_u32)
            .prop_map(|(pick, method, sequence)| Step::InDialog { pick, method, sequence }),
        2 => (any::<u16>(), 6..9_u8).prop_map(|(pick, number)| Step::Replace { pick, number }),
        2 => any::<u16>().prop_map(|pick| Step::Echo { pick }),
        2 => (any::<u16>(), any::<u16>(), any::<u8>()).prop_map(|(pick, at, to)| Step::Mutated { pick, at, to }),
        1 => prop::collection::vec(any::<u8>(), 0..200).prop_map(Step::Noise),
        3 => (0..120_000_u32).prop_map(|ms| Step::Wait { ms }),
    ]
}

/// What the host of the edge does of itself.
fn fact() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => any::<u16>().prop_map(|pick| Step::HangUp { pick }),
        1 => (0..60_000_u32).prop_map(|ms| Step::Drain { ms }),
        3 => Just(Step::RefuseMedia),
    ]
}

/// What a trunk sends that answers what it has just heard, so that calls come about and meet each other; with what the
/// host does meanwhile.
fn conversation() -> impl Strategy<Value = Step> {
    let codes = prop::sample::select(vec![180, 183, 200, 200, 200, 200, 200, 200, 302, 486, 491]);
    let newest = (0..6_u16).prop_map(|back| u16::MAX - back);
    prop_oneof![
        3 => (0..2_usize, 0..6_u8).prop_map(|(side, number)| Step::Invite { side, number, with_offer: true }),
        14 => (newest.clone(), codes, prop::bool::weighted(0.9), 0..TIMERS.len())
            .prop_map(|(pick, code, with_sdp, timer)| Step::Answer { pick, code, with_sdp, timer }),
        6 => (newest.clone(), 0..METHODS.len(), 1..30_u32)
            .prop_map(|(pick, method, sequence)| Step::InDialog { pick, method, sequence }),
        6 => (newest.clone(), Just(3_usize), Just(1_u32))
            .prop_map(|(pick, method, sequence)| Step::InDialog { pick, method, sequence }),
        4 => (newest.clone(), (METHODS.len() - 4)..METHODS.len() - 1, 2..30_u32)
            .prop_map(|(pick, method, sequence)| Step::InDialog { pick, method, sequence }),
        2 => (newest, 6..9_u8).prop_map(|(pick, number)| Step::Replace { pick, number }),
        2 => (0..6_000_u32).prop_map(|ms| Step::Wait { ms }),
        1 => fact(),
    ]
}

struct World {
    edge: Fleet,
    now: Instant,
    /// What the edge sent, and through which realm.
    sent: Vec<(usize, String)>,
    installed: HashSet<CallKey>,
    playing: HashSet<CallKey>,
    /// Addresses that have ever been relayed for.
    relayed: HashSet<SocketAddr>,
    /// What the datapath is asked next, it refuses.
    refuses: bool,
    records: usize,
    /// Calls that the journal has.
    journaled: BTreeSet<CallKey>,
    drained: usize,
}

fn policy() -> Policy {
    let realm = |name: &str, ip: &str| Realm {
        name: name.to_owned(),
        device: name.to_owned(),
        sip: vec![Listener {
            transport: Transport::Udp,
            address: format!("{ip}:5060").parse().expect("an address"),
        }],
        media: vec![MediaRange {
            address: ip.parse().expect("an address"),
            ports: PortRange::new(20_000, 20_063).expect("whole pairs"),
        }],
        reaches: Vec::new(),
        advertised: edge_core::policy::Advertised::default(),
    };
    let trunk = |name: &str, realm: usize, host: &str| {
        let mut trunk = Trunk::new(name, RealmId::new(realm), host.parse().expect("an address"));
        trunk.media.tones = Tones::EarlyMedia;
        let refer = if name == "pbx" { Refer::Pass } else { Refer::Consume };
        let delayed_offer = if name == "pbx" { DelayedOffer::Convert } else { DelayedOffer::Pass };
        Trunk { redirects: Redirects::Follow, refer, delayed_offer, ..trunk }
    };
    let route = |from: usize, to: usize| {
        Route::new(
            &format!("{from} to {to}"),
            vec![TrunkId::new(from)],
            NumberMatch::Prefix(String::new()),
            TrunkId::new(to),
        )
    };
    Policy::new(
        "n".to_owned(),
        vec![realm("outside", "192.0.2.1"), realm("inside", "10.0.0.1")],
        vec![trunk("carrier", 0, "192.0.2.10:5060"), trunk("pbx", 1, "10.0.0.20:5060")],
        vec![route(0, 1), route(1, 0)],
        Strangers::Silent,
        CallTimers::default(),
    )
    .expect("references that resolve")
}

impl World {
    #[expect(clippy::disallowed_methods, reason = "any instant will do, and only the clock makes them")]
    fn new(shards: u8) -> Self {
        let now = Instant::now();
        Self {
            edge: Fleet::new(&Arc::new(policy()), shards, now),
            now,
            sent: Vec::new(),
            installed: HashSet::new(),
            playing: HashSet::new(),
            relayed: HashSet::new(),
            refuses: false,
            records: 0,
            journaled: BTreeSet::new(),
            drained: 0,
        }
    }

    fn receive(&mut self, realm: usize, bytes: impl Into<Bytes>) {
        let peer: SocketAddr = ["192.0.2.10:5060", "10.0.0.20:5060"][realm].parse().expect("an address");
        let path = Path {
            listener: ListenerId { realm: RealmId::new(realm), index: 0, transport: Transport::Udp },
            peer,
            proven: None,
        };
        self.edge.handle(Input::Received { path, bytes: bytes.into() }, self.now);
        self.carry_out();
    }

    fn carry_out(&mut self) {
        while let Some(command) = self.edge.poll(self.now) {
            match command {
                Command::Send { path, bytes } => {
                    let text = String::from_utf8_lossy(&bytes).into_owned();
                    let realm = path.listener.realm.index();
                    let described = described(realm, &text);
                    assert!(described.is_none_or(|address| self.relayed.contains(&address)), "{text}");
                    self.sent.push((realm, text));
                }
                Command::InstallMedia { call, plan } => {
                    // What was relayed before is not any more, whatever comes of this.
                    self.installed.remove(&call);
                    let answer = self.word(call, Input::MediaInstalled { call });
                    if matches!(answer, Input::MediaInstalled { .. }) {
                        self.installed.insert(call);
                        self.relayed.extend(locals(&plan));
                    }
                    self.edge.handle(answer, self.now);
                }
                Command::UpdateMedia { call, plan } => {
                    assert!(self.installed.contains(&call));
                    let answer = self.word(call, Input::MediaAccepted { call });
                    if matches!(answer, Input::MediaAccepted { .. }) {
                        self.relayed.extend(locals(&plan));
                    }
                    self.edge.handle(answer, self.now);
                }
                Command::CheckMedia { call, .. } => {
                    assert!(self.installed.contains(&call));
                    let answer = self.word(call, Input::MediaAccepted { call });
                    self.edge.handle(answer, self.now);
                }
                Command::PlayTone { call, tone } => {
                    assert!(self.relayed.contains(&tone.local), "a tone from nowhere");
                    assert!(self.installed.contains(&call) && self.playing.insert(call), "two tones");
                }
                Command::StopTone { call } => assert!(self.playing.remove(&call), "nothing is played"),
                Command::RemoveMedia { call } => {
                    assert!(!self.playing.contains(&call), "a tone outlives its call");
                    assert!(self.installed.remove(&call), "removed twice");
                    let reports = Box::default();
                    self.edge.handle(Input::MediaRemoved { call, reports }, self.now);
                }
                Command::WriteRecord(_) => self.records += 1,
                Command::Journal { call, entry } => {
                    let written =
                        Journaled::parse(&entry).expect("whatever a trunk says, it can be read again");
                    assert_eq!(written.key(), call);
                    self.journaled.insert(call);
                }
                Command::Forget { call } => assert!(self.journaled.remove(&call), "only what was written"),
                Command::Judge { .. } => {}
                // Nobody is ever heard.
                Command::ListenTo { call } => {
                    self.edge.handle(Input::MediaHeard { call, heard: Default::default() }, self.now);
                }
                Command::SendDigit { call, .. } | Command::WithdrawDigit { call, .. } => {
                    assert!(self.installed.contains(&call));
                }
                Command::Drained => self.drained += 1,
            }
        }
    }

    /// What the datapath says: yes, unless it was to refuse.
    fn word(&mut self, call: CallKey, yes: Input) -> Input {
        let refusal = || MediaRefusal::Address { reason: "no route".to_owned() };
        if std::mem::take(&mut self.refuses) { Input::MediaRefused { call, refusal: refusal() } } else { yes }
    }

    fn tell(&mut self, fact: Input) {
        self.edge.handle(fact, self.now);
        self.carry_out();
    }

    /// Something that the edge sent: high numbers count from the newest.
    fn pick(&self, pick: u16) -> Option<(usize, &str)> {
        let back = usize::from(u16::MAX - pick);
        let index = if back < NEWEST { self.sent.len().checked_sub(back + 1)? } else { usize::from(pick) };
        let index = index % self.sent.len().max(1);
        self.sent.get(index).map(|(realm, text)| (*realm, text.as_str()))
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Invite { side, number, with_offer } => self.receive(side, invite(side, number, with_offer)),
            Step::Answer { pick, code, with_sdp, timer } => {
                if let Some((realm, request)) = self.pick(pick) {
                    let answer = answer(request, code, with_sdp, TIMERS[timer]);
                    self.receive(realm, answer);
                }
            }
            Step::InDialog { pick, method, sequence } => {
                if let Some((realm, message)) = self.pick(pick) {
                    let (method, headers, body) = METHODS[method];
                    // The dialog that is named is that of another message, often of another call.
                    let (_, named) = self.pick(pick.wrapping_mul(7)).unwrap_or((realm, message));
                    let named = replaced(named);
                    let named = if method == "REFER" {
                        named.replace(';', "%3B").replace('=', "%3D").replace('@', "%40")
                    } else {
                        named
                    };
                    let headers = headers.replace("[replaces]", &named);
                    let request = in_dialog(message, method, sequence, &headers, body);
                    self.receive(realm, request);
                }
            }
            Step::Replace { pick, number } => {
                if let Some((realm, message)) = self.pick(pick) {
                    let headers = format!("Replaces: {}\r\nMax-Forwards", replaced(message));
                    let invite = invite(realm, number, true).replace("Max-Forwards", &headers);
                    self.receive(realm, invite);
                }
            }
            Step::Echo { pick } => {
                if let Some((realm, message)) = self.pick(pick) {
                    let message = message.to_owned();
                    self.receive(realm, message);
                }
            }
            Step::Mutated { pick, at, to } => {
                if let Some((realm, message)) = self.pick(pick) {
                    let mut bytes = message.as_bytes().to_vec();
                    let at = usize::from(at) % bytes.len();
                    bytes[at] = to;
                    self.receive(realm, bytes);
                }
            }
            Step::Noise(bytes) => self.receive(0, bytes),
            Step::Wait { ms } => self.wait(Duration::from_millis(u64::from(ms))),
            Step::HangUp { pick } => {
                let mut calls: Vec<_> = self.edge.calls().map(|call| call.key).collect();
                calls.sort_unstable();
                let call = calls.get(usize::from(pick) % calls.len().max(1)).copied();
                call.into_iter().for_each(|call| self.tell(Input::HangupRequested { call }));
            }
            Step::Drain { ms } => {
                let grace = Duration::from_millis(u64::from(ms));
                self.edge.tell_all(|| Input::DrainRequested { grace }, self.now);
                self.carry_out();
            }
            Step::RefuseMedia => self.refuses = true,
        }
    }

    /// Lets time go by, with every deadline on the way.
    fn wait(&mut self, span: Duration) {
        let end = self.now + span;
        while let Some(next) = self.edge.next_deadline().filter(|next| *next <= end) {
            self.now = self.now.max(next);
            self.edge.tell_all(|| Input::TimeElapsed, self.now);
            self.carry_out();
        }
        self.now = end;
    }

    fn settle(&mut self) {
        self.edge.tell_all(|| Input::DrainRequested { grace: Duration::ZERO }, self.now);
        self.carry_out();
        self.wait(Duration::from_secs(300));
        let counters = self.edge.counters();
        assert!(self.drained == self.edge.shards(), "still draining: {counters:?}");
        assert_eq!(counters.calls_standing, 0);
        assert_eq!(counters.transactions_open, 0, "{:?}", self.edge);
        assert_eq!(self.edge.media_ports_at_rest(), PAIRS);
        assert!(self.installed.is_empty() && self.playing.is_empty());
        assert!(self.edge.is_empty(), "{:?}", self.edge);
        assert_eq!(self.records as u64, counters.calls_started + counters.calls_refused, "{counters:?}");
    }
}

fn invite(side: usize, number: u8, with_offer: bool) -> String {
    let reliable = ["", "Supported: 100rel\r\n", "Require: 100rel\r\n"][usize::from(number % 3)];
    let (host, edge) = [("192.0.2.10", "192.0.2.1"), ("10.0.0.20", "10.0.0.1")][side];
    let (headers, body) = if with_offer { ("Content-Type: application/sdp\r\n", SDP) } else { ("", "") };
    format!(
        "INVITE sip:+44{number}@{edge} SIP/2.0\r\nVia: SIP/2.0/UDP {host};branch=z9hG4bK{side}-{number};rport\r\n\
         From: <sip:1@{host}>;tag=t{number}\r\nTo: <sip:+44{number}@{edge}>\r\nCall-ID: {number}@{host}\r\n\
         CSeq: 1 INVITE\r\nContact: <sip:{host}>\r\nMax-Forwards: 70\r\n{reliable}{headers}Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

fn header<'a>(message: &'a str, name: &str) -> &'a str {
    message.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().trim()
}

/// Where a plan has media come in.
fn locals(plan: &MediaPlan) -> impl Iterator<Item = SocketAddr> {
    plan.streams.iter().flat_map(|stream| [stream.a.local, stream.b.local])
}

/// Where a message of the edge's wants media.
fn described(realm: usize, message: &str) -> Option<SocketAddr> {
    let line = message.lines().find_map(|line| line.strip_prefix("m=audio "))?;
    let port = line.split(' ').next()?.parse().expect("a port of the edge's");
    let ours = [[192, 0, 2, 1], [10, 0, 0, 1]][realm];
    (port != 0).then_some(SocketAddr::from((ours, port)))
}

/// The dialog of `message`, as Replaces names it to the edge.
fn replaced(message: &str) -> String {
    let tag = |name| header(message, name).split(";tag=").nth(1).unwrap_or("peer");
    let (ours, theirs) =
        if message.starts_with("SIP/2.0") { (tag("To:"), tag("From:")) } else { (tag("From:"), tag("To:")) };
    format!("{};to-tag={ours};from-tag={theirs}", header(message, "Call-ID:"))
}

/// A response to a request of the edge's, with a tag of ours.
fn answer(request: &str, code: u16, with_sdp: bool, timer: &str) -> String {
    let to = header(request, "To:");
    let tag = match code {
        _ if to.contains("tag=") => "",
        183 => ";tag=place",
        _ => ";tag=peer",
    };
    let (kind, body) = if with_sdp { ("Content-Type: application/sdp\r\n", SDP) } else { ("", "") };
    format!(
        "SIP/2.0 {code} Any Thing\r\nVia: {}\r\nFrom: {}\r\nTo: {to}{tag}\r\nCall-ID: {}\r\nCSeq: {}\r\n\
         Contact: <sip:449@10.0.0.20>, <sip:+447@a>;q=0.1\r\n{timer}{kind}Content-Length: {}\r\n\r\n{body}",
        header(request, "Via:"),
        header(request, "From:"),
        header(request, "Call-ID:"),
        header(request, "CSeq:"),
        body.len()
    )
}

/// A request in the dialog of `message`, whichever side made it.
fn in_dialog(message: &str, method: &str, sequence: u32, headers: &str, body: &str) -> String {
    let (from, to) = (header(message, "From:"), header(message, "To:"));
    // A response of the edge has our tag in To, a request of the edge in From.
    let (from, to) =
        if message.starts_with("SIP/2.0") { (from.to_owned(), to) } else { (format!("{to};tag=peer"), from) };
    let via = header(message, "Via:").split(';').next().unwrap_or_default();
    let call = header(message, "Call-ID:").replace(['@', '.', ':'], "");
    // What a PRACK acknowledges is in the response that it is for.
    let rack = match (method, header(message, "RSeq:")) {
        ("PRACK", "") => "RAck: 1 1 INVITE\r\n".to_owned(),
        ("PRACK", rseq) => format!("RAck: {rseq} 1 INVITE\r\n"),
        _ => String::new(),
    };
    format!(
        "{method} sip:edge SIP/2.0\r\nVia: {via};branch=z9hG4bKd{method}{sequence}{call};rport\r\nFrom: {from}\r\nTo: {to}\r\n\
         Call-ID: {}\r\nCSeq: {sequence} {method}\r\nMax-Forwards: 70\r\n{rack}{headers}\
         Content-Length: {}\r\n\r\n{body}",
        header(message, "Call-ID:"),
        body.len()
    )
}

/// Takes all steps, and sees that nothing is left of them.
pub(crate) fn live_through(steps: impl IntoIterator<Item = Step>) {
    live_through_with(1, steps);
}

/// The same for an edge of so many shards.
fn live_through_with(shards: u8, steps: impl IntoIterator<Item = Step>) {
    let mut world = World::new(shards);
    for step in steps {
        world.take(step);
    }
    world.settle();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_500, failure_persistence: None, max_shrink_iters: 4_000, ..ProptestConfig::default() })]

    #[test]
    fn nothing_that_a_trunk_sends_leaves_anything_behind(steps in prop::collection::vec(step(), 1..80)) {
        live_through(steps);
    }

    #[test]
    fn calls_that_meet_each_other_and_their_operator_leave_nothing_behind(
        steps in prop::collection::vec(conversation(), 10..120)
    ) {
        live_through(steps);
    }

    #[test]
    fn calls_of_several_shards_that_meet_each_other_leave_nothing_behind(
        steps in prop::collection::vec(conversation(), 10..120)
    ) {
        live_through_with(3, steps);
    }
}
