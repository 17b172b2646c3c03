//! Payload type numbers, and where the payload of an RTP packet lies (RFC 3550 section 5.1).

use core::hint::black_box;

use crate::frame::Frame;
use crate::wire::checksum::Change;
use crate::wire::rtp::{self, Rtp};

/// Writes another payload type into an RTP header; the marker stays.
#[inline(always)]
pub(super) fn renumber(frame: &mut impl Frame, offset: usize, payload_type: u8) -> Option<Change> {
    let old: [u8; 2] = frame.read(offset)?;
    let new = [old[0], old[1] & rtp::MARKER | payload_type & !rtp::MARKER];
    frame.write(offset, new)?;
    Some(Change::NONE.word(old, new))
}

/// Longest packet that [`carried`] is asked about, and more: a mask that the verifier understands where it does not
/// follow comparisons.
pub(super) const LEN_MASK: usize = 0x7ff;

/// Where what the packet of `len` bytes at `offset` carries begins, behind CSRCs and extension, and how many bytes it has
/// before its padding. A packet whose header says that it has more than it has carries nothing.
#[inline(always)]
pub(super) fn carried(frame: &impl Frame, offset: usize, len: usize) -> Option<(usize, usize)> {
    const NOTHING: (usize, usize) = (0, 0);
    let len = len & LEN_MASK;
    let header: Rtp = frame.read(offset)?;
    let mut start = rtp::LEN + header.csrc_octets();
    if header.has_extension() {
        if start + rtp::EXTENSION_LEN > len {
            return Some(NOTHING);
        }
        let [_, words]: [[u8; 2]; 2] = frame.read(offset + start)?;
        start += rtp::EXTENSION_LEN + usize::from(u16::from_be_bytes(words)) * 4;
    }
    if start > len {
        return Some(NOTHING);
    }
    // The verifier of older kernels (6.1) learns nothing from a comparison of two numbers that it does not know.
    let start = black_box(start) & LEN_MASK;
    let padding = if header.has_padding() { last_octet(frame, offset, len)? } else { 0 };
    Some((start, (len - start).saturating_sub(padding.into())))
}

/// The last octet of `len`, at least two, at `offset`. The compiler must not see that it lies before the end of what was
/// measured: it would compare another place than the one that is read, and the verifier would learn nothing from that.
#[inline(always)]
fn last_octet(frame: &impl Frame, offset: usize, len: usize) -> Option<u8> {
    let [_, last]: [u8; 2] = frame.read(offset + (black_box(len - 2) & LEN_MASK))?;
    Some(last)
}
