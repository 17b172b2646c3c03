//! Running calls go by where the kernel's routes lead: to another hop, or nowhere.

use std::net::IpAddr;

use edge_ebpf::abi::{Endpoint, RtcpPlace};

use super::{DatapathWriter, Installed, Leg, apart, far_address};

impl DatapathWriter {
    /// Whether routes may have changed since this was asked last: then every installed call wants a
    /// [`follow_routes`](Self::follow_routes).
    pub fn routes_changed(&mut self) -> bool {
        let changes = self.next_hops.route_changes();
        std::mem::replace(&mut self.routes_followed, changes) != changes
    }

    /// Sends the packets of a call by where its routes lead now. They go as they did until the neighbour there has answered, for
    /// which routes are said to have changed once more. A leg whose far side no route that it may take leads to any more, and has
    /// not for a while, goes nowhere: its packets are dropped and counted until one does.
    pub fn follow_routes(&mut self, installed: &Installed) {
        for leg in installed.streams.iter().flatten() {
            self.follow_media(leg);
            self.follow_rtcp(leg);
        }
    }

    fn follow_media(&self, leg: &Leg) {
        let slot = self.tables.endpoint(leg.index);
        let (Some(remote), Ok(entry)) = (leg.endpoint.remote, slot.read()) else { return };
        let remote = far_address(&remote, leg.endpoint.source_policy);
        if let Some(next_hop) = self.other_way(entry.next_hop, remote, leg.endpoint.local.ip()) {
            slot.write(&Endpoint { next_hop, ..entry });
            self.release_next_hop(entry.next_hop);
        }
    }

    /// The same for RTCP at another address.
    fn follow_rtcp(&self, leg: &Leg) {
        let (Some(remote), Ok(entry)) =
            (apart::rtcp_address(&leg.endpoint), self.tables.endpoint(leg.index).read())
        else {
            return;
        };
        let Some(place) = self.tables.rtcp_place(leg.index, &entry) else { return };
        if let Some(next_hop) = self.other_way(place.next_hop, remote, leg.endpoint.local.ip()) {
            self.tables.write_apart(leg.index, &entry, &RtcpPlace { next_hop, ..place });
            self.release_next_hop(place.next_hop);
        }
    }

    /// The row that packets are to go by instead of `row`, counted; 0 when they are to go nowhere.
    fn other_way(&self, row: u16, remote: IpAddr, local: IpAddr) -> Option<u16> {
        match self.next_hops.acquire(remote, local) {
            Ok(found) if self.leads_elsewhere(row, found) => Some(found),
            Ok(found) => {
                self.release_next_hop(found);
                None
            }
            Err(error) => {
                let goes = row != 0 && error.leads_nowhere();
                (goes && self.next_hops.has_no_way(remote, local)).then_some(0)
            }
        }
    }

    /// Whether packets that go by one row are to go by another one from now on.
    fn leads_elsewhere(&self, from: u16, to: u16) -> bool {
        let is_ready = |row| self.tables.next_hop(row).read().destination.is_some();
        if from == to {
            return false;
        }
        let may_go = is_ready(to) || !is_ready(from);
        if !may_go {
            self.next_hops.wait_for(to);
        }
        may_go
    }
}
