//! RTCP between two legs of which one knows the other's streams by other numbers (RFC 3550 section 6.4, RFC 8079 section 3.2).
//!
//! **Towards a steady leg** whoever sends is the one participant that it knows: the SSRC is that of its stream. A sender report gets
//! the stream's timestamp, and counts of packets and octets that never go back; one of a source that does not have the stream is
//! dropped, because nobody could say which timestamps it means. The CNAME is ours: one for the stream (RFC 7022 section 4 wants it to stay), and
//! no address of the other side. It is the SSRC in hexadecimal, because a longer one would not fit where a short one came.
//! A BYE does not cross: the source leaves, but the stream does not end before the call.
//!
//! **From a steady leg**, what is said about its stream is said about the source that has it now, in that one's numbers: report
//! blocks, extended reports, lost packets that are asked for again, key frames. Highest numbers are counted from those that crossed, so
//! that the far side's wraps do not matter. What is about an earlier source is not for this one: its report is made void. Losses of
//! earlier ones are taken off the sum, and a sender report that was not this one's is no base for a round trip.
//!
//! **What is not understood** may name a stream by the wrong number, so it is made void as well: it becomes a receiver report without
//! blocks, whose rest is a profile's extension that everybody skips (section 6.4.3). The length stays, and a compound one. What is no
//! RTCP, or too long to be read to its end here, is dropped: a translator that cannot translate has to (RFC 8079 section 3.2).

use core::hint::black_box;

use zerocopy::byteorder::network_endian::U32;

use super::Kept;
use crate::abi::SteadySlot;
use crate::frame::Frame;
use crate::verdict::DropReason;
use crate::wire::checksum::Change;
use crate::wire::rtcp::{APP, BYE, Block, Cell, PSFB, RR, RTPFB, SDES, SR, SenderInfo, XR};

mod reports;

/// Units that one program reads: packets, blocks and entries of them. A compound of a call has five or six.
const UNITS_A_RUN: usize = 3;
/// Programs in a row: fewer than the kernel lets call one another. No compound has more units than the 48 that they read.
const RUNS_MAX: u64 = 16;
/// Above the end of any datagram in a frame: a mask for the verifier.
const PLACE_MASK: usize = 0x7ff;
/// Bytes of a header with the SSRC behind it.
const HEAD: usize = 8;
/// Bytes of a feedback packet before what it asks for.
const FEEDBACK_HEAD: usize = 12;
const BLOCK: usize = size_of::<Block>();
/// Bytes of a description with our CNAME: header, SSRC, and an item of 8 octets with its end.
const OWN_SDES: usize = 20;
/// Words that are cleared at once.
const FILL: usize = 8;
const VERSION: u32 = 2 << 30;
const PADDING: u32 = 1 << 29;
const COUNT_SHIFT: u32 = 24;
const COUNT: u32 = 0x1f;
/// Type of a block of an extended report that everybody skips (RFC 3611 section 6.2).
const VOID_BLOCK: u32 = 255;

/// What the rest of a packet consists of.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum Rest {
    /// Nothing that has to be read: a packet begins.
    Nothing,
    /// Report blocks.
    Blocks,
    /// Sequence numbers with a bit mask, four bytes each (RFC 4585 section 6.2.1).
    Numbers,
    /// SSRCs with something, eight bytes each (RFC 5104).
    Sources,
    /// Blocks of an extended report, which say how long they are.
    Extended,
    /// What is to be cleared.
    Fill,
}

/// How far a datagram is read.
#[derive(Clone, Copy)]
struct Place {
    /// The next unit.
    at: usize,
    rest: Rest,
    /// Where the packet that it is in begins, where its units end, and it itself.
    packet: usize,
    units_end: usize,
    end: usize,
}

/// The streams that a datagram is about: the one that its sender is known by, and the one that it reports on.
type Streams<'a> = (Option<&'a SteadySlot>, Option<&'a SteadySlot>);

/// Where to go on.
type Step = Result<Place, DropReason>;

/// How far a datagram is read, as a word that one program leaves to the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress(u64);

impl Progress {
    /// Nothing of it.
    pub const BEGIN: Self = Self(0);

    /// What [`to_word`](Self::to_word) made.
    #[inline(always)]
    #[must_use]
    pub const fn from_word(word: u64) -> Self {
        Self(word)
    }

    /// As a word.
    #[inline(always)]
    #[must_use]
    pub const fn to_word(self) -> u64 {
        self.0
    }

    #[inline(always)]
    const fn of(place: Place, runs: u64) -> Self {
        let Place { at, rest, packet, units_end, end } = place;
        Self(
            at as u64
                | (packet as u64) << 12
                | (units_end as u64) << 24
                | (end as u64) << 36
                | (rest as u64) << 48
                | runs << 56,
        )
    }

