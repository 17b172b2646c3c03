//! Targets of one trunk, tried one after the other until one takes the call (RFC 3263 section 4.3).
//!
//! A target is given up when it cannot be reached, when it says nothing at all for `try_next` while there is another one, or
//! when it answers 503. The next one gets a transaction of its own (RFC 3261 section 8.1.3.4: another branch, and another CSeq,
//! so that servers behind both targets do not take it for a copy). An INVITE that is too long for a datagram makes two targets of
//! one over UDP: the same over TCP comes first (RFC 3261 section 18.1.1).
//!
//! What comes when a trunk has no target left is [`super::course`]'s affair.
//!
//! Invariants: at most [`crate::policy::ATTEMPTS_MAX`] addresses are tried on a trunk, within `answer_max`; whoever was given up and
//! answers all the same is acknowledged and hung up ([`super::given_up`]), so that at most one answer stands.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::edge::Command;
use crate::policy::{Number, Policy, Sign, Target, Transport, Trunk};
use crate::relation::note_sign;
use crate::sip::{Response, StatusCode};
use crate::transaction::Path;

use super::calling::{no_port, sent_by};
use super::given_up::GivenUp;
use super::leg::{Leg, LegState};
use super::reach::{Aim, ways_to_bindings};
use super::reason::retry_after;
use super::relay::Then;
use super::streams::{End, Streams};
use super::{Call, Context, MediaState, Refused, Side};

/// How long others are tried before a target that could not be reached: about as long as it takes to find out.
const AVOIDED: Duration = Duration::from_secs(32);

/// How long everything goes over UDP to a target that does not take what is large over TCP: who does not listen there will not
/// soon, and one that says nothing costs a call `try_next` each time.
const WITHOUT_TCP: Duration = Duration::from_secs(600);

/// Longest request in a datagram where nobody knows the MTU of the way (RFC 3261 section 18.1.1).
const DATAGRAM_MAX: usize = 1300;

/// Longest Retry-After that is kept: a target that comes back earlier should not wait for much longer.
pub(crate) const RETRY_AFTER_MAX: Duration = Duration::from_secs(300);

/// A target, and how it is reached.
#[derive(Debug, Clone)]
pub(super) struct Attempt {
    pub(super) target: Target,
    pub(super) path: Path,
    /// How it is asked for, when it is a place where its trunk is registered.
    pub(super) aim: Option<Aim>,
}

/// The targets of one side for its first INVITE.
#[derive(Debug, Default)]
pub(super) struct Attempts {
    /// The one that has it.
    current: Option<Target>,
    /// How that is asked for, until it is.
    aim: Option<Aim>,
    /// Whether it has it over TCP for its length alone; then the next one is the same over UDP.
    for_length: bool,
    /// Those that do not have it yet, in the order in which they are tried.
    left: VecDeque<Attempt>,
    /// When the current one is given up, if it says nothing.
    silent_until: Option<Instant>,
    /// When it is, if it does not ring.
    rings_by: Option<Instant>,
    /// When it is, if it does not answer.
    answers_by: Option<Instant>,
}

impl Attempts {
    /// Just this one.
    pub(super) const fn one(target: Target) -> Self {
        Self::with(target, None, VecDeque::new())
    }

    /// The first one, and those after it.
    pub(super) fn new(first: Attempt, left: VecDeque<Attempt>) -> Self {
        Self::with(first.target, first.aim, left)
    }

    /// How the first one is asked for.
    pub(super) const fn take_aim(&mut self) -> Option<Aim> {
        self.aim.take()
    }

    const fn with(first: Target, aim: Option<Aim>, left: VecDeque<Attempt>) -> Self {
        let (silent_until, rings_by, answers_by) = (None, None, None);
        Self { current: Some(first), aim, for_length: false, left, silent_until, rings_by, answers_by }
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

    /// The current one rings.
    pub(super) const fn rang(&mut self) {
        self.rings_by = None;
    }

    /// When the next thing is due that the current one has not done.
    fn due_at(&self) -> Option<Instant> {
        [self.silent_until, self.rings_by, self.answers_by].into_iter().flatten().min()
    }
}

/// The ways to a trunk, of the targets that it has now: where the first one goes, and all of them.
pub(super) fn ways_to(
    policy: &Policy,
    trunk: &Trunk,
    number: &Number,
    ctx: &mut Context<'_>,
) -> Result<(Path, Attempts), Refused> {
    if let Some(registrar) = &trunk.visitor.registrar
        && let Some(ways) = ways_to_bindings((trunk, registrar), number, ctx)
    {
        return Ok(ways);
    }
    let order = trunk.targets.order(ctx.since_epoch, || ctx.random.next());
    let mut left: VecDeque<Attempt> = order
        .into_iter()
        .filter_map(|target| {
            let path = Path::to(policy, trunk, &target)?;
            Some(Attempt { target, path, aim: None })
        })
        .collect();
    let first = left.pop_front().ok_or_else(|| match trunk.visitor.registrar {
        Some(_) => Refused::Unregistered { trunk: trunk.name.clone() },
        None => Refused::Unresolved { trunk: trunk.name.clone(), host: trunk.host.to_string() },
    })?;
    Ok((first.path, Attempts::new(first, left)))
}

impl Leg {
    /// Its target says nothing, or cannot be reached: others come first for a while.
    fn note_silence(&self, since_epoch: Duration) {
        self.attempts.avoid_current(since_epoch);
        self.note_sign(Sign::Silent);
    }

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
        // Who registers is reached where it came from, and over nothing else.
        let registers = self.trunk.visitor.registrar.is_some();
        if length <= DATAGRAM_MAX || !self.trunk.large_over_tcp || self.state != LegState::Early || registers
        {
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
        self.attempts.left.push_front(Attempt { target: udp, path: before, aim: None });
        (self.attempts.current, self.attempts.for_length) = (Some(tcp), true);
        self.dialog.turn_to(path, sent_by(policy, path));
        true
    }
}

impl Call {
    /// The first INVITE to a side has left. With others at hand, its target has to say something soon.
    pub(super) fn note_attempt(&mut self, side: Side, ctx: &Context<'_>) {
        let admission = &mut self.leg_mut(side).admission;
        admission.iter_mut().for_each(|admission| admission.sent(ctx.since_epoch));
        if self.leg(side).state != LegState::Early {
            return;
        }
        let elsewhere = self.has_another_place();
        let patience = self.course.patience(&self.leg(side).trunk);
        let silence = patience.trying.unwrap_or(self.policy.timers.try_next);
        let leg = &mut self.legs[side.index()];
        let in_time = |wait: Option<Duration>| wait.filter(|_| elsewhere).map(|wait| ctx.now + wait);
        let attempts = &mut leg.attempts;
        attempts.silent_until = (elsewhere || !attempts.left.is_empty()).then(|| ctx.now + silence);
        (attempts.rings_by, attempts.answers_by) = (in_time(patience.ringing), in_time(patience.answer));
        let peer = leg.dialog.opened_over().peer;
        if let Some(record) = &mut self.record {
            record.attempt_began(peer, ctx.now);
        }
    }

