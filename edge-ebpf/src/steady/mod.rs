//! One RTP stream for the life of a call (`rtp = "steady"`): what a leg is sent has one SSRC, sequence numbers without a jump and
//! timestamps that go on, whichever source is behind it; and RTCP of both legs speaks of each other's streams as they are known
//! there (RFC 3550 sections 5.1 and 6.4, RFC 8079).
//!
//! Towards such a leg the edge is what RFC 7667 section 3.6.2 calls a media-switching mixer: it has a stream of its own, which one
//! source at a time has. [`rtp`] says which, and by which numbers its packets leave; [`rtcp`] translates what is said of them.
//!
//! This comes before [`payload`](crate::payload), so that digits that ride on speech have the stream's timestamps too. The XDP host
//! does it in a program of its own; flows of other legs pay one test of a flag.
//!
//! Invariants: the frame keeps its length; the UDP checksum stays right, or wrong by as much, or absent; within a source differences
//! of sequence numbers and of timestamps are those that came; the stream's numbers never go back at a change of sources.

mod rtcp;
mod rtp;

pub use rtcp::Progress;

use core::hint::black_box;

use crate::abi::{Endpoint, SteadySlot};
use crate::frame::Frame;
use crate::payload::{OFFSET_MASK, OFFSET_MAX, Work};
use crate::tables::Tables;
use crate::verdict::DropReason;
use crate::wire::checksum::{Change, Checksum};
use crate::wire::udp;

/// Where the checksum lies in a UDP header: it is the last field.
const CHECKSUM: usize = udp::LEN - size_of::<Checksum>();

/// What became of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// It leaves.
    Leaves,
    /// There is more of it: to be gone on with from here.
    Unfinished(Progress),
    /// It does not leave, and is counted at its endpoint.
    Dropped(DropReason),
}

/// Makes RTP a part of its stream. `None` when the frame is not what the work is about.
#[inline(always)]
pub fn carry_out(frame: &mut impl Frame, tables: &impl Tables, work: &Work) -> Option<Kept> {
    let (udp, near) = begin(tables, work)?;
    let done = match of_call(tables, near.peer, near.call) {
        Some(slot) => rtp::renumber(frame, tables, udp + udp::LEN, (slot, &near))?,
        // It was one just now: its call has ended.
        None => Err(DropReason::OtherSource),
    };
    match done {
        Ok(change) => {
            sum_up(frame, udp, change)?;
            Some(Kept::Leaves)
        }
        Err(reason) => Some(dropped(tables, work, reason)),
    }
}

/// Goes on with RTCP, so far as one program may: there are more of them for the rest. `None` as in [`carry_out`].
#[inline(always)]
pub fn speak(frame: &mut impl Frame, tables: &impl Tables, work: &Work, progress: Progress) -> Option<Kept> {
    let (udp, near) = begin(tables, work)?;
    let streams = (of_call(tables, near.peer, near.call), of_call(tables, work.near, near.call));
    let (change, kept) = rtcp::translate(frame, udp + udp::LEN, work.len.into(), streams, progress)?;
    sum_up(frame, udp, change)?;
    match kept {
        Kept::Dropped(reason) => Some(dropped(tables, work, reason)),
        Kept::Leaves | Kept::Unfinished(_) => Some(kept),
    }
}

/// All of it, for hosts that do not have to divide it.
#[inline(always)]
pub fn speak_all(frame: &mut impl Frame, tables: &impl Tables, work: &Work) -> Option<Kept> {
    let mut kept = Kept::Unfinished(Progress::BEGIN);
    while let Kept::Unfinished(progress) = kept {
        kept = speak(frame, tables, work, progress)?;
    }
    Some(kept)
}

/// Where the UDP header is, and the endpoint that the packet has come to.
#[inline(always)]
fn begin(tables: &impl Tables, work: &Work) -> Option<(usize, Endpoint)> {
    if work.offset > OFFSET_MAX {
        return None;
    }
    // Opaque, so that the mask stays: the verifier has to see it where the compiler knows better.
    let udp = usize::from(black_box(work.offset) & OFFSET_MASK);
    Some((udp, tables.endpoint(work.near)?.read().ok()?))
}

#[inline(always)]
fn dropped(tables: &impl Tables, work: &Work, reason: DropReason) -> Kept {
    if let Some(state) = tables.state(work.near) {
        // By constants: of a variable the verifier would have to see a comparison that the compiler leaves out.
        if matches!(reason, DropReason::OtherSource) {
            state.count_drop(DropReason::OtherSource as u8);
        } else {
            state.count_drop(DropReason::BadRtcp as u8);
        }
    }
    Kept::Dropped(reason)
}

#[inline(always)]
fn sum_up(frame: &mut impl Frame, udp: usize, change: Change) -> Option<()> {
    let checksum: Checksum = frame.read(udp + CHECKSUM)?;
    frame.write(udp + CHECKSUM, checksum.udp_after(change))
}

/// The stream that leaves by an endpoint, while it is one of `call`.
#[inline(always)]
fn of_call<T: Tables>(tables: &T, index: u32, call: u32) -> Option<&SteadySlot> {
    tables.steady(index).filter(|slot| slot.call() == call)
}

#[cfg(test)]
mod tests;
