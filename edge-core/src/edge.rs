//! All calls of one shard as one pure machine: facts in, commands out.
//!
//! A host feeds [`Input`]s with the time they happened, then takes every [`Command`] from [`Edge::poll`], and calls
//! again at [`Edge::next_deadline`]. Nothing here opens a socket, reads a clock or draws randomness.
//!
//! Invariants:
//! - Commands are to be carried out in the order they come.
//! - SDP that names one of our ports is sent only after [`Input::MediaInstalled`] for its call, and an answer only after
//!   [`Input::MediaAccepted`] of the plan that it leads to.
//! - Every INVITE of a known trunk that would start a call ends with exactly one [`Command::WriteRecord`]; but one
//!   that overload or the bound of transactions turns away is only counted: nobody would know it when it came again, and
//!   writing it down would cost more than refusing it.
//! - A source that belongs to no trunk changes nothing but a counter, and how many challenges it has left.

mod challenges;
mod command;
mod counters;
mod door;
mod draining;
mod elsewhere;
mod input;
mod joins;
mod journal;
mod listening;
mod note;
mod overload;
mod pace;
mod question;
mod reading;
mod register;
mod requests;
mod responses;
mod shard;
mod stateless;
mod stray;
#[cfg(test)]
mod tests;
mod urgency;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::call::{Call, CallKey, CallView, Cause, Context, Invitation, Owner, Resources, Side};
use crate::media::PortPool;
use crate::policy::Policy;
pub use crate::relation::{Heard, TEST_MAX, Tested, TestedTarget};
use crate::relation::{Outcome, Relations};
use crate::sip::MessageLimits;

pub use command::{Command, Conduct};
pub use counters::Counters;
pub use input::Input;
pub use note::Note;
pub use shard::Shard;
pub use urgency::Urgency;

pub(crate) use shard::tag_number;

use draining::Draining;
use elsewhere::Elsewhere;
use listening::Listening;
use overload::Overload;

/// One shard's calls.
#[derive(Debug)]
pub struct Edge {
    policy: Arc<Policy>,
    limits: MessageLimits,
    resources: Resources,
    /// What makes the tags of stateless answers ours.
    tag_secret: u64,
    calls: HashMap<CallKey, Box<Call>>,
    /// Which call an INVITE has made, so that its copies are known for what they are.
    invitations: HashMap<Invitation, CallKey>,
    /// What is done by itself, beside calls.
    relations: Relations,
    /// Dialogs that other shards have or had.
    elsewhere: Elsewhere,
    /// The deadline of each call that has one; a call has at most one entry.
    deadlines: BTreeSet<(Instant, CallKey)>,
    /// Who is heard.
    listening: Listening,
    counters: Counters,
    overload: Overload,
    /// When it was last said that calls are turned away.
    overload_said: Option<Instant>,
    draining: Draining,
    /// How many challenges may leave.
    challenges: challenges::Challenges,
    /// How many answers that nobody waits for may be hung up.
    strays: stray::Strays,
    /// Calls that may have to be written down, at most once each.
    unwritten: Vec<CallKey>,
    /// When the last input came.
    now: Instant,
}

/// How long an overload that goes on is not spoken of again.
const SAY_AGAIN: Duration = Duration::from_secs(60);

impl Edge {
    /// The machine of one shard. `epoch` is any instant that all shards share; `seed` makes its tags and branches
    /// unpredictable.
    #[must_use]
    pub fn new(policy: Arc<Policy>, shard: Shard, epoch: Instant, seed: [u8; 32]) -> Self {
        let ports = PortPool::new(&policy.realms, shard.index, shard.count, policy.timers.port_rest);
        let mut resources = Resources::new(seed, ports, shard, epoch);
        let tag_secret = resources.random.next();
        let mut relations = Relations::default();
        relations.renew(&policy, &mut resources.at(epoch));
        Self {
            policy,
            limits: MessageLimits::default(),
            resources,
            tag_secret,
            calls: HashMap::new(),
            invitations: HashMap::new(),
            relations,
            elsewhere: Elsewhere::default(),
            deadlines: BTreeSet::new(),
            listening: Listening::default(),
            counters: Counters::default(),
            overload: Overload::new(epoch),
            overload_said: None,
            draining: Draining::No,
            challenges: challenges::Challenges::default(),
            strays: stray::Strays::default(),
            unwritten: Vec::new(),
            now: epoch,
        }
    }

