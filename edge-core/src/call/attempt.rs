//! Targets of one trunk, tried one after the other until one takes the call (RFC 3263 section 4.3).
//!
//! A target is given up when it cannot be reached, when it says nothing at all for `try_next` while there is another one, or
//! when it answers 503. The next one gets a transaction of its own (RFC 3261 section 8.1.3.4: another branch, and another CSeq,
//! so that servers behind both targets do not take it for a copy). An INVITE that is too long for a datagram makes two targets of
//! one over UDP: the same over TCP comes first (RFC 3261 section 18.1.1).
//!
//! Invariants: at most [`crate::policy::ATTEMPTS_MAX`] addresses are tried on a trunk, within `answer_max`; once the caller has
//! heard an answer in a provisional response, the call stays where it is; whoever was given up and answers all the same is
//! acknowledged and hung up, so that at most one answer stands.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::dialog::Dialog;
use crate::edge::Command;
use crate::policy::{Policy, Sign, Target, Transport, Trunk};
use crate::relation::note_sign;
use crate::sdp::SdpError;
use crate::sip::{Method, Response, StatusCode};
use crate::transaction::{Path, T1, TransactionId};

use super::calling::{no_port, sent_by};
use super::exchange::{Exchange, Sent};
use super::leg::{Leg, LegState, SentAck};
use super::reason::retry_after;
use super::relay::Then;
use super::streams::{End, Streams};
use super::{Call, Context, MediaState, Owner, Refused, Side};

/// How long others are tried before a target that could not be reached: about as long as it takes to find out.
const AVOIDED: Duration = Duration::from_secs(32);

/// How long everything goes over UDP to a target that does not take what is large over TCP: who does not listen there will not
/// soon, and one that says nothing costs a call `try_next` each time.
const WITHOUT_TCP: Duration = Duration::from_secs(600);

/// Longest request in a datagram where nobody knows the MTU of the way (RFC 3261 section 18.1.1).
const DATAGRAM_MAX: usize = 1300;

/// Longest Retry-After that is kept: a target that comes back earlier should not wait for much longer.
pub(crate) const RETRY_AFTER_MAX: Duration = Duration::from_secs(300);

/// Forks of one target that are hung up after it was given up; a peer that makes more of them is not answered.
const FORKS_MAX: usize = 8;

/// How long what was given up is remembered: a server that says nothing more by then never will (RFC 3261 section 9.1).
const LATE_MAX: Duration = T1.saturating_mul(64);

/// A target, and how it is reached.
#[derive(Debug, Clone)]
pub(super) struct Attempt {
    pub(super) target: Target,
    pub(super) path: Path,
}

/// The targets of one side for its first INVITE.
#[derive(Debug, Default)]
pub(super) struct Attempts {
    /// The one that has it.
    current: Option<Target>,
    /// Whether it has it over TCP for its length alone; then the next one is the same over UDP.
    for_length: bool,
    /// Those that do not have it yet, in the order in which they are tried.
    left: VecDeque<Attempt>,
    /// When the current one is given up, if it says nothing.
    silent_until: Option<Instant>,
}

impl Attempts {
    /// Just this one.
    pub(super) const fn one(target: Target) -> Self {
        Self { current: Some(target), for_length: false, left: VecDeque::new(), silent_until: None }
    }

    /// The current one did not take the INVITE: others come first for a while.
    fn avoid_current(&self, since_epoch: Duration) {
        let Some(target) = &self.current else { return };
        target.avoid(since_epoch + if self.for_length { WITHOUT_TCP } else { AVOIDED });
    }

    /// The current one has said something.
    pub(super) const fn heard(&mut self) {
        self.silent_until = None;
    }
}

/// An INVITE to a target that was given up before it had answered.
#[derive(Debug)]
pub(super) struct GivenUp {
    sent: Sent,
    trunk: Arc<Trunk>,
    dialog: Dialog,
    path: Path,
    over_at: Instant,
    cancelled: bool,
    acks: Vec<SentAck>,
}

