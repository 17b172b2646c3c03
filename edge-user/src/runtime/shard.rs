//! A shard: one thread that hosts one [`Edge`](edge_core::Edge), carries out its commands and tells it the time.
//!
//! Invariants: everything that a call needs happens on its shard's thread, so no lock is held across calls. A
//! command for the datapath takes effect before any message that follows it is sent.

mod commands;
mod digits;
mod host;
mod leaving;
mod notice;

use std::collections::HashMap;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

use crossbeam::channel::RecvTimeoutError;
use edge_core::Input;
use edge_core::call::{CallKey, CallView, MediaFound};
use edge_core::media::Dscp;
use edge_core::policy::{ListenerId, Marking};

use crate::datapath::Installed;

use super::adoption::Adopted;
use super::control::{CALLS_MAX, CallFilter, ShownCall};
use super::{clock, trunk_test, udp};

use leaving::Leaving;

pub(super) use host::{ShardHost, ShardStatus};
pub(super) use notice::{Farewell, NOTICES_MAX, Notice};

/// Notices that a shard takes before it carries out what follows from them, so that answers leave in batches.
const NOTICES_AT_ONCE: usize = 64;

/// How long a shard sleeps when nothing is due.
const IDLE: Duration = Duration::from_secs(1);

/// A shard at work.
pub(super) struct Running {
    host: ShardHost,
    media: HashMap<CallKey, Installed>,
    /// Datagrams that leave next, by their listener and marking: what is marked alike leaves with one system call.
    outbox: HashMap<(ListenerId, Option<Dscp>), udp::Datagrams>,
    leaving: Leaving,
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
            leaving: Leaving::default(),
            shown_at,
            calendar_at: None,
            tests: Default::default(),
        }
    }

    /// Works until it is told to stop or everyone who could tell it something is gone. By now the journal is in its place: what the
    /// calls that it goes on with have to say leaves first.
    pub(super) fn run(mut self) {
        let mut arrivals = Vec::with_capacity(NOTICES_AT_ONCE);
        self.read_calendar();
        self.carry_out();
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
            if self.host.inbox.is_empty() {
                self.host.edge.handle(Input::QueueEmptied, clock::now());
            }
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

    /// Goes on with a call of an earlier process, before anything is heard of it. Nobody is told anything before the shard runs: until
    /// all calls are here the next process would read the former journal, which knows nothing of it.
    pub(super) fn go_on(&mut self, adopted: Adopted) {
        let media = match &adopted.media {
            Ok(number) => match self.host.datapath.adopt(*number, adopted.call.plan()) {
                Ok(installed) => {
                    self.media.insert(adopted.key(), installed);
                    MediaFound::Relayed
                }
                Err(error) => {
                    tracing::warn!(call = adopted.call.id(), "its media cannot go on: {error}");
                    MediaFound::Gone(Default::default())
                }
            },
            Err(reports) => MediaFound::Gone(Box::new(reports.clone())),
        };
        self.host.edge.handle(adopted.found(media), clock::now());
        self.obey();
        self.write_down();
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
