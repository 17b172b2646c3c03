//! UDP checksums that a sender has left to its device, where no device was: RFC 768, RFC 8200 section 8.1.

use std::ops::Range;

use edge_ebpf::wire::checksum::{Change, Checksum};
use edge_ebpf::wire::{ethernet, ipv4, ipv6};

const ETHER_KIND: usize = 12;
const V4_PROTOCOL: usize = 9;
const V4_ADDRESSES: Range<usize> = 12..20;
const V6_NEXT: usize = 6;
const V6_ADDRESSES: Range<usize> = 8..40;
/// Where length and checksum lie in a UDP header.
const UDP_LENGTH: Range<usize> = 4..6;
const UDP_CHECKSUM: Range<usize> = 6..8;

/// Computes the checksum of a frame's UDP datagram; leaves anything else as it is.
pub(super) fn complete(frame: &mut [u8]) {
    if let Some((place, checksum)) = checksum(frame)
        && let Some(field) = frame.get_mut(place)
    {
        field.copy_from_slice(&zerocopy::transmute!(checksum) as &[u8; 2]);
    }
}

/// Where the checksum belongs, and what it is.
fn checksum(frame: &[u8]) -> Option<(Range<usize>, Checksum)> {
    let kind = u16::from_be_bytes(frame.get(ETHER_KIND..ethernet::LEN)?.try_into().ok()?);
    let ip = frame.get(ethernet::LEN..)?;
    let (header, protocol, addresses) = match kind {
        ethernet::IPV4 => (usize::from(ip.first()? & 0xf) * 4, *ip.get(V4_PROTOCOL)?, ip.get(V4_ADDRESSES)?),
        ethernet::IPV6 => (ipv6::LEN, *ip.get(V6_NEXT)?, ip.get(V6_ADDRESSES)?),
        _ => return None,
    };
    let udp = ip.get(header..)?;
    let length = udp.get(UDP_LENGTH)?;
    let datagram = udp.get(..usize::from(u16::from_be_bytes(length.try_into().ok()?)))?;
    if protocol != ipv4::UDP || datagram.len() < UDP_CHECKSUM.end {
        return None;
    }
    let (before, after) = (&datagram[..UDP_CHECKSUM.start], &datagram[UDP_CHECKSUM.end..]);
    let pseudo = words(Change::NONE.added(u16::from(protocol).to_be()), addresses);
    let whole = words(words(words(pseudo, length), before), after);
    let place = ethernet::LEN + header;
    Some((place + UDP_CHECKSUM.start..place + UDP_CHECKSUM.end, Checksum::OVER_NOTHING.udp_over(whole)))
}

/// More bytes are covered; the last one of an odd number as if a zero followed.
fn words(sum: Change, bytes: &[u8]) -> Change {
    let pairs = bytes.chunks(2).map(|pair| [pair[0], pair.get(1).copied().unwrap_or(0)]);
    pairs.fold(sum, |sum, pair| sum.added(u16::from_ne_bytes(pair)))
}