/// The ways to a trunk, of the targets that it has now: where the first one goes, and all of them.
pub(super) fn ways_to(
    policy: &Policy,
    trunk: &Trunk,
    ctx: &mut Context<'_>,
) -> Result<(Path, Attempts), Refused> {
    let order = trunk.targets.order(ctx.since_epoch, || ctx.random.next());
    let mut left: VecDeque<Attempt> = order
        .into_iter()
        .filter_map(|target| {
            let path = Path::to(policy, trunk, &target)?;
            Some(Attempt { target, path })
        })
        .collect();
    let first = left
        .pop_front()
        .ok_or_else(|| Refused::Unresolved { trunk: trunk.name.clone(), host: trunk.host.to_string() })?;
    Ok((first.path, Attempts { current: Some(first.target), for_length: false, left, silent_until: None }))
}

impl Leg {
    /// What its target says to its first INVITE, or does not, tells whether it is alive. That it does not take TCP for a
    /// long message tells nothing.
    pub(super) fn note_sign(&self, sign: Sign) {
        let asked = self.attempts.current.as_ref().filter(|_| !self.attempts.for_length);
        if let Some(target) = asked.filter(|_| self.state == LegState::Early) {
            note_sign(&self.trunk, target, sign);
        }
    }

    /// Whether its first INVITE, of this length, goes over TCP instead of UDP (RFC 3261 section 18.1.1). From now on so does
    /// the whole dialog; and the same target over UDP is the next one to be tried.
    pub(super) fn turns_to_tcp(&mut self, length: usize, policy: &Policy, ctx: &Context<'_>) -> bool {
        if length <= DATAGRAM_MAX || !self.trunk.large_over_tcp || self.state != LegState::Early {
            return false;
        }
        let current = self.attempts.current.take_if(|target| target.transport == Transport::Udp);
        let Some(udp) = current else { return false };
        let tcp = udp.over_tcp();
        let listener = policy.listener_to(self.trunk.realm, &tcp);
        let Some(listener) = listener.filter(|_| !tcp.is_avoided(ctx.since_epoch)) else {
            self.attempts.current = Some(udp);
            return false;
        };
        let before = self.dialog.opened_over();
        let path = Path { listener, ..before };
        self.attempts.left.push_front(Attempt { target: udp, path: before });
        (self.attempts.current, self.attempts.for_length) = (Some(tcp), true);
        self.dialog.turn_to(path, sent_by(policy, path));
        true
    }
}

impl Call {
    /// The first INVITE to a side has left. With others at hand, its target has to say something soon.
    pub(super) fn note_attempt(&mut self, side: Side, ctx: &Context<'_>) {
        let patience = self.policy.timers.try_next;
        let leg = self.leg_mut(side);
        leg.admission.iter_mut().for_each(|admission| admission.sent(ctx.since_epoch));
        let early = leg.state == LegState::Early && !leg.attempts.left.is_empty();
        leg.attempts.silent_until = early.then(|| ctx.now + patience);
    }

    /// When the called side's target is given up, or what was given up is forgotten.
    pub(super) fn attempts_due_at(&self) -> Option<Instant> {
        let late = self.given_up.iter().map(|given_up| given_up.over_at).min();
        [self.silent_until(), late].into_iter().flatten().min()
    }

    fn silent_until(&self) -> Option<Instant> {
        let leg = self.leg(Side::B);
        leg.attempts.silent_until.filter(|_| leg.state == LegState::Early && !self.ending)
    }

    /// Gives up who has been silent for too long, and forgets who was given up long ago.
    pub(super) fn on_attempts_due(&mut self, ctx: &mut Context<'_>) {
        self.given_up.retain(|given_up| {
            let over = given_up.over_at <= ctx.now;
            if over {
                ctx.transactions.abandon(given_up.sent.id);
            }
            !over
        });
        if self.silent_until().is_some_and(|until| until <= ctx.now) {
            self.leg_mut(Side::B).attempts.heard();
            self.give_up_target(ctx);
            self.tries_next_target(ctx);
        }
    }

    /// The called side's target could not be reached: says whether another one is tried.
    pub(super) fn outlives_unreachable(&mut self, ctx: &mut Context<'_>) -> bool {
        let leg = self.leg(Side::B);
        leg.attempts.avoid_current(ctx.since_epoch);
        leg.note_sign(Sign::Silent);
        self.tries_next_target(ctx)
    }

