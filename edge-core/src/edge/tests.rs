//! What one edge answers, in one place: who may call, and what each refusal costs and says.

mod admission;
mod advertised;
mod answered_tone;
mod associated;
mod attempt;
mod challenges;
mod control;
mod delayed_offer;
mod digits;
mod direct;
mod failover;
mod families;
mod fraud;
mod handshake;
mod interplay;
mod joined_lines;
mod journal;
mod keepalive;
mod killed;
mod lines;
mod media;
mod numbers;
mod passing;
mod pickup;
mod presentation;
mod reason;
mod redirect;
mod refer;
mod refusals;
mod registers;
mod registration;
mod reliable;
mod replaces;
mod ringback;
mod routes;
mod session_timer;
mod shards;
mod silence;
mod standing;
mod steady;
mod stray;
mod stream;
mod tls;
mod transfer;
mod trunk_test;
mod understood;
mod update;
mod visits;

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::call::{CallKey, CallRecord};
use crate::edge::Shard;
use crate::media::{MediaPlan, MediaRefusal, Tone};
use crate::policy::{
    AdminState, CallTimers, Codec, Direction, Guards, Limits, Listener, ListenerId, MediaRange, NumberMatch,
    NumberRewrite, Policy, PortRange, PrefixGuard, Realm, RealmId, RefuseWith, Route, Strangers, Transport,
    Trunk, TrunkId,
};
use crate::transaction::Path;
use crate::{Command, Edge, Input};

const SDP: &str =
    "v=0\r\no=- 1 1 IN IP4 192.0.2.10\r\ns=-\r\nc=IN IP4 192.0.2.10\r\nt=0 0\r\nm=audio 6000 RTP/AVP 8 0\r\n";

#[expect(clippy::disallowed_methods, reason = "any instant will do, and only the clock makes them")]
fn start() -> Instant {
    Instant::now()
}

fn trunk(name: &str, realm: usize, host: &str) -> Trunk {
    Trunk::new(name, RealmId::new(realm), host.parse().unwrap())
}

fn policy(
    change: impl FnOnce(&mut [Trunk; 2], &mut Strangers),
    change_realms: impl FnOnce(&mut [Realm; 2]),
) -> Policy {
    let realm = |name: &str, ip: &str| Realm {
        name: name.to_owned(),
        device: name.to_owned(),
        sip: vec![Listener { transport: Transport::Udp, address: format!("{ip}:5060").parse().unwrap() }],
        media: vec![MediaRange {
            address: ip.parse().unwrap(),
            ports: PortRange::new(20_000, 20_003).unwrap(),
        }],
        reaches: Vec::new(),
        advertised: crate::policy::Advertised::default(),
    };
    let mut trunks = [trunk("carrier", 0, "192.0.2.10:5060"), trunk("pbx", 1, "10.0.0.20:5060")];
    let mut strangers = Strangers::Silent;
    change(&mut trunks, &mut strangers);
    let to = NumberMatch::Prefix("+44".to_owned());
    let route = Route {
        rewrite: NumberRewrite { strip: 3, prepend: "0".to_owned() },
        ..Route::new("did", vec![TrunkId::new(0)], to, TrunkId::new(1))
    };
    let mut realms = [realm("outside", "192.0.2.1"), realm("inside", "10.0.0.1")];
    change_realms(&mut realms);
    Policy::new("t".to_owned(), realms.into(), trunks.into(), vec![route], strangers, CallTimers::default())
        .unwrap()
}

struct Bench {
    edge: Edge,
    now: Instant,
    /// What the edge counts its times from.
    began: Instant,
    /// An address that the datapath sends nothing to.
    unreachable: Option<IpAddr>,
    /// What the journal has.
    journal: BTreeMap<CallKey, Bytes>,
    /// How often something was written there.
    writes: usize,
    /// Tones that were begun and ended.
    tones: Vec<(CallKey, Option<Tone>)>,
    /// What the datapath was asked to send of digits.
    digits: Vec<String>,
    /// When it says that the sides were heard last.
    heard: [crate::media::LastHeard; 2],
    /// What it was asked to relay last.
    plan: Option<MediaPlan>,
}

