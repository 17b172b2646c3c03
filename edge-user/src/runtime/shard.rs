//! A shard: one thread that hosts one [`Edge`], carries out its commands and tells it the time.
//!
//! Invariants: everything that a call needs happens on its shard's thread, so no lock is held across calls. A
//! command for the datapath takes effect before any message that follows it is sent.

mod digits;

use std::collections::HashMap;
use std::net::UdpSocket;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use crossbeam::channel::{Receiver, RecvTimeoutError, Sender, TrySendError};
use edge_core::call::{CallKey, CallRecord, CallView, MediaFound};
use edge_core::edge::{Conduct, Counters, Note as ShardNote, Tested};
use edge_core::media::Dscp;
use edge_core::policy::{ListenerId, Marking, Policy, Transport, Waiting};
use edge_core::transaction::Path;
use edge_core::{Command, Edge, Input};
use hdrhistogram::Histogram;
use tokio::sync::{mpsc, oneshot};

use crate::cdr::Entry;
use crate::datapath::{DatapathWriter, DigitNews, InstallError, Installed};
use crate::journal::{Note, Notes};
use crate::shield::{Offence, Shield};

use super::clock;
use super::control::{CALLS_MAX, CallFilter, ShownCall};
use super::heritage::Heir;
use super::node::Node;
use super::stream::Outgoing;
use super::tones::Tones;
use super::trunk_test;
use super::udp;

/// Notices that may wait for a shard: at ten thousand calls a second over two shards a quarter of a second of
/// datagrams; what waits longer its peer sends again. A trunk may have half of them, and less for what is new
/// ([`Waiting`]); how long they wait is bounded by turning calls away.
pub(super) const NOTICES_MAX: usize = 16_384;

/// Notices that a shard takes before it carries out what follows from them, so that answers leave in batches.
const NOTICES_AT_ONCE: usize = 64;

/// How long a shard sleeps when nothing is due.
const IDLE: Duration = Duration::from_secs(1);

/// Something that a shard is told.
#[derive(Debug)]
pub(super) enum Notice {
    /// A message of a trunk.
    Message {
        /// Where it came in and from.
        path: Path,
        /// What it holds.
        bytes: Bytes,
        /// When its receiver had it.
        arrived: Instant,
        /// Its room in the queues; none for a stranger's.
        waiting: Option<Waiting>,
    },
    /// What another shard says.
    Told(ShardNote),
    /// A datagram could not be delivered.
    Undelivered {
        /// Where it was sent.
        path: Path,
        /// What of it was quoted.
        beginning: Bytes,
    },
    /// The datapath has something to say of a digit of a call that may be here.
    Digit(DigitNews),
    /// A connection could not be opened, or has ended after something was given to it.
    SendFailed {
        /// The connection.
        path: Path,
    },
    /// The operator's decisions changed.
    Policy(Arc<Policy>),
    /// The operator wants to see calls.
    ShowCalls {
        /// Which.
        filter: CallFilter,
        /// Who waits for them.
        reply: oneshot::Sender<Vec<ShownCall>>,
    },
    /// The operator wants a call to end.
    HangUp {
        /// Its id.
        id: String,
        /// Told whether it stood here.
        reply: oneshot::Sender<bool>,
    },
    /// The operator wants a trunk tested.
    TestTrunk {
        /// Its name.
        name: String,
        /// Told what was found; nothing, when this shard has nothing to do with it.
        reply: oneshot::Sender<Option<Tested>>,
    },
    /// No more calls; those that run are hung up after the grace.
    Drain(Duration),
    /// End, whatever runs.
    Stop(Farewell),
}

/// What becomes of the calls of a process that ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Farewell {
    /// They are hung up.
    HangUp,
    /// Those that are answered are left to whoever goes on with them.
    Leave,
}

/// What a shard shows of itself.
#[derive(Debug)]
pub(super) struct ShardStatus {
    /// What its edge counts; renewed about once a second.
    pub(super) counters: Mutex<Counters>,
    /// Nanoseconds from a datagram's arrival until everything that follows from it was sent.
    pub(super) handling: Mutex<Histogram<u64>>,
    /// Records that were lost because their writer could not keep up.
    pub(super) records_lost: AtomicU64,
    /// Messages that the kernel, or the hub of connections, did not take.
    pub(super) sends_refused: AtomicU64,
}

impl ShardStatus {
    /// Nothing counted yet.
    ///
    /// # Panics
    /// Never: the histogram's bounds are constants that it accepts.
    #[must_use]
    #[expect(clippy::expect_used, reason = "constant bounds that hdrhistogram documents as valid")]
    pub(super) fn new() -> Self {
        let handling =
            Histogram::new_with_bounds(1, 60_000_000_000, 3).expect("bounds of one nanosecond to one minute");
        Self {
            counters: Mutex::new(Counters::default()),
            handling: Mutex::new(handling),
            records_lost: AtomicU64::new(0),
            sends_refused: AtomicU64::new(0),
        }
    }
}