    /// The called side's target has refused: says whether another one is tried (RFC 3263 section 4.3: after 503).
    pub(super) fn outlives_refusal(&mut self, response: &Response, ctx: &mut Context<'_>) -> bool {
        if response.code != StatusCode::SERVICE_UNAVAILABLE || self.leg(Side::B).state != LegState::Early {
            return false;
        }
        let attempts = &mut self.leg_mut(Side::B).attempts;
        if attempts.for_length {
            // The next one is the same server, and that has spoken.
            attempts.for_length = false;
            attempts.current = attempts.left.pop_front().map(|attempt| attempt.target);
        }
        let wait = retry_after(&response.message).map(|seconds| Duration::from_secs(seconds.into()));
        if let (Some(target), Some(wait)) = (&attempts.current, wait) {
            target.avoid(ctx.since_epoch + wait.min(RETRY_AFTER_MAX));
        }
        self.tries_next_target(ctx)
    }

    /// Lets nothing more be sent to the target that has the INVITE; what it says all the same is heard.
    fn give_up_target(&mut self, ctx: &mut Context<'_>) {
        let leg = &self.legs[Side::B.index()];
        leg.attempts.avoid_current(ctx.since_epoch);
        leg.note_sign(Sign::Silent);
        let Some(sent) = self.exchange.as_ref().and_then(|exchange| exchange.client) else { return };
        ctx.transactions.give_up(sent.id, Owner::GivenUp(self.key, sent.id));
        self.given_up.push(GivenUp {
            sent,
            trunk: Arc::clone(&leg.trunk),
            dialog: leg.dialog.clone(),
            path: leg.path(),
            over_at: ctx.now + LATE_MAX,
            cancelled: false,
            acks: Vec::new(),
        });
    }

    /// Sends the INVITE to the next target, if there is one and the caller has heard nothing that binds it to the last.
    fn tries_next_target(&mut self, ctx: &mut Context<'_>) -> bool {
        let waits = self.leg(Side::A).state == LegState::Early && !self.ending;
        let may_go = |exchange: &Exchange| {
            exchange.from == Side::A && exchange.answer.is_none() && !exchange.withdrawn
        };
        if !waits || !self.exchange.as_ref().is_some_and(may_go) {
            return false;
        }
        while let Some(next) = self.leg_mut(Side::B).attempts.left.pop_front() {
            match self.described_at(next.path.peer, ctx) {
                Ok(media) => {
                    self.turn_to(next, media, ctx);
                    return true;
                }
                Err(refused) => tracing::info!(target = %next.path.peer, "not tried: {refused}"),
            }
        }
        false
    }

    /// What the INVITE says to a target, and the streams that it names. A target of the other IP family hears of media of
    /// its own family.
    fn described_at(
        &mut self,
        peer: SocketAddr,
        ctx: &mut Context<'_>,
    ) -> Result<(Option<Bytes>, Streams), Refused> {
        let [near, far] = &mut self.legs;
        let Some(exchange) = &mut self.exchange else { return Err(Refused::NoNumber) };
        // The caller knows it by now, in a reliable response, and can have no other one.
        if exchange.offer.as_ref().is_some_and(|(side, _)| *side == Side::B) {
            return Err(Refused::Offer(SdpError::NoMedia));
        }
        let end = End::of(&far.trunk, peer.ip());
        let streams = self.streams.towards(end, ctx.ports, ctx.now);
        let mut streams = streams.map_err(|realm| no_port(&self.policy, realm))?;
        far.session.move_to(streams.first(Side::B).local.ip());
        let ports = (&mut *ctx.ports, ctx.now);
        let body = match &mut exchange.offer {
            None => exchange.offer_for(&streams, near, far),
            Some((side, proposal)) => streams
                .pass_offer(&self.policy, *side, (near, far), proposal.offer().clone(), ports)
                .map(|(told, body)| {
                    *proposal = told;
                    Some(body)
                }),
        };
        match body {
            Ok(body) => Ok((body, streams)),
            Err(error) => {
                far.session.move_to(self.streams.first(Side::B).local.ip());
                streams.release(ctx.ports, ctx.now);
                Err(Refused::Offer(error))
            }
        }
    }

