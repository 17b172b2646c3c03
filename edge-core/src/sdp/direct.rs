//! Media that does not pass the edge: each leg is told where the other one receives, untouched, and what of its network it
//! says for that (ICE, RFC 8839).
//!
//! Invariant: whoever is told of an address of ours gets nothing of the other leg's network.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::session::{MediaDescription, attribute};
use crate::media::RemoteMedia;

/// Attributes of a stream, or of all of them, by which its owner looks for a way to the other leg.
const ICE: [&str; 8] = [
    "candidate",
    "remote-candidates",
    "end-of-candidates",
    "ice-ufrag",
    "ice-pwd",
    "ice-options",
    "ice-pacing",
    LITE,
];

/// Whoever only answers checks; said of the whole description.
pub(super) const LITE: &str = "ice-lite";

/// Lines of each stream that are kept; the longest lists of candidates have about twenty.
const LINES_MAX: usize = 64;

/// The port of a stream that is received nowhere: `discard`, as descriptions without an address have it (RFC 8840 section 4.1.1).
const DISCARD: u16 = 9;

/// Where a leg is told that a stream is received.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Receiver {
    /// At a port pair of ours; RTCP is on the next port, or on RTP's.
    Edge(SocketAddr),
    /// Where the other leg said; `None` where it wants nothing (RFC 3264 section 8.4).
    Peer(Option<RemoteMedia>),
}

impl Receiver {
    /// The address of c=.
    pub(super) const fn ip(self) -> IpAddr {
        match self {
            Self::Edge(local) => local.ip(),
            Self::Peer(Some(remote)) => remote.rtp.ip(),
            Self::Peer(None) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        }
    }

    /// The port of m=.
    pub(super) const fn port(self) -> u16 {
        match self {
            Self::Edge(local) => local.port(),
            Self::Peer(Some(remote)) => remote.rtp.port(),
            Self::Peer(None) => DISCARD,
        }
    }

    /// Where RTCP goes, when that is neither on the next port nor agreed to be on this one.
    pub(super) fn rtcp(self) -> Option<SocketAddr> {
        let Self::Peer(Some(RemoteMedia { rtp, rtcp })) = self else { return None };
        let next = rtp.port().checked_add(1).map(|port| SocketAddr::new(rtp.ip(), port));
        (next != Some(rtcp)).then_some(rtcp)
    }
}

/// What the owner of a stream says of its network, as written.
pub(super) fn network(media: &MediaDescription<'_>) -> Vec<String> {
    let known = |(name, value): (&str, &str)| {
        let written = || if value.is_empty() { name.to_owned() } else { format!("{name}:{value}") };
        ICE.contains(&name).then(written)
    };
    let own: Vec<String> = media.attributes().filter_map(|(_, name, value)| known((name, value))).collect();
    let said = |line: &String| own.iter().any(|own| own.split(':').next() == line.split(':').next());
    let session = media.session_lines(b'a').filter_map(|(_, line)| known(attribute(line)?));
    let session: Vec<String> = session.filter(|line| !said(line)).collect();
    session.into_iter().chain(own).take(LINES_MAX).collect()
}

#[cfg(test)]
mod tests;
