//! What RTCP says of a stream: what its sender says, and what its receiver does.

use zerocopy::byteorder::network_endian::U32;
use zerocopy::transmute;

use super::{BLOCK, COUNT, COUNT_SHIFT, HEAD, Place, Step, VOID_BLOCK, make_void, put, word};
use crate::abi::{Source, SteadySlot};
use crate::frame::Frame;
use crate::verdict::DropReason;
use crate::wire::checksum::Change;
use crate::wire::rtcp::{Block, SenderInfo};

/// The lower 24 bits: packets lost so far, signed.
const LOST: u32 = 0x00ff_ffff;
/// How far the far side may be ahead of what this CPU knows to have crossed.
const AHEAD_MAX: u16 = 100;

/// Gives the sender report at `at` the numbers of the stream; says whether its sender has the stream.
#[inline(always)]
pub(super) fn send(
    frame: &mut impl Frame,
    at: usize,
    slot: &SteadySlot,
    change: &mut Change,
) -> Option<bool> {
    let sender = word(frame, at + 4)?;
    let Some(source) = slot.source() else { return Some(false) };
    if source.ssrc != sender {
        return Some(false);
    }
    let old: SenderInfo = frame.read(at + HEAD)?;
    let mut reported = slot.reported();
    let now = old.ntp[0].get() << 16 | old.ntp[1].get() >> 16;
    if reported.sender != sender {
        reported.sender = sender;
        reported.first_report = now;
        reported.packets.0 = reported.packets.1;
        reported.octets.0 = reported.octets.1;
    }
    reported.last_report = now;
    reported.packets.1 = old.packets.get().wrapping_add(reported.packets.0);
    reported.octets.1 = old.octets.get().wrapping_add(reported.octets.0);
    slot.keep_sent(&reported);
    let new = SenderInfo {
        timestamp: U32::new(old.timestamp.get().wrapping_add(source.offsets.timestamp)),
        packets: U32::new(reported.packets.1),
        octets: U32::new(reported.octets.1),
        ..old
    };
    frame.write(at + HEAD, new)?;
    *change = change
        .address(old.timestamp.to_bytes(), new.timestamp.to_bytes())
        .address(old.packets.to_bytes(), new.packets.to_bytes())
        .address(old.octets.to_bytes(), new.octets.to_bytes());
    Some(true)
}

/// A report block: in the numbers of the source that it is about.
#[inline(always)]
pub(super) fn block(
    frame: &mut impl Frame,
    place: Place,
    slot: &SteadySlot,
    change: &mut Change,
) -> Option<Place> {
    let old: Block = frame.read(place.at)?;
    let next = Place { at: place.at + BLOCK, ..place }.settled(BLOCK);
    if old.ssrc.get() != slot.ssrc() {
        return Some(next);
    }
    let about = match slot.source() {
        Some(source) => number_of(&source, old.highest.get() as u16).map(|highest| (source, highest)),
        None => None,
    };
    let Some((source, highest)) = about else {
        // Alone it is made void. Beside others it stays, about somebody whom nobody knows there.
        let head = word(frame, place.packet)?;
        if head >> COUNT_SHIFT & COUNT == 1 {
            put(frame, place.packet, head, head & !(COUNT << COUNT_SHIFT), change)?;
        }
        return Some(next);
    };
    let new = of_source(slot, &source, highest, old);
    frame.write(place.at, new)?;
    let (was, is): ([[u8; 4]; 6], [[u8; 4]; 6]) = (transmute!(old), transmute!(new));
    for (was, is) in was.into_iter().zip(is) {
        *change = change.address(was, is);
    }
    Some(next)
}

#[inline(always)]
fn of_source(slot: &SteadySlot, source: &Source, highest: u32, old: Block) -> Block {
    let mut reported = slot.reported();
    let said = old.lost.get();
    if reported.receiver_of != source.ssrc {
        reported.receiver_of = source.ssrc;
        reported.lost.0 = reported.lost.1;
    }
    reported.lost.1 = said & LOST;
    slot.keep_received(&reported);
    let lost = said.wrapping_sub(reported.lost.0) & LOST;
    let since = old.last_report.get().wrapping_sub(reported.first_report);
    let reports = reported.last_report.wrapping_sub(reported.first_report);
    let is_its = reported.sender == source.ssrc && since <= reports;
    let (last_report, delay) = if is_its { (old.last_report, old.delay) } else { (U32::new(0), U32::new(0)) };
    Block {
        ssrc: U32::new(source.ssrc),
        lost: U32::new(said & !LOST | lost),
        highest: U32::new(highest),
        jitter: old.jitter,
        last_report,
        delay,
    }
}

