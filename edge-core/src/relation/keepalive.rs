//! OPTIONS to each target of a trunk from time to time (RFC 3261 section 11), and to each place where it is registered: who answers
//! is alive.
//!
//! Invariants: at most one OPTIONS a target is under way; it is given up after [`Keepalive::patience`], before the next one is
//! due. A thousand trunks do not ask at once: the first time is drawn from [`FIRST_WITHIN`], and each interval is up to a
//! tenth shorter than written.

use std::time::{Duration, Instant};

use crate::call::{Context, Owner, RETRY_AFTER_MAX, retry_after};
use crate::policy::{self, Binding, Policy, Sign, Target, Trunk};
use crate::sip::{HeaderName, Method, Response, StatusCode};
use crate::transaction::{Path, TransactionId};

use super::{Addresses, Errand, Inquiry, Outcome, RelationId, may_ask, note_sign};

/// When all trunks have been asked for the first time: soon after the start calls should know where not to go.
const FIRST_WITHIN: Duration = Duration::from_secs(5);

/// Targets of one trunk that are asked. Calls try fewer.
pub(super) const PROBES_MAX: usize = 16;

/// The keepalive of one trunk.
#[derive(Debug)]
pub(super) struct Keepalive {
    rule: policy::Keepalive,
    due_at: Instant,
    /// What is under way.
    probes: Vec<Probe>,
    /// When what is under way is given up.
    patient_until: Option<Instant>,
}

/// An OPTIONS on its way.
#[derive(Debug)]
struct Probe {
    target: Target,
    inquiry: Inquiry,
}

impl Keepalive {
    pub(super) fn new(rule: policy::Keepalive, ctx: &mut Context<'_>) -> Self {
        let due_at = ctx.now + part(rule.interval.min(FIRST_WITHIN), ctx);
        Self { rule, due_at, probes: Vec::new(), patient_until: None }
    }

    /// Goes on by what may be another rule.
    pub(super) fn renew(&mut self, rule: policy::Keepalive, ctx: &mut Context<'_>) {
        if rule.interval != self.rule.interval {
            self.due_at = self.due_at.min(ctx.now + part(rule.interval, ctx));
        }
        self.rule = rule;
    }

    pub(super) fn next_deadline(&self) -> Instant {
        self.patient_until.map_or(self.due_at, |until| until.min(self.due_at))
    }

    /// Gives up who is silent, and asks again when it is time.
    pub(super) fn on_time(&mut self, id: RelationId, policy: &Policy, trunk: &Trunk, ctx: &mut Context<'_>) {
        if self.patient_until.is_some_and(|until| until <= ctx.now) {
            self.patient_until = None;
            for mut probe in self.probes.drain(..) {
                probe.inquiry.drop_open(ctx);
                note_sign(trunk, &probe.target, Sign::Silent);
            }
        }
        if self.due_at > ctx.now {
            return;
        }
        self.due_at = ctx.now + self.rule.interval - part(self.rule.interval / 10, ctx);
        if !may_ask(trunk) {
            return;
        }
        self.patient_until = Some(ctx.now + self.patience(policy));
        for target in trunk.targets.iter().take(PROBES_MAX) {
            let inquiry = options(policy, (trunk, target), ctx);
            self.probe(id, (trunk, target), inquiry, ctx);
        }
        for binding in trunk.visitor.bindings.at(ctx.since_epoch) {
            let inquiry = options_to_binding(policy, &binding, ctx);
            self.probe(id, (trunk, &binding.target), Some(inquiry), ctx);
        }
    }

    /// One of the requests has come to its end; returns whose it was.
    pub(super) fn on_outcome(
        &mut self,
        trunk: &Trunk,
        transaction: TransactionId,
        outcome: &Outcome<'_>,
        ctx: &mut Context<'_>,
    ) -> Option<Target> {
        let mine = |probe: &Probe| probe.inquiry.is_open(transaction);
        let position = self.probes.iter().position(mine)?;
        let Probe { target, .. } = self.probes.swap_remove(position);
        if self.probes.is_empty() {
            self.patient_until = None;
        }
        if let Outcome::Answered(response) = outcome {
            heed_retry_after(&target, response, ctx);
        }
        note_sign(trunk, &target, sign_of(outcome));
        Some(target)
    }

