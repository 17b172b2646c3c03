//! Going on with a call that another process has written down.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;

use crate::edge::Command;
use crate::media::MediaReport;
use crate::policy::{ListenerId, Policy, Role, Trunk};
use crate::sip::StatusCode;
use crate::transaction::{Path, T2};

use super::super::attempt::Attempts;
use super::super::calling::leg_record;
use super::super::course::Course;
use super::super::exchange::Unacknowledged;
use super::super::leg::{Leg, LegState};
use super::super::redirect::Redirection;
use super::super::refer::Referral;
use super::super::session_timer::SessionTimer;
use super::super::silence::Hearing;
use super::super::streams::{Streams, are_sound};
use super::super::{Call, CallKey, CallRecord, Cause, Context, LegRecord, MediaState, Origin, Reason, Side};
use super::write::Written;
use super::{
    Clock, Journaled, LegSnapshot, LegStanding, MediaFound, RecordSnapshot, Snapshot, Stage, Unheard,
};

/// What becomes of a call that another process has written down.
pub(crate) enum Resumption {
    /// It stands here now, or ends here.
    Call(Box<Call>),
    /// It cannot be gone on with: its record says so, unless there is one.
    Over(Option<Box<CallRecord>>),
}

impl Snapshot {
    /// Finds what no edge can have written.
    pub(super) fn check(&self) -> Result<(), &'static str> {
        if !are_sound(&self.plan, &self.lines) {
            return Err("its media cannot be");
        }
        if !self.legs.iter().all(|leg| leg.dialog.is_sound()) {
            return Err("its dialogs cannot be");
        }
        Ok(())
    }
}

impl Journaled {
    /// Goes on with the call: `media` is what the datapath has of it.
    pub(crate) fn resume(
        self,
        media: MediaFound,
        policy: &Arc<Policy>,
        clock: Clock,
        ctx: &mut Context<'_>,
    ) -> Resumption {
        let Self { snapshot, recorded } = self;
        let (relayed, reports) = match media {
            MediaFound::Relayed => (true, None),
            MediaFound::Gone(reports) => (false, Some(*reports)),
        };
        match snapshot.clone().call(relayed, policy, clock, ctx) {
            Some(mut call) => {
                call.record.take_if(|_| recorded);
                call.go_on(snapshot.stage, reports, clock, ctx);
                Resumption::Call(Box::new(call))
            }
            None if recorded => Resumption::Over(None),
            None => Resumption::Over(Some(Box::new(snapshot.last_record(reports, clock)))),
        }
    }
}

impl Snapshot {
    /// The call; `None` when a realm or listener of it is gone, or its ports are not its any more.
    fn call(self, relayed: bool, policy: &Arc<Policy>, clock: Clock, ctx: &mut Context<'_>) -> Option<Call> {
        let key = CallKey(self.key);
        let ends = self.legs.each_ref().map(|leg| leg.end);
        let [a, b] = self.legs;
        let legs = [a.restore(Role::Caller, policy, clock)?, b.restore(Role::Called, policy, clock)?];
        let ends = [(legs[0].trunk.realm, ends[0]), (legs[1].trunk.realm, ends[1])];
        let streams = Streams::restore(self.plan, self.lines, ends, relayed, ctx.ports)?;
        let record = Box::new(self.record.restore(&legs, clock));
        Some(Call {
            key,
            origin: Origin::restore(self.origin, policy),
            relayed: streams.plan.clone(),
            streams,
            legs,
            exchange: None,
            early_change: None,
            refreshing: None,
            invites: [None, None],
            passages: Vec::new(),
            digits: None,
            waiting: VecDeque::new(),
            ringback: None,
            codec: None,
            transcoded: None,
            media: if relayed { MediaState::Installed } else { MediaState::Gone },
            record: Some(record),
            ending: false,
            reason: Reason::default(),
            retry_after: None,
            given_up: Vec::new(),
            redirection: Redirection::default(),
            course: Course::default(),
            referral: self.referral.map(Referral::restore),
            referred: self.referred,
            joining: None,
            answered_for: None,
            phase_over_at: self.phase_over_at.map(|at| clock.read(at)),
            policy: Arc::clone(policy),
            scheduled: None,
            noted: false,
            closed_by: None,
            // What it was found by has to be forgotten, whatever becomes of it.
            written: Written::Snapshot(0),
            unheard: None,
            hearing: Hearing::new(clock.now()),
        })
    }

    /// The record of a call that nobody goes on with.
    fn last_record(self, reports: Option<[MediaReport; 2]>, clock: Clock) -> CallRecord {
        let legs = self.legs.each_ref().map(|leg| LegRecord {
            trunk: leg.trunk.clone(),
            call_id: String::from_utf8_lossy(leg.dialog.call_id()).into_owned(),
            signalling: leg.way.peer,
            media_local: None,
            media_remote: None,
            media: MediaReport::default(),
        });
        let mut record = self.record.fill(legs, clock);
        record.direct_media = self.plan.streams.is_empty();
        if let Stage::Ended { at, why } = self.stage {
            (record.ended, record.cause) = (clock.read(at), why.cause());
        }
        if let Some([a, b]) = reports {
            record.a.media = a;
            record.b.iter_mut().for_each(|leg| leg.media = b.clone());
        }
        record
    }
}

