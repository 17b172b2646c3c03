//! The media of a call as its signalling goes: its streams with their ports, and the m= lines that they stand for.
//!
//! Invariants: a stream that is relayed has a port pair on each leg from before any SDP names it until the call ends; what is
//! planned to be relayed is what both sides were told last.

mod direct;
mod end;
mod journal;
mod steady;
mod told;

use std::net::SocketAddr;
use std::time::Instant;

use bytes::Bytes;

use crate::media::{MediaEndpoint, MediaPlan, PortLease, PortPool, RelayedStream, RemoteMedia};
use crate::policy::{Policy, RealmId, Stun, Trunk};
use crate::sdp::{
    Agreement, Answer, LegLines, MediaLines, MediaStream, Offer, Origin, Proposal, SdpError, Terms,
};

use super::Side;
use super::leg::Leg;

pub(super) use direct::is_left_out;
pub(super) use end::End;
pub(super) use journal::{EndSnapshot, are_sound};

/// The streams of one call.
#[derive(Debug)]
pub(super) struct Streams {
    /// What is to be relayed. What the datapath was told is the call's affair.
    pub(super) plan: MediaPlan,
    lines: MediaLines,
    ends: [End; 2],
    leases: Vec<PortLease>,
    /// How often a side that has moved is yet told of to the other one, when media does not pass the edge.
    moves_left: u8,
}

impl Streams {
    /// One stream between these ends, side A's first; `left_out` says whether it passes the edge.
    ///
    /// # Errors
    /// The realm that has no port left for it; then nothing is taken.
    pub(super) fn new(
        ends: [End; 2],
        left_out: bool,
        ports: &mut PortPool,
        now: Instant,
    ) -> Result<Self, RealmId> {
        let mut streams = Self::direct(ends);
        if !left_out {
            streams.provide(1, ports, now)?;
        }
        Ok(streams)
    }

    /// Gives all ports back.
    pub(super) fn release(self, ports: &mut PortPool, now: Instant) {
        for lease in self.leases {
            ports.release(lease, now);
        }
    }

    /// The ports, to be given back later.
    pub(super) fn into_leases(self) -> Vec<PortLease> {
        self.leases
    }

    /// The same streams of side A, towards another side B, about whom nothing is known; to be [taken](Self::turn_to) or
    /// released. `left_out` says whether they may go on without the edge, where they do.
    ///
    /// # Errors
    /// The realm that has no port left for it; then nothing is taken.
    pub(super) fn towards(
        &self,
        b: End,
        left_out: bool,
        ports: &mut PortPool,
        now: Instant,
    ) -> Result<Self, RealmId> {
        let ends = [self.ends[0], b];
        if self.are_direct() {
            return Self::new(ends, left_out, ports, now);
        }
        let mut next = Self { plan: self.plan.clone(), ..Self::direct(ends) };
        for stream in &mut next.plan.streams {
            let local = if (b.realm, b.family) == (self.ends[1].realm, self.ends[1].family) {
                stream.b.local
            } else {
                let Some(lease) = ports.lease(b.realm, b.family, now) else {
                    next.leases.drain(..).for_each(|lease| ports.release(lease, now));
                    return Err(b.realm);
                };
                let local = lease.rtp();
                next.leases.push(lease);
                local
            };
            stream.b = b.endpoint(local);
        }
        Ok(next)
    }

    /// Takes what [`towards`](Self::towards) has made. Ports towards the former side rest with the others.
    pub(super) fn turn_to(&mut self, mut next: Self) {
        next.leases.append(&mut self.leases);
        *self = next;
    }

    /// The lines of a side that leaves for another call. The streams stay until this one ends.
    pub(super) fn give(&mut self, side: Side) -> LegLines {
        self.lines.give(side.index())
    }

    /// The lines of a side that comes from another call, in the place of those that kept it.
    pub(super) fn take(&mut self, side: Side, lines: LegLines) {
        self.lines.take(side.index(), lines);
    }

    /// Forgets streams beyond the first `streams`, which the datapath has no room for.
    pub(super) fn shorten(&mut self, streams: usize, ports: &mut PortPool, now: Instant) {
        for stream in self.plan.streams.drain(streams.min(self.plan.streams.len())..) {
            let of_stream = |lease: &mut PortLease| [stream.a.local, stream.b.local].contains(&lease.rtp());
            self.leases.extract_if(.., of_stream).for_each(|lease| ports.release(lease, now));
        }
    }

