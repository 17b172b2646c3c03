//! Offers of our own, for a leg that wants one where the other leg makes none; and what the answer to one offers to that
//! other leg (RFC 3264, RFC 3261 section 13.2.1).
//!
//! Invariant: what is offered on is no more than what our offer had: its lines in their order, and of each the formats that
//! both have.

use std::sync::Arc;

use super::direction::Direction;
use super::format::{MediaFormat, select};
use super::offer::{Line, Offer, failure, read_lines};
use super::stream::{Kind, MediaStream};
use super::{Protocol, SdpError};
use crate::policy::CodecPolicy;

/// A codec that we can describe without having heard of it: payload type, name, clock rate, channels, parameters.
type Known = (u8, &'static str, u32, Option<&'static str>, &'static [&'static str]);

/// What nearly every trunk takes, and each PBX has: what is offered where nobody has listed anything.
const USUAL: [Known; 3] = [PCMA, PCMU, EVENTS];

const PCMA: Known = (8, "PCMA", 8_000, None, &[]);
const PCMU: Known = (0, "PCMU", 8_000, None, &[]);
const EVENTS: Known = (101, "telephone-event", 8_000, None, &["0-16"]);

/// Those that an operator may have listed, in the order in which they are offered when he has listed them for the other
/// side alone. Dynamic payload types are those that are most in use.
const LISTED: [Known; 14] = [
    PCMA,
    PCMU,
    (9, "G722", 8_000, None, &[]),
    (18, "G729", 8_000, None, &["annexb=no"]),
    (111, "opus", 48_000, Some("2"), &["useinbandfec=1"]),
    (96, "AMR", 8_000, None, &[]),
    (98, "AMR-WB", 16_000, None, &[]),
    (97, "iLBC", 8_000, None, &["mode=30"]),
    (3, "GSM", 8_000, None, &[]),
    (4, "G723", 8_000, None, &[]),
    (99, "G726-32", 8_000, None, &[]),
    EVENTS,
    (110, "telephone-event", 48_000, None, &["0-16"]),
    (105, "telephone-event", 16_000, None, &["0-16"]),
];

impl Offer {
    /// One line of speech for a leg of the trunk `far`, on behalf of one of `near`. What of it both permit is the terms' affair.
    #[must_use]
    pub fn of_our_own(near: &CodecPolicy, far: &CodecPolicy) -> Self {
        let listed = !near.allow.is_empty() || !far.allow.is_empty();
        let known: &[Known] = if listed { &LISTED } else { &USUAL };
        let mut formats: Vec<MediaFormat> = known.iter().map(format).collect();
        formats.sort_by_key(|format| (!format.is_codec(), near.preference(&format.encoding)));
        let stream = MediaStream {
            kind: Kind::Audio,
            protocol: Protocol::Avp,
            remote: None,
            direction: Direction::SEND_RECV,
            formats,
            rtcp_mux: false,
            crypto: Vec::new(),
            handshake: Vec::new(),
            bandwidths: Vec::new(),
            attributes: vec!["ptime:20".to_owned()],
            network: Vec::new(),
        };
        Self(Arc::new(vec![Line::of(stream)]))
    }

    /// What the answer to this offer, which was ours, offers to the other leg.
    ///
    /// # Errors
    /// [`SdpError`] when it declines everything, or takes nothing that was offered.
    pub fn answered_with(&self, answer: &[u8]) -> Result<Self, SdpError> {
        let mut answered = read_lines(answer)?.into_iter();
        let lines: Vec<Line> = self.0.iter().map(|own| own.answered_with(answered.next())).collect();
        if lines.iter().any(|line| line.stream.is_ok()) {
            return Ok(Self(Arc::new(lines)));
        }
        Err(failure(lines.iter().filter_map(|line| line.stream.as_ref().err().copied())))
    }
}

impl Line {
    /// The same line as it is answered; one that is left out is declined.
    fn answered_with(&self, answer: Option<Self>) -> Self {
        let Some(answer) = answer else { return Self { stream: Err(SdpError::Declined), ..self.clone() } };
        let stream = match (&self.stream, answer.stream.clone()) {
            (_, Err(error)) => Err(error),
            (Err(_), Ok(_)) => Err(SdpError::NoMedia),
            (Ok(own), Ok(answered)) => limited(own, &answered).map(Arc::new),
        };
        Self { stream, ..answer }
    }
}

/// What of a stream was offered.
fn limited(own: &MediaStream, answered: &MediaStream) -> Result<MediaStream, SdpError> {
    if own.kind != answered.kind {
        return Err(SdpError::NoMedia);
    }
    if own.encryption() != answered.encryption() {
        return Err(SdpError::Answered { offered: own.protocol, answered: answered.protocol });
    }
    let offered = |format: &MediaFormat| own.formats.iter().any(|other| other.same_encoding(format));
    let formats = select(&answered.formats, offered);
    if own.kind != Kind::Fax && !formats.iter().any(MediaFormat::is_codec) {
        return Err(SdpError::NoCommonCodec);
    }
    Ok(MediaStream { formats, ..answered.clone() })
}

fn format(&(payload_type, encoding, clock_rate, channels, parameters): &Known) -> MediaFormat {
    MediaFormat {
        payload_type,
        encoding: encoding.into(),
        clock_rate,
        parameters: channels.map(str::to_owned),
        mapped: true,
        fmtp: parameters.iter().map(|value| (*value).to_owned()).collect(),
    }
}

#[cfg(test)]
mod tests;
