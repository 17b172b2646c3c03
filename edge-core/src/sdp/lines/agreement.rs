//! An offer and its answer (RFC 3264 section 6): what both legs have agreed to, and what the leg that offered is told of it.
//!
//! Invariant: an answer of ours has the lines of the offer, in its order.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;

use super::super::Origin;
use super::super::digits::Digits;
use super::super::format::MediaFormat;
use super::super::offer::Line;
use super::super::pairing::Pair;
use super::super::stream::{Kind, MediaStream};
use super::proposal::Proposal;
use super::{MediaLines, Slot, write};
use crate::media::STREAMS_MAX;

/// A stream that both legs have agreed to.
#[derive(Debug, Clone)]
pub struct Agreed {
    /// As the leg that offered it described it.
    pub offered: Arc<MediaStream>,
    /// As the leg that answered did.
    pub answered: Arc<MediaStream>,
    /// Whether the answering leg has RTCP on RTP's port.
    pub(super) rtcp_mux: bool,
    /// What the leg that offered is told.
    pub(super) told: Arc<MediaStream>,
    /// The formats of both legs.
    pub(super) pairs: Vec<Pair>,
    /// What becomes of their digits.
    pub(super) digits: Digits,
}

/// An offer and its answer.
#[derive(Debug, Clone)]
pub struct Agreement {
    pub(super) proposal: Proposal,
    /// By number of the stream.
    pub(super) streams: [Option<Agreed>; STREAMS_MAX],
}

impl Agreed {
    /// Whether the leg that offered has RTCP on RTP's port.
    #[must_use]
    pub fn offered_mux(&self) -> bool {
        self.told.rtcp_mux
    }

    /// Whether the leg that answered has.
    #[must_use]
    pub const fn answered_mux(&self) -> bool {
        self.rtcp_mux
    }

    /// Whether the leg that offered sends speech, as both have agreed, and whether the one that answered does.
    #[must_use]
    pub fn talks(&self) -> [bool; 2] {
        let speech = self.told.kind == Kind::Audio;
        // What the leg that offered is told is what both have left of each other.
        let direction = self.told.direction;
        [speech && direction.receive, speech && direction.send]
    }
}

impl Agreement {
    /// Our answer to the leg that offered, where stream `n` is received at `local(n)`.
    #[must_use]
    pub fn answer_to(&self, origin: Origin, local: impl Fn(usize) -> Option<SocketAddr>) -> Bytes {
        let near = &self.proposal.lines.legs[self.proposal.from];
        let written = |slot: &'_ Slot, line: &'_ Line| {
            let stream = slot.stream.filter(|_| slot.live)?;
            let told: &MediaStream = &self.streams[stream].as_ref()?.told;
            Some((told, line.transport.clone(), self.proposal.receiver(told, local(stream))?))
        };
        let lines: Vec<_> = near
            .iter()
            .zip(self.proposal.offer.0.iter())
            .map(|(slot, line)| (slot, written(slot, line)))
            .collect();
        let lines = lines.iter().map(|(slot, written)| {
            let written = written.as_ref().map(|(told, transport, at)| (*told, transport.as_str(), *at));
            (slot.unused.as_str(), written)
        });
        write(origin, lines)
    }

    /// Whether the leg that offered is answered less than it offered, or otherwise: one whose offer was itself an answer then
    /// believes in what is not agreed.
    #[must_use]
    pub fn leaves_out(&self) -> bool {
        self.proposal.offered().any(|(number, offered)| {
            self.stream(number).is_none_or(|Agreed { told, .. }| {
                let kept = |format: &MediaFormat| {
                    let same = |other: &MediaFormat| {
                        other.payload_type == format.payload_type && other.same_encoding(format)
                    };
                    told.formats.iter().any(same)
                };
                told.direction != offered.direction.reversed() || !offered.formats.iter().all(kept)
            })
        })
    }

    /// What is agreed of stream `n`; `None` when it is not used.
    #[must_use]
    pub fn stream(&self, stream: usize) -> Option<&Agreed> {
        self.streams.get(stream)?.as_ref()
    }

    /// Whether there is anything to relay.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.streams.iter().all(Option::is_none)
    }

    /// The lines that the dialogs have from now on.
    #[must_use]
    pub fn lines(&self) -> MediaLines {
        let mut lines = self.proposal.lines.clone();
        for slot in lines.legs.iter_mut().flatten() {
            slot.live &= slot.stream.is_some_and(|stream| self.stream(stream).is_some());
        }
        lines
    }

    /// The codec that was agreed on, for the CDR: the first format of the answer that carries speech.
    #[must_use]
    pub fn codec_name(&self) -> Option<&str> {
        let agreed = self.streams.iter().flatten().next()?;
        match agreed.told.kind {
            Kind::Fax => Some("T38"),
            Kind::Audio | Kind::Video => Some(&agreed.told.codec()?.encoding),
        }
    }

    /// The formats that the leg which offered hears of for a stream.
    pub(in crate::sdp) fn told_formats(&self, stream: usize) -> &[MediaFormat] {
        self.stream(stream).map_or(&[], |agreed| &agreed.told.formats)
    }

    /// Whether the leg that offered would do the same for both: the same streams, in the same formats and directions. How each is
    /// packed, and what else is said of it, may differ.
    #[must_use]
    pub fn sounds_like(&self, other: &Self) -> bool {
        let same_format = |one: &MediaFormat, two: &MediaFormat| {
            one.payload_type == two.payload_type && one.same_encoding(two)
        };
        self.streams.iter().zip(&other.streams).all(|pair| match pair {
            (None, None) => true,
            (Some(one), Some(two)) => {
                let (one, two) = (&one.told, &two.told);
                (one.kind, one.direction, one.rtcp_mux) == (two.kind, two.direction, two.rtcp_mux)
                    && one.formats.len() == two.formats.len()
                    && one.formats.iter().zip(&two.formats).all(|(one, two)| same_format(one, two))
            }
            (Some(_), None) | (None, Some(_)) => false,
        })
    }
}
