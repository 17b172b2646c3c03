//! Header formats, as plain structs in network byte order. Views only; meaning lives in [`crate::forward`].
//!
//! Headers are two-byte aligned, as they are in every frame that begins at an even address: eBPF code would read
//! unaligned ones byte by byte.

pub mod checksum;
pub mod ethernet;
pub mod ipv4;
pub mod ipv6;
pub mod octet;
pub mod rtcp;
pub mod rtp;
pub mod tcp;
pub mod udp;
pub mod udptl;
pub mod vlan;

/// Which of a port pair a packet belongs to (RFC 3550 section 11).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// The even port; that of UDPTL, too.
    Rtp,
    /// The odd port.
    Rtcp,
}

impl Stream {
    /// The stream that a media port carries.
    #[inline(always)]
    #[must_use]
    pub const fn of_port(port: u16) -> Self {
        if port.is_multiple_of(2) { Self::Rtp } else { Self::Rtcp }
    }
}

/// What a datagram between media ports carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Payload {
    /// RTP
    Rtp,
    /// RTCP, on a port of its own or on that of RTP (RFC 5761)
    Rtcp,
    /// UDPTL: fax (ITU-T T.38)
    Udptl,
    /// STUN (RFC 8489)
    Stun,
    /// DTLS that agrees on keys (RFC 5764)
    Dtls,
}

#[cfg(test)]
mod tests;
