//! Which source has the stream, and the numbers that its packets leave by (RFC 3550 section 5.1).
//!
//! Another SSRC is another source, and so is the same one that starts its numbers anew after signalling has described it again.
//! Its first packet has the number after the newest one, the newest timestamp with the time since then
//! added (at least what a packet of 20 ms has), and the marker, because a jitter buffer has to find its depth again (RFC 3551 section
//! 4.1). The packets after it follow by its own numbers, so what is lost, late, double or silent in it stays so.
//!
//! **The last to come has the stream.** What the source before it sends on is dropped, or the stream would change with every packet
//! where two send at once (early media of two places through one address). It gets the stream back when the other one has been
//! silent for half a second, or when signalling describes the far side anew. What it had sent before arrives late by its old numbers.

use zerocopy::byteorder::network_endian::{U16, U32};

use crate::abi::{Endpoint, Former, Offsets, Reached, Source, SteadySlot};
use crate::frame::Frame;
use crate::tables::Tables;
use crate::verdict::DropReason;
use crate::wire::checksum::Change;
use crate::wire::rtp::{self, Rtp};

/// Distance up to which a lower number is late or double (RFC 3550 appendix A.1).
const MISORDER: u16 = 100;
/// Gap up to which a higher one is loss (appendix A.1).
const DROPOUT: u16 = 3000;
/// A timestamp so far behind is of an event's begin, or late: 8 s at 8 kHz. One further behind is of a clock that was set anew.
const LATE_TICKS: u32 = 1 << 16;
/// How long a source is silent before the one before it has the stream again: 2^29 ns, more than half a second.
const SILENCE_NS: u64 = 1 << 29;
/// What a packet is taken to hold, in nanoseconds.
const PACKET_NS: u64 = 20_000_000;
/// Length of a tick when nobody has said it: 8 kHz.
const NS_PER_TICK: u32 = 125_000;

/// A packet as it comes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Packet {
    pub(super) ssrc: u32,
    pub(super) sequence: u16,
    pub(super) timestamp: u32,
    /// Generation of its endpoint's entry.
    pub(super) generation: u16,
    pub(super) ns: u64,
    pub(super) ns_per_tick: u32,
}

/// How it leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) sequence: u16,
    pub(super) timestamp: u32,
    /// Whether it is the first after a change.
    pub(super) marks: bool,
}

/// Gives the RTP packet at `at` the numbers of the stream that it is to be a part of.
#[inline(always)]
pub(super) fn renumber(
    frame: &mut impl Frame,
    tables: &impl Tables,
    at: usize,
    (slot, near): (&SteadySlot, &Endpoint),
) -> Option<Result<Change, DropReason>> {
    if slot.is_new() {
        let left = slot.follows().and_then(|index| tables.steady(index)?.left(slot.ssrc()));
        slot.begin(left);
    }
    let old: Rtp = frame.read(at)?;
    let packet = Packet {
        ssrc: old.ssrc.get(),
        sequence: old.sequence.get(),
        timestamp: old.timestamp.get(),
        generation: near.generation,
        ns: frame.arrival_ns(),
        ns_per_tick: near.ns_per_tick,
    };
    let Some(Place { sequence, timestamp, marks }) = place(slot, packet) else {
        return Some(Err(DropReason::OtherSource));
    };
    let marker = if marks { rtp::MARKER } else { 0 };
    let new = Rtp {
        first: old.first,
        marker_payload_type: old.marker_payload_type | marker,
        sequence: U16::new(sequence),
        timestamp: U32::new(timestamp),
        ssrc: U32::new(slot.ssrc()),
    };
    frame.write(at, new)?;
    let change = Change::NONE
        .word([old.first, old.marker_payload_type], [new.first, new.marker_payload_type])
        .word(old.sequence.to_bytes(), new.sequence.to_bytes())
        .address(old.timestamp.to_bytes(), new.timestamp.to_bytes())
        .address(old.ssrc.to_bytes(), new.ssrc.to_bytes());
    Some(Ok(change))
}

