//! G.711: A-law and mu-law into each other, by tables 3 and 4 of the Recommendation.
//!
//! The tables speak of value numbers, from the quietest level to the loudest; an octet is such a number with some bits
//! inverted, and the sign in front. They are not quite the nearest levels: where that costs nothing, they are such that the
//! lower seven bits come through both conversions in a row unchanged.

use core::hint::black_box;

use super::{Work, rtp};
use crate::frame::Frame;
use crate::wire::checksum::Change;
use crate::wire::udp;

/// Longest payload that is converted: more than a full Ethernet frame has room for, at 8 octets a millisecond 180 ms.
pub const LAW_BYTES_MAX: usize = 1472;
const _: () = assert!(LAW_BYTES_MAX <= rtp::LEN_MASK);
/// Above every place in such a frame, headers included: a mask for the verifier.
const PLACE_MASK: usize = 0xfff;

/// Levels of each sign.
const LEVELS: usize = 128;
/// Inverted in an octet of A-law: every other bit.
const ALAW_MASK: u8 = 0x55;
/// Inverted in an octet of mu-law: all but the sign.
const ULAW_MASK: u8 = 0x7f;
const SIGN: u8 = 0x80;

/// mu-law for each octet of A-law.
pub(super) static TO_ULAW: [u8; 256] = octets(&ulaw_levels(), ALAW_MASK, ULAW_MASK);
/// A-law for each octet of mu-law.
pub(super) static TO_ALAW: [u8; 256] = octets(&alaw_levels(), ULAW_MASK, ALAW_MASK);

/// Table 3: the A-law value number, less one, of each mu-law value number from 0 on. Stretches of it rise by ones.
const fn alaw_levels() -> [u8; LEVELS] {
    let mut levels = [0; LEVELS];
    let mut level = 0;
    while level < LEVELS {
        let alaw = match level {
            0..16 => level / 2,
            16..33 => level - 8,
            33..37 => level * 2 - 40,
            37..48 => level - 4,
            48 => 45,
            49..64 => level - 2,
            64..80 => level - 1,
            _ => level,
        };
        levels[level] = alaw as u8;
        level += 1;
    }
    levels
}

/// Table 4: the mu-law value number of each A-law value number from 1 on.
const fn ulaw_levels() -> [u8; LEVELS] {
    let mut levels = [0; LEVELS];
    let mut level = 0;
    while level < LEVELS {
        let ulaw = match level {
            0..8 => level * 2 + 1,
            8..24 => level + 8,
            24..32 => level / 2 + 20,
            32..44 => level + 4,
            44..48 => level / 2 + 26,
            48..63 => level + 2,
            63..79 => level + 1,
            _ => level,
        };
        levels[level] = ulaw as u8;
        level += 1;
    }
    levels
}

/// By octet. Bits that are inverted here are those of `from`, and there of `to`; the sign stays.
const fn octets(levels: &[u8; LEVELS], from: u8, to: u8) -> [u8; 256] {
    let mut octets = [0; 256];
    let mut octet = 0;
    while octet < 256 {
        let level = (octet as u8 ^ from) & !SIGN;
        octets[octet] = octet as u8 & SIGN | levels[level as usize] ^ to & !SIGN;
        octet += 1;
    }
    octets
}

/// Puts `table`'s octet in the place of each that the packet carries; the change with that of `so_far`.
#[inline(always)]
pub(super) fn convert(
    frame: &mut impl Frame,
    work: &Work,
    table: &[u8; 256],
    so_far: Change,
) -> Option<Change> {
    let offset = usize::from(work.offset) + udp::LEN;
    let (start, mut left) = rtp::carried(frame, offset, work.len.into())?;
    let mut at = offset + start;
    let mut change = so_far;
    for _ in 0..LAW_BYTES_MAX / 2 {
        if left < 2 {
            break;
        }
        let old: [u8; 2] = frame.read(at)?;
        let new = [table[usize::from(old[0])], table[usize::from(old[1])]];
        frame.write(at, new)?;
        change = change.word(old, new);
        (at, left) = (at + 2, left - 2);
    }
    if left == 1 {
        // With the octet before it, which is done, and opaque as in `rtp::carried`.
        let pair = black_box(at - 1) & PLACE_MASK;
        let [done, old]: [u8; 2] = frame.read(pair)?;
        let new = table[usize::from(old)];
        frame.write(pair, [done, new])?;
        change = change.word([old, 0], [new, 0]);
    }
    Some(change)
}

/// Speech in A-law, said in mu-law: what tests expect of a packet.
#[cfg(any(test, feature = "testing"))]
pub fn in_ulaw(speech: &mut [u8]) {
    speech.iter_mut().for_each(|octet| *octet = TO_ULAW[usize::from(*octet)]);
}

/// Speech in mu-law, said in A-law.
#[cfg(any(test, feature = "testing"))]
pub fn in_alaw(speech: &mut [u8]) {
    speech.iter_mut().for_each(|octet| *octet = TO_ALAW[usize::from(*octet)]);
}

#[cfg(test)]
mod tests;
