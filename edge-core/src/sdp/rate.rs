//! How many packets a second an agreed stream needs, and how long they are: what the datapath holds a leg to.
//!
//! The bound is there against a flood by a known peer, not to count pennies: it leaves room for a sender that makes packets
//! half as long as it was asked to, for telephone-events beside speech, and for jitter.

use super::format::MediaFormat;
use super::stream::MediaStream;
use crate::media::{DigitsAs, Events, Payload, Sends};
use crate::policy::Policing;

/// What a stream may need a second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Need {
    pub(super) packets: u32,
    pub(super) bytes: u32,
}

/// UDPTL: a packet each 10 ms, said again two times (T.38 section 9), at 33.6 kbit/s with as much again and again for what it
/// repeats.
pub(super) const FAX: Need = Need { packets: 400, bytes: 100_000 };

/// Milliseconds of a packet that nobody speaks of (RFC 3551 section 4.2).
const PTIME_MS: u32 = 20;
/// Packets a second for what is not speech: telephone-events each 10 ms at the shortest, comfort noise, RTCP.
const BESIDE_SPEECH: u32 = 100;
/// Bytes of headers of a packet at most: Ethernet with a tag, IPv6, UDP, RTP with extensions, and an SRTP trailer.
const HEADERS: u32 = 120;

/// Bits a second of codecs that have a fixed rate, or an upper one, below that of what they encode.
const BITRATES: [(&str, u32); 12] = [
    ("PCMU", 64_000),
    ("PCMA", 64_000),
    ("G722", 64_000),
    ("G729", 11_800),
    ("G723", 6_400),
    ("G726-40", 40_000),
    ("G726-32", 32_000),
    ("G728", 16_000),
    ("GSM", 13_200),
    ("iLBC", 15_200),
    ("AMR", 16_000),
    ("AMR-WB", 32_000),
];

/// What the sender of these formats needs, whose packets have the length that either description speaks of.
pub(super) fn need(formats: &[&MediaFormat], legs: [&MediaStream; 2]) -> Need {
    let ptime_ms = legs.into_iter().filter_map(ptime_ms).fold(PTIME_MS, u32::min);
    let packets = 2 * (1000 / ptime_ms) + BESIDE_SPEECH;
    let codecs = formats.iter().filter(|format| format.is_codec());
    let bitrate = codecs.map(|format| bitrate(format)).max().unwrap_or(0);
    Need { packets, bytes: (bitrate / 8).saturating_mul(5) / 4 + packets * HEADERS }
}

/// What a leg may send that sends these payload types and needs so much; `None` for anything, when nobody wants to know and
/// nothing is to be done to it.
pub(super) fn held_to(
    payloads: Vec<Payload>,
    need: Need,
    policing: Policing,
    (events, digits_as): (Events, Option<DigitsAs>),
) -> Option<Sends> {
    let no_digits = events == Events::Cross && digits_as.is_none();
    let stays = |payload: &Payload| {
        no_digits && payload.arrives_as == payload.leaves_as && !payload.handling.converts()
    };
    let (packets, bytes, counts_only) = match policing {
        Policing::Drop => (need.packets, need.bytes, false),
        Policing::Count => (need.packets, need.bytes, true),
        Policing::Off if payloads.iter().all(stays) => return None,
        Policing::Off => (0, 0, true),
    };
    let mut sends = Sends::of(payloads, packets, bytes, counts_only);
    (sends.events, sends.digits_as) = (events, digits_as);
    Some(sends)
}

/// That of linear samples for a codec that is not known: none needs more.
fn bitrate(format: &MediaFormat) -> u32 {
    let known = BITRATES.iter().find(|(name, _)| format.is(name)).map(|(_, bitrate)| *bitrate);
    let channels = || format.parameters.as_deref().and_then(|count| count.parse().ok()).unwrap_or(1_u32);
    known.unwrap_or_else(|| format.clock_rate.saturating_mul(16).saturating_mul(channels().clamp(1, 8)))
}

fn ptime_ms(stream: &MediaStream) -> Option<u32> {
    let ptime = stream.attributes.iter().find_map(|attribute| attribute.strip_prefix("ptime:"))?;
    ptime.trim().parse().ok().filter(|ms| (1..=1000).contains(ms))
}

#[cfg(test)]
mod tests;
