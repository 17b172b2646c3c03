//! Ports without a call: silent, or the host's to answer for. What the XDP program is to do about a port is in its free entry, so
//! that the program looks nowhere else.

use std::time::Duration;

use edge_ebpf::abi::Endpoint;

use super::tables::SharedTables;
use crate::runtime::clock;

/// What becomes of packets to ports without a call. The userspace relay does not see them: there the host answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ClosedPorts {
    /// They are dropped.
    #[default]
    Drop,
    /// They are the host's to answer; but not while a port rests for this long after a call.
    Icmp {
        /// How long.
        rest: Duration,
    },
}

impl SharedTables {
    /// Says so in every free entry, before there is a program that reads them. Those that still rest go on to do so.
    pub(super) fn close_ports(&mut self, closed: ClosedPorts) {
        self.closed_ports = closed;
        for index in 0..self.layout().endpoints() {
            let slot = self.endpoint(index);
            if slot.call() != 0 {
                continue;
            }
            let is_silent = || slot.read().map_or(true, |entry| entry.ns_per_tick == 0);
            match closed {
                ClosedPorts::Drop if !is_silent() => slot.write(&Endpoint::FREE),
                ClosedPorts::Icmp { .. } if is_silent() => slot.write(&Endpoint::closed_from(0)),
                ClosedPorts::Drop | ClosedPorts::Icmp { .. } => {}
            }
        }
    }

    /// Frees an endpoint. Late media of its call is not answered for: its sender has done nothing wrong.
    pub(super) fn free(&self, index: u32) {
        let entry = match self.closed_ports {
            ClosedPorts::Drop => Endpoint::FREE,
            ClosedPorts::Icmp { rest } => {
                let rest = u64::try_from(rest.as_nanos()).unwrap_or(u64::MAX);
                Endpoint::closed_from(clock::monotonic_ns().saturating_add(rest))
            }
        };
        self.endpoint(index).write(&entry);
    }
}
