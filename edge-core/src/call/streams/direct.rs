//! Streams that go from one side of a call to the other without the edge: they have no ports of ours and nothing in the
//! datapath, so a plan without streams is what they are known by.
//!
//! A call whose media is left out may turn to a side that it cannot be left out for; then it has ports from there on. One that has
//! had ports keeps them until its end, because somebody may have been told of them.

use std::net::{IpAddr, Ipv4Addr};

use crate::media::{Family, MediaPlan};
use crate::policy::{DelayedOffer, Policy, Trunk};
use crate::sdp::{Answer, MediaLines};

use super::super::Side;
use super::{End, Streams};

/// Times that a side is told that the other one has moved its media in an answer: two of that kind would tell each other for ever.
const MOVES_MAX: u8 = 8;

/// Whether media of a call between these trunks is left out of the edge. It cannot be where the edge has to make the offer: that
/// has to name somebody.
pub(in crate::call) fn is_left_out(policy: &Policy, caller: &Trunk, called: &Trunk, offered: bool) -> bool {
    let asks = offered || called.delayed_offer == DelayedOffer::Pass;
    asks && policy.leaves_media_out(caller, called)
}

impl Streams {
    /// Streams without the edge.
    pub(super) fn direct(ends: [End; 2]) -> Self {
        let (plan, lines) = (MediaPlan::default(), MediaLines::default());
        Self { plan, lines, ends, leases: Vec::new(), moves_left: MOVES_MAX }
    }

    /// Whether media does not pass the edge.
    pub(in crate::call) fn are_direct(&self) -> bool {
        self.plan.streams.is_empty()
    }

    /// The address of ours that a session towards `side` is made at: where its media goes, or would, as that side knows it.
    pub(in crate::call) fn address(&self, side: Side, policy: &Policy) -> IpAddr {
        if let Some(local) = self.local(side, 0) {
            return self.advertised(side, policy).for_ip(local.ip());
        }
        let End { realm, family, .. } = self.ends[side.index()];
        let realm = policy.realm(realm);
        let addresses = || realm.media.iter().map(|range| range.address);
        let listeners = || realm.sip.iter().map(|listener| listener.address.ip());
        let of_family = addresses().find(|address| Family::of(*address) == family);
        let own = of_family.or_else(|| addresses().chain(listeners()).next());
        own.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |own| realm.advertised.for_ip(own))
    }

    /// Whether the answer of `side` to a description that said again what is agreed has its media elsewhere than `before`, so
    /// that the other side has to be told.
    pub(in crate::call) fn moved(&mut self, side: Side, before: &Answer, now: &Answer) -> bool {
        let destinations = |said| self.lines.destinations(side.index(), said).collect::<Vec<_>>();
        let moved = destinations(before) != destinations(now);
        let told = moved && self.moves_left > 0;
        self.moves_left -= u8::from(told);
        told
    }
}