    /// From now on the called side is this target; its INVITE leaves once the datapath relays for it.
    fn turn_to(
        &mut self,
        Attempt { target, path }: Attempt,
        (body, streams): (Option<Bytes>, Streams),
        ctx: &mut Context<'_>,
    ) {
        let leg = &mut self.legs[Side::B.index()];
        let failed = leg.dialog.opened_over().peer;
        if let Some(exchange) = &mut self.exchange {
            exchange.cross_again(body, &leg.trunk);
        }
        leg.dialog.turn_to(path, sent_by(&self.policy, path));
        (leg.attempts.current, leg.attempts.for_length) = (Some(target), false);
        let local = streams.first(Side::B).local;
        let moved = local != self.streams.first(Side::B).local;
        self.streams.turn_to(streams);
        if let Some(record) = &mut self.record {
            tracing::info!(call = record.id, trunk = leg.trunk.name, %failed, next = %path.peer, "next target");
            if let Some(b) = &mut record.b {
                b.signalling = path.peer;
                b.media_local = Some(local);
            }
        }
        if moved {
            self.forget_waiting();
            self.relayed = self.streams.plan.clone();
            self.media = MediaState::Installing;
            ctx.command(Command::InstallMedia { call: self.key, plan: self.relayed.clone() });
        } else {
            self.once_relayed(Then::SendOn, ctx);
        }
    }

    /// A target that was given up says something.
    pub(crate) fn on_late_response(&mut self, id: TransactionId, response: &Response, ctx: &mut Context<'_>) {
        let Some(position) = self.given_up.iter().position(|given_up| given_up.sent.id == id) else { return };
        if response.code.is_provisional() {
            self.given_up[position].cancel(ctx);
        } else if response.code.is_success() {
            self.given_up[position].hang_up(response, ctx);
        } else {
            self.given_up.swap_remove(position);
        }
    }

    /// A target that was given up will never say anything.
    pub(super) fn forget_given_up(&mut self, id: TransactionId) {
        self.given_up.retain(|given_up| given_up.sent.id != id);
    }
}

impl GivenUp {
    /// Withdraws the INVITE, now that the target has said that it has it (RFC 3261 section 9.1).
    fn cancel(&mut self, ctx: &mut Context<'_>) {
        if std::mem::replace(&mut self.cancelled, true) {
            return;
        }
        self.over_at = ctx.now + LATE_MAX;
        let Sent { branch, sequence, .. } = self.sent;
        let cancel = self.dialog.request(&Method::Cancel, branch, sequence).empty();
        if let Err(full) = ctx.request(&self.trunk, Method::Cancel, branch, cancel, self.path, Owner::Nobody)
        {
            tracing::warn!("CANCEL not sent: {full}");
        }
    }

    /// Acknowledges an answer that comes too late, and hangs it up; one that comes again is acknowledged again.
    fn hang_up(&mut self, response: &Response, ctx: &mut Context<'_>) {
        let tag = response.to.tag();
        if let Some(ack) = self.acks.iter().find(|ack| ack.remote_tag.as_deref() == tag) {
            return ctx.send(ack.path, ack.bytes.clone());
        }
        if self.acks.len() >= FORKS_MAX {
            return;
        }
        self.over_at = ctx.now + LATE_MAX;
        let mut fork = self.dialog.clone();
        fork.confirm(response);
        let path = fork.path(|address| !self.trunk.nat && self.trunk.is_at(address));
        let bytes: Bytes = fork.request(&Method::Ack, ctx.random.branch(), response.cseq).empty();
        let (sequence, remote_tag) = (response.cseq, fork.remote_tag.clone());
        self.acks.push(SentAck { sequence, remote_tag, bytes: bytes.clone(), path });
        ctx.send(path, bytes);
        let (branch, sequence) = (ctx.random.branch(), fork.next_sequence());
        let bye = fork.request(&Method::Bye, branch, sequence).empty();
        if let Err(full) = ctx.request(&self.trunk, Method::Bye, branch, bye, path, Owner::Nobody) {
            tracing::warn!("a late answer was not hung up: {full}");
        }
    }
}
