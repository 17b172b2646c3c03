//! From an INVITE of a known trunk to a call, or to a refusal that says why.
//!
//! Invariant: a refusal takes nothing: rooms on trunks and ports go back before the caller hears of it.

mod replacing;

use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;

use crate::dialog::Dialog;
use crate::edge::Command;
use crate::media::{Family, MediaReport};
use crate::policy::{
    Admission, DelayedOffer, Importance, Number, Policy, ReliableProvisional, Role, Route, RouteId,
    RouteQuery, Trunk, TrunkId,
};
use crate::sdp::{Offer, SdpError};
use crate::sip::{Request, StatusCode};
use crate::transaction::{Path, TransactionId};

use super::asked::Asked;
use super::asks::{check_accept, check_extensions, check_reliability, check_scheme};
use super::attempt::ways_to;
use super::body::session_body;
use super::calling::{
    admit, called_dialog, closed_to, early_leg, guard, leg_record, may_go_to, no_port, record_name, sent_by,
    tag, takes_in,
};
use super::course::{Course, Place, places};
use super::exchange::Exchange;
use super::identity::{caller_number, check_privacy};
use super::join::OnBehalf;
use super::leg::Leg;
use super::redirect::Redirection;
use super::reliable::can_acknowledge;
use super::session_timer::check_interval;
use super::streams::{End, Streams, is_left_out};
use super::{Begun, Call, CallKey, CallRecord, Cause, Context, LegRecord, Origin, Refused, Side, refuse};

/// A new INVITE whose sender is known.
#[derive(Debug)]
pub(crate) struct Arrival<'a> {
    pub(crate) policy: &'a Arc<Policy>,
    /// Name that the call will have.
    pub(crate) key: CallKey,
    /// Trunk that sent it.
    pub(crate) trunk: TrunkId,
    /// Where it came in and from.
    pub(crate) path: Path,
    pub(crate) invite: Request,
    pub(crate) server: TransactionId,
    pub(crate) draining: bool,
    /// The call of ours whose INVITE this is, come back by way of a peer.
    pub(crate) ancestor: Option<CallKey>,
    /// Whether it comes back for ever.
    pub(crate) looped: bool,
    /// The side of another call that it is for, when a trunk has referred that here.
    pub(crate) on_behalf: Option<OnBehalf>,
}

/// A call that can begin.
struct Opened {
    legs: [Leg; 2],
    streams: Streams,
    exchange: Exchange,
    course: Course,
    /// Where it goes first.
    place: Place,
}

