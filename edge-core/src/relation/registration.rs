//! Our registration with a trunk that wants us to register like a phone (RFC 3261 section 10.2, RFC 5626 section 4.5, RFC 6140).
//!
//! The table is in [`machine`], who is asked with which words in [`asking`], what of an answer counts in [`answer`]; here is what
//! happens to a registration, and when. The targets of the trunk are asked in turn; when none takes it, all of them are asked
//! again after a wait that grows with each failure.
//!
//! Invariants: at most one REGISTER is under way; the loss of a registration is said once, and so is a failure until one succeeds;
//! what a registrar says of other Contacts than ours counts for nothing.

mod answer;
mod asking;
mod machine;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::call::{Context, RETRY_AFTER_MAX, retry_after};
use crate::policy::{Account, Policy, Register, Target, Transport, Trunk};
use crate::sip::{Response, Uri};
use crate::transaction::{Path, TransactionId};

use super::{Inquiry, Outcome, RelationId, may_ask};
use answer::Verdict;
use machine::{Effect, Input, State};

/// How long a farewell is waited for when the edge ends: a registrar that says nothing more shall not keep the process.
const FAREWELL_MAX: Duration = Duration::from_secs(2);

/// How often it is looked whether the operator has switched the trunk off or on.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// The registration of one trunk.
#[derive(Debug)]
pub(super) struct Registration {
    register: Arc<Register>,
    state: State,
    inquiry: Option<Inquiry>,
    /// Who is asked.
    target: Option<Target>,
    /// Our Contact there, without brackets.
    contact: Bytes,
    /// Who is asked next.
    left: VecDeque<Target>,
    /// What is asked for.
    asked: Duration,
    /// What was granted.
    granted: Duration,
    /// Failures in a row.
    failures: u32,
    /// When the machine's timer fires.
    due_at: Option<Instant>,
    /// When it is looked whether the operator still wants the trunk.
    look_at: Option<Instant>,
    /// When the target that is asked is given up.
    patient_until: Option<Instant>,
    /// What is known, as it is published.
    account: Account,
}

/// The relation that a registration belongs to, with the operator's decisions.
#[derive(Debug, Clone, Copy)]
pub(super) struct Of<'a> {
    pub(super) id: RelationId,
    pub(super) policy: &'a Policy,
    pub(super) trunk: &'a Trunk,
}

impl Registration {
    pub(super) fn new(register: &Arc<Register>) -> Self {
        Self {
            register: Arc::clone(register),
            state: State::Unregistered,
            inquiry: None,
            target: None,
            contact: Bytes::new(),
            left: VecDeque::new(),
            asked: register.expires,
            granted: Duration::ZERO,
            failures: 0,
            due_at: None,
            look_at: None,
            patient_until: None,
            account: Account::default(),
        }
    }

    /// Goes on as the operator wants it now.
    pub(super) fn renew(&mut self, register: &Arc<Register>, of: Of<'_>, ctx: &mut Context<'_>) {
        let wanted = may_ask(of.trunk);
        self.look_at = Some(ctx.now + LOOK_EVERY);
        let targets = &of.trunk.targets;
        let moved = match &self.target {
            Some(target) => !targets.iter().any(|now| now == target),
            None => self.state == State::Waiting && !targets.is_empty(),
        };
        // Another password is another token.
        let changed = self.register != *register;
        if changed {
            self.register = Arc::clone(register);
            self.asked = register.expires;
        }
        self.step(if wanted { Input::Wanted } else { Input::Unwanted }, of, ctx);
        if wanted && (changed || moved) {
            self.begin_anew(of, ctx);
        }
    }

    /// Where we were, or as whom, is not what the operator wants from now on; what was wrong may have been put right.
    fn begin_anew(&mut self, of: Of<'_>, ctx: &mut Context<'_>) {
        if let Some(mut inquiry) = self.inquiry.take() {
            inquiry.drop_open(ctx);
        }
        self.failures = 0;
        match self.state {
            State::Waiting | State::Lapsing => self.step(Input::Due, of, ctx),
            State::Registered => self.step(Input::Lost, of, ctx),
            State::Registering | State::Refreshing => self.ask_first(of, ctx),
            State::Unregistered | State::Deregistering => {}
        }
    }

    /// Asks now, whatever it waits for; nothing that the operator does not want.
    pub(super) fn ask_now(&mut self, of: Of<'_>, ctx: &mut Context<'_>) {
        if may_ask(of.trunk) {
            self.step(Input::Due, of, ctx);
        }
    }

    /// Whether it waits for no answer.
    pub(super) const fn is_settled(&self) -> bool {
        match self.state {
            State::Unregistered | State::Waiting | State::Registered | State::Lapsing => true,
            State::Registering | State::Refreshing | State::Deregistering => false,
        }
    }

