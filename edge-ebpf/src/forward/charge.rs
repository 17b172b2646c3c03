//! What is to be counted of a frame at the endpoint that it came to, once it is decided.
//!
//! It is apart from the decision so that few values live on from it: the kernel's verifier would otherwise go through the counting
//! once for every way that leads there.

use crate::abi::Offender;
use crate::stats::Arrival;
use crate::tables::Tables;

/// What is to be counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Charge {
    /// Index of the endpoint.
    pub endpoint: u32,
    /// What came.
    pub what: Charged,
}

/// What came to an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Charged {
    /// RTP that crosses.
    Rtp {
        /// The packet.
        arrival: Arrival,
        /// Length of a timestamp tick in nanoseconds.
        ns_per_tick: u32,
    },
    /// RTCP that crosses.
    Rtcp {
        /// When, in nanoseconds.
        ns: u64,
        /// Its bytes on the wire.
        bytes: u32,
    },
    /// UDPTL that crosses.
    Udptl {
        /// When, in nanoseconds.
        ns: u64,
        /// Its bytes on the wire.
        bytes: u32,
    },
    /// STUN or DTLS that crosses: it is no media, so it does not count as such.
    Beside,
    /// A packet that is dropped.
    Drop(Offender),
}

impl Charge {
    /// Counts it. The state of a call whose packet crosses is its own already.
    #[inline(always)]
    pub fn book(&self, tables: &impl Tables) {
        let Self { endpoint, what } = self;
        let Some(state) = tables.state(*endpoint) else { return };
        match what {
            Charged::Rtp { arrival, ns_per_tick } => {
                state.record_rtp(arrival, *ns_per_tick);
            }
            Charged::Rtcp { ns, bytes } => state.record_rtcp(*ns, (*bytes).into()),
            Charged::Udptl { ns, bytes } => state.record_udptl(*ns, (*bytes).into()),
            Charged::Beside => {}
            Charged::Drop(offender) => {
                // A packet that is dropped may not have come as far as its entry.
                let call = tables.endpoint(*endpoint).map_or(0, |slot| slot.call());
                if call == 0 {
                    return;
                }
                state.adopted(state.owner(), call).record_drop(offender);
            }
        }
    }
}
