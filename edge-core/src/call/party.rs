//! A call that begins by joining two parties: one that another call still has, or that asks by an INVITE with Replaces.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use crate::dialog::Dialog;
use crate::edge::Command;
use crate::media::{Family, MediaPlan};
use crate::policy::{Admission, Policy, Trunk, TrunkId};
use crate::sdp::Offer;
use crate::transaction::TransactionId;

use super::asked::Asked;
use super::calling::{early_leg, endpoint, lease_both, leg_record, record_name, tag};
use super::exchange::Exchange;
use super::join::Joining;
use super::leg::{Leg, Said};
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
        let realms = [parties[0].trunk.realm, parties[1].trunk.realm];
        let families = [Family::of(parties[0].signalling.ip()), Family::of(parties[1].signalling.ip())];
        let leases = lease_both(policy, realms, families, ctx)?;
        let end = |party: &Party, lease| endpoint(lease, None, &party.trunk, party.signalling);
        let plan = MediaPlan { a: end(&parties[0], &leases[0]), b: end(&parties[1], &leases[1]) };
        let numbers = [parties[0].number.clone(), parties[1].number.clone()];
        let [a, b] = parties;
        let mut leg = |party: Party, local| {
            let mut leg = early_leg(&party.trunk, party.dialog, local, party.admission, ctx);
            leg.said = party.said;
            leg
        };
        let legs = [leg(a, plan.a.local), leg(b, plan.b.local)];
        let record = Box::new(joined_record(key, policy, &legs, numbers, &plan, from_call, ctx.now));
        let origin = Origin::of(by, &joining.request, None);
        ctx.command(Command::InstallMedia { call: key, plan });
        Ok(Self {
            key,
            origin,
            legs,
            exchange: None,
            server: TransactionId::NONE,
            plan,
            leases: leases.into(),
            record,
            joining: Some(joining),
        })
    }

    /// The party at A is asking by an INVITE, and offers.
    pub(super) fn asked_by(mut self, asked: Asked, offer: Offer) -> Self {
        self.server = asked.server;
        self.plan.a.remote = offer.audio().remote;
        let mut exchange = Exchange::new(asked);
        self.legs[0].lines = offer.lines().clone();
        exchange.offer = Some((Side::A, offer));
        self.exchange = Some(exchange);
        self
    }
}

fn joined_record(
    key: CallKey,
    policy: &Policy,
    legs: &[Leg; 2],
    [caller, number]: [String; 2],
    plan: &MediaPlan,
    from_call: String,
    now: Instant,
) -> CallRecord {
    CallRecord {
        id: record_name(policy, key),
        a: leg_record(&legs[0], Some(plan.a.local)),
        b: Some(leg_record(&legs[1], Some(plan.b.local))),
        route: None,
        caller,
        number_dialled: number,
        number_sent: None,
        from_call: Some(from_call),
        redirects: 0,
        codec: None,
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
