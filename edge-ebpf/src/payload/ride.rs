//! Digits that ride on speech: while one is ordered, packets of the speech that arrives leave as its telephone-event (RFC
//! 4733), in the sequence numbers that they have anyway. So nothing is injected, and nobody has to shift numbers afterwards.
//!
//! All packets of the digit have the timestamp of the first one, which is marked; the duration grows with the timestamps of
//! the speech under them; the last three say that it is over. What speech that is does not matter, but that it has the clock
//! of the event: a rule of the profile says so of a payload type. Without speech there is no digit, and userspace takes the
//! order back in the end.

use core::hint::black_box;

use zerocopy::byteorder::network_endian::{U16, U32};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, transmute};

use super::Work;
use super::event::LATE_TICKS;
use crate::abi::{Address, DIGIT_SENT, DigitOrder, DigitSending, DigitTold, EndpointState, digits_as};
use crate::frame::Frame;
use crate::tables::Tables;
use crate::wire::checksum::{Change, Checksum};
use crate::wire::ethernet;
use crate::wire::ipv4::{self, Ipv4};
use crate::wire::ipv6::Ipv6;
use crate::wire::rtp::{self, Rtp};
use crate::wire::udp::{self, Udp};

/// How loud they are, in dBm0 below 0: what telephones send.
const VOLUME: u8 = 10;
const END: u8 = 0x80;
/// Packets that say that it is over (section 2.5.1.4).
const ENDS: u8 = 3;
/// Version 2, and nothing beside the fixed header.
const FIRST: u8 = 0x80;

/// RTP with an event, as it leaves.
#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C, align(2))]
struct Event {
    rtp: Rtp,
    event: u8,
    end_volume: u8,
    duration: U16,
}

const EVENT_LEN: usize = size_of::<Event>();
const UDP_LENGTH: u16 = (udp::LEN + EVENT_LEN) as u16;
const _: () = assert!(EVENT_LEN == 16);

/// What a packet of speech leaves as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Rides {
    is_first: bool,
    is_end: bool,
    duration: u16,
}

/// Makes the packet one of the digit that is ordered at its endpoint; says whether there is one.
#[inline(always)]
pub(super) fn ride(frame: &mut impl Frame, tables: &impl Tables, work: &Work, flags: u64) -> Option<bool> {
    let Some((payload_type, step_ticks)) = digits_as(flags) else { return Some(false) };
    let Some(call) = tables.state(work.near).map(EndpointState::call) else { return Some(false) };
    let Some(slot) = tables.digits(work.near) else { return Some(false) };
    let order = slot.ordered();
    // What is no longer than an event is comfort noise, or nothing.
    if order.call != call || order.number == 0 || usize::from(work.len) < EVENT_LEN {
        return Some(false);
    }
    slot.adopt(call);
    let at = usize::from(work.offset) + udp::LEN;
    let header: Rtp = frame.read(at)?;
    let (sending, rides) = step(slot.sending(), order, header.timestamp.get(), step_ticks);
    slot.keep_sending(sending);
    let Some(Rides { is_first, is_end, duration }) = rides else { return Some(false) };
    let marker = if is_first { rtp::MARKER } else { 0 };
    let marker_payload_type = marker | payload_type;
    let timestamp = U32::new(sending.timestamp);
    let rtp = Rtp { first: FIRST, marker_payload_type, timestamp, ..header };
    let end_volume = if is_end { END | VOLUME } else { VOLUME };
    let event = Event { rtp, event: order.event, end_volume, duration: U16::new(duration) };
    replace(frame, work, event)?;
    if is_end && sending.ends == ENDS {
        let DigitOrder { event, duration_ticks, .. } = order;
        let (endpoint, timestamp) = (work.near, sending.timestamp);
        tables.tell(&DigitTold { call, endpoint, timestamp, duration_ticks, event, volume: DIGIT_SENT });
    }
    Some(true)
}

