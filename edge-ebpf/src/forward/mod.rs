//! The media decision: what becomes of one frame.
//!
//! In this order: parse, is it ours, check, look up, admit, police, rewrite; then it is counted. What is not ours passes untouched
//! before anything else is asked of it; from then on a packet is either relayed or dropped with a reason.
//!
//! Invariants: a packet leaves only with the addresses of an endpoint that is live and linked to the one it
//! arrived at; nothing outside the Ethernet, IP and UDP headers changes but what a [`payload::Work`] says; the frame keeps its length within an IP
//! family, unless its speech becomes a digit; a frame that is not relayed is not changed, but for what the stages behind it drop.

mod charge;
mod datagram;
mod ip;
mod police;
mod rewrite;
mod source;
mod unsummed;

use crate::abi::{Endpoint, NextHop, Offender, PayloadRule, SOURCE_LATCH, SOURCE_PORT};
use crate::frame::Frame;
use crate::payload::{self, Done, Tasks, Work};
use crate::reports;
use crate::stats::Arrival;
use crate::steady::{self, Kept};
use crate::tables::Tables;
use crate::verdict::{DropReason, Egress, PassReason, RelayPath, Verdict};
use crate::vlan;
use crate::wire::{Payload, Stream, udp};
pub use charge::{Charge, Charged};
use datagram::{Datagram, Media, V4_PAYLOAD_OFFSET, V6_PAYLOAD_OFFSET};

/// What becomes of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decision {
    /// The one thing to count.
    pub verdict: Verdict,
    /// What is still to be done to the payload of a frame that is relayed.
    pub work: Option<Work>,
    /// What is still to be counted at the endpoint that it came to.
    pub charge: Option<Charge>,
}

/// Decides about one frame, and rewrites it when it is to be relayed: all of it, for hosts that do not have to divide it.
#[inline(always)]
pub fn forward<F: Frame>(frame: &mut F, tables: &impl Tables) -> Verdict {
    let mut decision = decide(frame, tables);
    let mut vid = 0;
    if decision.verdict == Verdict::Pass(PassReason::Tagged) {
        match vlan::network(frame, tables) {
            Ok(network) => (decision, vid) = (vlan::decide(frame, tables, network), network.vid),
            Err(reason) => return Verdict::Pass(reason),
        }
    }
    match carry_out(frame, tables, decision) {
        Verdict::Relay(path) => match vlan::leave(frame, tables, path, vid) {
            Ok(()) => Verdict::Relay(path),
            Err(reason) => Verdict::Drop(reason),
        },
        verdict @ (Verdict::Pass(_) | Verdict::Drop(_)) => verdict,
    }
}

/// Counts, and does what is still to be done to the payload.
#[inline(always)]
fn carry_out(frame: &mut impl Frame, tables: &impl Tables, decision: Decision) -> Verdict {
    let Decision { verdict, work, charge } = decision;
    if let Some(charge) = charge {
        charge.book(tables);
    }
    let Some(work) = work else { return verdict };
    if work.tasks.are_read() {
        reports::take_in(frame, tables, &work);
    }
    // What cannot be done is work of another frame, and there is none.
    if work.tasks.are_steady() {
        let kept = match verdict {
            Verdict::Relay(RelayPath { payload: Payload::Rtcp, .. }) => {
                steady::speak_all(frame, tables, &work)
            }
            Verdict::Relay(_) | Verdict::Pass(_) | Verdict::Drop(_) => {
                steady::carry_out(frame, tables, &work)
            }
        };
        debug_assert!(kept.is_some(), "the decision measured the frame: {work:?}");
        if let Some(Kept::Dropped(reason)) = kept {
            return Verdict::Drop(reason);
        }
    }
    if work.tasks.rule().is_none() {
        return verdict;
    }
    let done = payload::carry_out(frame, tables, &work);
    debug_assert!(done.is_some(), "the decision measured the frame: {work:?}");
    match done {
        Some(Done::Held) => Verdict::Drop(DropReason::EventHeld),
        Some(Done::Leaves) | None => verdict,
    }
}