    /// Takes one fact. All commands that follow from it come from [`Edge::poll`].
    pub fn handle(&mut self, input: Input, now: Instant) {
        self.now = now;
        match input {
            Input::Received { path, bytes } => {
                self.on_arrival(path, bytes, 0, now);
                self.overload.taken();
            }
            Input::Told(note) => self.on_note(note, now),
            Input::Waited(waited) => return self.on_wait(waited, now),
            Input::QueueEmptied => return self.overload.emptied(),
            Input::SendFailed { path } => {
                self.resources.transactions.on_unreachable(path, now);
                self.forget_bindings_over(path, now);
                self.relations.on_unreachable(path, &self.policy, &mut self.resources.at(now));
            }
            Input::Undelivered { path, beginning } => self.on_undelivered(path, &beginning, now),
            Input::MediaInstalled { call } => self.with_call(call, now, Call::on_media_installed),
            Input::MediaAccepted { call } => self.with_call(call, now, Call::on_media_accepted),
            Input::MediaRefused { call, refusal } => {
                self.with_call(call, now, |call, ctx| call.on_media_refused(refusal, ctx));
            }
            Input::MediaRemoved { call, reports } => {
                self.with_call(call, now, |call, ctx| call.on_media_removed(*reports, ctx));
            }
            Input::DigitHeard { call, side, digit } => {
                self.with_call(call, now, |call, ctx| call.on_digit_heard(side, digit, ctx));
            }
            Input::DigitSent { call, side } => {
                self.with_call(call, now, |call, ctx| call.on_digit_sent(side, ctx));
            }
            Input::MediaHeard { call, heard } => self.on_media_heard(call, heard, now),
            Input::PolicyReplaced(policy) => {
                self.policy = policy;
                self.overload.forget_trunks();
                self.relations.renew(&self.policy, &mut self.resources.at(now));
                self.resources.logins.renew(&self.policy);
            }
            Input::CallFound { call, since_epoch, media } => self.go_on(*call, since_epoch, media, now),
            Input::HangupRequested { call } => {
                self.with_call(call, now, |call, ctx| call.terminate(Cause::Operator, ctx));
            }
            Input::DrainRequested { grace } => {
                self.draining = self.draining.by(now + grace);
                self.relations.end(&self.policy, &mut self.resources.at(now));
            }
            Input::CalendarRead(time) => self.resources.note_calendar(time, now),
            Input::HandedOver => self.refuse_unanswered(now),
            Input::TimeElapsed => {}
        }
        self.grant_wishes(now);
        self.on_time(now);
        self.grant_wishes(now);
    }

    /// The next thing to do. What changed of calls is written down last, once for all that a host lets follow from each other.
    pub fn poll(&mut self) -> Option<Command> {
        if self.resources.commands.is_empty() {
            self.write_down();
        }
        self.resources.commands.pop_front()
    }

    /// Hands what other shards are to be told to `send`, with the number of each, until it gives a note back for want of room.
    pub fn send_notes(&mut self, send: impl FnMut(usize, Note) -> Result<(), Note>) {
        self.elsewhere.send_notes(send);
    }

