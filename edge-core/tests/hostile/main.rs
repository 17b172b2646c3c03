//! A trunk that is known and means harm: it sends anything, at any time, made from what the edge itself sent.
//!
//! Whatever comes, the edge does not panic, answers no stranger, and when it is drained nothing is left of it all:
//! no call, no transaction, no port, and one record for each call.

#![expect(clippy::expect_used, reason = "a test that meets the unexpected has failed")]

mod bytes_to_steps;
mod fleet;
mod messages;
mod steps;

use std::collections::{BTreeSet, HashSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use edge_core::call::{CallKey, Journaled};
use edge_core::media::MediaRefusal;
use edge_core::policy::{
    CallTimers, DelayedOffer, Listener, ListenerId, MediaRange, NumberMatch, Policy, PortRange, Realm,
    RealmId, Redirects, Refer, Route, Strangers, Tones, Transport, Trunk, TrunkId,
};
use edge_core::transaction::Path;
use edge_core::{Command, Input};
use fleet::Fleet;
use messages::{answer, described, in_dialog, invite, locals, replaced};
use proptest::prelude::*;
use steps::{METHODS, Step, TIMERS, conversation, step};

#[cfg_attr(test, expect(unused_imports, reason = "the fuzz target's way in"))]
pub(crate) use bytes_to_steps::any_steps;

const SDP: &str =
    "v=0\r\no=- 1 1 IN IP4 192.0.2.10\r\ns=-\r\nc=IN IP4 192.0.2.10\r\nt=0 0\r\nm=audio 6000 RTP/AVP 8\r\n";
const PAIRS: u64 = 64;

/// Messages that are picked by how new they are.
const NEWEST: usize = 16;

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