impl Default for ShardStatus {
    fn default() -> Self {
        Self::new()
    }
}

/// What a shard works with.
#[derive(Debug)]
pub(super) struct ShardHost {
    /// The calls.
    pub(super) edge: Edge,
    /// What it is told.
    pub(super) inbox: Receiver<Notice>,
    /// All shards by number, to be told something.
    pub(super) shards: Vec<Sender<Notice>>,
    /// The datapath's tables.
    pub(super) datapath: DatapathWriter,
    /// How SIP to each trunk is marked.
    pub(super) marking: Marking,
    /// Sockets by listener.
    pub(super) sockets: Arc<HashMap<ListenerId, UdpSocket>>,
    /// Where messages for connections go.
    pub(super) streams: mpsc::Sender<Outgoing>,
    /// Who plays tones.
    pub(super) tones: Tones,
    /// Where call records go.
    pub(super) records: Sender<Entry>,
    /// Where calls are written down for whoever goes on with them.
    pub(super) journal: Notes,
    /// Told once no call is left after a drain.
    pub(super) drained: Sender<()>,
    /// Who is kept out.
    pub(super) shield: Arc<Shield>,
    /// What others may see.
    pub(super) status: Arc<ShardStatus>,
    /// The process, which keeps how calls have sounded.
    pub(super) node: Arc<Node>,
}

/// A shard at work.
pub(super) struct Running {
    host: ShardHost,
    media: HashMap<CallKey, Installed>,
    /// Datagrams that leave next, by their listener and marking: what is marked alike leaves with one system call.
    outbox: HashMap<(ListenerId, Option<Dscp>), udp::Datagrams>,
    shown_at: Instant,
    calendar_at: Option<Instant>,
    tests: trunk_test::Waiting,
}

impl std::fmt::Debug for Running {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Running").field("media", &self.media.len()).finish_non_exhaustive()
    }
}

impl Running {
    /// A shard that has not begun.
    #[must_use]
    pub(super) fn new(host: ShardHost) -> Self {
        let shown_at = clock::now();
        Self {
            host,
            media: HashMap::new(),
            outbox: HashMap::new(),
            shown_at,
            calendar_at: None,
            tests: Default::default(),
        }
    }

    /// Works until it is told to stop or everyone who could tell it something is gone.
    pub(super) fn run(mut self) {
        let mut arrivals = Vec::with_capacity(NOTICES_AT_ONCE);
        self.read_calendar();
        loop {
            let wait =
                self.host.edge.next_deadline().map_or(IDLE, |at| at.saturating_duration_since(clock::now()));
            let stop = match self.host.inbox.recv_timeout(wait.min(IDLE)) {
                Ok(notice) => self.take(notice, &mut arrivals),
                Err(RecvTimeoutError::Timeout) => {
                    self.host.edge.handle(Input::TimeElapsed, clock::now());
                    false
                }
                Err(RecvTimeoutError::Disconnected) => true,
            };
            self.read_calendar();
            self.carry_out();
            if self.host.datapath.routes_changed() {
                self.media.values().for_each(|installed| self.host.datapath.follow_routes(installed));
            }
            self.show(&mut arrivals);
            if stop {
                return;
            }
        }
    }

    /// Tells the edge about once a second what the calendar says, which can be set, and what nobody else will say.
    fn read_calendar(&mut self) {
        let now = clock::now();
        if self.calendar_at.is_none_or(|at| now.saturating_duration_since(at) >= IDLE) {
            self.calendar_at = Some(now);
            self.host.edge.handle(Input::CalendarRead(clock::calendar_now()), now);
            self.finish_digits();
        }
    }