    /// When [`Input::TimeElapsed`] is wanted; may be early.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Instant> {
        let call = self.deadlines.first().map(|(at, _)| *at);
        let drain = self.draining.due_at();
        let others = [self.relations.next_deadline(), self.elsewhere.next_deadline()];
        let own = [self.resources.transactions.next_deadline(), call, drain, self.listening.next_deadline()];
        own.into_iter().chain(others).flatten().min()
    }

    /// Tests a trunk by name, which [`Edge::take_tested`] then knows by `ticket`; says whether this shard has anything to do
    /// with it, and is not testing it already. [`Input::TimeElapsed`] has to follow.
    pub fn begin_test(&mut self, trunk: &str, ticket: u64, now: Instant) -> bool {
        self.relations.begin_test(trunk, ticket, &self.policy, &mut self.resources.at(now))
    }

    /// A test that is over, and what it has found.
    pub fn take_tested(&mut self) -> Option<(u64, Tested)> {
        self.relations.take_tested()
    }

    /// What has been counted since the start.
    #[must_use]
    pub fn counters(&self) -> Counters {
        Counters {
            calls_standing: self.calls.len() as u64,
            transactions_open: self.resources.transactions.len() as u64,
            media_ports_free: self.resources.ports.free() as u64,
            digits_to_info: self.resources.digits.to_info,
            digits_to_events: self.resources.digits.to_events,
            digits_lost: self.resources.digits.lost,
            media_silences: self.listening.silences,
            media_timeouts: self.listening.timeouts,
            calls_one_way: self.listening.one_way,
            calls_dead: self.listening.dead,
            ..self.counters
        }
    }

    /// The calls that stand, in no order.
    pub fn calls(&self) -> impl Iterator<Item = CallView> {
        self.calls.values().filter_map(|call| call.view())
    }

    /// Whether nothing is remembered of any call.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.calls.is_empty()
            && self.resources.dialogs.is_empty()
            && self.invitations.is_empty()
            && self.elsewhere.is_empty()
            && self.deadlines.is_empty()
            && self.listening.is_empty()
            && self.resources.transactions.is_empty()
    }

    /// Media port pairs that no call holds, free or resting.
    #[must_use]
    pub fn media_ports_at_rest(&self) -> u64 {
        (self.resources.ports.free() + self.resources.ports.resting()) as u64
    }

    /// Says once a minute at most that calls are turned away: under load that begins and ends many times a second.
    fn on_wait(&mut self, waited: Duration, now: Instant) {
        let begins = self.overload.note(waited, now);
        let quiet = self.overload_said.is_none_or(|said| now.saturating_duration_since(said) >= SAY_AGAIN);
        if begins && quiet {
            self.overload_said = Some(now);
            let (shard, waited_ms) = (self.resources.shard.index, waited.as_secs_f64() * 1000.0);
            tracing::warn!(shard, waited_ms, "overload: messages wait, and new calls hear 503");
        }
    }

    fn on_time(&mut self, now: Instant) {
        self.resources.transactions.on_time(now);
        self.resources.at(now).flush();
        while let Some((id, owner)) = self.resources.transactions.poll_timed_out() {
            if let Owner::Relation(relation, errand) = owner {
                let mut ctx = self.resources.at(now);
                self.relations.on_outcome((relation, errand), id, &Outcome::Failed, &self.policy, &mut ctx);
            } else if let Some(key) = owner.call() {
                self.with_call(key, now, |call, ctx| call.on_timed_out(owner, ctx));
            }
        }
        self.elsewhere.on_time(now);
        self.relations.on_time(&self.policy, &mut self.resources.at(now));
        while let Some((_, key)) = self.due(now) {
            self.with_call(key, now, |call, ctx| {
                call.scheduled = None;
                call.on_time(ctx);
            });
        }
        self.listen(now);
        self.drain(now);
    }

    /// Takes the earliest deadline, if it has come.
    fn due(&mut self, now: Instant) -> Option<(Instant, CallKey)> {
        self.deadlines.first().filter(|(at, _)| *at <= now)?;
        self.deadlines.pop_first()
    }

    /// Lets a call act, then forgets it if it is over.
    fn with_call(&mut self, key: CallKey, now: Instant, act: impl FnOnce(&mut Call, &mut Context<'_>)) {
        let Some(call) = self.calls.get_mut(&key) else { return };
        let (mut ctx, listens_at) = (self.resources.at(now), call.listens_at());
        act(call, &mut ctx);
        if call.listens_at() != listens_at {
            self.listening.follow(key, call, listens_at);
        }
        if call.is_over() {
            call.keep_journal(&mut ctx);
            self.forget(key, now);
            return;
        }
        if !std::mem::replace(&mut call.noted, true) {
            self.unwritten.push(key);
        }
        let deadline = call.next_deadline();
        if deadline != call.scheduled {
            if let Some(at) = call.scheduled {
                self.deadlines.remove(&(at, key));
            }
            call.scheduled = deadline;
            self.deadlines.extend(deadline.map(|at| (at, key)));
        }
    }

    fn remember(&mut self, key: CallKey, call: Call, now: Instant) {
        self.counters.calls_started += 1;
        self.enter(key, call, now);
    }

    /// From now on the call is one of this shard's.
    fn enter(&mut self, key: CallKey, call: Call, now: Instant) {
        for side in [Side::A, Side::B] {
            let Some(tag) = tag_number(&call.dialog(side).local_tag) else { continue };
            if call.is_closed(side) {
                // It may have gone to a call that was found before this one.
                self.resources.dialogs.entry(tag).or_insert((key, side));
            } else {
                self.resources.dialogs.insert(tag, (key, side));
            }
        }
        self.invitations.insert(call.origin.invitation.clone(), key);
        self.listening.follow(key, &call, None);
        self.calls.insert(key, Box::new(call));
        self.with_call(key, now, |_, _| {});
    }

    fn forget(&mut self, key: CallKey, now: Instant) {
        let Some(call) = self.calls.remove(&key) else { return };
        if let Some(at) = call.scheduled {
            self.deadlines.remove(&(at, key));
        }
        self.listening.forget(key, &call);
        for side in [Side::A, Side::B] {
            let dialog = call.dialog(side);
            let tag = tag_number(&dialog.local_tag);
            // A side that another call has taken over is its now.
            let own = tag.filter(|tag| self.resources.dialogs.get(tag) == Some(&(key, side)));
            if let Some(tag) = own {
                self.resources.dialogs.remove(&tag);
                self.forget_guest(&dialog.call_id, own);
            }
        }
        self.invitations.remove(&call.origin.invitation);
        let (leases, invites) = call.into_remains();
        for lease in leases {
            self.resources.ports.release(lease, now);
        }
        for invite in invites.into_iter().flatten() {
            self.resources.transactions.abandon(invite);
        }
    }
}
