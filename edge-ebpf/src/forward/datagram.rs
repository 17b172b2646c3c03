//! From a frame to a UDP datagram for a media port, and from there to what its endpoint takes: RTP and RTCP, or UDPTL; and STUN and
//! DTLS beside them, told apart by their first octet (RFC 7983).

use super::ip::Ip;
use crate::abi::{Address, Endpoint, FLAG_DTLS, FLAG_STUN};
use crate::frame::Frame;
use crate::tables::{self, Tables};
use crate::verdict::{DropReason, PassReason};
use crate::wire::ethernet::{self, Ethernet};
use crate::wire::ipv4::{self, Ipv4};
use crate::wire::ipv6::{self, Fragment, Ipv6};
use crate::wire::octet::Sharing;
use crate::wire::rtcp::{self, Rtcp};
use crate::wire::rtp::{self, Rtp};
use crate::wire::udp::{self, Udp};
use crate::wire::{Payload, Stream};
use crate::wire::{udptl, vlan};

const IP_OFFSET: usize = ethernet::LEN;
/// Where the payload of a datagram without IP options lies.
pub(super) const V4_PAYLOAD_OFFSET: usize = IP_OFFSET + ipv4::LEN + udp::LEN;
/// Where the payload of a datagram without extension headers lies.
pub(super) const V6_PAYLOAD_OFFSET: usize = IP_OFFSET + ipv6::LEN + udp::LEN;

/// A UDP datagram for a media port. Its lengths and checksum are not checked yet.
pub(super) struct Datagram {
    pub(super) ip: Ip,
    pub(super) udp: Udp,
    /// Index of the endpoint that owns the destination port.
    pub(super) endpoint: u32,
}

/// Where what a datagram carries lies in its frame.
#[derive(Clone, Copy)]
pub(super) struct Carried {
    offset: usize,
    pub(super) len: usize,
}

/// A well-formed payload.
pub(super) enum Media {
    Rtp(Rtp),
    Rtcp(Rtcp),
    Udptl {
        /// Its first byte is one that RTP could have.
        like_rtp: bool,
    },
    /// STUN or DTLS. Nothing more is read of it: who speaks it knows what to believe.
    Beside {
        /// Which of them.
        is_dtls: bool,
    },
}

impl Media {
    #[inline(always)]
    pub(super) const fn payload(&self) -> Payload {
        match self {
            Self::Rtp(_) => Payload::Rtp,
            Self::Rtcp(_) => Payload::Rtcp,
            Self::Udptl { .. } => Payload::Udptl,
            Self::Beside { is_dtls: false } => Payload::Stun,
            Self::Beside { is_dtls: true } => Payload::Dtls,
        }
    }
}

impl Datagram {
    /// Reads just enough to know that the packet is ours.
    #[inline(always)]
    pub(super) fn parse(frame: &impl Frame, tables: &impl Tables) -> Result<Self, PassReason> {
        let ethernet: Ethernet = frame.read(0).ok_or(PassReason::Incomplete)?;
        let (ip, udp) = match ethernet.kind.get() {
            ethernet::IPV4 => v4(frame)?,
            ethernet::IPV6 => v6(frame)?,
            vlan::CUSTOMER => return Err(PassReason::Tagged),
            _ => return Err(PassReason::NotIp),
        };
        let port = udp.destination.get();
        let endpoint = tables::endpoint_of(tables, ip.destination(), port, frame.ingress_ifindex())?;
        Ok(Self { ip, udp, endpoint })
    }

    /// Where it comes from, and from which port.
    #[inline(always)]
    pub(super) const fn source(&self) -> (Address, u16) {
        (self.ip.source(), self.udp.source.get())
    }

    /// The port of the pair that it came to.
    #[inline(always)]
    pub(super) const fn stream(&self) -> Stream {
        Stream::of_port(self.udp.destination.get())
    }

