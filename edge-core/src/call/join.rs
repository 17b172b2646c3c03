//! Sides of two calls joined in one: what a REFER that the edge carries out and an INVITE with Replaces come down to.
//!
//! A joining call is a call of its own, with its own media and record. It opens, then takes over each side that another
//! call has, at once and for good: that call ends, and hangs up who is left in it. Then the edge itself begins exchanges,
//! with nobody behind them ([`TransactionId::NONE`]): what one side says of its media is offered to the other, until both
//! know of each other. Until then the places of sides that are not there yet are kept by placeholders, which are told nothing.
//!
//! Invariants: nothing of the calls that are joined changes before the side that is new has answered; a side is taken only
//! from a call that is answered and quiet; [`JOIN_TRIES_MAX`] bounds how often that, and an offer that met another one,
//! is tried again.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::policy::{Number, Trunk};
use crate::sdp::{Offer, SdpError};
use crate::sip::{HeaderName, MessageWriter, Request, StatusCode};
use crate::transaction::{T1, TransactionId};

use super::asked::Asked;
use super::calling::record_name;
use super::exchange::{Exchange, Success};
use super::given::Given;
use super::leg::{Leg, LegState};
use super::relay::Then;
use super::wish::{Source, Wish};
use super::{Call, Cause, Context, Refused, Side};

/// Times that a side is waited for that changes its session just now: each is drawn from up to four seconds, and nobody
/// changes his session for longer.
const JOIN_TRIES_MAX: u8 = 8;

/// On whose behalf the edge itself calls.
#[derive(Debug)]
pub(crate) struct OnBehalf {
    /// Trunk of the side that the call is for.
    pub(crate) trunk: Arc<Trunk>,
    /// Name of the call that it is in.
    pub(crate) from_call: String,
    pub(crate) joining: Joining,
}

/// How a call takes sides over.
#[derive(Debug)]
pub(crate) struct Joining {
    /// Where each side is taken from, if it is.
    from: [Option<Source>; 2],
    /// Sides that have come from other shards and are not taken in yet.
    pub(super) arrived: [Option<Box<Given>>; 2],
    /// Since when the oldest of the calls is up that a side is taken from.
    pub(super) since: Option<Instant>,
    /// Who has sent this call here: his number, for Referred-By (RFC 3892).
    referrer: Option<Number>,
    /// What asked for it.
    pub(super) request: Request,
    step: Step,
    tries: u8,
    again_at: Option<Instant>,
}

/// How far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// The side that is new has not answered, or not acknowledged.
    Opening,
    /// The other calls are asked for their sides.
    Taking,
    /// What side `of` says is offered to the other one; afterwards what that says to `of`, if it is not the `last`.
    Offering { of: Side, last: bool },
}

impl Joining {
    pub(crate) const fn new(from: [Option<Source>; 2], referrer: Option<Number>, request: Request) -> Self {
        let arrived = [None, None];
        Self { from, arrived, since: None, referrer, request, step: Step::Opening, tries: 0, again_at: None }
    }

    /// Who has sent the call on, when somebody has.
    pub(super) const fn referrer(&self) -> Option<&Number> {
        self.referrer.as_ref()
    }

    /// The sides that are taken over, and where from.
    pub(crate) fn sources(&self) -> impl Iterator<Item = (Side, Source)> {
        let [a, b] = self.from;
        [(Side::A, a), (Side::B, b)].into_iter().filter_map(|(side, source)| Some((side, source?)))
    }

    /// Plans another try.
    fn wait(&mut self, ctx: &mut Context<'_>) -> bool {
        self.tries += 1;
        // Between 2.1 and 4 s, as one who owns the Call-ID (RFC 3261 section 14.1).
        let wait = Duration::from_millis(2_100 + ctx.random.next() % 1_900);
        self.again_at = (self.tries < JOIN_TRIES_MAX).then(|| ctx.now + wait);
        self.again_at.is_some()
    }
}

/// How far a call is, for one who wants to replace a side of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    Unanswered,
    Answered,
    Over,
}

/// Whether a side can be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Availability {
    Now,
    /// Once it is answered, which it can be at once.
    Unanswered,
    /// Its call is changing.
    Later,
    Never,
}

impl Call {
    /// How far it is.
    pub(crate) const fn standing(&self) -> Standing {
        match self.legs[0].state {
            _ if self.ending => Standing::Over,
            LegState::Confirmed => Standing::Answered,
            LegState::Early => Standing::Unanswered,
            LegState::Cancelling | LegState::AwaitingAck | LegState::Leaving | LegState::Closed => {
                Standing::Over
            }
        }
    }

    /// Whether both sides are there and answered.
    pub(crate) fn is_whole(&self) -> bool {
        self.legs.iter().all(|leg| leg.state == LegState::Confirmed)
    }

