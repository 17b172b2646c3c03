//! From a frame to what is known of a packet that may be for SIP: where from, where to, and what it carries.

use crate::abi::{Address, ListenerKey};
use crate::frame::Frame;
use crate::wire::ethernet::{self, Ethernet};
use crate::wire::ipv4::{self, Ipv4};
use crate::wire::ipv6::{self, Fragment, Ipv6};
use crate::wire::tcp::{self, Tcp};
use crate::wire::udp::{self, Udp};

const IP_OFFSET: usize = ethernet::LEN;
const BEHIND_IPV6: usize = IP_OFFSET + ipv6::LEN;

/// A packet of UDP or TCP, or one that may be that.
pub(super) struct Packet {
    pub(super) source: Address,
    destination: Address,
    /// 0 when the packet does not show it.
    port: u16,
    /// 0 when the packet does not show a port.
    protocol: u8,
    pub(super) content: Content,
}

/// What a packet carries.
#[derive(Clone, Copy)]
pub(super) enum Content {
    /// A whole UDP datagram; what it carries lies there.
    Datagram { offset: usize, len: usize },
    /// A part of a connection.
    Segment {
        /// Its first one: SYN without ACK.
        opens: bool,
    },
    /// The beginning of something in fragments.
    Fragment,
    /// A fragment that does not say what it is a part of.
    LaterFragment,
    /// Behind IPv6's extension headers, which no SIP peer uses.
    Hidden,
}

impl Content {
    /// Whether it may be for something else than SIP.
    #[inline(always)]
    pub(super) const fn is_anybodys(self) -> bool {
        matches!(self, Self::LaterFragment)
    }

    #[inline(always)]
    pub(super) const fn is_stream(self) -> bool {
        matches!(self, Self::Segment { .. })
    }

    #[inline(always)]
    pub(super) const fn is_datagram(self) -> bool {
        !self.is_stream()
    }
}

impl Packet {
    /// The packet, if it may be for SIP.
    #[inline(always)]
    pub(super) fn parse(frame: &impl Frame) -> Option<Self> {
        let ethernet: Ethernet = frame.read(0)?;
        match ethernet.kind.get() {
            ethernet::IPV4 => v4(frame),
            ethernet::IPV6 => v6(frame),
            _ => None,
        }
    }

    /// The listener that it is for, when it came in through this interface.
    #[inline(always)]
    pub(super) const fn key(&self, ifindex: u32) -> ListenerKey {
        let (ip, port, protocol) = (self.destination, self.port, self.protocol);
        ListenerKey { ip, ifindex, port, protocol, reserved: 0 }
    }
}

#[inline(always)]
fn v4(frame: &impl Frame) -> Option<Packet> {
    let ip: Ipv4 = frame.read(IP_OFFSET)?;
    let protocol = ip.protocol();
    let header_len = ip.header_len();
    if ip.version() != 4 || header_len < ipv4::LEN || !is_carrier(protocol) {
        return None;
    }
    let (source, destination) = (Address::v4(ip.source), Address::v4(ip.destination));
    let unshown = |content| Packet { source, destination, port: 0, protocol: 0, content };
    if ip.is_later_fragment() {
        return Some(unshown(Content::LaterFragment));
    }
    let (port, content) = carried(frame, protocol, IP_OFFSET + header_len)?;
    let content = if ip.has_more_fragments() { Content::Fragment } else { content };
    Some(Packet { source, destination, port, protocol, content })
}

#[inline(always)]
fn v6(frame: &impl Frame) -> Option<Packet> {
    let ip: Ipv6 = frame.read(IP_OFFSET)?;
    if ip.version() != 6 {
        return None;
    }
    let (source, destination) = (Address::v6(ip.source), Address::v6(ip.destination));
    let unshown = |content| Some(Packet { source, destination, port: 0, protocol: 0, content });
    match ip.next_header {
        protocol if is_carrier(protocol) => {
            let (port, content) = carried(frame, protocol, BEHIND_IPV6)?;
            Some(Packet { source, destination, port, protocol, content })
        }
        ipv6::FRAGMENT => {
            let fragment: Fragment = frame.read(BEHIND_IPV6)?;
            let protocol = fragment.next_header;
            if hides(protocol) {
                unshown(if fragment.is_later() { Content::LaterFragment } else { Content::Hidden })
            } else if !is_carrier(protocol) {
                None
            } else if fragment.is_later() {
                unshown(Content::LaterFragment)
            } else {
                let (port, _whole) = carried(frame, protocol, BEHIND_IPV6 + ipv6::FRAGMENT_LEN)?;
                Some(Packet { source, destination, port, protocol, content: Content::Fragment })
            }
        }
        header if hides(header) => unshown(Content::Hidden),
        _ => None,
    }
}

/// Whether SIP goes over it.
#[inline(always)]
const fn is_carrier(protocol: u8) -> bool {
    matches!(protocol, ipv4::UDP | tcp::PROTOCOL)
}

/// Whether UDP or TCP may stand behind such a header and reach a socket: hop-by-hop options, routing, destination options.
#[inline(always)]
const fn hides(header: u8) -> bool {
    matches!(header, 0 | 43 | 60)
}

/// The destination port, and what stands behind the header at `offset`.
#[inline(always)]
fn carried(frame: &impl Frame, protocol: u8, offset: usize) -> Option<(u16, Content)> {
    if protocol == ipv4::UDP {
        let header: Udp = frame.read(offset)?;
        let len = usize::from(header.length.get()).saturating_sub(udp::LEN);
        Some((header.destination.get(), Content::Datagram { offset: offset + udp::LEN, len }))
    } else {
        let header: Tcp = frame.read(offset)?;
        Some((header.destination.get(), Content::Segment { opens: header.opens() }))
    }
}