    /// Takes `first` and what waits behind it; says whether to stop.
    fn take(&mut self, first: Notice, arrivals: &mut Vec<Instant>) -> bool {
        let mut next = Some(first);
        while let Some(notice) = next {
            let input = match notice {
                Notice::Message { path, bytes, arrived, waiting } => {
                    arrivals.push(arrived);
                    drop(waiting);
                    let now = clock::now();
                    let waited = now.saturating_duration_since(arrived);
                    self.host.edge.handle(Input::Waited(waited), now);
                    Input::Received { path, bytes }
                }
                Notice::Told(note) => Input::Told(note),
                Notice::Digit(news) => self.heard(news).unwrap_or(Input::TimeElapsed),
                Notice::Undelivered { path, beginning } => Input::Undelivered { path, beginning },
                Notice::SendFailed { path } => Input::SendFailed { path },
                Notice::Policy(policy) => {
                    self.host.marking = Marking::of(&policy);
                    Input::PolicyReplaced(policy)
                }
                Notice::ShowCalls { filter, reply } => {
                    // Whoever asked may have gone.
                    let _gone = reply.send(self.shown(&filter));
                    Input::TimeElapsed
                }
                Notice::HangUp { id, reply } => {
                    let call = self.host.edge.calls().find(|call| call.id == id).map(|call| call.key);
                    let _gone = reply.send(call.is_some());
                    call.map_or(Input::TimeElapsed, |call| Input::HangupRequested { call })
                }
                Notice::TestTrunk { name, reply } => {
                    self.tests.begin(&name, &mut self.host.edge, reply, clock::now());
                    Input::TimeElapsed
                }
                Notice::Drain(grace) => Input::DrainRequested { grace },
                Notice::Stop(Farewell::Leave) => {
                    self.host.edge.handle(Input::HandedOver, clock::now());
                    return true;
                }
                Notice::Stop(Farewell::HangUp) => {
                    // What still runs is hung up once, and has its record, before its media is taken away.
                    let now = clock::now();
                    self.host.edge.handle(Input::DrainRequested { grace: Duration::ZERO }, now);
                    return true;
                }
            };
            self.host.edge.handle(input, clock::now());
            next = if arrivals.len() < NOTICES_AT_ONCE { self.host.inbox.try_recv().ok() } else { None };
        }
        false
    }

    /// The calls that stand here and are asked for.
    fn shown(&self, filter: &CallFilter) -> Vec<ShownCall> {
        let wanted = self.host.edge.calls().filter(|call| filter.wants(call)).take(CALLS_MAX);
        let shown = |call: CallView| {
            let installed = self.media.get(&call.key);
            let media = installed.map(|installed| self.host.datapath.report(installed));
            let endpoints = installed.map(|installed| installed.endpoints().collect()).unwrap_or_default();
            let flows = installed.filter(|_| filter.flows);
            let flows = flows.map(|installed| self.host.datapath.flows(installed)).unwrap_or_default();
            ShownCall { call, media, endpoints, flows }
        };
        wanted.map(shown).collect()
    }

    fn carry_out(&mut self) {
        while let Some(command) = self.host.edge.poll() {
            match command {
                Command::Send { path, bytes } => self.dispatch(path, bytes),
                Command::InstallMedia { call, plan } => {
                    if let Some(former) = self.media.remove(&call) {
                        self.host.datapath.remove(former);
                    }
                    let outcome = match self.host.datapath.install(&plan) {
                        Ok(installed) => {
                            self.media.insert(call, installed);
                            Input::MediaInstalled { call }
                        }
                        Err(error) => Input::MediaRefused { call, refusal: error.into() },
                    };
                    self.host.edge.handle(outcome, clock::now());
                }
                Command::UpdateMedia { call, plan } => {
                    let Some(installed) = self.media.get_mut(&call) else { continue };
                    let outcome = self.host.datapath.update(installed, &plan);
                    self.answer(call, outcome);
                }
                Command::CheckMedia { call, plan } => {
                    let outcome = self.host.datapath.check(&plan);
                    self.answer(call, outcome);
                }
                Command::SendDigit { call, from, digit } => self.order_digit(call, from, digit),
                Command::WithdrawDigit { call, from } => self.withdraw_digit(call, from),
                Command::ListenTo { call } => {
                    let Some(installed) = self.media.get(&call) else { continue };
                    let heard = self.host.datapath.last_heard(installed, clock::monotonic_ns());
                    self.host.edge.handle(Input::MediaHeard { call, heard }, clock::now());
                }
                Command::RemoveMedia { call } => {
                    let Some(installed) = self.media.remove(&call) else { continue };
                    let reports = Box::new(self.host.datapath.remove(installed));
                    self.host.edge.handle(Input::MediaRemoved { call, reports }, clock::now());
                }
                Command::PlayTone { call, tone } => self.host.tones.play(call, tone),
                Command::StopTone { call } => self.host.tones.stop(call),
                Command::WriteRecord(record) => self.keep(record),
                Command::Journal { call, entry } => {
                    let media = self.media.get(&call).map_or(0, Installed::number);
                    self.host.journal.take(Note::Write { call, media, entry });
                }
                Command::Forget { call } => self.forget(call),
                Command::Judge { source, conduct: Conduct::Proven } => self.host.shield.befriend(source),
                Command::Judge { source, conduct: Conduct::Arrived(realm) } => {
                    self.host.shield.welcome(realm, source);
                }
                Command::Judge { source, conduct: Conduct::Refused } => {
                    self.host.shield.offended(source, Offence::Password);
                }
                Command::Drained => drop(self.host.drained.try_send(())),
            }
        }
        self.send();
        self.tests.tell(&mut self.host.edge);
        self.tell_others();
    }

