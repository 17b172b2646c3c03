//! The media plan of a call: which local ports it uses and where each leg wants its packets.
//!
//! The plan names addresses only; how they become entries of the XDP tables is the datapath's affair.
//!
//! Invariants: a port pair belongs to at most one call, and rests after its call before the next one gets it.

mod digit;
mod emodel;
mod heard;
mod ports;
mod quality;
mod reported;
mod sends;
mod steady;
mod tone;

use std::net::{IpAddr, SocketAddr};

pub use digit::Digit;
pub use emodel::mean_opinion;
pub use heard::LastHeard;
pub use ports::{PortLease, PortPool};
pub use quality::{RtpQuality, SPACING_BUCKETS};
pub use reported::{Rated, Reported};
pub use sends::{DigitsAs, Events, Handling, PAYLOADS_MAX, Payload, Sends};
use serde::{Deserialize, Serialize};
use smallvec::{SmallVec, smallvec};
pub use steady::Steady;
pub use tone::{Law, Tone};

/// Streams of one call, used and no longer used: audio and fax on lines of their own, with room for one that comes back on
/// another line. Each takes two port pairs until the call ends.
pub const STREAMS_MAX: usize = 4;

/// The media of a call: at least one stream, and at most [`STREAMS_MAX`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct MediaPlan {
    /// By number; a stream that is not used now has no remote addresses.
    pub streams: SmallVec<[RelayedStream; 1]>,
}

impl MediaPlan {
    /// One stream between these endpoints.
    #[must_use]
    pub fn of(a: MediaEndpoint, b: MediaEndpoint) -> Self {
        Self { streams: smallvec![RelayedStream { a, b }] }
    }
}

/// A stream of a call: one endpoint a leg, each the other's peer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RelayedStream {
    /// Endpoint that faces the caller.
    pub a: MediaEndpoint,
    /// Endpoint that faces the called side.
    pub b: MediaEndpoint,
}

/// One leg's media: a local RTP/RTCP port pair and the far side it belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MediaEndpoint {
    /// Local RTP address; its port is even, and RTCP is on the next one (RFC 3550 section 11).
    pub local: SocketAddr,
    /// Where the leg says that it wants its packets; `None` until it has said so.
    pub remote: Option<RemoteMedia>,
    /// Who may send as the leg.
    pub source_policy: SourcePolicy,
    /// What the leg sends and takes.
    pub traffic: Traffic,
    /// Whether STUN of the leg crosses to the other one.
    pub stun: bool,
    /// How packets for the leg are marked; `None` leaves them as the other leg marked them.
    pub dscp: Option<Dscp>,
    /// RTP timestamp ticks a second (RFC 3551), for jitter.
    pub clock_rate: u32,
    /// The one RTP stream that the leg is sent, if it is one whatever comes for it.
    pub steady: Option<Steady>,
    /// What the leg may send; `None` for anything, as long as nothing is agreed on.
    pub sends: Option<Sends>,
    /// Whether both sides have agreed that the leg sends speech; not when one of them holds the call, and not of fax.
    pub talks: bool,
    /// Whether it is encrypted: then nobody here reads more than its packets' headers.
    pub encryption: Encryption,
}

/// Whether a leg's packets are encrypted, and how its keys are agreed on. Neither is any of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Encryption {
    /// They are not.
    #[default]
    Clear,
    /// Keys are in the descriptions (RFC 4568).
    Described,
    /// By a DTLS handshake from end to end, on the media's own ports (RFC 5764).
    Handshake,
}

/// What a leg sends to its endpoint, and takes from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Traffic {
    /// RTP, and RTCP on the next port.
    #[default]
    Rtp,
    /// RTP, and RTCP on the same port (RFC 5761). The other leg may have it on the next one.
    RtpMuxed,
    /// UDPTL (ITU-T T.38): no RTP and no RTCP. A latch holds for good, because nothing tells one sender from another.
    Udptl,
}