    /// What a provisional answer had moved is where it was; streams that there are since stay, and are not used.
    pub(super) fn go_back_to(&mut self, before: &MediaPlan) {
        for (index, stream) in self.plan.streams.iter_mut().enumerate() {
            match before.streams.get(index) {
                Some(before) => *stream = before.clone(),
                None => (stream.a.remote, stream.b.remote) = (None, None),
            }
        }
    }

    /// The plan that a proposal of `side` would lead to, whose answer is not known yet.
    pub(super) fn plan_of(&self, side: Side, proposal: &Proposal) -> MediaPlan {
        let mut plan = self.plan.clone();
        for (number, stream) in proposal.offered() {
            if let Some(planned) = plan.streams.get_mut(number) {
                planned.end_mut(side).remote = stream.remote;
            }
        }
        plan
    }

    /// Our first end towards `side`, for the record; there is none when media does not pass the edge.
    pub(super) fn first(&self, side: Side) -> Option<&MediaEndpoint> {
        self.plan.streams.first().map(|stream| stream.end(side))
    }

    /// The offer that `from` made, said anew for the other leg, for which there may be more streams now.
    ///
    /// # Errors
    /// Why nothing of it can cross.
    pub(super) fn pass_offer(
        &mut self,
        policy: &Policy,
        from: Side,
        (near, far): (&Leg, &mut Leg),
        offer: Offer,
        ports: (&mut PortPool, Instant),
    ) -> Result<(Proposal, Bytes), SdpError> {
        let terms = self.terms(near, far);
        let local = self.local(from, 0);
        let may_be = |stream: &MediaStream| policy.may_be_media(&near.trunk, local, stream.remote);
        let proposal = self.lines.propose(from.index(), offer, &terms, may_be)?;
        let before = if self.lines == MediaLines::default() { 0 } else { self.plan.streams.len() };
        if !self.are_direct() {
            self.provide(proposal.streams(), ports.0, ports.1).map_err(|_realm| SdpError::NoPort)?;
        }
        // What an offer names may be sent to at once, and sent from.
        for (number, stream) in proposal.offered().filter(|(number, _)| *number >= before) {
            let Some(planned) = self.plan.streams.get_mut(number) else { continue };
            let end = planned.end_mut(from);
            (end.remote, end.traffic) = (stream.remote, stream.traffic(false));
        }
        let body = far
            .session
            .describe(|origin| proposal.offer_to(origin, |number| self.told(from.other(), number, policy)));
        Ok((proposal, body))
    }

    /// An offer of our own for leg `to`, on behalf of the other one, which has made none.
    ///
    /// # Errors
    /// Why there is nothing to offer.
    pub(super) fn own_offer(
        &self,
        policy: &Policy,
        to: Side,
        (near, far): (&Leg, &mut Leg),
    ) -> Result<Bytes, SdpError> {
        let offer = Offer::of_our_own(&near.trunk.codecs, &far.trunk.codecs);
        let terms = Terms::between(&near.trunk, &far.trunk);
        let proposal = MediaLines::default().propose(to.other().index(), offer, &terms, |_| Ok(()))?;
        Ok(far.session.describe(|origin| proposal.offer_to(origin, |number| self.told(to, number, policy))))
    }

    /// The offer of `from`, for a leg that has agreed to these streams with another place of it: nothing of it is told.
    ///
    /// # Errors
    /// Why nothing of it can be relayed.
    pub(super) fn propose_alone(
        &self,
        policy: &Policy,
        from: Side,
        (near, far): (&Leg, &Leg),
        offer: Offer,
    ) -> Result<Proposal, SdpError> {
        let local = self.local(from, 0);
        let may_be = |stream: &MediaStream| policy.may_be_media(&near.trunk, local, stream.remote);
        let proposal = MediaLines::default().propose(from.index(), offer, &self.terms(near, far), may_be)?;
        let has_room = self.are_direct() || proposal.streams() <= self.plan.streams.len();
        if has_room { Ok(proposal) } else { Err(SdpError::NoPort) }
    }

    /// The terms on which an offer of `near` crosses to `far`.
    fn terms<'a>(&self, near: &'a Leg, far: &'a Leg) -> Terms<'a> {
        Terms::between(&near.trunk, &far.trunk).directly(self.are_direct())
    }

