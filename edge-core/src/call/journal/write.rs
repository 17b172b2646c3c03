//! Writing a call down.

use std::hash::{DefaultHasher, Hash, Hasher};

use bytes::Bytes;

use crate::edge::Command;
use crate::policy::Policy;
use crate::transaction::Path;

use super::super::leg::LegState;
use super::super::refer::Referral;
use super::super::streams::EndSnapshot;
use super::super::{Call, CallRecord, Context, Side};
use super::{Clock, LegSnapshot, LegStanding, RecordSnapshot, Snapshot, Way};

/// What the journal has of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::call) enum Written {
    /// Nothing: it is not worth it yet.
    Nothing,
    /// A snapshot with this hash.
    Snapshot(u64),
    /// It has been told to forget the call.
    Forgotten,
}

impl Call {
    /// Has the journal write this call down when something has changed that matters, and forget it once its record is on its
    /// way.
    pub(crate) fn keep_journal(&mut self, ctx: &mut Context<'_>) {
        let known = match self.written {
            Written::Forgotten => return,
            Written::Nothing if self.record.is_none() || !self.is_worth_writing() => return,
            Written::Nothing => None,
            Written::Snapshot(hash) => Some(hash),
        };
        let Some(record) = self.record.as_deref() else {
            // It is out: what comes after it says that nothing is left to go on with, but who does not know of the end yet.
            if self.legs.iter().all(|leg| leg.state == LegState::Closed) {
                ctx.command(Command::Forget { call: self.key });
                self.written = Written::Forgotten;
            }
            return;
        };
        let Some(entry) = self.written_down(record, ctx.clock()) else { return };
        let mut hash = DefaultHasher::new();
        entry.hash(&mut hash);
        let hash = hash.finish();
        if known != Some(hash) {
            self.written = Written::Snapshot(hash);
            ctx.command(Command::Journal { call: self.key, entry });
        }
    }

    /// Whether a side stands, or has to hear BYE, so that it would wait for ever if nobody knew.
    fn is_worth_writing(&self) -> bool {
        let knows = |state| matches!(state, LegState::Confirmed | LegState::AwaitingAck | LegState::Leaving);
        self.legs.iter().any(|leg| knows(leg.state))
    }

    /// Whether `side` may believe, in a call that stands, in what another process would know nothing of: our request with an offer
    /// is with it, and it takes that for what is in force; or the offer is to come in a 2xx and its answer in an ACK, and both sides do.
    /// By both the next process knows that a 2xx makes an offer.
    fn may_be_misled(&self, side: Side) -> bool {
        let open = self.exchange.as_ref().filter(|exchange| self.answered() && exchange.client.is_some());
        open.is_some_and(|exchange| match exchange.answered {
            true => exchange.answer_awaited || exchange.answer_owed,
            false => exchange.from != side || (exchange.offer.is_none() && exchange.own_offer.is_none()),
        })
    }

    /// The call as another process can go on with it.
    fn written_down(&self, record: &CallRecord, clock: Clock) -> Option<Bytes> {
        let (lines, ends) = self.streams.snapshot();
        let before = self.exchange.as_ref().filter(|exchange| !exchange.answered);
        let before = before.and_then(|exchange| exchange.plan_before.as_ref());
        let snapshot = Snapshot {
            key: self.key.0,
            stage: self.stage(clock.write(record.ended)),
            origin: self.origin.snapshot(&self.policy),
            legs: [leg(self, Side::A, ends[0], clock), leg(self, Side::B, ends[1], clock)],
            plan: before.unwrap_or(&self.relayed).clone(),
            lines,
            referral: self.referral.as_ref().map(Referral::snapshot),
            referred: self.referred.clone(),
            record: RecordSnapshot::of(record, clock),
            phase_over_at: self.phase_over_at.map(|at| clock.write(at)),
        };
        match snapshot.encode() {
            // As long as it is: the host keeps it while the call stands.
            Ok(bytes) => Some(Bytes::copy_from_slice(&bytes)),
            Err(error) => {
                tracing::error!(call = record.id, "the call cannot be written down: {error}");
                None
            }
        }
    }
}

fn leg(call: &Call, side: Side, end: EndSnapshot, clock: Clock) -> LegSnapshot {
    let (leg, policy) = (call.leg(side), &call.policy);
    LegSnapshot {
        trunk: leg.trunk.name.clone(),
        nat: leg.trunk.nat,
        way: Way::of(leg.dialog.opened_over(), policy),
        // Nobody is there yet who could be told anything.
        state: if call.keeps_place_of(side) { LegStanding::Closed } else { LegStanding::of(leg.state, side) },
        dialog: leg.dialog.snapshot(),
        session: leg.session.clone(),
        said: leg.said.clone(),
        end,
        timer: leg.timer.snapshot(clock),
        takes_update: leg.takes_update,
        describe: leg.describe_at.is_some() || call.may_be_misled(side),
    }
}

impl Way {
    fn of(path: Path, policy: &Policy) -> Self {
        Self {
            realm: policy.realm(path.listener.realm).name.clone(),
            transport: path.listener.transport,
            listener: policy.address_of(path.listener),
            peer: path.peer,
        }
    }
}

impl LegStanding {
    const fn of(state: LegState, side: Side) -> Self {
        match (state, side) {
            (LegState::Confirmed, _) => Self::Confirmed,
            (LegState::AwaitingAck | LegState::Leaving, _) => Self::Leaving,
            // The other side stands. Our 2xx may be out by the time that it matters, and a BYE before it does no harm.
            (LegState::Early, Side::A) => Self::Leaving,
            (LegState::Early | LegState::Cancelling | LegState::Closed, _) => Self::Closed,
        }
    }
}

impl RecordSnapshot {
    fn of(record: &CallRecord, clock: Clock) -> Self {
        let CallRecord { id, a, b, route, caller, number_dialled, number_sent, from_call, .. } = record;
        let CallRecord {
            redirects,
            digits,
            silences,
            codec,
            transcoded,
            started,
            ringing,
            answered,
            ended: _,
            cause: _,
            ..
        } = record;
        Self {
            id: id.clone(),
            media_local: [a.media_local, b.as_ref().and_then(|b| b.media_local)],
            route: route.clone(),
            caller: caller.clone(),
            number_dialled: number_dialled.clone(),
            number_sent: number_sent.clone(),
            from_call: from_call.clone(),
            redirects: *redirects,
            digits: *digits,
            silences: *silences,
            codec: codec.clone(),
            transcoded: transcoded.clone(),
            started: clock.write(*started),
            ringing: ringing.map(|at| clock.write(at)),
            answered: answered.map(|at| clock.write(at)),
        }
    }
}
