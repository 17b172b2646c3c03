//! Ethernet, IP, UDP and RTP as far as the witness reads them (RFC 791, RFC 8200, RFC 768, RFC 3550 section 5.1); of TCP the ports.
//!
//! Deliberately not the parser of `edge-ebpf`: a judge does not borrow the eyes of the accused.

use std::collections::hash_map::DefaultHasher;
use std::hash::Hasher;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::{Crossing, RtpSighting, Segment, SipSighting};
use crate::sipp::SIP_PORTS;

const ETHERTYPE_IPV4: u16 = 0x0800;
const ETHERTYPE_IPV6: u16 = 0x86DD;
const IPV6_HEADER_OCTETS: usize = 40;
const PROTOCOL_TCP: u8 = 6;
const PROTOCOL_UDP: u8 = 17;
/// RTCP packet types seen as RTP payload types (RFC 5761 section 4).
const RTCP_TYPES: std::ops::RangeInclusive<u8> = 64..=95;

/// What the witness keeps of a frame.
#[derive(Debug)]
pub(super) enum Sighting {
    /// A media packet.
    Rtp(RtpSighting),
    /// A signalling message.
    Sip(SipSighting),
    /// A segment of a connection for signalling.
    Segment(Segment),
}

/// Reads one frame; `None` when it is neither RTP nor SIP.
pub(super) fn read(frame: &[u8], at_ns: u64, crossing: Crossing) -> Option<Sighting> {
    let packet = frame.get(14..)?;
    let Packet { from, to, dscp, protocol, header_right, datagram } = match word(frame, 12)? {
        ETHERTYPE_IPV4 => ipv4(packet)?,
        ETHERTYPE_IPV6 => ipv6(packet)?,
        _ => return None,
    };
    let from = SocketAddr::new(from, word(datagram, 0)?);
    let to = SocketAddr::new(to, word(datagram, 2)?);
    let is_sip = SIP_PORTS.contains(&from.port()) || SIP_PORTS.contains(&to.port());
    if protocol == PROTOCOL_TCP {
        return is_sip.then_some(Sighting::Segment(Segment { crossing, from, to, dscp }));
    }
    let payload = datagram.get(8..)?;
    if is_sip {
        let text = String::from_utf8_lossy(payload).into_owned();
        return Some(Sighting::Sip(SipSighting { at_ns, crossing, from, to, dscp, text }));
    }
    let checksums_right = header_right && udp_checksum_right(&from, &to, datagram);
    let base = RtpBase { at_ns, crossing, from, to, dscp, checksums_right };
    rtp(payload, &base).map(Sighting::Rtp)
}

/// What IP says of a UDP datagram, or a TCP segment. Short frames are padded, so its length is IP's.
struct Packet<'frame> {
    from: IpAddr,
    to: IpAddr,
    dscp: u8,
    protocol: u8,
    /// IPv6 has no checksum of its own.
    header_right: bool,
    datagram: &'frame [u8],
}

impl Packet<'_> {
    const fn is_read(&self) -> bool {
        matches!(self.protocol, PROTOCOL_TCP | PROTOCOL_UDP)
    }
}

fn ipv4(packet: &[u8]) -> Option<Packet<'_>> {
    let header_octets = usize::from(packet.first()? & 0x0F) * 4;
    let header = packet.get(..header_octets)?;
    let address = |at| double_word(packet, at).map(|bits| IpAddr::V4(Ipv4Addr::from(bits)));
    let found = Packet {
        from: address(12)?,
        to: address(16)?,
        dscp: packet.get(1)? >> 2,
        protocol: *packet.get(9)?,
        header_right: sum(header, 0) == 0xFFFF,
        datagram: packet.get(header_octets..usize::from(word(packet, 2)?))?,
    };
    found.is_read().then_some(found)
}

/// Without extension headers: nobody in the lab sends any.
fn ipv6(packet: &[u8]) -> Option<Packet<'_>> {
    let address = |at: usize| -> Option<IpAddr> {
        let octets: [u8; 16] = packet.get(at..at + 16)?.try_into().ok()?;
        Some(IpAddr::V6(Ipv6Addr::from(octets)))
    };
    let end = IPV6_HEADER_OCTETS + usize::from(word(packet, 4)?);
    let found = Packet {
        from: address(8)?,
        to: address(24)?,
        dscp: (word(packet, 0)? >> 6) as u8 & 0x3F,
        protocol: *packet.get(6)?,
        header_right: packet.first()? >> 4 == 6,
        datagram: packet.get(IPV6_HEADER_OCTETS..end)?,
    };
    found.is_read().then_some(found)
}

struct RtpBase {
    at_ns: u64,
    crossing: Crossing,
    from: SocketAddr,
    to: SocketAddr,
    dscp: u8,
    checksums_right: bool,
}

/// What tells one payload from another: the same in every run.
pub fn hash(audio: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(audio);
    hasher.finish()
}

fn rtp(payload: &[u8], base: &RtpBase) -> Option<RtpSighting> {
    let audio = payload.get(12..)?;
    let payload_type = payload.get(1)? & 0x7F;
    if payload.first()? >> 6 != 2 || RTCP_TYPES.contains(&payload_type) {
        return None;
    }
    let RtpBase { at_ns, crossing, from, to, dscp, checksums_right } = *base;
    Some(RtpSighting {
        at_ns,
        crossing,
        from,
        to,
        ssrc: double_word(payload, 8)?,
        sequence: word(payload, 2)?,
        timestamp: double_word(payload, 4)?,
        payload_type,
        dscp,
        payload: hash(audio),
        checksums_right,
    })
}

/// The peers' kernels always write a UDP checksum, so an absent one (zero) is wrong too.
fn udp_checksum_right(from: &SocketAddr, to: &SocketAddr, datagram: &[u8]) -> bool {
    let length = u16::try_from(datagram.len()).unwrap_or(0).to_be_bytes();
    let mut pseudo = octets(from.ip());
    pseudo.extend(octets(to.ip()));
    pseudo.extend([0, PROTOCOL_UDP, length[0], length[1]]);
    word(datagram, 6) != Some(0) && sum(datagram, sum(&pseudo, 0)) == 0xFFFF
}

/// Ones' complement sum (RFC 1071); right data with its checksum sums to 0xFFFF.
fn sum(octets: &[u8], start: u16) -> u16 {
    let mut total = u32::from(start);
    for pair in octets.chunks(2) {
        total += u32::from(pair[0]) << 8 | u32::from(pair.get(1).copied().unwrap_or(0));
    }
    while total > 0xFFFF {
        total = (total & 0xFFFF) + (total >> 16);
    }
    total as u16
}

fn word(octets: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(octets.get(at..at + 2)?.try_into().ok()?))
}

fn double_word(octets: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(octets.get(at..at + 4)?.try_into().ok()?))
}

fn octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    }
}

#[cfg(test)]
mod tests;