    /// What the answer of side `from`, which is `near`, to `proposal` would agree to.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn agreement(
        &self,
        policy: &Policy,
        from: Side,
        near: &Leg,
        proposal: &Proposal,
        sdp: &[u8],
    ) -> Result<Agreement, SdpError> {
        let local = self.local(from, 0);
        let may_be = |stream: &MediaStream| policy.may_be_media(&near.trunk, local, stream.remote);
        let agreement = proposal.agree(&Answer::parse(sdp)?, may_be)?;
        // A call without any media is no call; one that has lost it may get it back.
        if agreement.is_empty() && self.lines == MediaLines::default() {
            return Err(SdpError::Declined);
        }
        Ok(agreement)
    }

    /// What side `to`, which offered, is answered.
    pub(super) fn answer(&self, policy: &Policy, agreement: &Agreement, to: Side, origin: Origin) -> Bytes {
        agreement.answer_to(origin, |number| self.told(to, number, policy))
    }

    /// The answer of side `from` to `proposal`, agreed to: the media follows it, and the lines stay.
    ///
    /// # Errors
    /// What is wrong with it; then nothing changes.
    pub(super) fn agree(
        &mut self,
        policy: &Policy,
        from: Side,
        legs: &mut [Leg; 2],
        proposal: &Proposal,
        sdp: &[u8],
    ) -> Result<(Agreement, Bytes), SdpError> {
        let (near, far) = (&legs[from.index()], from.other());
        let agreement = self.agreement(policy, from, near, proposal, sdp)?;
        let body = legs[far.index()].session.describe(|origin| self.answer(policy, &agreement, far, origin));
        legs[from.index()].said.note(sdp);
        for leg in legs {
            leg.said.agree();
            leg.session.agree();
        }
        self.lines = agreement.lines();
        self.follow(from, &agreement);
        Ok((agreement, body))
    }

    /// The answer of `side` to a description that said again what is agreed: it may have moved its media.
    pub(super) fn follow_refresh(&mut self, policy: &Policy, side: Side, trunk: &Trunk, answer: &Answer) {
        let local = self.local(side, 0);
        let moved: Vec<(usize, Option<RemoteMedia>)> =
            self.lines.destinations(side.index(), answer).collect();
        for (number, remote) in moved {
            if policy.may_be_media(trunk, local, remote).is_ok() {
                let planned = self.plan.streams.get_mut(number);
                planned.into_iter().for_each(|stream| stream.end_mut(side).remote = remote);
            }
        }
    }

    /// Leases ports until there are so many streams.
    fn provide(&mut self, streams: usize, ports: &mut PortPool, now: Instant) -> Result<(), RealmId> {
        while self.plan.streams.len() < streams {
            let [a, b] = self.ends;
            let lease_a = ports.lease(a.realm, a.family, now).ok_or(a.realm)?;
            let Some(lease_b) = ports.lease(b.realm, b.family, now) else {
                ports.release(lease_a, now);
                return Err(b.realm);
            };
            self.plan
                .streams
                .push(RelayedStream { a: a.endpoint(lease_a.rtp()), b: b.endpoint(lease_b.rtp()) });
            self.leases.extend([lease_a, lease_b]);
        }
        Ok(())
    }

    fn local(&self, side: Side, number: usize) -> Option<SocketAddr> {
        self.plan.streams.get(number).map(|stream| stream.end(side).local)
    }

    fn follow(&mut self, answering: Side, agreement: &Agreement) {
        let stun = self.ends.iter().all(|end| end.stun == Stun::Pass);
        for (number, stream) in self.plan.streams.iter_mut().enumerate() {
            let Some(agreed) = agreement.stream(number) else {
                (stream.a.remote, stream.b.remote) = (None, None);
                (stream.a.talks, stream.b.talks) = (false, false);
                continue;
            };
            let clock_rate = agreed.answered.clock_rate();
            let sides = [answering.other(), answering];
            let [talks_first, talks_back] = agreed.talks();
            let [offers, answers] = agreed.sends(sides.map(|side| self.ends[side.index()].policing));
            let ends = [
                (sides[0], &agreed.offered, agreed.offered_mux(), (offers, talks_first)),
                (sides[1], &agreed.answered, agreed.answered_mux(), (answers, talks_back)),
            ];
            for (side, described, rtcp_mux, (sends, talks)) in ends {
                let end = stream.end_mut(side);
                (end.remote, end.traffic) = (described.remote, described.traffic(rtcp_mux));
                (end.clock_rate, end.sends, end.stun) = (clock_rate, sends, stun);
                (end.talks, end.encryption) = (talks, described.encryption());
            }
        }
    }
}
