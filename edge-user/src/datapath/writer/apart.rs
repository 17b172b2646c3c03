//! RTCP at another address than RTP's (RFC 3605): with a next hop of its own.

use std::net::IpAddr;

use edge_core::media::{MediaEndpoint, RemoteMedia, SourcePolicy, Traffic};
use edge_ebpf::abi::Endpoint;

use super::DatapathWriter;

/// The address of a leg's RTCP, when it is not that of its RTP. Behind a NAT what a description says means nothing.
pub(super) fn rtcp_address(endpoint: &MediaEndpoint) -> Option<IpAddr> {
    let RemoteMedia { rtp, rtcp } = endpoint.remote?;
    let is_behind_nat = matches!(endpoint.source_policy, SourcePolicy::Latch { from: Some(_) });
    let is_apart = endpoint.traffic == Traffic::Rtp && rtcp.ip() != rtp.ip() && !is_behind_nat;
    is_apart.then_some(rtcp.ip())
}

impl DatapathWriter {
    /// The row for RTCP of a leg, counted; 0 where that goes where RTP goes, and where no way leads to it: its RTCP is dropped
    /// then, counted, which is no reason to refuse a call. `former` is the row of an earlier process, or 0.
    pub(super) fn acquire_rtcp_hop(&self, endpoint: &MediaEndpoint, former: u16) -> u16 {
        let hop = |address| self.next_hops.acquire_left(address, endpoint.local.ip(), former);
        let Some(found) = rtcp_address(endpoint).map(hop) else { return 0 };
        found.unwrap_or_else(|error| {
            tracing::debug!(%error, "RTCP of a leg is not relayed");
            0
        })
    }

    /// The row that RTCP of an installed endpoint goes by; 0 where it has none of its own.
    pub(super) fn rtcp_hop(&self, index: u32, entry: &Endpoint) -> u16 {
        self.tables.rtcp_place(index, entry).map_or(0, |place| place.next_hop)
    }
}
