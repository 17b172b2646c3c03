//! New addresses for a packet that leaves: Ethernet, IP and UDP, with their checksums.
//!
//! Within a family a frame keeps its length and whatever its IP header says besides. From one family to the other the
//! header is made anew, 20 bytes longer or shorter, and keeps DSCP and ECN only.

use super::datagram::Datagram;
use super::ip::Ip;
use super::source::Destination;
use super::unsummed;
use crate::abi::{DSCP_KEPT, Endpoint};
use crate::frame::Frame;
use crate::verdict::DropReason;
use crate::wire::Stream;
use crate::wire::checksum::{Change, Checksum};
use crate::wire::ethernet::{self, Ethernet};
use crate::wire::ipv4::{self, Ipv4};
use crate::wire::ipv6::{self, Ipv6};
use crate::wire::udp::Udp;

/// Time to live of what we send: a back-to-back user agent originates its media (RFC 1700 recommends 64).
const TTL: u8 = 64;
/// What an IPv6 header is longer than one of IPv4.
const LONGER: i32 = (ipv6::LEN - ipv4::LEN) as i32;

/// What a packet looks like when it leaves.
pub(super) struct Rewrite<'a> {
    /// The endpoint that it leaves by.
    pub(super) far: &'a Endpoint,
    pub(super) stream: Stream,
    pub(super) to: Destination,
    /// Link-layer addresses of the next hop and of the device.
    pub(super) stations: [[u8; 6]; 2],
    /// Bytes of an IP packet that the device takes; 0 when that is not known.
    pub(super) mtu: u16,
}