    /// What has sent the request of this transaction.
    pub(super) fn inquiry_of(&mut self, transaction: TransactionId) -> Option<&mut Inquiry> {
        let mut inquiries = self.probes.iter_mut().map(|probe| &mut probe.inquiry);
        inquiries.find(|inquiry| inquiry.is_open(transaction))
    }

    /// Asks nothing more.
    pub(super) fn end(&mut self, ctx: &mut Context<'_>) {
        for mut probe in self.probes.drain(..) {
            probe.inquiry.drop_open(ctx);
        }
        self.patient_until = None;
    }

    /// How long an answer is waited for: as long as a call would, and not until the next one is due.
    fn patience(&self, policy: &Policy) -> Duration {
        policy.timers.try_next.min(self.rule.interval / 2)
    }

    fn probe(
        &mut self,
        id: RelationId,
        (trunk, target): (&Trunk, &Target),
        inquiry: Option<Inquiry>,
        ctx: &mut Context<'_>,
    ) {
        let Some(mut inquiry) = inquiry else { return };
        let owner = Owner::Relation(id, Errand::Keepalive);
        let asked =
            inquiry.ask(trunk, owner, |options| options.header(HeaderName::Accept, "application/sdp"), ctx);
        match asked {
            Ok(()) => self.probes.push(Probe { target: target.clone(), inquiry }),
            // That is our own want of room, and says nothing of the target.
            Err(full) => tracing::warn!(trunk = trunk.name, "OPTIONS not sent: {full}"),
        }
    }
}

/// An OPTIONS to a target, ready to be sent; `None` when no listener of the realm leads there.
pub(super) fn options(
    policy: &Policy,
    (trunk, target): (&Trunk, &Target),
    ctx: &mut Context<'_>,
) -> Option<Inquiry> {
    let addresses = |sent_by: &bytes::Bytes| {
        let uri = format!("sip:{}{}", trunk.domain(), target.transport.uri_param());
        let from = [b"<sip:", sent_by.as_ref(), b">"].concat().into();
        Addresses { from, to: format!("<{uri}>").into(), uri: uri.into(), routes: trunk.routes() }
    };
    Inquiry::new(Method::Options, policy, (trunk, target), addresses, ctx)
}

/// An OPTIONS to a place where a trunk is registered, which keeps a NAT on the way open, too.
fn options_to_binding(policy: &Policy, binding: &Binding, ctx: &mut Context<'_>) -> Inquiry {
    let path = Path { listener: binding.listener, peer: binding.target.address, proven: None };
    let addresses = |sent_by: &bytes::Bytes| Addresses {
        from: [b"<sip:", sent_by.as_ref(), b">"].concat().into(),
        to: [b"<", binding.contact.as_ref(), b">"].concat().into(),
        uri: binding.contact.clone(),
        routes: binding.routes.clone(),
    };
    Inquiry::over(path, Method::Options, policy, addresses, ctx)
}

/// What an outcome says of a target's life.
fn sign_of(outcome: &Outcome<'_>) -> Sign {
    match outcome {
        Outcome::Answered(response) => sign_of_answer(response.code),
        Outcome::Failed => Sign::Silent,
    }
}

/// What an answer says of a target's life: see [`Sign::Alive`].
pub(crate) const fn sign_of_answer(code: StatusCode) -> Sign {
    match code {
        StatusCode::REQUEST_TIMEOUT | StatusCode::SERVICE_UNAVAILABLE => Sign::Silent,
        _ => Sign::Alive,
    }
}

/// Lets others be tried first for as long as a 503 says (RFC 3261 section 21.5.4).
fn heed_retry_after(target: &Target, response: &Response, ctx: &Context<'_>) {
    if response.code == StatusCode::SERVICE_UNAVAILABLE
        && let Some(seconds) = retry_after(&response.message)
    {
        target.leave_alone(ctx.since_epoch + Duration::from_secs(seconds.into()).min(RETRY_AFTER_MAX));
    }
}

/// A random part of `whole`.
fn part(whole: Duration, ctx: &mut Context<'_>) -> Duration {
    let nanoseconds = u64::try_from(whole.as_nanos()).unwrap_or(u64::MAX);
    Duration::from_nanos(ctx.random.next() % nanoseconds.max(1))
}
