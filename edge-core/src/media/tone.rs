//! A tone that the edge plays itself, at the media address of a leg.

use std::net::SocketAddr;

use super::Dscp;
use crate::policy::{RealmId, ToneCountry};

/// A law of G.711.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Law {
    /// A-law.
    A,
    /// mu-law.
    Mu,
}

/// A tone for one leg: RTP packets of 20 ms (RFC 3551 section 4.5.14).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tone {
    /// The network that the leg is in.
    pub realm: RealmId,
    /// Our media address and port for the leg, which the packets come from.
    pub local: SocketAddr,
    /// Where the leg wants them.
    pub remote: SocketAddr,
    /// How they are marked; `None` leaves that to the host.
    pub dscp: Option<Dscp>,
    /// How it sounds.
    pub country: ToneCountry,
    /// Law of the samples.
    pub law: Law,
    /// What the leg knows that law by.
    pub payload_type: u8,
    /// Synchronisation source of the packets.
    pub ssrc: u32,
    /// Sequence number of the first.
    pub sequence: u16,
    /// Timestamp of the first.
    pub timestamp: u32,
}