    /// Notes for a shard that is full wait here: no shard waits for another.
    fn tell_others(&mut self) {
        let shards = &self.host.shards;
        self.host.edge.send_notes(|shard, note| {
            match shards.get(shard).map(|shard| shard.try_send(Notice::Told(note))) {
                Some(Err(TrySendError::Full(Notice::Told(note)))) => Err(note),
                // One that has ended needs to know nothing.
                Some(Ok(()) | Err(_)) | None => Ok(()),
            }
        });
    }

    /// Tells the call what the datapath says to a change.
    fn answer(&mut self, call: CallKey, outcome: Result<(), InstallError>) {
        let answer = match outcome {
            Ok(()) => Input::MediaAccepted { call },
            Err(error) => Input::MediaRefused { call, refusal: error.into() },
        };
        self.host.edge.handle(answer, clock::now());
    }

    fn dispatch(&mut self, path: Path, bytes: Bytes) {
        match path.listener.transport {
            Transport::Udp => {
                let key = (path.listener, self.host.marking.towards(path));
                self.outbox.entry(key).or_default().push((path.peer, bytes));
            }
            Transport::Tcp | Transport::Tls => {
                if self.host.streams.try_send(Outgoing { path, bytes }).is_err() {
                    self.host.status.sends_refused.fetch_add(1, Ordering::Relaxed);
                    self.host.edge.handle(Input::SendFailed { path }, clock::now());
                }
            }
        }
    }

    fn send(&mut self) {
        for ((listener, dscp), datagrams) in &mut self.outbox {
            if let Some(socket) = self.host.sockets.get(listener) {
                let refused = udp::send_all(socket, datagrams, *dscp);
                self.host.status.sends_refused.fetch_add(refused as u64, Ordering::Relaxed);
            }
            datagrams.clear();
        }
    }

    fn keep(&self, record: Box<CallRecord>) {
        self.host.node.sound.observe(&record);
        match self.host.records.try_send(Entry::Record(record)) {
            Ok(()) | Err(TrySendError::Full(Entry::Then(_)) | TrySendError::Disconnected(Entry::Then(_))) => {
            }
            Err(
                TrySendError::Full(Entry::Record(record)) | TrySendError::Disconnected(Entry::Record(record)),
            ) => {
                self.host.status.records_lost.fetch_add(1, Ordering::Relaxed);
                tracing::error!(
                    call = record.id,
                    ?record,
                    "call record not written: the writer cannot keep up"
                );
            }
        }
    }

    /// The journal forgets a call once its record is on disk, or at once when that was lost.
    fn forget(&self, call: CallKey) {
        if self.host.records.try_send(Entry::Then(Note::Forget { call })).is_err() {
            self.host.journal.take(Note::Forget { call });
        }
    }

    /// Goes on with a call of an earlier process, before anything is heard of it.
    pub(super) fn go_on(&mut self, heir: Heir) {
        let media = match &heir.media {
            Ok(number) => match self.host.datapath.adopt(*number, heir.call.plan()) {
                Ok(installed) => {
                    self.media.insert(heir.key(), installed);
                    MediaFound::Relayed
                }
                Err(error) => {
                    tracing::warn!(call = heir.call.id(), "its media cannot go on: {error}");
                    MediaFound::Gone(Default::default())
                }
            },
            Err(reports) => MediaFound::Gone(Box::new(reports.clone())),
        };
        self.host.edge.handle(heir.found(media), clock::now());
        self.carry_out();
    }

    /// The endpoints of all media that is relayed here.
    pub(super) fn endpoints(&self) -> impl Iterator<Item = u32> {
        self.media.values().flat_map(Installed::endpoints)
    }

    /// Notes how long the datagrams of this round took, and about once a second what was counted.
    fn show(&mut self, arrivals: &mut Vec<Instant>) {
        let now = clock::now();
        if !arrivals.is_empty() {
            let mut handling = self.host.status.handling.lock().unwrap_or_else(PoisonError::into_inner);
            for arrived in arrivals.drain(..) {
                let took = now.saturating_duration_since(arrived).as_nanos();
                handling.saturating_record(u64::try_from(took).unwrap_or(u64::MAX));
            }
        }
        if now.saturating_duration_since(self.shown_at) >= IDLE {
            self.shown_at = now;
            *self.host.status.counters.lock().unwrap_or_else(PoisonError::into_inner) =
                self.host.edge.counters();
        }
    }
}