/// The family of an IP address. Media has the same one at both ends of a leg, and may have another on the other leg.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl Family {
    /// The family of an address.
    #[must_use]
    pub const fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(_) => Self::V4,
            IpAddr::V6(_) => Self::V6,
        }
    }
}

/// A differentiated services code point (RFC 2474): what a network does with a packet. 0 to 63.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Dscp(u8);

impl Dscp {
    /// The code point with this number; `None` above 63.
    #[must_use]
    pub const fn new(number: u8) -> Option<Self> {
        if number < 64 { Some(Self(number)) } else { None }
    }

    /// Its number.
    #[must_use]
    pub const fn number(self) -> u8 {
        self.0
    }
}

/// Who may send as a leg, once its SDP is known. The datapath holds it from the first packet on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum SourcePolicy {
    /// The address and port of its SDP.
    #[default]
    Strict,
    /// The address of its SDP, from any port.
    Port,
    /// Any address in the prefix of its SDP's, from any port.
    Subnet {
        /// Bits of the address that count: up to 32 of an IPv4 address, 33 to 128 of an IPv6 address. In the family that
        /// it is not made for, the whole address counts.
        prefix_len: u8,
    },
    /// Whoever is the first with RTP, and nobody after it; packets for the leg go there too. RTCP is found out in the
    /// same way, from the same address. The same sender is followed when its port changes.
    Latch {
        /// The address that it must come from: that of the leg's signalling, when a NAT makes what its SDP says
        /// meaningless. `None` for the address of its SDP.
        from: Option<IpAddr>,
    },
}

/// Where a leg's SDP says that it receives media.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemoteMedia {
    /// Address for RTP.
    pub rtp: SocketAddr,
    /// Address for RTCP: the next port, or what `a=rtcp` says (RFC 3605).
    pub rtcp: SocketAddr,
}

/// Why the datapath does not relay a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MediaRefusal {
    /// An address that a peer named is none that media can be sent to.
    Address {
        /// Why, in the datapath's words.
        reason: String,
    },
    /// The datapath has no room, or cannot do it whatever the address.
    Datapath {
        /// Why, in its words.
        reason: String,
    },
}

/// What came in at one endpoint over the life of a call, read after its removal.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MediaReport {
    /// RTP and RTCP packets relayed.
    pub packets: u64,
    /// Their bytes on the wire, Ethernet header included.
    pub bytes: u64,
    /// How well its RTP came in.
    pub rtp: RtpQuality,
    /// Packets dropped at this endpoint, by the datapath's name for the reason; only reasons that occurred.
    pub drops: Vec<(&'static str, u64)>,
    /// Packets that crossed though they were not what was agreed on, because the trunk's are only counted: by the name of
    /// the reason that would have dropped them.
    pub let_pass: Vec<(&'static str, u64)>,
    /// Whose packet was dropped last, of those that another source or payload would have brought across.
    pub offender: Option<Offender>,
    /// What the far end has reported of what it is sent.
    pub reported: Reported,
}

/// A packet that was dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Offender {
    /// Where it came from.
    pub source: SocketAddr,
    /// The datapath's name for why it was dropped.
    pub reason: &'static str,
    /// Its payload type, if it was RTP.
    pub payload_type: u8,
}

impl MediaReport {
    /// Takes in what came in at another endpoint of the same leg.
    pub fn add(&mut self, other: Self) {
        let Self { packets, bytes, rtp, drops, let_pass, offender, reported } = other;
        self.packets += packets;
        self.bytes += bytes;
        self.rtp.add(&rtp);
        add_counts(&mut self.drops, drops);
        add_counts(&mut self.let_pass, let_pass);
        self.offender = self.offender.or(offender);
        self.reported.add(&reported);
    }
}

fn add_counts(sums: &mut Vec<(&'static str, u64)>, counts: Vec<(&'static str, u64)>) {
    for (reason, count) in counts {
        match sums.iter_mut().find(|(known, _)| *known == reason) {
            Some((_, sum)) => *sum += count,
            None => sums.push((reason, count)),
        }
    }
}

#[cfg(test)]
mod tests;