/// How far the digit is with a packet of speech of this timestamp, and what that leaves as; `None` for speech.
#[inline(always)]
fn step(
    former: DigitSending,
    order: DigitOrder,
    timestamp: u32,
    step_ticks: u16,
) -> (DigitSending, Option<Rides>) {
    let is_first = former.number != order.number;
    let mut sending =
        if is_first { DigitSending { timestamp, number: order.number, ends: 0 } } else { former };
    if sending.ends >= ENDS {
        return (sending, None);
    }
    let behind = sending.timestamp.wrapping_sub(timestamp);
    if behind != 0 && behind < LATE_TICKS {
        // Speech of before the digit, which came late.
        return (sending, None);
    }
    let ordered = order.duration_ticks as u32;
    // A source that begins anew is far away, which is longer than any digit.
    let gone = timestamp.wrapping_sub(sending.timestamp);
    let duration = gone.saturating_add(step_ticks as u32);
    let is_end = duration >= ordered || sending.ends > 0;
    if is_end {
        sending.ends += 1;
    }
    let duration = if is_end { order.duration_ticks } else { duration as u16 };
    (sending, Some(Rides { is_first, is_end, duration }))
}

/// Puts the event in the place of what the datagram carried, and cuts the frame behind it.
#[inline(always)]
fn replace(frame: &mut impl Frame, work: &Work, event: Event) -> Option<()> {
    let offset = usize::from(work.offset);
    let end = offset + usize::from(UDP_LENGTH);
    // Opaque, as in `rtp::carried`: what the compiler knows of the length by this, the verifier does not.
    frame.shorten(black_box(frame.len()).checked_sub(end)?)?;
    let [source, destination] = shorten_ip(frame, offset)?;
    let mut udp: Udp = frame.read(offset)?;
    udp.length = U16::new(UDP_LENGTH);
    let words: [[u8; 2]; EVENT_LEN / 2] = transmute!(event);
    let change = words.into_iter().fold(Change::NONE, |sum, word| sum.added(u16::from_ne_bytes(word)));
    if !udp.checksum.is_none() {
        udp.checksum = sum(change, source, destination, udp);
    }
    frame.write(offset, udp)?;
    frame.write(offset + udp::LEN, event)
}

/// Writes the new length into the IP header before the UDP header at `udp`; the addresses, source first.
#[inline(always)]
fn shorten_ip(frame: &mut impl Frame, udp: usize) -> Option<[Address; 2]> {
    if udp == ethernet::LEN + ipv4::LEN {
        let mut ip: Ipv4 = frame.read(ethernet::LEN)?;
        let length = U16::new(UDP_LENGTH + ipv4::LEN as u16);
        let change = Change::NONE.word(ip.total_length.to_bytes(), length.to_bytes());
        (ip.total_length, ip.checksum) = (length, ip.checksum.after(change));
        frame.write(ethernet::LEN, ip)?;
        return Some([Address::v4(ip.source), Address::v4(ip.destination)]);
    }
    let mut ip: Ipv6 = frame.read(ethernet::LEN)?;
    ip.payload_length = U16::new(UDP_LENGTH);
    frame.write(ethernet::LEN, ip)?;
    Some([Address::v6(ip.source), Address::v6(ip.destination)])
}

/// The checksum over pseudo-header, header and what `carried` sums up.
#[inline(always)]
fn sum(carried: Change, source: Address, destination: Address, udp: Udp) -> Checksum {
    let zero = Address::UNSPECIFIED;
    let word = |bytes: [u8; 2]| u16::from_ne_bytes(bytes);
    let change = carried
        .mapped_address(zero, source)
        .mapped_address(zero, destination)
        .added(word([0, ipv4::UDP]))
        .added(word(udp.length.to_bytes()))
        .added(word(udp.length.to_bytes()))
        .added(word(udp.source.to_bytes()))
        .added(word(udp.destination.to_bytes()));
    Checksum::OVER_NOTHING.udp_over(change)
}

#[cfg(test)]
mod tests;