impl Arrival<'_> {
    /// Opens the call, or answers the INVITE with a refusal and writes its record.
    pub(crate) fn open(self, ctx: &mut Context<'_>) -> Result<Call, StatusCode> {
        let key = self.key;
        let mut record = Box::new(self.blank_record(ctx));
        match self.prepare(&mut record, ctx) {
            Ok(Opened { legs, streams, exchange, course, place }) => {
                let origin = Origin::of(self.trunk, &self.invite, self.ancestor);
                let (exchange, server) = (Some(Box::new(exchange)), self.server);
                let joining = self.on_behalf.map(|on_behalf| Box::new(on_behalf.joining));
                let redirection = Redirection::from(place);
                let begun = Begun {
                    key,
                    origin,
                    legs,
                    exchange,
                    server,
                    streams,
                    record,
                    joining,
                    redirection,
                    course,
                };
                Ok(Call::begin(begun, self.policy, ctx))
            }
            Err(refused) => Err(self.turn_away(record, refused, ctx)),
        }
    }

    /// Answers with a refusal and writes the record.
    fn turn_away(&self, mut record: Box<CallRecord>, refused: Refused, ctx: &mut Context<'_>) -> StatusCode {
        refuse(&self.invite, self.path, self.server, &refused, ctx);
        tracing::info!(
            call = record.id,
            trunk = record.a.trunk,
            caller = record.caller,
            number = record.number_dialled,
            cause = refused.name(),
            "call refused: {refused}"
        );
        let status = refused.status();
        record.cause = Cause::Refused(refused);
        ctx.command(Command::WriteRecord(record));
        status
    }

    fn prepare(&self, record: &mut CallRecord, ctx: &mut Context<'_>) -> Result<Opened, Refused> {
        self.check_request()?;
        let id = self.route(record, ctx.time)?;
        let route = self.policy.routes.route(id);
        let caller = self.policy.trunk(self.trunk);
        // The caller's trunk says what its peer expects to hear, whichever bound is reached.
        let importance = importance_of(route);
        if importance == Importance::Ordinary {
            takes_in(caller, (self.caller().as_str(), self.dialled().as_str()), ctx)?;
        }
        let mut room = admit((caller, Role::Caller), importance, caller.limits.refuse_with, ctx)?;
        if importance == Importance::Ordinary {
            let to = || self.policy.destinations(&self.dialled(), &caller.numbers, route);
            guard(caller, (self.caller().as_str(), to), &mut room, ctx)?;
        }
        let offer = self.offer()?;
        let mut left = places(self.policy, id, &self.dialled(), ctx);
        let mut refusals = Vec::new();
        while let Some(place) = left.pop_front() {
            let sent = self.policy.trunk(place.trunk).numbers.write(&place.number);
            record.number_sent = Some(sent.clone());
            match self.open_at(&place, importance, offer.as_ref(), ctx) {
                Ok((mut legs, streams, exchange)) => {
                    legs[0].admission = Some(room);
                    let [a, b] = [Side::A, Side::B].map(|side| streams.first(side).map(|end| end.local));
                    record.a.media_local = a;
                    record.b = Some(leg_record(&legs[1], b));
                    let course = Course::new(Arc::clone(&route.plan), importance, left);
                    return Ok(Opened { legs, streams, exchange, course, place });
                }
                Err(refused) => {
                    record.attempt_skipped(&self.policy.trunk(place.trunk).name, &sent, &refused, ctx.now);
                    refusals.push(refused);
                }
            }
        }
        Err(nothing_left(&route.name, refusals))
    }

    /// Both sides of the call, with its first place called.
    fn open_at(
        &self,
        place: &Place,
        importance: Importance,
        offer: Option<&(Bytes, Offer)>,
        ctx: &mut Context<'_>,
    ) -> Result<([Leg; 2], Streams, Exchange), Refused> {
        let [caller, called] = [self.near(), self.policy.trunk(place.trunk)];
        may_go_to(called, ctx)?;
        let refuse_with = self.policy.trunk(self.trunk).limits.refuse_with;
        let room = admit((called, Role::Called), importance, refuse_with, ctx)?;
        let offered = offer.is_some() || called.delayed_offer == DelayedOffer::Convert;
        self.check_called(called, offered)?;
        let (way, attempts) = ways_to(self.policy, called, &place.number, ctx)?;
        let family = self.caller_family(caller, offer.map(|(_, offer)| offer));
        let near = End::of(caller, self.path.peer.ip(), ctx.random).in_family(family);
        let ends = [near, End::of(called, way.peer.ip(), ctx.random)];
        let left_out = self.on_behalf.is_none() && is_left_out(self.policy, caller, called, offer.is_some());
        let streams = Streams::new(ends, left_out, ctx.ports, ctx.now);
        let mut streams = streams.map_err(|realm| no_port(self.policy, realm))?;
        let mut legs = self.legs(place, &streams, room, way, ctx);
        legs[1].tries(attempts);
        let mut exchange = Exchange::new(Asked {
            side: Side::A,
            request: self.invite.clone(),
            source: self.path.peer,
            server: self.server,
        });
        if let Err(error) = self.describe(&mut exchange, offer, &mut legs, &mut streams, ctx) {
            streams.release(ctx.ports, ctx.now);
            return Err(Refused::Offer(error));
        }
        exchange.decide_reliability(caller, called, ctx.random.next());
        Ok((legs, streams, exchange))
    }

    /// What our INVITE says: the caller's offer, or one of our own where the called side wants one.
    fn describe(
        &self,
        exchange: &mut Exchange,
        offer: Option<&(Bytes, Offer)>,
        [near, far]: &mut [Leg; 2],
        streams: &mut Streams,
        ctx: &mut Context<'_>,
    ) -> Result<(), SdpError> {
        let Some((sdp, offer)) = offer else {
            exchange.body = exchange.offer_for(self.policy, streams, (near, far))?;
            return Ok(());
        };
        near.said.note(sdp);
        let ports = (&mut *ctx.ports, ctx.now);
        let (proposal, body) = streams.pass_offer(self.policy, Side::A, (near, far), offer.clone(), ports)?;
        (exchange.body, exchange.offer) = (Some(body), Some((Side::A, proposal)));
        Ok(())
    }

    /// The trunk that the caller's side of the call belongs to.
    fn near(&self) -> &Arc<Trunk> {
        self.on_behalf.as_ref().map_or_else(|| self.policy.trunk(self.trunk), |on_behalf| &on_behalf.trunk)
    }

    fn check_request(&self) -> Result<(), Refused> {
        let trunk = self.policy.trunk(self.trunk);
        if self.draining {
            return Err(Refused::Draining);
        }
        trunk.inbound().map_err(|closed| closed_to(trunk, closed))?;
        check_scheme(&self.invite)?;
        if self.invite.max_forwards == Some(0) {
            return Err(Refused::TooManyHops);
        }
        if self.looped {
            return Err(Refused::Loop);
        }
        check_extensions(&self.invite.message)?;
        check_privacy(&self.invite.message)?;
        check_reliability(&self.invite.message, trunk)?;
        check_accept(&self.invite.message)?;
        check_interval(&self.invite.message)
    }

    /// An offer in a reliable response would have nobody to go to.
    fn check_called(&self, called: &Trunk, offered: bool) -> Result<(), Refused> {
        let caller = self.policy.trunk(self.trunk).reliable_provisional;
        let can = caller != ReliableProvisional::Off && can_acknowledge(&self.invite.message);
        let required = called.reliable_provisional == ReliableProvisional::Required;
        if required && !offered && !can { Err(Refused::Unreliable) } else { Ok(()) }
    }

    fn route(&self, record: &mut CallRecord, time: Option<Timestamp>) -> Result<RouteId, Refused> {
        if record.number_dialled.is_empty() {
            return Err(Refused::NoNumber);
        }
        let (dialled, caller) = (self.dialled(), self.caller());
        let (number, caller) = (dialled.as_str(), caller.as_str());
        let route = self
            .policy
            .routes
            .taker(RouteQuery { from: self.trunk, number, caller, time })
            .ok_or_else(|| Refused::NoRoute { number: number.to_owned() })?;
        let Route { name, priority, .. } = self.policy.routes.route(route);
        record.route = Some(name.clone());
        if *priority {
            // At a level that no usual filter leaves out: who answers for emergency calls wants to see each of them.
            tracing::warn!(call = record.id, route = name, number, "priority call");
        }
        Ok(route)
    }

    /// The number that is asked for, as routes match it.
    fn dialled(&self) -> Number {
        let trunk = self.policy.trunk(self.trunk);
        trunk.numbers.read(&trunk.called_by(&self.invite))
    }

    /// The number of who calls, as routes match it.
    fn caller(&self) -> Number {
        caller_number(&self.invite, self.policy.trunk(self.trunk))
    }

    /// What the caller offers, as it is written and as it is understood.
    fn offer(&self) -> Result<Option<(Bytes, Offer)>, Refused> {
        let Some(sdp) = session_body(&self.invite.message)? else { return Ok(None) };
        let offer = Offer::parse(&sdp).map_err(Refused::Offer)?;
        Ok(Some((sdp, offer)))
    }

    /// The family of the caller's media: what its offer says, else that of its signalling, as for the called side. Behind a
    /// NAT media comes from where the signalling comes from, whatever an offer says.
    fn caller_family(&self, caller: &Trunk, offer: Option<&Offer>) -> Family {
        let offered = offer.and_then(Offer::remote).filter(|_| !caller.nat);
        Family::of(offered.map_or(self.path.peer.ip(), |remote| remote.rtp.ip()))
    }

    fn legs(
        &self,
        place: &Place,
        streams: &Streams,
        room: Admission,
        way: Path,
        ctx: &mut Context<'_>,
    ) -> [Leg; 2] {
        let [caller, called] = [self.near(), self.policy.trunk(place.trunk)];
        let dialog_a = Dialog::called(&self.invite, tag(ctx), sent_by(self.policy, self.path), self.path);
        let trunks = (&**self.policy.trunk(self.trunk), &**called);
        let asked = (&place.number, called.domain());
        let dialog_b = called_dialog(self.policy, trunks, asked, way, &self.invite, ctx);
        let mut near = early_leg(caller, dialog_a, streams.address(Side::A, self.policy), None, ctx);
        near.learn(&self.invite.message);
        [near, early_leg(called, dialog_b, streams.address(Side::B, self.policy), Some(room), ctx)]
    }

    fn blank_record(&self, ctx: &Context<'_>) -> CallRecord {
        let trunk = self.near();
        CallRecord {
            id: record_name(self.policy, self.key),
            a: LegRecord {
                trunk: trunk.name.clone(),
                call_id: String::from_utf8_lossy(&self.invite.call_id).into_owned(),
                signalling: self.path.peer,
                media_local: None,
                media_remote: None,
                media: MediaReport::default(),
            },
            b: None,
            route: None,
            caller: self.invite.from.uri().number().unwrap_or_default().into_owned(),
            number_dialled: trunk.called_by(&self.invite).number().unwrap_or_default().into_owned(),
            number_sent: None,
            redirects: 0,
            digits: [0; 2],
            silences: [0; 2],
            attempts: Vec::new(),
            from_call: self.on_behalf.as_ref().map(|on_behalf| on_behalf.from_call.clone()),
            codec: None,
            direct_media: false,
            ringback: false,
            transcoded: None,
            started: ctx.now,
            ringing: None,
            answered: None,
            ended: ctx.now,
            cause: Cause::Cancelled,
        }
    }
}

/// How much the calls of a route matter.
const fn importance_of(route: &Route) -> Importance {
    if route.priority { Importance::Priority } else { Importance::Ordinary }
}

/// Why a route leads nowhere now: what its only trunk says, or all of them alike; else that none of them is left.
fn nothing_left(route: &str, mut refusals: Vec<Refused>) -> Refused {
    let Some(first) = refusals.first().map(Refused::status) else {
        return Refused::NoTrunk { route: route.to_owned(), why: "it has none".to_owned() };
    };
    let alike = refusals.iter().all(|refused| refused.status() == first);
    let out_of_service = first == StatusCode::SERVICE_UNAVAILABLE;
    if refusals.len() == 1 || alike && !out_of_service {
        return refusals.remove(0);
    }
    let why = refusals.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
    Refused::NoTrunk { route: route.to_owned(), why }
}
