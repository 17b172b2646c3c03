//! From a frame to a UDP datagram for a media port, and from there to what its endpoint takes: RTP and RTCP, or UDPTL.

use crate::abi::{Address, Endpoint};
use crate::frame::Frame;
use crate::tables::{self, Tables};
use crate::verdict::{DropReason, PassReason};
use crate::wire::ethernet::{self, Ethernet};
use crate::wire::ipv4::{self, Ipv4};
use crate::wire::rtcp::{self, Rtcp};
use crate::wire::rtp::{self, Rtp};
use crate::wire::udp::{self, Udp};
use crate::wire::udptl;
use crate::wire::{Payload, Stream};

const IP_OFFSET: usize = ethernet::LEN;
/// Where the UDP header of a datagram without IP options lies.
const UDP_OFFSET: usize = IP_OFFSET + ipv4::LEN;
const PAYLOAD_OFFSET: usize = UDP_OFFSET + udp::LEN;

/// A UDP datagram for a media port. Its lengths and checksum are not checked yet.
pub(super) struct Datagram {
    pub(super) ip: Ipv4,
    pub(super) udp: Udp,
    /// Index of the endpoint that owns the destination port.
    pub(super) endpoint: u32,
}

/// A well-formed payload.
pub(super) enum Media {
    Rtp(Rtp),
    Rtcp(Rtcp),
    Udptl {
        /// Its first byte is one that RTP could have.
        like_rtp: bool,
    },
}

impl Media {
    #[inline(always)]
    pub(super) const fn payload(&self) -> Payload {
        match self {
            Self::Rtp(_) => Payload::Rtp,
            Self::Rtcp(_) => Payload::Rtcp,
            Self::Udptl { .. } => Payload::Udptl,
        }
    }
}

impl Datagram {
    /// Reads just enough to know that the packet is ours.
    #[inline(always)]
    pub(super) fn parse(frame: &impl Frame, tables: &impl Tables) -> Result<Self, PassReason> {
        let ethernet: Ethernet = frame.read(0).ok_or(PassReason::Incomplete)?;
        if ethernet.kind.get() != ethernet::IPV4 {
            return Err(PassReason::NotIpv4);
        }
        let ip: Ipv4 = frame.read(IP_OFFSET).ok_or(PassReason::Incomplete)?;
        if ip.version() != 4 {
            return Err(PassReason::NotIpv4);
        }
        if ip.protocol() != ipv4::UDP {
            return Err(PassReason::NotUdp);
        }
        if ip.is_later_fragment() {
            return Err(PassReason::LaterFragment);
        }
        let udp = Self::udp(frame, &ip).ok_or(PassReason::Incomplete)?;
        let local = Address::v4(ip.destination);
        let endpoint = tables::endpoint_of(tables, local, udp.destination.get(), frame.ingress_ifindex())?;
        Ok(Self { ip, udp, endpoint })
    }

    /// The UDP header behind the IP options, if any.
    #[inline(always)]
    fn udp(frame: &impl Frame, ip: &Ipv4) -> Option<Udp> {
        match ip.header_len() {
            ipv4::LEN => frame.read(UDP_OFFSET),
            header_len if header_len > ipv4::LEN => frame.read(IP_OFFSET + header_len),
            _ => None,
        }
    }

    /// The port of the pair that it came to.
    #[inline(always)]
    pub(super) const fn stream(&self) -> Stream {
        Stream::of_port(self.udp.destination.get())
    }

    /// Whether the datagram is whole, and how many bytes it carries.
    #[inline(always)]
    pub(super) fn check(&self, frame: &impl Frame) -> Result<usize, DropReason> {
        if self.ip.header_len() != ipv4::LEN {
            return Err(DropReason::IpOptions);
        }
        if !self.ip.checksum_is_right() {
            return Err(DropReason::IpChecksum);
        }
        if self.ip.has_more_fragments() {
            return Err(DropReason::FirstFragment);
        }
        let total = usize::from(self.ip.total_length.get());
        let length = usize::from(self.udp.length.get());
        // Bytes after the datagram are Ethernet padding and stay where they are.
        if IP_OFFSET + total > frame.len() || ipv4::LEN + length > total || length < udp::LEN {
            return Err(DropReason::Truncated);
        }
        Ok(length - udp::LEN)
    }

    /// What the datagram holds, when that is what endpoint `near` takes on this port.
    #[inline(always)]
    pub(super) fn media(
        &self,
        frame: &impl Frame,
        payload_len: usize,
        near: &Endpoint,
    ) -> Result<Media, DropReason> {
        match self.stream() {
            Stream::Rtp if near.is_udptl() => udptl(frame, payload_len),
            Stream::Rtp => rtp(frame, payload_len, near.muxes_rtcp()),
            Stream::Rtcp => rtcp(frame, payload_len),
        }
    }
}

/// RTP has 12 bytes, but RTCP that shares its port may have 8.
#[inline(always)]
fn rtp(frame: &impl Frame, payload_len: usize, muxed: bool) -> Result<Media, DropReason> {
    let [first, second]: [u8; 2] =
        if payload_len < 2 { None } else { frame.read(PAYLOAD_OFFSET) }.ok_or(DropReason::ShortRtp)?;
    let is_rtcp = rtp::is_rtp_or_rtcp(first) && rtcp::is_packet_type(second);
    if is_rtcp && muxed {
        return rtcp(frame, payload_len);
    }
    if payload_len < rtp::LEN {
        return Err(DropReason::ShortRtp);
    }
    let header: Rtp = frame.read(PAYLOAD_OFFSET).ok_or(DropReason::ShortRtp)?;
    if !rtp::is_rtp_or_rtcp(header.first) {
        return Err(DropReason::NotRtp);
    }
    if is_rtcp {
        return Err(DropReason::MuxedRtcp);
    }
    Ok(Media::Rtp(header))
}

#[inline(always)]
fn udptl(frame: &impl Frame, payload_len: usize) -> Result<Media, DropReason> {
    if payload_len < udptl::LEN_MIN {
        return Err(DropReason::ShortRtp);
    }
    let [first, _]: [u8; 2] = frame.read(PAYLOAD_OFFSET).ok_or(DropReason::ShortRtp)?;
    Ok(Media::Udptl { like_rtp: rtp::is_rtp_or_rtcp(first) })
}

#[inline(always)]
fn rtcp(frame: &impl Frame, payload_len: usize) -> Result<Media, DropReason> {
    if payload_len < rtcp::LEN {
        return Err(DropReason::BadRtcp);
    }
    let header: Rtcp = frame.read(PAYLOAD_OFFSET).ok_or(DropReason::BadRtcp)?;
    if !rtp::is_rtp_or_rtcp(header.first) {
        return Err(DropReason::NotRtp);
    }
    if !rtcp::is_packet_type(header.packet_type) || header.packet_len() > payload_len {
        return Err(DropReason::BadRtcp);
    }
    Ok(Media::Rtcp(header))
}
