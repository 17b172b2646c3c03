//! telephone-events (RFC 4733) that pass, or are taken: each is told once, whichever of its packets arrive.
//!
//! All packets of an event have the timestamp of its begin, so that says which event a packet is of: neither the marker of
//! the first nor the three repetitions of the last one matter. It is told when it is over, or when the next one begins
//! before its end has arrived; one that ends with neither is userspace's to find. A long one goes on in segments (section
//! 2.5.1.3), and is one. How many are told is bounded (a ring buffer that everybody shares is not to be filled by
//! one): sixteen at once, and fifteen a second after that, which is more than anybody dials.

use super::{Done, Work, rtp};
use crate::abi::{
    DigitHeard, DigitSlot, DigitTold, EndpointState, PROFILE_HOLDS_EVENTS, PROFILE_MASKS_EVENTS,
    PROFILE_TELLS_EVENTS,
};
use crate::frame::Frame;
use crate::tables::Tables;
use crate::verdict::DropReason;
use crate::wire::checksum::Change;
use crate::wire::rtp::Rtp;
use crate::wire::udp;

/// A step of the bucket is 2^26 ns, 67 ms: what an event costs.
const STEP_NS_SHIFT: u32 = 26;
/// Events that may be told at once.
const DEPTH: u32 = 16;
/// A timestamp so far behind belongs to a packet that came late; one further behind, to another source: 8 s at 8 kHz.
pub(super) const LATE_TICKS: u32 = 1 << 16;
const END: u8 = 0x80;
const VOLUME: u8 = 0x3f;
/// The last event that is a digit: `D`.
const DIGIT_LAST: u8 = 15;
/// What a digit becomes that nobody is to know: the star.
const MASKED: u8 = 10;

/// A packet of an event (RFC 4733 section 2.3).
#[derive(Debug, Clone, Copy)]
struct Packet {
    timestamp: u32,
    event: u8,
    is_end: bool,
    volume: u8,
    /// In ticks.
    duration: u16,
}

/// Tells of an event that is over, puts another digit in the place of one that is masked, and says whether the packet leaves.
#[inline(always)]
pub(super) fn pass(
    frame: &mut impl Frame,
    tables: &impl Tables,
    work: &Work,
    so_far: Change,
    flags: u64,
) -> Option<(Done, Change)> {
    let offset = usize::from(work.offset) + udp::LEN;
    let (start, len) = rtp::carried(frame, offset, work.len.into())?;
    let done = if flags & PROFILE_HOLDS_EVENTS == 0 { Done::Leaves } else { Done::Held };
    if len >= 4 {
        let header: Rtp = frame.read(offset)?;
        let [event, ended, high, low]: [u8; 4] = frame.read(offset + start)?;
        if flags & PROFILE_TELLS_EVENTS != 0 {
            let (is_end, volume) = (ended & END != 0, ended & VOLUME);
            let duration = u16::from_be_bytes([high, low]);
            let packet = Packet { timestamp: header.timestamp.get(), event, is_end, volume, duration };
            hear(tables, work, packet, frame.arrival_ns());
        }
        if flags & PROFILE_MASKS_EVENTS != 0 && event <= DIGIT_LAST {
            frame.write(offset + start, [MASKED, ended])?;
            return Some((done, so_far.word([event, ended], [MASKED, ended])));
        }
    }
    Some((done, so_far))
}

/// Counts a packet that is held at its endpoint.
#[inline(always)]
pub(super) fn hold(tables: &impl Tables, work: &Work) {
    if let Some(state) = tables.state(work.near) {
        state.count_drop(DropReason::EventHeld as u8);
    }
}

#[inline(always)]
fn hear(tables: &impl Tables, work: &Work, packet: Packet, now_ns: u64) {
    let Some(call) = tables.state(work.near).map(EndpointState::call) else { return };
    let Some(slot) = tables.digits(work.near) else { return };
    slot.adopt(call);
    let (heard, over) = step(slot.heard(), packet);
    slot.keep_heard(heard, now_ns);
    for DigitHeard { timestamp, duration_ticks, event, volume, .. } in over.into_iter().flatten() {
        if may_tell(slot, now_ns) {
            let endpoint = work.near;
            tables.tell(&DigitTold { call, endpoint, timestamp, duration_ticks, event, volume });
        }
    }
}

/// What is remembered after a packet, and what is over with it: the event before that lost its end, and its own.
#[inline(always)]
fn step(former: DigitHeard, packet: Packet) -> (DigitHeard, [Option<DigitHeard>; 2]) {
    let Packet { timestamp, event, is_end, volume, duration } = packet;
    let behind = former.timestamp.wrapping_sub(timestamp);
    let mut heard = former;
    let mut over = [None, None];
    if !former.is_there || behind != 0 {
        if former.is_there && behind < LATE_TICKS {
            return (former, over);
        }
        let goes_on = former.duration_ticks == u16::MAX
            && former.event == event
            && timestamp.wrapping_sub(former.timestamp) == u16::MAX as u32;
        let is_told = former.is_there && goes_on && former.is_told;
        if former.is_there && !former.is_told && !goes_on {
            over[0] = Some(former);
        }
        heard = DigitHeard { timestamp, duration_ticks: 0, event, volume, is_there: true, is_told };
    }
    heard.duration_ticks = if duration > heard.duration_ticks { duration } else { heard.duration_ticks };
    if is_end && !heard.is_told {
        heard.is_told = true;
        over[1] = Some(heard);
    }
    (heard, over)
}

/// Takes one event from the bucket, if there is one.
#[inline(always)]
fn may_tell(slot: &DigitSlot, now_ns: u64) -> bool {
    let left = taken(slot.full_at(), now_ns);
    if let Some(full_at) = left {
        slot.keep_full_at(full_at);
    }
    left.is_some()
}

/// When the bucket is full again after one more event; `None` when it is empty.
#[inline(always)]
#[expect(clippy::cast_possible_truncation, reason = "steps wrap")]
const fn taken(full_at: u32, now_ns: u64) -> Option<u32> {
    let now = (now_ns >> STEP_NS_SHIFT) as u32;
    let ahead = full_at.wrapping_sub(now);
    // What lies further ahead than the bucket is deep lies in the past.
    let ahead = if ahead > DEPTH { 0 } else { ahead };
    if ahead == DEPTH { None } else { Some(now.wrapping_add(ahead + 1)) }
}

#[cfg(test)]
mod tests;