impl Rewrite<'_> {
    /// Writes all three headers; the frame is unchanged when that fails.
    #[inline(always)]
    pub(super) fn apply(&self, frame: &mut impl Frame, datagram: &Datagram) -> Result<(), DropReason> {
        let to_v4 = self.far.local.is_v4();
        if to_v4 != self.to.address.is_v4() {
            return Err(DropReason::WrongEntry);
        }
        let header_len = if to_v4 { ipv4::LEN } else { ipv6::LEN };
        let length = header_len + usize::from(datagram.ip.payload_len());
        if length > usize::from(u16::MAX) || (self.mtu != 0 && length > usize::from(self.mtu)) {
            return Err(DropReason::TooBig);
        }
        let traffic_class = self.traffic_class(datagram.ip.traffic_class());
        match (&datagram.ip, to_v4) {
            (Ip::V4(old), true) => {
                self.write_v4(frame, self.v4_from_v4(old, traffic_class), self.udp_v4(old, &datagram.udp))
            }
            (Ip::V4(_), false) => {
                let udp = self.udp_v4_to_v6(frame, datagram)?;
                frame.extend_front(LONGER).ok_or(DropReason::NoHeadroom)?;
                self.write_v6(frame, self.v6(&Ipv6::FRESH, traffic_class, datagram), udp)
            }
            (Ip::V6(old), false) => {
                self.write_v6(frame, self.v6(old, traffic_class, datagram), self.udp(datagram))
            }
            (Ip::V6(_), true) => {
                frame.extend_front(-LONGER).ok_or(DropReason::Truncated)?;
                #[expect(clippy::cast_possible_truncation, reason = "checked above")]
                let ip = self.v4(traffic_class, length as u16);
                self.write_v4(frame, ip, self.udp(datagram))
            }
        }
    }

    #[inline(always)]
    fn write_v4(&self, frame: &mut impl Frame, ip: Ipv4, udp: Udp) -> Result<(), DropReason> {
        let ethernet = self.ethernet(ethernet::IPV4);
        frame.write(0, HeadersV4 { ethernet, ip, udp }).ok_or(DropReason::Truncated)
    }

    #[inline(always)]
    fn write_v6(&self, frame: &mut impl Frame, ip: Ipv6, udp: Udp) -> Result<(), DropReason> {
        let ethernet = self.ethernet(ethernet::IPV6);
        frame.write(0, HeadersV6 { ethernet, ip, udp }).ok_or(DropReason::Truncated)
    }

    #[inline(always)]
    fn ethernet(&self, kind: u16) -> Ethernet {
        let [destination, source] = self.stations;
        Ethernet { destination, source, kind: kind.into() }
    }

    #[inline(always)]
    const fn traffic_class(&self, came: u8) -> u8 {
        // The upper six bits are the DSCP (RFC 2474 section 3). ECN stays with its flow.
        if self.far.dscp == DSCP_KEPT { came } else { self.far.dscp << 2 | came & 0b11 }
    }

    #[inline(always)]
    fn v4_from_v4(&self, old: &Ipv4, traffic_class: u8) -> Ipv4 {
        let ttl_protocol = [TTL, ipv4::UDP];
        let change = self
            .addresses_v4(old)
            .word([old.version_ihl, old.traffic_class], [old.version_ihl, traffic_class])
            .word(old.ttl_protocol, ttl_protocol);
        Ipv4 {
            traffic_class,
            ttl_protocol,
            checksum: old.checksum.after(change),
            source: self.far.local.to_v4(),
            destination: self.to.address.to_v4(),
            ..*old
        }
    }

    /// A datagram that is never fragmented needs no identification (RFC 6864 section 4.1).
    #[inline(always)]
    fn v4(&self, traffic_class: u8, total_length: u16) -> Ipv4 {
        let ip = Ipv4 {
            version_ihl: 0x45,
            traffic_class,
            total_length: total_length.into(),
            identification: 0.into(),
            fragment: ipv4::DO_NOT_FRAGMENT.into(),
            ttl_protocol: [TTL, ipv4::UDP],
            checksum: Checksum::new([0, 0]),
            source: self.far.local.to_v4(),
            destination: self.to.address.to_v4(),
        };
        let words: [[u8; 2]; ipv4::LEN / 2] = zerocopy::transmute!(ip);
        Ipv4 { checksum: Checksum::over(words), ..ip }
    }

    #[inline(always)]
    fn v6(&self, old: &Ipv6, traffic_class: u8, datagram: &Datagram) -> Ipv6 {
        Ipv6 {
            version_class_flow: old.with_traffic_class(traffic_class),
            payload_length: datagram.ip.payload_len().into(),
            next_header: ipv4::UDP,
            hop_limit: TTL,
            source: self.far.local.to_v6(),
            destination: self.to.address.to_v6(),
        }
    }

    /// Within IPv4, where there may be no checksum.
    #[inline(always)]
    fn udp_v4(&self, ip: &Ipv4, old: &Udp) -> Udp {
        self.udp_with(old, old.checksum.udp_after(self.ports(old, self.addresses_v4(ip))))
    }

    /// From IPv4 to IPv6, where there must be one.
    #[inline(always)]
    fn udp_v4_to_v6(&self, frame: &impl Frame, datagram: &Datagram) -> Result<Udp, DropReason> {
        let udp = self.udp(datagram);
        if !datagram.udp.checksum.is_none() {
            return Ok(udp);
        }
        let (source, destination) = (self.far.local, self.to.address);
        let checksum = unsummed::checksum(frame, &udp, source, destination);
        Ok(Udp { checksum: checksum.ok_or(DropReason::NoUdpChecksum)?, ..udp })
    }

    /// With a checksum that is there.
    #[inline(always)]
    fn udp(&self, Datagram { ip, udp, endpoint: _ }: &Datagram) -> Udp {
        let change = Change::default()
            .mapped_address(ip.source(), self.far.local)
            .mapped_address(ip.destination(), self.to.address);
        self.udp_with(udp, udp.checksum.udp_over(self.ports(udp, change)))
    }

    #[inline(always)]
    fn udp_with(&self, old: &Udp, checksum: Checksum) -> Udp {
        let (source, destination) = (self.far.port(self.stream), self.to.port);
        Udp { source: source.into(), destination: destination.into(), length: old.length, checksum }
    }

    #[inline(always)]
    fn ports(&self, old: &Udp, change: Change) -> Change {
        change
            .word(old.source.to_bytes(), self.far.port(self.stream).to_be_bytes())
            .word(old.destination.to_bytes(), self.to.port.to_be_bytes())
    }

    /// Both checksums cover the addresses: IP in its header, UDP in its pseudo-header.
    #[inline(always)]
    fn addresses_v4(&self, old: &Ipv4) -> Change {
        Change::default()
            .address(old.source, self.far.local.to_v4())
            .address(old.destination, self.to.address.to_v4())
    }
}

/// The three headers of a datagram without IP options.
#[derive(zerocopy::IntoBytes, zerocopy::Immutable)]
#[repr(C)]
struct HeadersV4 {
    ethernet: Ethernet,
    ip: Ipv4,
    udp: Udp,
}

/// The three headers of a datagram without extension headers.
#[derive(zerocopy::IntoBytes, zerocopy::Immutable)]
#[repr(C)]
struct HeadersV6 {
    ethernet: Ethernet,
    ip: Ipv6,
    udp: Udp,
}