impl Call {
    /// Does what its stage asks for.
    fn go_on(
        &mut self,
        stage: Stage,
        reports: Option<[MediaReport; 2]>,
        clock: Clock,
        ctx: &mut Context<'_>,
    ) {
        let ended = match stage {
            Stage::Ended { at, why } => Some((why.cause(), clock.read(at))),
            Stage::Incomplete => Some((Cause::Interrupted, ctx.now)),
            Stage::Standing | Stage::Unacknowledged { .. } if reports.is_some() || self.record.is_none() => {
                Some((Cause::Interrupted, ctx.now))
            }
            Stage::Standing => None,
            Stage::Unacknowledged { side, sequence, peer, response } => {
                self.say_again(side, sequence, peer, response, ctx);
                None
            }
        };
        if let Some((cause, at)) = ended {
            self.terminate(cause, ctx);
            if let Some(record) = &mut self.record {
                record.ended = at;
            }
        } else {
            // The call that it went on as has gone with the process.
            self.referral_failed(StatusCode::SERVICE_UNAVAILABLE, ctx);
            self.listen(ctx);
        }
        if reports.is_some() {
            self.finish_record(reports, ctx);
        }
    }

    /// Says what the former process has said, which its ACK may have missed, or would have had to say.
    fn say_again(
        &mut self,
        side: Side,
        sequence: u32,
        peer: SocketAddr,
        response: Bytes,
        ctx: &mut Context<'_>,
    ) {
        let path = Path { peer, ..self.leg(side).dialog.opened_over() };
        ctx.command(Command::Send { path, bytes: response.clone() });
        let accepts = response.starts_with(b"SIP/2.0 2");
        let waiting = Unacknowledged::new(response, ctx.now);
        let opening = side == Side::A && self.origin.invitation.is_of(sequence);
        self.unheard = Some(Box::new(Unheard { side, sequence, opening, accepts, path, waiting }));
    }
}

impl LegSnapshot {
    /// The leg; `None` when its realm does not listen where it listened any more.
    fn restore(self, role: Role, policy: &Policy, clock: Clock) -> Option<Leg> {
        let listener = self.way.listener_in(policy)?;
        let trunk = policy.trunk_of(&self.trunk, listener.realm, self.way.peer)?;
        let path = Path { listener, peer: self.way.peer, proven: trunk.to_be_proven() };
        let state = match self.state {
            LegStanding::Confirmed | LegStanding::Leaving => LegState::Confirmed,
            LegStanding::Closed => LegState::Closed,
        };
        let inherited = self.dialog.local_seq();
        let admission = (state == LegState::Confirmed).then(|| trunk.readmit(role));
        Some(Leg {
            dialog: self.dialog.restore(path).ruled(trunk.headers.outbound.clone()),
            state,
            session: self.session,
            takes_update: self.takes_update,
            timer: SessionTimer::restore(&self.timer, trunk.session_timer, clock),
            said: self.said,
            acks: VecDeque::new(),
            forks_hung_up: 0,
            // Who began a change that nobody answered says it again within that, and it crosses then.
            describe_at: self.describe.then(|| clock.now() + T2),
            inherited,
            unpracked: None,
            proof: None,
            attempts: Attempts::default(),
            admission,
            trunk: Arc::clone(trunk),
        })
    }
}

impl super::Way {
    /// The listener, where the policy has it now.
    pub(crate) fn listener_in(&self, policy: &Policy) -> Option<ListenerId> {
        let (id, realm) = policy.realm_named(&self.realm)?;
        let mut listeners = realm.listeners(id).zip(&realm.sip);
        let same =
            |sip: &crate::policy::Listener| (sip.transport, sip.address) == (self.transport, self.listener);
        listeners.find(|(_, sip)| same(sip)).map(|(listener, _)| listener)
    }
}

impl RecordSnapshot {
    fn restore(self, legs: &[Leg; 2], clock: Clock) -> CallRecord {
        let locals = self.media_local;
        let sides = [leg_record(&legs[0], locals[0]), leg_record(&legs[1], locals[1])];
        self.fill(sides, clock)
    }

    fn fill(self, [a, b]: [LegRecord; 2], clock: Clock) -> CallRecord {
        let [a_local, b_local] = self.media_local;
        CallRecord {
            id: self.id,
            a: LegRecord { media_local: a_local, ..a },
            b: Some(LegRecord { media_local: b_local, ..b }),
            route: self.route,
            caller: self.caller,
            number_dialled: self.number_dialled,
            number_sent: self.number_sent,
            from_call: self.from_call,
            redirects: self.redirects,
            digits: self.digits,
            silences: self.silences,
            // How it came about is no more known than that it did.
            attempts: Vec::new(),
            codec: self.codec,
            direct_media: false,
            ringback: false,
            transcoded: self.transcoded,
            started: clock.read(self.started),
            ringing: self.ringing.map(|at| clock.read(at)),
            answered: self.answered.map(|at| clock.read(at)),
            ended: clock.now(),
            cause: Cause::Interrupted,
        }
    }
}

/// The trunk of a leg, in a policy that knows it: its own, else where it stands for a place that the trunk has left.
impl Policy {
    fn trunk_of(&self, name: &str, realm: crate::policy::RealmId, peer: SocketAddr) -> Option<&Arc<Trunk>> {
        let mut named = self.trunks.iter().filter(|trunk| trunk.name == name && trunk.realm == realm);
        named.find(|trunk| trunk.to_be_proven().is_some() || trunk.is_at(peer.ip()))
    }
}