impl Bench {
    fn new(change: impl FnOnce(&mut [Trunk; 2], &mut Strangers)) -> Self {
        Self::with_realms(change, |_| {})
    }

    fn with_realms(
        change: impl FnOnce(&mut [Trunk; 2], &mut Strangers),
        change_realms: impl FnOnce(&mut [Realm; 2]),
    ) -> Self {
        Self::of(policy(change, change_realms))
    }

    fn of(policy: Policy) -> Self {
        let now = start();
        let edge = Edge::new(Arc::new(policy), Shard { index: 0, count: 1 }, now, [7; 32]);
        Self {
            edge,
            now,
            began: now,
            unreachable: None,
            journal: BTreeMap::new(),
            writes: 0,
            digits: Vec::new(),
            heard: Default::default(),
            plan: None,
            tones: Vec::new(),
        }
    }

    /// Lets a datagram arrive, and gives what the edge sends and which records it writes. Media is granted at once.
    fn receive(&mut self, from: &str, message: &str) -> (Vec<(SocketAddr, String)>, Vec<CallRecord>) {
        self.receive_over(0, from, message)
    }

    /// The same over another listener of the realm.
    fn receive_over(
        &mut self,
        index: u16,
        from: &str,
        message: &str,
    ) -> (Vec<(SocketAddr, String)>, Vec<CallRecord>) {
        let peer: SocketAddr = from.parse().unwrap();
        let inside = ["10.", "2001:db8:10:"].iter().any(|net| peer.ip().to_string().starts_with(net));
        let realm = RealmId::new(usize::from(inside));
        let path =
            Path { listener: ListenerId { realm, index, transport: Transport::Udp }, peer, proven: None };
        self.take(Input::Received { path, bytes: Bytes::from(message.to_owned()) })
    }

    /// Gives the edge a fact, and says what comes of it.
    fn take(&mut self, input: Input) -> (Vec<(SocketAddr, String)>, Vec<CallRecord>) {
        self.edge.handle(input, self.now);
        let (mut sent, mut records) = (Vec::new(), Vec::new());
        while let Some(command) = self.edge.poll() {
            match command {
                Command::Send { path, bytes } => {
                    sent.push((path.peer, String::from_utf8_lossy(&bytes).into_owned()));
                }
                Command::InstallMedia { call, plan } => {
                    self.media(&plan, call, Input::MediaInstalled { call })
                }
                Command::WriteRecord(record) => records.push(*record),
                Command::UpdateMedia { call, plan } | Command::CheckMedia { call, plan } => {
                    self.media(&plan, call, Input::MediaAccepted { call });
                }
                Command::RemoveMedia { call } => {
                    let reports = Box::default();
                    self.edge.handle(Input::MediaRemoved { call, reports }, self.now);
                }
                Command::Journal { call, entry } => {
                    self.writes += 1;
                    self.journal.insert(call, entry);
                }
                Command::Forget { call } => drop(self.journal.remove(&call)),
                Command::PlayTone { call, tone } => self.tones.push((call, Some(tone))),
                Command::StopTone { call } => self.tones.push((call, None)),
                Command::SendDigit { from, digit, .. } => {
                    self.digits.push(format!("{from:?} {} {}", digit.symbol(), digit.duration().as_millis()));
                }
                Command::ListenTo { call } => {
                    self.edge.handle(Input::MediaHeard { call, heard: self.heard }, self.now)
                }
                Command::WithdrawDigit { from, .. } => self.digits.push(format!("{from:?} withdrawn")),
                Command::Judge { .. } | Command::Drained => {}
            }
        }
        (sent, records)
    }

    /// What the datapath says to a plan.
    fn media(&mut self, plan: &MediaPlan, call: CallKey, accepted: Input) {
        self.plan = Some(plan.clone());
        let far = plan
            .streams
            .iter()
            .flat_map(|stream| [stream.a.remote, stream.b.remote])
            .flatten()
            .map(|remote| remote.rtp.ip());
        let refused = far.into_iter().any(|ip| Some(ip) == self.unreachable);
        let refusal = MediaRefusal::Address { reason: "no route".to_owned() };
        self.edge.handle(if refused { Input::MediaRefused { call, refusal } } else { accepted }, self.now);
    }
}