    /// Its name in logs and records.
    pub(crate) fn name(&self) -> String {
        record_name(&self.policy, self.key)
    }

    /// The calls whose sides this one takes over, while it does.
    pub(crate) fn sources(&self) -> Vec<(Side, Source)> {
        self.joining.iter().flat_map(|joining| joining.sources()).collect()
    }

    /// Whether `side` is only a place that is kept for one that another call still has.
    pub(super) fn keeps_place_of(&self, side: Side) -> bool {
        self.joining.as_ref().is_some_and(|joining| {
            let waits = matches!(joining.step, Step::Opening | Step::Taking);
            waits && joining.from[side.index()].is_some()
        })
    }

    /// When the next try of a join is due.
    pub(super) fn join_due_at(&self) -> Option<Instant> {
        self.joining.as_ref().filter(|_| !self.ending)?.again_at
    }

    /// Tries again what could not be done.
    pub(super) fn join_again(&mut self, ctx: &mut Context<'_>) {
        let Some(joining) = &mut self.joining else { return };
        if joining.again_at.take_if(|at| *at <= ctx.now).is_none() || self.ending {
            return;
        }
        match joining.step {
            Step::Opening => {}
            Step::Taking => ctx.wishes.push_back(Wish::Take { by: self.key }),
            Step::Offering { of, .. } => self.offer_what_it_said(of, ctx),
        }
    }

    /// Whether the other calls are asked for a side before anything else is said.
    pub(super) fn opens_joined(&mut self, ctx: &mut Context<'_>) -> bool {
        let Some(joining) = self.joining.as_mut().filter(|joining| joining.from[1].is_some()) else {
            return false;
        };
        if joining.from[0].is_some() {
            joining.step = Step::Taking;
            ctx.wishes.push_back(Wish::Take { by: self.key });
        } else {
            self.answer_for_the_other(ctx);
        }
        true
    }

    /// Tells a new side what the side said that it will be joined with: as the answer to its offer, else as an offer.
    fn answer_for_the_other(&mut self, ctx: &mut Context<'_>) {
        let said = resumed(self.legs[1].said.standing());
        let offered = self.exchange.as_ref().is_some_and(|exchange| exchange.offer.is_some());
        let told = if offered {
            self.translate_answer(Side::B, &said)
        } else {
            self.offer_for_the_other(&said, ctx)
        };
        match told {
            Ok(body) => {
                self.once_relayed(Then::Succeed { success: Success { body: Some(body), answer: None } }, ctx)
            }
            Err(error) => self.invite_failed(Cause::Refused(Refused::Offer(error)), ctx),
        }
    }

    /// The new side has acknowledged our 2xx.
    pub(super) fn new_side_is_up(&mut self, ctx: &mut Context<'_>) {
        if let Some(joining) = self.joining.as_mut().filter(|joining| joining.step == Step::Opening) {
            joining.step = Step::Taking;
            ctx.wishes.push_back(Wish::Take { by: self.key });
        }
    }

    /// An exchange that the edge began is answered.
    pub(super) fn on_own_answer(&mut self, code: StatusCode, ctx: &mut Context<'_>) {
        let Some(joining) = &mut self.joining else { return };
        if code.is_provisional() {
            let by = self.key;
            let told = joining.sources().map(|(_, source)| Wish::Progressed { of: source.call, by, code });
            return ctx.wishes.extend(told);
        }
        match (joining.step, code.is_success()) {
            (Step::Opening, true) => {
                // Its place is kept until the side itself takes it.
                self.legs[0].state = LegState::Closed;
                self.exchange = None;
                self.new_side_is_up(ctx);
            }
            (Step::Opening | Step::Taking, _) => self.tell_failure(code, ctx),
            (Step::Offering { last: true, .. }, true) => {
                self.exchange = None;
                self.joining = None;
                tracing::info!(call = self.record.as_ref().map(|record| record.id.as_str()), "joined");
            }
            (Step::Offering { of, last: false }, true) => {
                joining.step = Step::Offering { of: of.other(), last: true };
                self.exchange = None;
                self.offer_what_it_said(of.other(), ctx);
            }
            (Step::Offering { .. }, false) if code == StatusCode::REQUEST_PENDING && joining.wait(ctx) => {}
            (Step::Offering { .. }, false) => self.terminate(Cause::NotJoined(code), ctx),
        }
    }

    /// Those who wait for this call hear that it has failed.
    fn tell_failure(&mut self, code: StatusCode, ctx: &mut Context<'_>) {
        for (_, source) in self.joining.take().iter().flat_map(|joining| joining.sources()) {
            ctx.wishes.push_back(Wish::Failed { of: source.call, by: self.key, code });
        }
    }

    /// The call ends: whoever still waits for it hears so.
    pub(super) fn end_joining(&mut self, code: StatusCode, ctx: &mut Context<'_>) {
        self.let_go_of_arrived(ctx);
        match self.joining.as_ref().map(|joining| joining.step) {
            Some(Step::Opening | Step::Taking) => self.tell_failure(code, ctx),
            Some(Step::Offering { .. }) | None => self.joining = None,
        }
    }

