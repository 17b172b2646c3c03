//! New addresses for a packet that leaves: Ethernet, IPv4 and UDP, with their checksums.

use super::datagram::Datagram;
use super::source::Destination;
use crate::abi::{DSCP_KEPT, Endpoint};
use crate::frame::Frame;
use crate::wire::Stream;
use crate::wire::checksum::Change;
use crate::wire::ethernet::{self, Ethernet};
use crate::wire::ipv4::{self, Ipv4};
use crate::wire::udp::Udp;

/// Time to live of what we send: a back-to-back user agent originates its media (RFC 1700 recommends 64).
const TTL: u8 = 64;

/// What a packet looks like when it leaves.
pub(super) struct Rewrite<'a> {
    /// The endpoint that it leaves by.
    pub(super) far: &'a Endpoint,
    pub(super) stream: Stream,
    pub(super) to: Destination,
    /// Link-layer addresses of the next hop and of the device.
    pub(super) stations: [[u8; 6]; 2],
}

impl Rewrite<'_> {
    /// Writes all three headers; `None`, with the frame unchanged, when they do not fit.
    #[inline(always)]
    pub(super) fn apply(&self, frame: &mut impl Frame, datagram: &Datagram) -> Option<()> {
        let Datagram { ip, udp, endpoint: _ } = datagram;
        let [destination, source] = self.stations;
        let headers = Headers {
            ethernet: Ethernet { destination, source, kind: ethernet::IPV4.into() },
            ip: self.ip(ip),
            udp: self.udp(ip, udp),
        };
        frame.write(0, headers)
    }

    #[inline(always)]
    fn ip(&self, old: &Ipv4) -> Ipv4 {
        let ttl_protocol = [TTL, ipv4::UDP];
        let dscp = self.far.dscp;
        let traffic_class = if dscp == DSCP_KEPT { old.traffic_class } else { old.traffic_class_with(dscp) };
        let change = self
            .addresses(old)
            .word([old.version_ihl, old.traffic_class], [old.version_ihl, traffic_class])
            .word(old.ttl_protocol, ttl_protocol);
        Ipv4 {
            traffic_class,
            ttl_protocol,
            checksum: old.checksum.after(change),
            source: self.far.local.to_v4(),
            destination: self.to.address,
            ..*old
        }
    }

    #[inline(always)]
    fn udp(&self, ip: &Ipv4, old: &Udp) -> Udp {
        let source = self.far.port(self.stream).to_be_bytes();
        let destination = self.to.port.to_be_bytes();
        let change = self
            .addresses(ip)
            .word(old.source.to_bytes(), source)
            .word(old.destination.to_bytes(), destination);
        Udp {
            source: source.into(),
            destination: destination.into(),
            length: old.length,
            checksum: old.checksum.udp_after(change),
        }
    }

    /// Both checksums cover the addresses: IP in its header, UDP in its pseudo-header.
    #[inline(always)]
    fn addresses(&self, old: &Ipv4) -> Change {
        Change::default()
            .address(old.source, self.far.local.to_v4())
            .address(old.destination, self.to.address)
    }
}

/// The three headers of a datagram without IP options.
#[derive(zerocopy::IntoBytes, zerocopy::Immutable)]
#[repr(C)]
struct Headers {
    ethernet: Ethernet,
    ip: Ipv4,
    udp: Udp,
}
