//! A call that begins by joining two parties: one that another call still has, or that asks by an INVITE with Replaces.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use crate::dialog::Dialog;
use crate::policy::{Admission, Policy, Trunk, TrunkId};
use crate::sdp::Offer;
use crate::transaction::TransactionId;

use super::asked::Asked;
use super::calling::{early_leg, leg_record, no_port, record_name, tag};
use super::course::Course;
use super::exchange::Exchange;
use super::join::Joining;
use super::leg::{Leg, Said};
use super::redirect::Redirection;
use super::streams::{End, Streams};
use super::{Begun, Call, CallKey, CallRecord, Cause, Context, Origin, Refused, Side};

/// What a joining call knows of a side that it will have.
#[derive(Debug)]
pub(crate) struct Party {
    trunk: Arc<Trunk>,
    /// Its own dialog, or one that keeps its place.
    dialog: Dialog,
    /// Who it is to others: a number.
    number: String,
    signalling: SocketAddr,
    said: Said,
    admission: Option<Admission>,
}

impl Party {
    /// A side that begins with this call.
    pub(super) fn new(
        trunk: &Arc<Trunk>,
        dialog: Dialog,
        number: String,
        said: Said,
        admission: Admission,
    ) -> Self {
        let signalling = dialog.opened_over().peer;
        Self { trunk: Arc::clone(trunk), dialog, number, signalling, said, admission: Some(admission) }
    }
}

impl Begun {
    /// A call that joins two parties. The trunk `by` has asked for it.
    ///
    /// # Errors
    /// [`Refused`] when there are no ports, or when what a party said cannot be used.
    pub(crate) fn joined(
        key: CallKey,
        by: TrunkId,
        parties: [Party; 2],
        joining: Joining,
        from_call: String,
        policy: &Arc<Policy>,
        ctx: &mut Context<'_>,
    ) -> Result<Self, Refused> {
        let ends = [0, 1]
            .map(|side: usize| End::of(&parties[side].trunk, parties[side].signalling.ip(), ctx.random));
        // What one side has said of its media is offered to the other by the edge, which has to be there for that.
        let streams =
            Streams::new(ends, false, ctx.ports, ctx.now).map_err(|realm| no_port(policy, realm))?;
        let media = [Side::A, Side::B].map(|side| streams.first(side).map(|end| end.local));
        let addresses = [Side::A, Side::B].map(|side| streams.address(side, policy));
        let numbers = [parties[0].number.clone(), parties[1].number.clone()];
        let [a, b] = parties;
        let mut leg = |party: Party, local: IpAddr| {
            let mut leg = early_leg(&party.trunk, party.dialog, local, party.admission, ctx);
            leg.said = party.said;
            leg
        };
        let legs = [leg(a, addresses[0]), leg(b, addresses[1])];
        let record = Box::new(joined_record(key, policy, &legs, numbers, media, from_call, ctx.now));
        let origin = Origin::of(by, &joining.request, None);
        Ok(Self {
            key,
            origin,
            legs,
            exchange: None,
            server: TransactionId::NONE,
            streams,
            record,
            joining: Some(Box::new(joining)),
            redirection: Redirection::default(),
            course: Course::default(),
        })
    }

    /// The party at A is asking by an INVITE, and offers; or wants to be offered something.
    ///
    /// # Errors
    /// [`Refused`] when nothing of the offer can be used; then its ports are given back.
    pub(super) fn asked_by(
        mut self,
        asked: Asked,
        offer: Option<Offer>,
        policy: &Policy,
        ctx: &mut Context<'_>,
    ) -> Result<Self, Refused> {
        self.server = asked.server;
        let mut exchange = Exchange::new(asked);
        let [near, far] = &mut self.legs;
        let ports = (&mut *ctx.ports, ctx.now);
        let passed = offer
            .map(|offer| self.streams.pass_offer(policy, Side::A, (near, far), offer, ports))
            .transpose();
        match passed {
            // The other party is told when it is here.
            Ok(passed) => exchange.offer = passed.map(|(proposal, _told)| (Side::A, proposal)),
            Err(error) => {
                self.streams.release(ctx.ports, ctx.now);
                return Err(Refused::Offer(error));
            }
        }
        self.exchange = Some(Box::new(exchange));
        Ok(self)
    }
}

fn joined_record(
    key: CallKey,
    policy: &Policy,
    legs: &[Leg; 2],
    [caller, number]: [String; 2],
    media: [Option<SocketAddr>; 2],
    from_call: String,
    now: Instant,
) -> CallRecord {
    CallRecord {
        id: record_name(policy, key),
        a: leg_record(&legs[0], media[0]),
        b: Some(leg_record(&legs[1], media[1])),
        route: None,
        caller,
        number_dialled: number,
        number_sent: None,
        from_call: Some(from_call),
        redirects: 0,
        digits: [0; 2],
        silences: [0; 2],
        attempts: Vec::new(),
        codec: None,
        direct_media: false,
        ringback: false,
        transcoded: None,
        started: now,
        ringing: None,
        answered: None,
        ended: now,
        cause: Cause::Cancelled,
    }
}

impl Call {
    /// A side of this call, for another one to keep a place for.
    pub(crate) fn party(&self, side: Side, ctx: &mut Context<'_>) -> Party {
        let leg = self.leg(side);
        let mut dialog = leg.dialog.clone();
        // Nobody knows this tag, so nothing comes in for the place itself.
        dialog.local_tag = tag(ctx);
        Party {
            trunk: Arc::clone(&leg.trunk),
            dialog,
            number: self.leg(side.other()).dialog.local_number(),
            signalling: leg.dialog.opened_over().peer,
            said: leg.said.clone(),
            admission: None,
        }
    }
}
