//! Media that an earlier process has installed, taken over without a packet lost.
//!
//! Invariants: an endpoint is taken over only while it carries the call number that the journal names; what it says of its far
//! side stays, with its generation and so with its latch, unless the journal says otherwise.

use std::collections::HashSet;
use std::net::IpAddr;

use edge_core::media::{MediaEndpoint, MediaPlan, MediaReport};
use edge_ebpf::abi::{Endpoint, FLAG_RTCP_APART, FLAG_RTCP_SECOND};

use super::super::layout::key;
use super::super::{Datapath, InstallError};
use super::apart::rtcp_address;
use super::{DatapathWriter, Installed, Leg, Rows, entry, far_address};

impl Datapath {
    /// Whether all endpoints of a plan are installed for this call.
    #[must_use]
    pub fn relays(&self, call: u32, plan: &MediaPlan) -> bool {
        let installed = |endpoint: &MediaEndpoint| {
            let index = self.tables.layout().endpoint(endpoint.local);
            index.is_some_and(|index| self.tables.endpoint(index).call() == call)
        };
        call != 0 && plan.streams.iter().flat_map(|stream| [&stream.a, &stream.b]).all(installed)
    }

    /// What came in for a call at the endpoints of a plan, installed or not, while no other call had them: leg A's, then leg
    /// B's.
    #[must_use]
    pub fn left_by(&self, call: u32, plan: &MediaPlan) -> [MediaReport; 2] {
        let mut reports = [MediaReport::default(), MediaReport::default()];
        for stream in &plan.streams {
            for (report, endpoint, other) in [(0, &stream.a, &stream.b), (1, &stream.b, &stream.a)] {
                if let Some(index) = self.tables.layout().endpoint(endpoint.local) {
                    reports[report].add(self.tables.report(index, call, other.clock_rate));
                }
            }
        }
        reports
    }

    /// Removes every endpoint that is not among these: nobody knows them. Returns how many there were.
    pub fn remove_others(&self, kept: &HashSet<u32>) -> u32 {
        let removed = self.tables.remove_others(kept);
        self.next_hops.take_over_the_rest();
        self.profiles.take_over_the_rest();
        removed
    }
}

impl DatapathWriter {
    /// Takes over the media that an earlier process has installed for `call`.
    ///
    /// # Errors
    /// [`InstallError`] when it is not there, or could not be installed now; then nothing has changed.
    pub fn adopt(&mut self, call: u32, plan: &MediaPlan) -> Result<Installed, InstallError> {
        let mut streams = Vec::with_capacity(plan.streams.len());
        for stream in &plan.streams {
            streams.push([self.leg_of(call, &stream.a)?, self.leg_of(call, &stream.b)?]);
        }
        self.tables.reserve_streams(streams.len())?;
        let give_back = || self.tables.release_streams(streams.len());
        let rows = self.acquire_left(&streams).inspect_err(|_| give_back())?;
        for (legs, rows) in streams.iter().zip(rows) {
            legs.iter().for_each(|leg| self.tables.hold_ports(leg.index, leg.endpoint.local));
            let moved = [(0, 1), (1, 0)].map(|(leg, peer)| self.is_moved(&legs[leg], &legs[peer]));
            let stays = |leg: usize| {
                let slot = self.tables.endpoint(legs[leg].index).read();
                !moved[leg]
                    && slot.is_ok_and(|slot| {
                        let Rows { next_hop, rtcp_hop, profile } = rows[leg];
                        (slot.next_hop, slot.profile) == (next_hop, profile)
                            && self.rtcp_hop(legs[leg].index, &slot) == rtcp_hop
                    })
            };
            if !(stays(0) && stays(1)) {
                self.write(call, legs, rows, moved);
            }
        }
        Ok(Installed { call, streams })
    }

    fn leg_of(&self, call: u32, planned: &MediaEndpoint) -> Result<Leg, InstallError> {
        let local = planned.local;
        let index = self.tables.layout().endpoint(local).ok_or(InstallError::NotMedia { local })?;
        match self.tables.endpoint(index).call() {
            found if found == call && call != 0 => Ok(Leg { index, endpoint: planned.clone(), heard: None }),
            found => Err(InstallError::InUse { local, call: found }),
        }
    }

    /// Whether an endpoint says something else than is planned for its leg.
    fn is_moved(&self, leg: &Leg, peer: &Leg) -> bool {
        let planned = entry(&leg.endpoint);
        let slot = self.tables.endpoint(leg.index).read().ok();
        slot.is_none_or(|found| {
            let Endpoint { call, next_hop, profile, generation, .. } = found;
            let place = self.tables.rtcp_place(leg.index, &found).map(|place| place.remote);
            let apart = found.flags & (FLAG_RTCP_APART | FLAG_RTCP_SECOND);
            let (flags, peer) = (planned.flags | apart, peer.index);
            place != rtcp_address(&leg.endpoint).map(key)
                || found != Endpoint { call, next_hop, profile, generation, peer, flags, ..planned }
        })
    }

    /// The rows of all legs, counted; the next hops that the endpoints name already, where they lead to the same place.
    fn acquire_left(&self, streams: &[[Leg; 2]]) -> Result<Vec<[Rows; 2]>, InstallError> {
        let mut rows = vec![[Rows::default(); 2]; streams.len()];
        for (index, legs) in streams.iter().enumerate() {
            for (number, leg) in legs.iter().enumerate() {
                let profile = self.acquire_profile(&leg.endpoint);
                rows[index][number].profile = profile.inspect_err(|_| self.release(&rows))?;
                let Some(remote) = leg.endpoint.remote else { continue };
                let former = self.tables.endpoint(leg.index).read().map_or(0, |slot| slot.next_hop);
                let far = far_address(&remote, leg.endpoint.source_policy);
                let hop = self.hop_left(far, leg.endpoint.local.ip(), former);
                rows[index][number].next_hop = hop.inspect_err(|_| self.release(&rows))?;
                let former = self.tables.endpoint(leg.index).read();
                let former = former.map_or(0, |slot| self.rtcp_hop(leg.index, &slot));
                rows[index][number].rtcp_hop = self.acquire_rtcp_hop(&leg.endpoint, former);
            }
        }
        Ok(rows)
    }

    /// The row to `remote`, counted; 0 when no route leads there now. That ends no call whose media is here: it goes on when there
    /// is one again, which the call looks for like any that has lost its way.
    fn hop_left(&self, remote: IpAddr, local: IpAddr, former: u16) -> Result<u16, InstallError> {
        match self.next_hops.acquire_left(remote, local, former) {
            Err(error) if error.leads_nowhere() => {
                self.next_hops.has_no_way(remote, local);
                Ok(0)
            }
            found => found,
        }
    }
}

impl Installed {
    /// Its number in the tables.
    pub(crate) const fn number(&self) -> u32 {
        self.call
    }

    /// Its endpoints, each with its leg: 0 for A, 1 for B.
    pub(in crate::datapath) fn places(&mut self) -> impl Iterator<Item = (usize, &mut Leg)> {
        self.streams.iter_mut().flat_map(|legs| legs.iter_mut().enumerate())
    }

    /// The one at this index.
    pub(in crate::datapath) fn leg_at(&mut self, index: u32) -> Option<(usize, &mut Leg)> {
        self.places().find(|(_, place)| place.index == index)
    }

    /// The endpoints that belong to it.
    pub(crate) fn endpoints(&self) -> impl Iterator<Item = u32> {
        self.streams.iter().flatten().map(|leg| leg.index)
    }
}
