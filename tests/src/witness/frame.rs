//! Ethernet, IPv4, UDP and RTP as far as the witness reads them (RFC 791, RFC 768, RFC 3550 section 5.1).
//!
//! Deliberately not the parser of `edge-ebpf`: a judge does not borrow the eyes of the accused.

use std::collections::hash_map::DefaultHasher;
use std::hash::Hasher;
use std::net::{Ipv4Addr, SocketAddrV4};

use super::{Crossing, RtpSighting, SipSighting};

/// Ports on which peers of the lab speak SIP.
const SIP_PORTS: std::ops::RangeInclusive<u16> = 5060..=5099;
const ETHERTYPE_IPV4: u16 = 0x0800;
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
}

/// Reads one frame; `None` when it is neither RTP nor SIP over UDP.
pub(super) fn read(frame: &[u8], at_ns: u64, crossing: Crossing) -> Option<Sighting> {
    let packet = frame.get(14..)?;
    if word(frame, 12)? != ETHERTYPE_IPV4 || *packet.get(9)? != PROTOCOL_UDP {
        return None;
    }
    let header_octets = usize::from(packet.first()? & 0x0F) * 4;
    let header = packet.get(..header_octets)?;
    // Short frames are padded, so the length is IP's.
    let datagram = packet.get(header_octets..usize::from(word(packet, 2)?))?;
    let from = SocketAddrV4::new(address(packet, 12)?, word(datagram, 0)?);
    let to = SocketAddrV4::new(address(packet, 16)?, word(datagram, 2)?);
    let payload = datagram.get(8..)?;
    if SIP_PORTS.contains(&from.port()) || SIP_PORTS.contains(&to.port()) {
        let text = String::from_utf8_lossy(payload).into_owned();
        return Some(Sighting::Sip(SipSighting { at_ns, crossing, from, to, text }));
    }
    let checksums_right = sum(header, 0) == 0xFFFF && udp_checksum_right(&from, &to, datagram);
    let dscp = header.get(1)? >> 2;
    let base = RtpBase { at_ns, crossing, from, to, dscp, checksums_right };
    rtp(payload, &base).map(Sighting::Rtp)
}

struct RtpBase {
    at_ns: u64,
    crossing: Crossing,
    from: SocketAddrV4,
    to: SocketAddrV4,
    dscp: u8,
    checksums_right: bool,
}

fn rtp(payload: &[u8], base: &RtpBase) -> Option<RtpSighting> {
    let audio = payload.get(12..)?;
    let payload_type = payload.get(1)? & 0x7F;
    if payload.first()? >> 6 != 2 || RTCP_TYPES.contains(&payload_type) {
        return None;
    }
    let mut hasher = DefaultHasher::new();
    hasher.write(audio);
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
        payload: hasher.finish(),
        checksums_right,
    })
}

/// The peers' kernels always write a UDP checksum, so an absent one (zero) is wrong too.
fn udp_checksum_right(from: &SocketAddrV4, to: &SocketAddrV4, datagram: &[u8]) -> bool {
    let length = u16::try_from(datagram.len()).unwrap_or(0).to_be_bytes();
    let mut pseudo = Vec::from(from.ip().octets());
    pseudo.extend(to.ip().octets());
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

fn address(octets: &[u8], at: usize) -> Option<Ipv4Addr> {
    double_word(octets, at).map(Ipv4Addr::from)
}

#[cfg(test)]
mod tests;
