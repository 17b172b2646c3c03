//! The endpoints of a call as they are seen from outside: what an operator asks for.

use std::net::SocketAddr;

use edge_core::media::{MediaEndpoint, MediaReport};

use super::{DatapathWriter, Installed};

/// One endpoint of an installed call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenFlow {
    /// 0 when it faces the caller, 1 when it faces the called side.
    pub leg: usize,
    /// As it was written last.
    pub endpoint: MediaEndpoint,
    /// Our address on the other leg, where its packets leave.
    pub peer: SocketAddr,
    /// Where its far side was found to send from, under the policy `latch`.
    pub latched: Option<SocketAddr>,
    /// What came in.
    pub report: MediaReport,
    /// Arrival of the last packet that crossed, on `CLOCK_MONOTONIC` in nanoseconds; 0 before any.
    pub last_seen_ns: u64,
}

impl DatapathWriter {
    /// The endpoints of a call, in the order of its plan; that of leg A first.
    #[must_use]
    pub fn flows(&self, installed: &Installed) -> Vec<SeenFlow> {
        let call = installed.call;
        let mut flows = Vec::with_capacity(2 * installed.streams.len());
        for [a, b] in &installed.streams {
            for (number, leg, peer) in [(0, a, b), (1, b, a)] {
                flows.push(SeenFlow {
                    leg: number,
                    endpoint: leg.endpoint.clone(),
                    peer: peer.endpoint.local,
                    latched: self.tables.latched(leg.index, call),
                    report: self.tables.report(leg.index, call, peer.endpoint.clock_rate),
                    last_seen_ns: self.tables.last_seen_ns(leg.index, call),
                });
            }
        }
        flows
    }
}