    /// The payload type, if what it carries is RTP. Only for what is told about a packet that is dropped.
    #[inline(always)]
    pub(super) fn payload_type(&self, frame: &impl Frame) -> u8 {
        let offset = match &self.ip {
            Ip::V4(_) => V4_PAYLOAD_OFFSET,
            Ip::V6(_) => V6_PAYLOAD_OFFSET,
        };
        let [_, second] = frame.read(offset).unwrap_or([0, 0]);
        second & !rtp::MARKER
    }

    /// Whether the datagram is whole, and where what it carries lies.
    #[inline(always)]
    pub(super) fn check(&self, frame: &impl Frame) -> Result<Carried, DropReason> {
        let offset = match &self.ip {
            Ip::V4(ip) => check_v4(ip)?,
            Ip::V6(ip) => check_v6(ip, &self.udp)?,
        };
        let total = usize::from(self.ip.payload_len());
        let length = usize::from(self.udp.length.get());
        // Bytes after the datagram are Ethernet padding and stay where they are.
        if offset - udp::LEN + total > frame.len() || length > total || length < udp::LEN {
            return Err(DropReason::Truncated);
        }
        Ok(Carried { offset, len: length - udp::LEN })
    }

    /// What the datagram holds, when that is what endpoint `near` takes on this port.
    #[inline(always)]
    pub(super) fn media(
        &self,
        frame: &impl Frame,
        carried: Carried,
        near: &Endpoint,
    ) -> Result<Media, DropReason> {
        match self.stream() {
            Stream::Rtp if near.is_udptl() => udptl(frame, carried),
            Stream::Rtp => rtp(frame, carried, near),
            Stream::Rtcp => rtcp(frame, carried, near),
        }
    }
}

#[inline(always)]
fn v4(frame: &impl Frame) -> Result<(Ip, Udp), PassReason> {
    let ip: Ipv4 = frame.read(IP_OFFSET).ok_or(PassReason::Incomplete)?;
    if ip.version() != 4 {
        return Err(PassReason::NotIp);
    }
    if ip.protocol() != ipv4::UDP {
        return Err(PassReason::NotUdp);
    }
    if ip.is_later_fragment() {
        return Err(PassReason::LaterFragment);
    }
    // Behind the IP options, if any.
    let udp = match ip.header_len() {
        ipv4::LEN => frame.read(IP_OFFSET + ipv4::LEN),
        header_len if header_len > ipv4::LEN => frame.read(IP_OFFSET + header_len),
        _ => None,
    };
    Ok((Ip::V4(ip), udp.ok_or(PassReason::Incomplete)?))
}

/// Knows the fragment header, to tell media in fragments from SIP in fragments; other extension headers are the host's.
#[inline(always)]
fn v6(frame: &impl Frame) -> Result<(Ip, Udp), PassReason> {
    const BEHIND: usize = IP_OFFSET + ipv6::LEN;
    let ip: Ipv6 = frame.read(IP_OFFSET).ok_or(PassReason::Incomplete)?;
    if ip.version() != 6 {
        return Err(PassReason::NotIp);
    }
    let udp: Option<Udp> = match ip.next_header {
        ipv4::UDP => frame.read(BEHIND),
        ipv6::FRAGMENT => {
            let fragment: Fragment = frame.read(BEHIND).ok_or(PassReason::Incomplete)?;
            if fragment.is_later() {
                return Err(PassReason::LaterFragment);
            }
            if fragment.next_header != ipv4::UDP {
                return Err(not_udp(fragment.next_header));
            }
            frame.read(BEHIND + ipv6::FRAGMENT_LEN)
        }
        other => return Err(not_udp(other)),
    };
    Ok((Ip::V6(ip), udp.ok_or(PassReason::Incomplete)?))
}

/// Whether a next header is an extension header (RFC 7045 section 2.2) or another protocol.
#[inline(always)]
const fn not_udp(next_header: u8) -> PassReason {
    match next_header {
        0 | 43 | 44 | 50 | 51 | 60 | 135 | 139 | 140 | 253 | 254 => PassReason::ExtensionHeaders,
        _ => PassReason::NotUdp,
    }
}