    #[inline(always)]
    fn place(self, start: usize) -> (Place, u64) {
        const MASK: u64 = 0xfff;
        let Self(word) = self;
        let at = |shift: u32| (word >> shift & MASK) as usize;
        let rest = match word >> 48 & 7 {
            1 => Rest::Blocks,
            2 => Rest::Numbers,
            3 => Rest::Sources,
            4 => Rest::Extended,
            5 => Rest::Fill,
            _ => Rest::Nothing,
        };
        let place = Place { at: at(0), rest, packet: at(12), units_end: at(24), end: at(36) };
        if word == 0 { (Place { at: start, ..place }, 0) } else { (place, word >> 56) }
    }
}

/// Translates the datagram of `len` bytes at `start`, from where one has come: towards one stream, and from another.
#[inline(always)]
pub(super) fn translate(
    frame: &mut impl Frame,
    start: usize,
    len: usize,
    streams: Streams<'_>,
    progress: Progress,
) -> Option<(Change, Kept)> {
    let end = start + (len & PLACE_MASK);
    let (mut place, runs) = progress.place(start);
    let mut change = Change::NONE;
    for _ in 0..UNITS_A_RUN {
        if place.at >= end {
            return Some((change, Kept::Leaves));
        }
        // Opaque, as in `payload`: the compiler knows better than the mask.
        place.at = black_box(place.at) & PLACE_MASK;
        let step = match place.rest {
            Rest::Nothing => packet(frame, place.at, end, streams, &mut change)?,
            Rest::Fill => Ok(fill(frame, place, &mut change)?),
            Rest::Blocks => Ok(reports::block(frame, place, streams.1?, &mut change)?),
            Rest::Numbers => Ok(reports::number(frame, place, streams.1?, &mut change)?),
            Rest::Sources => Ok(reports::source(frame, place, streams.1?, &mut change)?),
            Rest::Extended => reports::extended(frame, place, streams.1?, &mut change)?,
        };
        match step {
            Ok(next) => place = next,
            Err(reason) => return Some((change, Kept::Dropped(reason))),
        }
    }
    if place.at >= end {
        return Some((change, Kept::Leaves));
    }
    if runs + 1 >= RUNS_MAX {
        return Some((change, Kept::Dropped(DropReason::BadRtcp)));
    }
    Some((change, Kept::Unfinished(Progress::of(place, runs + 1))))
}

/// A packet begins.
#[inline(always)]
fn packet(
    frame: &mut impl Frame,
    at: usize,
    datagram_end: usize,
    (towards, from): Streams<'_>,
    change: &mut Change,
) -> Option<Step> {
    let head = if at + 4 > datagram_end { 0 } else { word(frame, at)? };
    let (packet_type, count) = ((head >> 16) as u8, (head >> COUNT_SHIFT & COUNT) as usize);
    let len = ((head & 0xffff) as usize + 1) * 4;
    let end = at + len;
    if head >> 30 != 2 || end > datagram_end {
        return Some(Err(DropReason::BadRtcp));
    }
    let place = Place { at: end, rest: Rest::Nothing, packet: at, units_end: end, end };
    if len < HEAD {
        // It names nobody.
        return Some(Ok(place));
    }
    if packet_type == SR && len < HEAD + size_of::<SenderInfo>() {
        return Some(Err(DropReason::BadRtcp));
    }
    if let Some(slot) = towards {
        if packet_type == SR && !reports::send(frame, at, slot, change)? {
            return Some(Err(DropReason::OtherSource));
        }
        if packet_type == SDES && len >= OWN_SDES {
            describe(frame, at, head, slot.ssrc(), change)?;
            return Some(Ok(Place { at: at + OWN_SDES, rest: Rest::Fill, ..place }.settled(1)));
        }
        let known = word(frame, at + 4)?;
        put(frame, at + 4, known, slot.ssrc(), change)?;
    }
    let blocks = match packet_type {
        SR => HEAD + size_of::<SenderInfo>(),
        _ => HEAD,
    };
    let understood = match packet_type {
        SR | RR => {
            let units_end = at + blocks + count * BLOCK;
            if units_end > end {
                return Some(Err(DropReason::BadRtcp));
            }
            let place = Place { at: at + blocks, units_end, rest: Rest::Blocks, ..place };
            return Some(Ok(if from.is_some() { place.settled(BLOCK) } else { place.left() }));
        }
        SDES | BYE => towards.is_none(),
        APP => true,
        RTPFB | PSFB => match from {
            None => true,
            Some(slot) => return Some(Ok(feedback(frame, place, (head, len), slot, change)?)),
        },
        XR => {
            let place = Place { at: at + HEAD, rest: Rest::Extended, ..place };
            return Some(Ok(if from.is_some() { place.settled(HEAD) } else { place.left() }));
        }
        _ => false,
    };
    if !understood {
        make_void(frame, at, head, change)?;
    }
    Some(Ok(place))
}