    /// Asks the registrar to forget us.
    pub(super) fn end(&mut self, of: Of<'_>, ctx: &mut Context<'_>) {
        self.look_at = None;
        self.step(Input::Unwanted, of, ctx);
    }

    /// Whether nothing more is to be heard.
    pub(super) const fn is_over(&self) -> bool {
        matches!(self.state, State::Unregistered)
    }

    pub(super) fn next_deadline(&self) -> Option<Instant> {
        let until = self.account.until.filter(|_| self.state.is_bound());
        [self.due_at, self.patient_until, self.look_at, until].into_iter().flatten().min()
    }

    /// Does what is due.
    pub(super) fn on_time(&mut self, leaving: bool, of: Of<'_>, ctx: &mut Context<'_>) {
        if self.look_at.is_some_and(|at| at <= ctx.now) {
            self.look_at = Some(ctx.now + LOOK_EVERY);
            let wanted = may_ask(of.trunk) && !leaving;
            self.step(if wanted { Input::Wanted } else { Input::Unwanted }, of, ctx);
        }
        let due = |at: &mut Instant| *at <= ctx.now;
        if self.state.is_bound() && self.account.until.take_if(due).is_some() {
            self.step(Input::Expired, of, ctx);
        }
        if self.patient_until.take_if(|at| *at <= ctx.now).is_some() {
            self.give_up("does not answer", of, ctx);
        }
        if self.due_at.take_if(|at| *at <= ctx.now).is_some() {
            self.step(Input::Due, of, ctx);
        }
    }

    /// The REGISTER has come to its end.
    pub(super) fn on_outcome(
        &mut self,
        transaction: TransactionId,
        outcome: &Outcome<'_>,
        of: Of<'_>,
        ctx: &mut Context<'_>,
    ) {
        if self.inquiry_of(transaction).is_none() {
            return;
        }
        self.patient_until = None;
        match outcome {
            Outcome::Answered(response) => self.on_answer(response, of, ctx),
            Outcome::Failed => self.give_up("does not answer", of, ctx),
        }
    }

    /// What has sent the request of this transaction.
    pub(super) fn inquiry_of(&mut self, transaction: TransactionId) -> Option<&mut Inquiry> {
        self.inquiry.as_mut().filter(|inquiry| inquiry.is_open(transaction))
    }

    /// Nothing goes any more over the path that the registrar would call us over.
    pub(super) fn on_unreachable(&mut self, of: Of<'_>, ctx: &mut Context<'_>) {
        self.step(Input::Lost, of, ctx);
    }

    /// Whether the registrar would call us over `path`.
    pub(super) fn goes_over(&self, path: Path) -> bool {
        self.inquiry.as_ref().is_some_and(|inquiry| inquiry.goes_over(path))
    }

    fn on_answer(&mut self, response: &Response, of: Of<'_>, ctx: &mut Context<'_>) {
        let contact = Uri::parse(self.contact.clone());
        let verdict = match (&contact, self.state) {
            (_, State::Deregistering) | (Err(_), _) => Verdict::Elsewhere,
            (Ok(contact), _) => Verdict::of(response, &self.register, contact, self.asked),
        };
        let wait = retry_after(&response.message).map(|seconds| Duration::from_secs(seconds.into()));
        let wait = wait.map(|wait| wait.min(RETRY_AFTER_MAX));
        match verdict {
            Verdict::Granted(granted) => {
                self.on_granted(granted, response, of, ctx);
                self.step(Input::Accepted, of, ctx);
            }
            Verdict::AtLeast(least) => {
                self.asked = least;
                self.step(Input::TooBrief, of, ctx);
            }
            Verdict::Elsewhere => {
                if let (Some(target), Some(wait)) = (&self.target, wait) {
                    target.leave_alone(ctx.since_epoch + wait);
                }
                self.account.failure = Some(answer::said(response));
                self.step(if self.left.is_empty() { Input::Failed } else { Input::NotTaken }, of, ctx);
            }
            Verdict::Refused(why) => {
                self.account.failure = Some(why);
                self.step(Input::Failed, of, ctx);
            }
        }
        if let (Some(wait), State::Waiting | State::Lapsing) = (wait, self.state) {
            self.due_at = self.due_at.map(|at| at.max(ctx.now + wait));
            self.publish(self.state, of.trunk);
        }
    }

    fn on_granted(&mut self, granted: Duration, response: &Response, of: Of<'_>, ctx: &Context<'_>) {
        self.granted = granted;
        self.failures = 0;
        let associated = answer::associated(&response.message);
        self.account = Account {
            state: self.account.state,
            until: Some(ctx.now + granted),
            failure: None,
            next_try: None,
            seen_as: answer::seen_as(response),
            registrar: self.target.as_ref().map(|target| target.address),
            service_route: answer::service_route(&response.message),
            numbers: answer::numbers(&associated, &of.trunk.numbers),
            associated,
        };
    }