fn request(method: &str, uri: &str, number: u32, headers: &str, body: &str) -> String {
    format!(
        "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bK{number};rport\r\n\
         From: \"Ann\" <sip:+15550001@192.0.2.10>;tag=a{number}\r\nTo: <{uri}>\r\nCall-ID: {number}@192.0.2.10\r\n\
         CSeq: 1 {method}\r\nContact: <sip:192.0.2.10:5060>\r\n{headers}Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

fn invite(number: u32) -> String {
    let headers = "Max-Forwards: 70\r\nContent-Type: application/sdp\r\n";
    request("INVITE", "sip:+442071838750@192.0.2.1", number, headers, SDP)
}

fn statuses(sent: &[(SocketAddr, String)]) -> Vec<&str> {
    sent.iter().map(|(_, text)| text.lines().next().unwrap()).collect()
}

#[test]
fn a_call_goes_out_rewritten_and_names_nothing_of_the_other_side() {
    let mut bench = Bench::new(|_, _| {});
    let (sent, records) = bench.receive("192.0.2.10:5060", &invite(1));
    assert_eq!(records, []);
    let [(caller, trying), (called, invite)] = &sent[..] else { panic!("{sent:?}") };
    assert_eq!((caller.to_string(), called.to_string()), ("192.0.2.10:5060".into(), "10.0.0.20:5060".into()));
    assert!(trying.starts_with("SIP/2.0 100 "));
    assert!(invite.starts_with("INVITE sip:02071838750@10.0.0.20 SIP/2.0\r\n"), "{invite}");
    assert!(invite.contains("From: \"Ann\" <sip:+15550001@10.0.0.1:5060>;tag="), "{invite}");
    assert!(invite.contains("Max-Forwards: 69\r\n"));
    assert!(!invite.contains("192.0.2."), "{invite}");
}

#[test]
fn a_stranger_is_counted_and_hears_nothing() {
    let mut bench = Bench::new(|_, _| {});
    assert_eq!(bench.receive("192.0.2.66:5060", &invite(1)), (vec![], vec![]));
    let counters = bench.edge.counters();
    assert_eq!((counters.strangers, counters.transactions_open, counters.calls_standing), (1, 0, 0));
}

#[test]
fn a_stranger_hears_403_when_the_operator_wants_it_and_still_costs_no_memory() {
    let mut bench = Bench::new(|_, strangers| *strangers = Strangers::Forbid);
    let (sent, records) = bench.receive("192.0.2.66:5060", &invite(1));
    assert_eq!(statuses(&sent), ["SIP/2.0 403 Forbidden"]);
    assert_eq!(records, []);
    assert_eq!(bench.edge.counters().transactions_open, 0);
    let (sent, _) = bench.receive("192.0.2.66:5060", &invite(1).replace("INVITE", "ACK"));
    assert_eq!(sent, []);
}

#[test]
fn a_stranger_gets_back_no_more_than_it_has_sent() {
    let mut bench = Bench::new(|_, strangers| *strangers = Strangers::Forbid);
    let compact = |padding: &str| {
        format!(
            "OPTIONS sip:a SIP/2.0\r\nv:SIP/2.0/UDP h;branch=z9hG4bK1;rport\r\nf:<sip:a>;tag=1\r\nt:<sip:a>\r\n\
             i:1\r\nCSeq:1 OPTIONS\r\nMax-Forwards:1\r\n{padding}l:0\r\n\r\n"
        )
    };
    assert_eq!(bench.receive("192.0.2.66:5060", &compact("")).0, []);
    let longer = compact(&format!("Subject: {}\r\n", "x".repeat(200)));
    let (sent, _) = bench.receive("192.0.2.66:5060", &longer);
    assert_eq!(statuses(&sent), ["SIP/2.0 403 Forbidden"]);
    assert!(sent.iter().all(|(_, message)| message.len() <= longer.len()));
}

#[test]
fn codecs_that_a_trunk_denies_are_not_offered_to_it() {
    let mut bench = Bench::new(|trunks, _| trunks[1].codecs.deny = vec![Codec::new("pcma")]);
    let (sent, _) = bench.receive("192.0.2.10:5060", &invite(1));
    assert!(sent[1].1.contains("m=audio 20000 RTP/AVP 0\r\n"), "{}", sent[1].1);
}

#[test]
fn other_requests_are_answered_without_a_transaction() {
    let mut bench = Bench::new(|_, _| {});
    let tagged = |message: String| message.replace("\r\nCall-ID", ";tag=0123456789abcdef\r\nCall-ID");
    let uri = "sip:+441@192.0.2.1";
    for (message, answer) in [
        (request("OPTIONS", uri, 1, "", ""), Some("SIP/2.0 200 OK")),
        (request("REGISTER", uri, 2, "", ""), Some("SIP/2.0 405 Method Not Allowed")),
        (request("FOO", uri, 3, "", ""), Some("SIP/2.0 501 Not Implemented")),
        (request("SUBSCRIBE", uri, 9, "Event: dialog\r\n", ""), Some("SIP/2.0 489 Bad Event")),
        (request("PUBLISH", uri, 10, "Event: dialog\r\n", ""), Some("SIP/2.0 405 Method Not Allowed")),
        (request("REFER", uri, 11, "Refer-To: <sip:9@192.0.2.7>\r\n", ""), Some("SIP/2.0 403 Forbidden")),
        (request("NOTIFY", uri, 12, "Event: x\r\n", ""), Some("SIP/2.0 481 Call/Transaction Does Not Exist")),
        (request("MESSAGE", uri, 13, "", ""), Some("SIP/2.0 405 Method Not Allowed")),
        (request("CANCEL", uri, 4, "", ""), Some("SIP/2.0 481 Call/Transaction Does Not Exist")),
        (tagged(request("BYE", uri, 5, "", "")), Some("SIP/2.0 481 Call/Transaction Does Not Exist")),
        (tagged(invite(6)), Some("SIP/2.0 481 Call/Transaction Does Not Exist")),
        (request("ACK", uri, 7, "", ""), None),
        (request("OPTIONS", uri, 8, "", "").replace("CSeq: 1", "CSeq: x"), Some("SIP/2.0 400 ")),
        ("\r\n\r\n".to_owned(), None),
        ("garbage".to_owned(), None),
    ] {
        let (sent, records) = bench.receive("192.0.2.10:5060", &message);
        let first = statuses(&sent).first().copied();
        assert_eq!(first.is_some(), answer.is_some(), "{message}");
        assert!(first.unwrap_or_default().starts_with(answer.unwrap_or_default()), "{first:?} to {message}");
        assert_eq!(records, []);
        assert_eq!(bench.edge.counters().transactions_open, 0);
    }
}

#[test]
fn a_draining_edge_takes_no_call_and_is_done_when_the_last_one_ends() {
    let mut bench = Bench::new(|_, _| {});
    bench.edge.handle(Input::DrainRequested { grace: Duration::from_secs(5) }, bench.now);
    assert_eq!(bench.edge.poll(), Some(Command::Drained));
    let (sent, records) = bench.receive("192.0.2.10:5060", &invite(1));
    assert_eq!(statuses(&sent).last(), Some(&"SIP/2.0 503 Service Unavailable"));
    assert_eq!(records[0].cause.name(), "draining");
}

#[test]
fn a_reload_changes_new_calls_and_keeps_what_was_counted() {
    let mut bench = Bench::new(|_, _| {});
    bench.receive("192.0.2.10:5060", &invite(1));
    let mut stricter = policy(|trunks, _| trunks[0].limits.calls_max = Some(1), |_| {});
    stricter.take_over(&bench.edge.policy);
    bench.edge.handle(Input::PolicyReplaced(Arc::new(stricter)), bench.now);
    let (_, records) = bench.receive("192.0.2.10:5060", &invite(2));
    assert_eq!(records[0].cause.name(), "max_calls");
}
