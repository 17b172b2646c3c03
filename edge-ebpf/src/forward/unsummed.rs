//! The UDP checksum of a datagram that came over IPv4 without one and leaves over IPv6, where it must have one (RFC
//! 8200 section 8.1). It is the one thing here that reads a whole packet.

use super::datagram::V4_PAYLOAD_OFFSET;
use crate::abi::Address;
use crate::frame::Frame;
use crate::wire::checksum::{Change, Checksum};
use crate::wire::ipv4;
use crate::wire::udp::{self, Udp};

/// Bytes that are read at once.
const BLOCK: usize = 8;
/// Blocks of the longest payload: that of a full Ethernet frame. Media is far shorter, and the verifier goes around
/// this loop as often.
const BLOCKS_MAX: usize = 1472 / BLOCK;

/// The checksum of `udp`, whose payload still lies behind its IPv4 header, for these addresses; `None` for a longer
/// payload.
#[inline(always)]
pub(super) fn checksum(
    frame: &impl Frame,
    udp: &Udp,
    source: Address,
    destination: Address,
) -> Option<Checksum> {
    let length = udp.length.get();
    let headers = Change::default()
        .mapped_address(Address::UNSPECIFIED, source)
        .mapped_address(Address::UNSPECIFIED, destination)
        .added(u16::from(ipv4::UDP).to_be())
        .added(length.to_be())
        .added(udp.source.get().to_be())
        .added(udp.destination.get().to_be())
        .added(length.to_be());
    let whole = payload(frame, usize::from(length) - udp::LEN, headers)?;
    Some(Checksum::OVER_NOTHING.udp_over(whole))
}

#[inline(always)]
fn payload(frame: &impl Frame, length: usize, mut sum: Change) -> Option<Change> {
    if length > BLOCKS_MAX * BLOCK {
        return None;
    }
    let (mut offset, mut left) = (V4_PAYLOAD_OFFSET, length);
    for _ in 0..BLOCKS_MAX {
        if left < BLOCK {
            break;
        }
        let words: [u16; BLOCK / 2] = frame.read(offset)?;
        for word in words {
            sum = sum.added(word);
        }
        (offset, left) = (offset + BLOCK, left - BLOCK);
    }
    for _ in 0..BLOCK / 2 - 1 {
        if left < 2 {
            break;
        }
        sum = sum.added(frame.read(offset)?);
        (offset, left) = (offset + 2, left - 2);
    }
    if left == 1 {
        let last: u8 = frame.read(offset)?;
        sum = sum.added(u16::from_ne_bytes([last, 0]));
    }
    Some(sum)
}