/// A sequence number that is asked for again, with a mask of those behind it.
#[inline(always)]
pub(super) fn number(
    frame: &mut impl Frame,
    place: Place,
    slot: &SteadySlot,
    change: &mut Change,
) -> Option<Place> {
    let old = word(frame, place.at)?;
    let lost = slot.source().and_then(|source| number_of(&source, (old >> 16) as u16));
    let Some(lost) = lost else {
        let head = word(frame, place.packet)?;
        make_void(frame, place.packet, head, change)?;
        return Some(place.left());
    };
    put(frame, place.at, old, lost << 16 | old & 0xffff, change)?;
    Some(Place { at: place.at + 4, ..place }.settled(4))
}

/// A source of which something is wanted.
#[inline(always)]
pub(super) fn source(
    frame: &mut impl Frame,
    place: Place,
    slot: &SteadySlot,
    change: &mut Change,
) -> Option<Place> {
    let old = word(frame, place.at)?;
    if old == slot.ssrc()
        && let Some(source) = slot.source()
    {
        put(frame, place.at, old, source.ssrc, change)?;
    }
    Some(Place { at: place.at + 8, ..place }.settled(8))
}

/// A block of an extended report (RFC 3611 section 4).
#[inline(always)]
pub(super) fn extended(
    frame: &mut impl Frame,
    place: Place,
    slot: &SteadySlot,
    change: &mut Change,
) -> Option<Step> {
    const RECEIVER_TIME: u32 = 4;
    const DELAYS: u32 = 5;
    const VOIP: u32 = 7;
    let at = place.at;
    let head = word(frame, at)?;
    let (kind, len) = (head >> 24, ((head & 0xffff) as usize + 1) * 4);
    if at + len > place.units_end {
        return Some(Err(DropReason::BadRtcp));
    }
    let next = Place { at: at + len, ..place }.settled(4);
    if len < HEAD || kind == RECEIVER_TIME {
        return Some(Ok(next));
    }
    let about = word(frame, at + 4)?;
    if about != slot.ssrc() {
        return Some(Ok(next));
    }
    let translated = match slot.source() {
        None => None,
        Some(source) => {
            let numbers = match kind {
                DELAYS | VOIP => Some(None),
                1..=3 | 6 if len >= HEAD + 4 => {
                    let old = word(frame, at + HEAD)?;
                    interval(&source, old).map(|new| Some((old, new)))
                }
                // Of others nobody here knows what numbers they have.
                _ => None,
            };
            numbers.map(|numbers| (source.ssrc, numbers))
        }
    };
    match translated {
        Some((ssrc, numbers)) => {
            put(frame, at + 4, about, ssrc, change)?;
            if let Some((old, new)) = numbers {
                put(frame, at + HEAD, old, new, change)?;
            }
        }
        None => put(frame, at, head, VOID_BLOCK << 24 | head & 0x00ff_ffff, change)?,
    }
    Some(Ok(next))
}

/// The first number of an interval, and the one behind its last.
#[inline(always)]
fn interval(source: &Source, old: u32) -> Option<u32> {
    let (first, behind) = ((old >> 16) as u16, old as u16);
    let (first, last) = (number_of(source, first)?, number_of(source, behind.wrapping_sub(1))?);
    Some(first << 16 | (last as u16).wrapping_add(1) as u32)
}

/// A number of the stream as its source counts, extended; `None` when it is of an earlier one.
#[inline(always)]
const fn number_of(source: &Source, sequence: u16) -> Option<u32> {
    let newest = (source.last as u16).wrapping_add(source.offsets.sequence);
    let behind = newest.wrapping_sub(sequence);
    let behind = if behind.wrapping_neg() <= AHEAD_MAX { 0 } else { behind };
    if behind as u32 > source.last.wrapping_sub(source.first as u32) {
        return None;
    }
    Some(source.last.wrapping_sub(behind as u32))
}