    /// When the called side's target is given up, or what was given up is forgotten.
    pub(super) fn attempts_due_at(&self) -> Option<Instant> {
        let late = self.given_up.iter().map(GivenUp::over_at).min();
        let leg = self.leg(Side::B);
        let current = leg.attempts.due_at().filter(|_| leg.state == LegState::Early && !self.ending);
        [current, late].into_iter().flatten().min()
    }

    /// Gives up who has been silent for too long, and forgets who was given up long ago.
    pub(super) fn on_attempts_due(&mut self, ctx: &mut Context<'_>) {
        self.forget_late(ctx);
        if self.leg(Side::B).state == LegState::Early && !self.ending {
            self.on_patience_over(ctx);
        }
    }

    /// Tries another target of the trunk when this one is silent, and another place when the trunk has none, or takes too long.
    fn on_patience_over(&mut self, ctx: &mut Context<'_>) {
        let now = ctx.now;
        let attempts = &mut self.leg_mut(Side::B).attempts;
        let silent = attempts.silent_until.take_if(|at| *at <= now).is_some();
        let rings_not = attempts.rings_by.take_if(|at| *at <= now).is_some();
        let answers_not = attempts.answers_by.take_if(|at| *at <= now).is_some();
        let has_more = !attempts.left.is_empty();
        if silent {
            self.leg(Side::B).note_silence(ctx.since_epoch);
        }
        if silent && has_more {
            if let Some(pending) = self.pending_leg(ctx) {
                self.give_up(pending, ctx);
            }
            self.tries_next_target(ctx);
        } else if silent || rings_not || answers_not {
            self.passes_over(ctx);
        }
    }

    /// The called side's target could not be reached: says whether another one is tried.
    pub(super) fn outlives_unreachable(&mut self, ctx: &mut Context<'_>) -> bool {
        self.leg(Side::B).note_silence(ctx.since_epoch);
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
            target.leave_alone(ctx.since_epoch + wait.min(RETRY_AFTER_MAX));
        }
        self.tries_next_target(ctx)
    }

    /// Sends the INVITE to the next target, if there is one and nothing binds the call to the last.
    fn tries_next_target(&mut self, ctx: &mut Context<'_>) -> bool {
        if !self.may_go_elsewhere() {
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
        let end = End::of(&far.trunk, peer.ip(), ctx.random);
        let streams = self.streams.towards(end, self.streams.are_direct(), ctx.ports, ctx.now);
        let mut streams = streams.map_err(|realm| no_port(&self.policy, realm))?;
        far.session.move_to(streams.address(Side::B, &self.policy));
        let ports = (&mut *ctx.ports, ctx.now);
        let body = match &mut exchange.offer {
            None => exchange.offer_for(&self.policy, &streams, (near, far)),
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
                far.session.move_to(self.streams.address(Side::B, &self.policy));
                streams.release(ctx.ports, ctx.now);
                Err(Refused::Offer(error))
            }
        }
    }

    /// From now on the called side is this target; its INVITE leaves once the datapath relays for it.
    fn turn_to(
        &mut self,
        Attempt { target, path, aim }: Attempt,
        (body, streams): (Option<Bytes>, Streams),
        ctx: &mut Context<'_>,
    ) {
        let leg = &mut self.legs[Side::B.index()];
        let failed = leg.dialog.opened_over().peer;
        if let Some(exchange) = &mut self.exchange {
            exchange.cross_again(body, &leg.trunk);
        }
        leg.dialog.turn_to(path, sent_by(&self.policy, path));
        leg.aim(aim);
        (leg.attempts.current, leg.attempts.for_length) = (Some(target), false);
        let local = streams.first(Side::B).map(|end| end.local);
        let moved = local != self.streams.first(Side::B).map(|end| end.local);
        self.streams.turn_to(streams);
        if let Some(record) = &mut self.record {
            tracing::info!(call = record.id, trunk = leg.trunk.name, %failed, next = %path.peer, "next target");
            record.codec = None;
            if let Some(b) = &mut record.b {
                b.signalling = path.peer;
                b.media_local = local;
            }
        }
        self.codec = None;
        self.forget_waiting();
        if moved {
            self.relayed = self.streams.plan.clone();
            self.media = MediaState::Installing;
            ctx.command(Command::InstallMedia { call: self.key, plan: self.relayed.clone() });
        } else {
            self.once_relayed(Then::SendOn, ctx);
        }
    }
}