/// Decides about one frame, and rewrites its headers when it is to be relayed.
#[inline(always)]
pub fn decide(frame: &mut impl Frame, tables: &impl Tables) -> Decision {
    let datagram = match Datagram::parse(frame, tables) {
        Ok(datagram) => datagram,
        Err(reason) => return Decision { verdict: Verdict::Pass(reason), work: None, charge: None },
    };
    let endpoint = datagram.endpoint;
    match relay(frame, tables, &datagram) {
        Ok(Relayed { path, work, what }) => {
            Decision { verdict: Verdict::Relay(path), work, charge: Some(Charge { endpoint, what }) }
        }
        Err(Stopped::Closed) => {
            Decision { verdict: Verdict::Pass(PassReason::ClosedPort), work: None, charge: None }
        }
        Err(Stopped::Dropped(reason)) => {
            let (address, port) = datagram.source();
            let payload_type = datagram.payload_type(frame);
            let what = Charged::Drop(Offender { address, port, reason: reason as u8, payload_type });
            Decision { verdict: Verdict::Drop(reason), work: None, charge: Some(Charge { endpoint, what }) }
        }
    }
}

/// Index of the endpoint that a frame without a tag comes to, when it is media for one of ours.
#[inline(always)]
pub fn endpoint_of(frame: &impl Frame, tables: &impl Tables) -> Option<u32> {
    Datagram::parse(frame, tables).ok().map(|datagram| datagram.endpoint)
}

/// A frame that has its new headers.
struct Relayed {
    path: RelayPath,
    work: Option<Work>,
    what: Charged,
}

/// Why a packet for a media port is not relayed.
enum Stopped {
    Dropped(DropReason),
    /// Nobody has the port, and the host may say so.
    Closed,
}

impl From<DropReason> for Stopped {
    #[inline(always)]
    fn from(reason: DropReason) -> Self {
        Self::Dropped(reason)
    }
}

#[inline(always)]
fn relay(frame: &mut impl Frame, tables: &impl Tables, datagram: &Datagram) -> Result<Relayed, Stopped> {
    // Read long before it is used: at many flows state and endpoint both come from memory, and this way the
    // processor fetches them at the same time.
    let state = tables.state(datagram.endpoint).map(|state| (state, state.owner()));
    let carried = datagram.check(frame)?;
    let mut near = near(frame, tables, datagram)?;
    turn_to_rtcp(tables, datagram.endpoint, datagram.stream(), &mut near)?;
    let media = datagram.media(frame, carried, &near)?;
    #[expect(
        clippy::manual_map,
        reason = "a closure becomes a function, whose frame older kernels (6.1) count as 32 bytes"
    )]
    let state = match state {
        Some((state, owner)) => Some(state.adopted(owner, near.call)),
        None => None,
    };
    source::admit(&near, state, datagram, &media)?;
    let mut far = far(tables, &near)?;
    // Each leg has its RTCP where it agreed to have it.
    let payload = media.payload();
    let stream = far.stream_of(payload, datagram.stream());
    turn_to_rtcp(tables, near.peer, stream, &mut far)?;
    let to = source::destination(tables, near.peer, &far, stream)?;
    let (hop, station) = next_hop(tables, &far)?;
    // Reading the clock waits for all loads before it, so everything is looked up by then.
    let (ns, bytes) = (frame.arrival_ns(), frame.len() as u32);
    let rule = police::police(tables, &near, state, &media, (ns, bytes.into()))?;
    if PayloadRule::from_bits(rule).is_some_and(PayloadRule::converts) && carried.len > payload::LAW_BYTES_MAX
    {
        return Err(DropReason::TooBig.into());
    }
    let stations = [station, hop.source];
    let rewritten = rewrite::Rewrite { far: &far, stream, to, stations, mtu: hop.mtu };
    rewritten.apply(frame, datagram)?;
    let same = hop.ifindex == frame.ingress_ifindex();
    let egress = if same { Egress::SameDevice } else { Egress::Device(u32::from(hop.device)) };
    let offset = if far.local.is_v4() { V4_PAYLOAD_OFFSET } else { V6_PAYLOAD_OFFSET };
    let (offset, len) = ((offset - udp::LEN) as u8, carried.len as u16);
    let tasks = Tasks::of(payload, &near, &far, rule);
    #[expect(clippy::unnecessary_lazy_evaluations, reason = "16 bytes of stack less, of which there are few")]
    let work = (!tasks.are_none()).then(|| Work {
        near: datagram.endpoint,
        offset,
        len,
        tasks,
        profile: near.profile,
    });
    let what = charged(&media, ns, bytes, near.ns_per_tick);
    Ok(Relayed { path: RelayPath { payload, egress }, work, what })
}