/// Where the payload begins.
#[inline(always)]
fn check_v4(ip: &Ipv4) -> Result<usize, DropReason> {
    if ip.header_len() != ipv4::LEN {
        return Err(DropReason::IpOptions);
    }
    if !ip.checksum_is_right() {
        return Err(DropReason::IpChecksum);
    }
    if ip.has_more_fragments() {
        return Err(DropReason::FirstFragment);
    }
    if usize::from(ip.total_length.get()) < ipv4::LEN {
        return Err(DropReason::Truncated);
    }
    Ok(V4_PAYLOAD_OFFSET)
}

/// Where the payload begins.
#[inline(always)]
fn check_v6(ip: &Ipv6, udp: &Udp) -> Result<usize, DropReason> {
    if ip.next_header != ipv4::UDP {
        return Err(DropReason::FirstFragment);
    }
    if udp.checksum.is_none() {
        return Err(DropReason::NoUdpChecksum);
    }
    Ok(V6_PAYLOAD_OFFSET)
}

/// RTP has 12 bytes, but RTCP that shares its port may have 8.
#[inline(always)]
fn rtp(frame: &impl Frame, carried: Carried, near: &Endpoint) -> Result<Media, DropReason> {
    let Carried { offset, len } = carried;
    let [first, second]: [u8; 2] =
        if len < 2 { None } else { frame.read(offset) }.ok_or(DropReason::ShortRtp)?;
    let is_rtcp = rtp::is_rtp_or_rtcp(first) && rtcp::is_packet_type(second);
    if is_rtcp && near.muxes_rtcp() {
        return rtcp(frame, carried, near);
    }
    if len < rtp::LEN {
        return Err(DropReason::ShortRtp);
    }
    let header: Rtp = frame.read(offset).ok_or(DropReason::ShortRtp)?;
    if !rtp::is_rtp_or_rtcp(header.first) {
        return beside(header.first, header.timestamp.get(), near.flags);
    }
    if is_rtcp {
        return Err(DropReason::MuxedRtcp);
    }
    Ok(Media::Rtp(header))
}

#[inline(always)]
fn udptl(frame: &impl Frame, Carried { offset, len }: Carried) -> Result<Media, DropReason> {
    if len < udptl::LEN_MIN {
        return Err(DropReason::ShortRtp);
    }
    let [first, _]: [u8; 2] = frame.read(offset).ok_or(DropReason::ShortRtp)?;
    Ok(Media::Udptl { like_rtp: rtp::is_rtp_or_rtcp(first) })
}

#[inline(always)]
fn rtcp(frame: &impl Frame, Carried { offset, len }: Carried, near: &Endpoint) -> Result<Media, DropReason> {
    if len < rtcp::LEN {
        return Err(DropReason::BadRtcp);
    }
    let header: Rtcp = frame.read(offset).ok_or(DropReason::BadRtcp)?;
    if !rtp::is_rtp_or_rtcp(header.first) {
        return beside(header.first, header.ssrc.get(), near.flags);
    }
    if !rtcp::is_packet_type(header.packet_type) || header.packet_len() > len {
        return Err(DropReason::BadRtcp);
    }
    Ok(Media::Rtcp(header))
}

/// What else shares the port, where it crosses.
#[inline(always)]
const fn beside(first: u8, second_word: u32, flags: u8) -> Result<Media, DropReason> {
    match Sharing::of(first, second_word) {
        Sharing::Stun if flags & FLAG_STUN != 0 => Ok(Media::Beside { is_dtls: false }),
        Sharing::Stun => Err(DropReason::Stun),
        Sharing::Dtls if flags & FLAG_DTLS != 0 => Ok(Media::Beside { is_dtls: true }),
        Sharing::Dtls => Err(DropReason::Dtls),
        Sharing::Media | Sharing::Other => Err(DropReason::NotRtp),
    }
}