    /// Whether `side` may be taken over by another call.
    pub(crate) fn availability(&self, side: Side) -> Availability {
        if self.leg(side).state == LegState::Early {
            self.availability_of_waiting(side)
        } else if self.ending || self.leg(side).state != LegState::Confirmed || self.joining.is_some() {
            Availability::Never
        } else if self.exchange.is_some() || self.refreshing.is_some() || !self.waiting.is_empty() {
            Availability::Later
        } else {
            Availability::Now
        }
    }

    /// All sides are here: they are told of each other.
    pub(crate) fn sides_are_here(&mut self, ctx: &mut Context<'_>) {
        let Some(joining) = &mut self.joining else { return };
        let (of, last) = match joining.from {
            [Some(_), None] => (Side::B, true),
            [None, _] => (Side::A, true),
            [Some(_), Some(_)] => (Side::A, false),
        };
        joining.step = Step::Offering { of, last };
        joining.tries = 0;
        let since = joining.since;
        if self.record.as_ref().is_some_and(|record| record.answered.is_none()) {
            self.note_answered(ctx);
        }
        // A transfer makes no call last longer than the operator lets it.
        self.phase_over_at = Some(since.unwrap_or(ctx.now) + self.policy.timers.call_max);
        self.offer_what_it_said(of, ctx);
    }

    /// The sides are not to be had: at once, or never.
    pub(crate) fn sides_are_not_here(&mut self, availability: Availability, ctx: &mut Context<'_>) {
        let Some(joining) = &mut self.joining else { return };
        if availability == Availability::Later && joining.wait(ctx) {
            return;
        }
        let taken: Vec<Side> = joining.sources().map(|(side, _)| side).collect();
        for side in taken {
            self.leg_mut(side).state = LegState::Closed;
        }
        self.let_go_of_arrived(ctx);
        self.tell_failure(StatusCode::CALL_DOES_NOT_EXIST, ctx);
        self.terminate(Cause::NotJoined(StatusCode::CALL_DOES_NOT_EXIST), ctx);
    }

    /// The edge's own exchange: offers what `of` said to the other side.
    fn offer_what_it_said(&mut self, of: Side, ctx: &mut Context<'_>) {
        match self.own_exchange(of, ctx) {
            Ok(Some(exchange)) => {
                let plan = match &exchange.offer {
                    Some((side, proposal)) => self.streams.plan_of(*side, proposal),
                    None => self.streams.plan.clone(),
                };
                let grows = plan.streams.len() > self.relayed.streams.len();
                self.exchange = Some(Box::new(exchange));
                self.if_relayable(plan, if grows { Then::Extend } else { Then::SendOn }, ctx);
            }
            Ok(None) => {}
            Err(error) => self.terminate(Cause::BadAnswer(error), ctx),
        }
    }

    fn own_exchange(&mut self, of: Side, ctx: &mut Context<'_>) -> Result<Option<Exchange>, SdpError> {
        let Some(request) = self.joining.as_ref().map(|joining| joining.request.clone()) else {
            return Ok(None);
        };
        let near = self.leg(of);
        let source = near.dialog.opened_over().peer;
        let offer = Offer::parse(&resumed(near.said.agreed()))?;
        let (proposal, body) = self.translate_offer(of, &offer, ctx)?;
        let mut exchange = Exchange::new(Asked { side: of, request, source, server: TransactionId::NONE });
        exchange.offer = Some((of, proposal));
        exchange.body = Some(body);
        exchange.over_at = Some(ctx.now + T1 * 64);
        exchange.plan_before = Some(self.relayed.clone());
        Ok(Some(exchange))
    }
}

/// Adds who has sent a call on (RFC 3892), at an address of ours.
pub(super) fn tell_referrer(joining: Option<&Joining>, to: &Leg, request: MessageWriter) -> MessageWriter {
    match joining.and_then(|joining| joining.referrer.as_ref()) {
        Some(number) => {
            let user = to.trunk.numbers.write_user(number);
            request.header(HeaderName::ReferredBy, to.dialog.address_of_user(&user))
        }
        None => request,
    }
}

/// A description without hold: whoever was put on hold to be transferred is to talk and to hear now.
pub(super) fn resumed(sdp: &[u8]) -> Vec<u8> {
    let mut resumed = Vec::with_capacity(sdp.len());
    for line in sdp.split_inclusive(|byte| *byte == b'\n') {
        match line.trim_ascii_end() {
            b"a=sendonly" | b"a=recvonly" | b"a=inactive" => resumed.extend_from_slice(b"a=sendrecv\r\n"),
            _ => resumed.extend_from_slice(line),
        }
    }
    resumed
}