/// The endpoint that the packet arrived at.
#[inline(always)]
fn near(frame: &impl Frame, tables: &impl Tables, datagram: &Datagram) -> Result<Endpoint, Stopped> {
    let slot = tables.endpoint(datagram.endpoint).ok_or(DropReason::NoEndpoint)?;
    let near = slot.read().map_err(|_torn| DropReason::EntryChanging)?;
    if near.call == 0 {
        let is_closed = near.is_closed(|| frame.arrival_ns());
        return Err(if is_closed { Stopped::Closed } else { DropReason::NoEndpoint.into() });
    }
    let local = datagram.ip.destination();
    if near.local != local || near.port(datagram.stream()) != datagram.udp.destination.get() {
        return Err(DropReason::WrongEntry.into());
    }
    Ok(near)
}

/// The endpoint that the packet leaves by.
#[inline(always)]
fn far(tables: &impl Tables, near: &Endpoint) -> Result<Endpoint, DropReason> {
    let slot = tables.endpoint(near.peer).ok_or(DropReason::StalePeer)?;
    let far = slot.read().map_err(|_torn| DropReason::EntryChanging)?;
    if far.call != near.call {
        return Err(DropReason::StalePeer);
    }
    Ok(far)
}

/// Makes an entry what it is for RTCP, where that is at an address of its own. It is from there alone that RTCP comes then; where
/// RTP is latched, from whichever port.
#[inline(always)]
fn turn_to_rtcp(
    tables: &impl Tables,
    index: u32,
    stream: Stream,
    endpoint: &mut Endpoint,
) -> Result<(), DropReason> {
    let (Some(second), Stream::Rtcp) = (endpoint.rtcp_apart(), stream) else { return Ok(()) };
    let place = tables.rtcp_places(index).ok_or(DropReason::WrongEntry)?.read(second);
    (endpoint.remote, endpoint.next_hop) = (place.remote, place.next_hop);
    if endpoint.source_policy == SOURCE_LATCH {
        endpoint.source_policy = SOURCE_PORT;
    }
    Ok(())
}

/// The next hop and its link-layer address.
#[inline(always)]
fn next_hop(tables: &impl Tables, far: &Endpoint) -> Result<(NextHop, [u8; 6]), DropReason> {
    if far.next_hop == 0 {
        return Err(DropReason::NoNextHop);
    }
    let hop = tables.next_hop(far.next_hop.into()).ok_or(DropReason::NoNextHop)?.read();
    let destination = hop.destination.ok_or(DropReason::NextHopUnresolved)?;
    Ok((hop, destination))
}

#[inline(always)]
fn charged(media: &Media, ns: u64, bytes: u32, ns_per_tick: u32) -> Charged {
    match media {
        Media::Rtp(rtp) => {
            let (ssrc, timestamp, sequence) = (rtp.ssrc.get(), rtp.timestamp.get(), rtp.sequence.get());
            Charged::Rtp { arrival: Arrival { ns, bytes, ssrc, timestamp, sequence }, ns_per_tick }
        }
        Media::Rtcp(_) => Charged::Rtcp { ns, bytes },
        Media::Udptl { .. } => Charged::Udptl { ns, bytes },
        Media::Beside { .. } => Charged::Beside,
    }
}

#[cfg(test)]
mod tests;
