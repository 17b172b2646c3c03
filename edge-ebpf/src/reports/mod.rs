//! What RTCP reports, kept beside what is counted here (RFC 3550 section 6.4, RFC 3611 section 4.7): what the far side of a leg says
//! of the stream that it is sent, and how long a packet takes to it and back.
//!
//! Sender reports are noted as they cross, so that the report which answers one tells the round trip between the edge and whoever
//! answers (section 6.4.1: arrival, less LSR, less DLSR), not that between the two sides.
//!
//! It is read as it comes in, before anything is translated: of a steady leg the stream that it is sent is ours, of another one it is
//! that of the other leg's source. RTCP is few packets, so this is a stage of its own, and media pays nothing for it. Who is
//! encrypted (SRTCP) never comes here.
//!
//! Invariants: nothing of the packet changes and nothing is dropped for what it says; compound or of reduced size (RFC 5506), so many
//! units of it are read and no more; a length that leads beyond the datagram ends the reading.

use core::hint::black_box;

use crate::abi::{Endpoint, EndpointState, FLAG_STEADY};
use crate::frame::Frame;
use crate::payload::{OFFSET_MASK, OFFSET_MAX, Work};
use crate::tables::Tables;
use crate::wire::rtcp::{Block, Cell, RR, SR, SenderInfo, XR};
use crate::wire::udp;

/// Units that are read: packets, and blocks of them. A compound of a telephone has four or five; of a mixer's many blocks those
/// about one stream may lie behind.
const UNITS_MAX: usize = 12;
/// Above the end of any datagram in a frame: a mask for the verifier.
const PLACE_MASK: usize = 0x7ff;
/// Bytes of a header with the SSRC behind it, and of a block of an extended report with the SSRC that it is about.
const HEAD: usize = 8;
const BLOCK: usize = size_of::<Block>();
/// Type and bytes of a VoIP metrics block (RFC 3611 section 4.7).
const VOIP: u32 = 7;
const VOIP_LEN: usize = 36;
/// Where its discard rate and its ratings lie.
const VOIP_RATES: usize = 8;
const VOIP_RATINGS: usize = 24;

/// What comes next.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Unit {
    /// A packet.
    Packet,
    /// A report block.
    Report,
    /// A block of an extended report.
    Extended,
}

/// How far a datagram is read.
#[derive(Clone, Copy)]
struct Place {
    at: usize,
    unit: Unit,
    /// Where the units of this kind end, and the packet that they are in.
    units_end: usize,
    end: usize,
}

/// Whom a datagram may be about.
struct Heard<'a> {
    /// That of the leg it comes from.
    state: &'a EndpointState,
    /// That of the leg it goes to, which sends what the first one is sent.
    other: &'a EndpointState,
    /// SSRC of the stream that the leg is sent.
    ssrc: u32,
    now_ns: u64,
}

/// Reads what a datagram of RTCP reports. What is no frame of the work, or not of a call any more, is left alone.
#[inline(always)]
pub fn take_in(frame: &impl Frame, tables: &impl Tables, work: &Work) {
    if work.offset <= OFFSET_MAX
        && let Some(heard) = heard(frame, tables, work)
    {
        // Opaque, so that the mask stays: the verifier has to see it where the compiler knows better.
        let start = usize::from(black_box(work.offset) & OFFSET_MASK) + udp::LEN;
        read(frame, start, start + (usize::from(work.len) & PLACE_MASK), &heard);
    }
}

#[inline(always)]
fn heard<'a, T: Tables>(frame: &impl Frame, tables: &'a T, work: &Work) -> Option<Heard<'a>> {
    let near: Endpoint = tables.endpoint(work.near)?.read().ok()?;
    let state = tables.state(work.near)?;
    let other = tables.state(near.peer)?;
    // Before the other leg has sent anything there is nothing to report on, and nobody to answer.
    if near.call == 0 || state.call() != near.call || other.call() != near.call {
        return None;
    }
    let ssrc = if near.flags & FLAG_STEADY != 0 { tables.steady(work.near)?.ssrc() } else { other.ssrc() };
    Some(Heard { state, other, ssrc, now_ns: frame.arrival_ns() })
}