/// A packet that asks the sender of a stream for something (RFC 4585 section 6.1).
#[inline(always)]
fn feedback(
    frame: &mut impl Frame,
    place: Place,
    (head, len): (u32, usize),
    slot: &SteadySlot,
    change: &mut Change,
) -> Option<Place> {
    let (packet_type, format) = ((head >> 16) as u8, head >> COUNT_SHIFT & COUNT);
    let rest = match (packet_type, format) {
        // Generic NACK, and RFC 6642's report of a loss that others have said.
        (RTPFB, 1 | 7) => Rest::Numbers,
        // TMMBR, TMMBN; FIR, TSTR, TSTN (RFC 5104).
        (RTPFB, 3 | 4) | (PSFB, 4..=6) => Rest::Sources,
        // PLI, SLI, RPSI.
        (PSFB, 1..=3) => Rest::Nothing,
        _ => {
            make_void(frame, place.packet, head, change)?;
            return Some(place);
        }
    };
    if len < FEEDBACK_HEAD {
        make_void(frame, place.packet, head, change)?;
        return Some(place);
    }
    let media = place.packet + HEAD;
    let about = word(frame, media)?;
    let source = slot.source();
    if about == slot.ssrc() {
        match source {
            Some(source) => put(frame, media, about, source.ssrc, change)?,
            None => {
                make_void(frame, place.packet, head, change)?;
                return Some(place);
            }
        }
    } else if rest == Rest::Numbers {
        return Some(place);
    }
    if rest == Rest::Nothing {
        return Some(place);
    }
    let unit = if rest == Rest::Numbers { 4 } else { 8 };
    Some(Place { at: place.packet + FEEDBACK_HEAD, rest, ..place }.settled(unit))
}

/// Writes a description of our own over one.
#[inline(always)]
fn describe(frame: &mut impl Frame, at: usize, head: u32, ssrc: u32, change: &mut Change) -> Option<()> {
    const CNAME: u32 = 1 << 24;
    const OCTETS: u32 = 8 << 16;
    let [a, b, c, d] = ssrc.to_be_bytes();
    let pair = |octet: u8| (hexadecimal(octet >> 4) << 8) | hexadecimal(octet & 0xf);
    // Without padding: what follows is cleared, which is how a chunk ends.
    put(frame, at, head, VERSION | 1 << COUNT_SHIFT | u32::from(SDES) << 16 | head & 0xffff, change)?;
    for (index, new) in
        [ssrc, CNAME | OCTETS | pair(a), pair(b) << 16 | pair(c), pair(d) << 16].into_iter().enumerate()
    {
        let at = at + 4 + index * 4;
        let old = word(frame, at)?;
        put(frame, at, old, new, change)?;
    }
    Some(())
}

#[inline(always)]
const fn hexadecimal(digit: u8) -> u32 {
    (if digit < 10 { b'0' + digit } else { b'a' + digit - 10 }) as u32
}

/// Clears a few words.
#[inline(always)]
fn fill(frame: &mut impl Frame, place: Place, change: &mut Change) -> Option<Place> {
    let mut at = place.at;
    for _ in 0..FILL {
        if at + 4 > place.units_end {
            break;
        }
        let old = word(frame, at)?;
        put(frame, at, old, 0, change)?;
        at += 4;
    }
    Some(Place { at, ..place }.settled(4))
}

/// Makes a packet a receiver report that says nothing.
#[inline(always)]
fn make_void(frame: &mut impl Frame, at: usize, head: u32, change: &mut Change) -> Option<()> {
    put(frame, at, head, VERSION | head & PADDING | u32::from(RR) << 16 | head & 0xffff, change)
}

#[inline(always)]
fn word(frame: &impl Frame, at: usize) -> Option<u32> {
    let Cell(word) = frame.read(at)?;
    Some(word.get())
}

#[inline(always)]
fn put(frame: &mut impl Frame, at: usize, old: u32, new: u32, change: &mut Change) -> Option<()> {
    // Opaque, or the compiler leaves out a comparison that the verifier has to see before each access.
    frame.write(black_box(at) & PLACE_MASK, Cell(U32::new(new)))?;
    *change = change.address(old.to_be_bytes(), new.to_be_bytes());
    Some(())
}

impl Place {
    /// At its next unit of so many bytes, or behind the packet when there is none.
    #[inline(always)]
    const fn settled(self, unit: usize) -> Self {
        if self.at + unit > self.units_end { self.left() } else { self }
    }

    /// Behind the packet.
    #[inline(always)]
    const fn left(self) -> Self {
        Self { at: self.end, rest: Rest::Nothing, ..self }
    }
}