    /// The registrar has answered something else, and says by which address it sees us. When that is another one than it was when
    /// we registered, a NAT on the way has forgotten us, and calls would go nowhere.
    pub(super) fn on_seen(
        &mut self,
        target: &Target,
        response: &Response,
        of: Of<'_>,
        ctx: &mut Context<'_>,
    ) {
        let is_registrar = self.target.as_ref() == Some(target) && target.transport == Transport::Udp;
        let (was, now) = (self.account.seen_as, answer::seen_as(response));
        if let (Some(was), Some(now)) = (was, now)
            && is_registrar
            && was != now
            && self.state == State::Registered
        {
            tracing::info!(trunk = of.trunk.name, %was, %now, "seen by another address: registering anew");
            self.step(Input::Lost, of, ctx);
        }
    }

    /// The target that is asked is not there.
    fn give_up(&mut self, why: &str, of: Of<'_>, ctx: &mut Context<'_>) {
        if let Some(target) = &self.target {
            self.account.failure = Some(format!("{} {why}", target.address));
        }
        self.inquiry = None;
        self.step(if self.left.is_empty() { Input::Failed } else { Input::NotTaken }, of, ctx);
    }

    /// Goes on by the table, and lets the world know.
    fn step(&mut self, input: Input, of: Of<'_>, ctx: &mut Context<'_>) {
        let before = self.state;
        let (state, effect) = before.step(input);
        self.state = state;
        match effect {
            Some(Effect::Ask) => self.ask_first(of, ctx),
            Some(Effect::AskAgain) => self.ask(of, ctx),
            Some(Effect::AskNext) => self.ask_next(of, ctx),
            Some(Effect::Withdraw) => self.withdraw(of, ctx),
            Some(Effect::PlanRefresh) => self.due_at = Some(ctx.now + refresh_after(self.granted, ctx)),
            Some(Effect::PlanRetry) => {
                self.failures = self.failures.saturating_add(1);
                let wait = self.register.retry.after(self.failures, ctx.random.next());
                self.due_at = Some(ctx.now + wait);
            }
            Some(Effect::Rest) => self.rest(ctx),
            None => {}
        }
        self.publish(before, of.trunk);
    }

    /// Says that we are not there any more, where we are known to be.
    fn withdraw(&mut self, of: Of<'_>, ctx: &mut Context<'_>) {
        self.patient_until = None;
        self.account.until = None;
        if self.inquiry.is_some() && self.send(0, of, ctx) {
            self.due_at = Some(ctx.now + FAREWELL_MAX);
        } else {
            self.state = State::Unregistered;
            self.rest(ctx);
        }
    }

    fn rest(&mut self, ctx: &mut Context<'_>) {
        if let Some(mut inquiry) = self.inquiry.take() {
            inquiry.drop_open(ctx);
        }
        (self.due_at, self.patient_until, self.failures) = (None, None, 0);
        self.account = Account::default();
    }

    /// Tells all shards and whoever asks, and the log what it has not said yet.
    fn publish(&mut self, before: State, trunk: &Trunk) {
        self.account.state = self.state.as_str();
        if !self.state.is_bound() {
            self.account.until = None;
        }
        let fails = matches!(self.state, State::Waiting | State::Lapsing);
        self.account.next_try = self.due_at.filter(|_| fails);
        let (name, user, domain) = (&trunk.name, &self.register.user, &self.register.domain);
        let failure = self.account.failure.as_deref().unwrap_or("it ran out");
        match (before.is_bound(), self.state.is_bound()) {
            (false, true) => {
                tracing::info!(trunk = name, user, domain, "registered for {} s", self.granted.as_secs())
            }
            (true, false) if self.state != State::Deregistering && self.state != State::Unregistered => {
                tracing::warn!(trunk = name, user, domain, "registration lost: {failure}");
            }
            (false, false) if self.state == State::Waiting && self.failures == 1 && before != self.state => {
                tracing::warn!(trunk = name, user, domain, "not registered: {failure}");
            }
            (true, true) if self.state == State::Lapsing && before != self.state => {
                tracing::info!(trunk = name, user, domain, "registration not refreshed yet: {failure}");
            }
            (true | false, true | false) => {}
        }
        trunk.registered.note(self.state.is_bound(), self.account.clone());
    }
}

/// When a registration is refreshed: ten minutes before its end, or half-way when it is short; up to a tenth earlier, so that a
/// thousand trunks do not ask at once.
fn refresh_after(granted: Duration, ctx: &mut Context<'_>) -> Duration {
    let latest =
        if granted > Duration::from_secs(1200) { granted - Duration::from_secs(600) } else { granted / 2 };
    let early_ms = u64::try_from(latest.as_millis() / 10).unwrap_or(0).max(1);
    latest - Duration::from_millis(ctx.random.next() % early_ms)
}