/// The place of a packet in the stream; `None` when another source has it.
#[inline(always)]
pub(super) fn place(slot: &SteadySlot, packet: Packet) -> Option<Place> {
    let Some(source) = slot.source() else { return Some(turn(slot, packet, None)) };
    if source.ssrc == packet.ssrc {
        let anew = source.generation != packet.generation && !continues(source.last as u16, packet.sequence);
        if anew {
            return Some(turn(slot, packet, Some(source)));
        }
        return Some(follow(slot, packet, source));
    }
    if let Some(former) = slot.former()
        && former.ssrc == packet.ssrc
    {
        if former.last.wrapping_sub(packet.sequence) <= MISORDER {
            let Offsets { timestamp, sequence } = former.offsets;
            return Some(Place {
                sequence: packet.sequence.wrapping_add(sequence),
                timestamp: packet.timestamp.wrapping_add(timestamp),
                marks: false,
            });
        }
        let silent_ns = packet.ns.saturating_sub(slot.seen_ns());
        if source.generation == packet.generation && silent_ns < SILENCE_NS {
            return None;
        }
    }
    Some(turn(slot, packet, Some(source)))
}

/// Whether a number goes on from the newest one, or is late.
#[inline(always)]
const fn continues(last: u16, sequence: u16) -> bool {
    sequence.wrapping_sub(last) < DROPOUT || last.wrapping_sub(sequence) <= MISORDER
}

/// One more packet of the source that has the stream.
#[inline(always)]
fn follow(slot: &SteadySlot, packet: Packet, source: Source) -> Place {
    let Source { last, offsets, first, .. } = source;
    let behind = (last as u16).wrapping_sub(packet.sequence);
    let ahead = behind.wrapping_neg();
    let timestamp = packet.timestamp.wrapping_add(offsets.timestamp);
    if behind > MISORDER {
        let was_behind = slot.timestamp().wrapping_sub(timestamp) < LATE_TICKS;
        // What counts from a lower number on has begun anew.
        let (first, last) = if ahead < 1 << 15 {
            (first, last.wrapping_add(ahead as u32))
        } else {
            (packet.sequence, packet.sequence as u32)
        };
        slot.go_on(last, if was_behind { None } else { Some(timestamp) }, packet.ns);
        if source.generation != packet.generation || source.first != first {
            slot.name(&Source { generation: packet.generation, first, ..source });
        }
    }
    slot.see(packet.ns);
    Place { sequence: packet.sequence.wrapping_add(offsets.sequence), timestamp, marks: false }
}

/// The first packet of a source, which has the stream from now on.
#[inline(always)]
fn turn(slot: &SteadySlot, packet: Packet, before: Option<Source>) -> Place {
    let reached = slot.reached();
    let (sequence, timestamp) = match reached {
        Some(reached) => (reached.sequence.wrapping_add(1), after(reached, packet)),
        None => (packet.sequence, packet.timestamp),
    };
    let offsets = Offsets {
        timestamp: timestamp.wrapping_sub(packet.timestamp),
        sequence: sequence.wrapping_sub(packet.sequence),
    };
    let Packet { ssrc, generation, .. } = packet;
    let (first, last) = (packet.sequence, packet.sequence as u32);
    let former = before.map(|Source { ssrc, last, offsets, .. }| Former { ssrc, last: last as u16, offsets });
    slot.turn_to(&Source { ssrc, generation, first, last, offsets }, timestamp, packet.ns, former);
    Place { sequence, timestamp, marks: reached.is_some() }
}

/// The timestamp of a packet that comes now, where the stream has reached so far.
#[inline(always)]
fn after(reached: Reached, packet: Packet) -> u32 {
    let elapsed_ns = packet.ns.saturating_sub(reached.since_ns);
    let elapsed_ns = if elapsed_ns < PACKET_NS { PACKET_NS } else { elapsed_ns };
    let ns_per_tick = if packet.ns_per_tick == 0 { NS_PER_TICK } else { packet.ns_per_tick };
    reached.timestamp.wrapping_add((elapsed_ns / u64::from(ns_per_tick)) as u32)
}