#[inline(always)]
fn read(frame: &impl Frame, start: usize, datagram_end: usize, heard: &Heard<'_>) {
    let mut place = Place { at: start, unit: Unit::Packet, units_end: datagram_end, end: datagram_end };
    for _ in 0..UNITS_MAX {
        // Opaque, as in `steady`.
        place.at = black_box(place.at) & PLACE_MASK;
        if place.at + 4 > datagram_end {
            return;
        }
        let next = match place.unit {
            Unit::Packet => packet(frame, place.at, datagram_end, heard),
            Unit::Report => report(frame, place, heard),
            Unit::Extended => extended(frame, place, heard),
        };
        match next {
            Some(next) => place = next,
            None => return,
        }
    }
}

/// A packet begins.
#[inline(always)]
fn packet(frame: &impl Frame, at: usize, datagram_end: usize, heard: &Heard<'_>) -> Option<Place> {
    let head = word(frame, at)?;
    let (packet_type, count) = ((head >> 16) as u8, (head >> 24 & 0x1f) as usize);
    let end = at + ((head & 0xffff) as usize + 1) * 4;
    if head >> 30 != 2 || end > datagram_end {
        return None;
    }
    let (blocks, unit) = match packet_type {
        SR => {
            let blocks = at + HEAD + size_of::<SenderInfo>();
            if blocks > end {
                return None;
            }
            let (seconds, fraction) = (word(frame, at + HEAD)?, word(frame, at + HEAD + 4)?);
            heard.other.record_sender_report(seconds << 16 | fraction >> 16, heard.now_ns);
            (blocks, Unit::Report)
        }
        RR => (at + HEAD, Unit::Report),
        XR => (at + HEAD, Unit::Extended),
        _ => (end, Unit::Packet),
    };
    let claimed = if matches!(unit, Unit::Report) { blocks + count * BLOCK } else { end };
    let units_end = if claimed < end { claimed } else { end };
    Some(Place { at: blocks, unit, units_end, end }.settled(if matches!(unit, Unit::Report) {
        BLOCK
    } else {
        HEAD
    }))
}

/// A report block: the first one about the stream is all that there is to know of the packet.
#[inline(always)]
fn report(frame: &impl Frame, place: Place, heard: &Heard<'_>) -> Option<Place> {
    let block: Block = frame.read(place.at)?;
    if block.ssrc.get() != heard.ssrc {
        return Some(Place { at: place.at + BLOCK, ..place }.settled(BLOCK));
    }
    heard.state.record_report(&block, heard.now_ns);
    Some(place.left())
}

/// A block of an extended report.
#[inline(always)]
fn extended(frame: &impl Frame, place: Place, heard: &Heard<'_>) -> Option<Place> {
    let head = word(frame, place.at)?;
    let len = ((head & 0xffff) as usize + 1) * 4;
    let next = Place { at: place.at + len, ..place };
    if next.at > place.units_end {
        return None;
    }
    if head >> 24 == VOIP && len == VOIP_LEN && word(frame, place.at + 4)? == heard.ssrc {
        let [_, discarded, ..] = word(frame, place.at + VOIP_RATES)?.to_be_bytes();
        let [r_factor, _, listening, conversational] = word(frame, place.at + VOIP_RATINGS)?.to_be_bytes();
        heard.state.record_rating([discarded, r_factor, listening, conversational]);
    }
    Some(next.settled(HEAD))
}

#[inline(always)]
fn word(frame: &impl Frame, at: usize) -> Option<u32> {
    let Cell(word) = frame.read(at)?;
    Some(word.get())
}

impl Place {
    /// At its next unit of at least so many bytes, or behind the packet when there is none.
    #[inline(always)]
    const fn settled(self, unit: usize) -> Self {
        if self.at + unit > self.units_end { self.left() } else { self }
    }

    /// Behind the packet.
    #[inline(always)]
    const fn left(self) -> Self {
        Self { at: self.end, unit: Unit::Packet, ..self }
    }
}

#[cfg(test)]
mod tests;
