//! The m= lines of a call's two dialogs, and how an offer crosses from one to the other and its answer back (RFC 3264).
//!
//! A dialog keeps its m= lines in their order for ever (section 8): each later offer in it repeats them all, and one that is
//! not used has port 0. Each leg has lines of its own; a *stream* is what a line of one leg and a line of the other have in
//! common. So a line that the edge refuses is never offered to the other leg, a line that comes later is a line more
//! there, and one that is used again is the same stream again, with the same ports.
//!
//! Invariants: an offer's answer has its lines, in its order; what is told to a leg names streams that both legs agreed to
//! relay or are asked about; nothing here changes until an offer is answered.

mod payloads;
mod said;

use std::net::SocketAddr;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::digits::{Digits, Ways};
use super::direct::Receiver;
use super::format::MediaFormat;
use super::offer::{Answer, Line, Offer, failure};
use super::pairing::Pair;
use super::stream::{Kind, MediaStream};
use super::terms::Terms;
use super::write::{Written, description};
use super::{Origin, SdpError};
use crate::media::{RemoteMedia, STREAMS_MAX};

/// The m= lines of both dialogs, leg A's first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MediaLines {
    legs: [Vec<Slot>; 2],
    /// Streams that there have been; each keeps its number, and its ports, until the call ends.
    streams: usize,
}

/// The lines of one dialog, on their way from one call to another.
#[derive(Debug)]
pub struct LegLines(Vec<Slot>);

/// A line of one dialog.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Slot {
    /// What to write when it is not used: `<kind> 0 <transport> <formats>`.
    unused: String,
    /// Its stream, used or not; `None` for a line that was never relayed.
    stream: Option<usize>,
    /// Whether the stream is agreed to.
    live: bool,
}

/// A stream of an offer on its way across.
#[derive(Debug, Clone)]
struct Crossing {
    /// Which line of the offer it is.
    line: usize,
    /// What the other leg is told.
    told: MediaStream,
}

/// An offer of one leg, on its way to the other one.
#[derive(Debug, Clone)]
pub struct Proposal {
    offer: Offer,
    /// Leg that made it: 0 for A, 1 for B.
    from: usize,
    /// The lines as they are once it is answered.
    lines: MediaLines,
    crossing: [Option<Crossing>; STREAMS_MAX],
    /// Whether media goes from one leg to the other without the edge.
    direct: bool,
    digits: Ways,
}

/// A stream that both legs have agreed to.
#[derive(Debug, Clone)]
pub struct Agreed {
    /// As the leg that offered it described it.
    pub offered: MediaStream,
    /// As the leg that answered did.
    pub answered: MediaStream,
    /// Whether the answering leg has RTCP on RTP's port.
    rtcp_mux: bool,
    /// What the leg that offered is told.
    told: MediaStream,
    /// The formats of both legs.
    pairs: Vec<Pair>,
    /// What becomes of their digits.
    digits: Digits,
}

/// An offer and its answer.
#[derive(Debug, Clone)]
pub struct Agreement {
    proposal: Proposal,
    /// By number of the stream.
    streams: [Option<Agreed>; STREAMS_MAX],
}

impl MediaLines {
    /// How many streams there have been.
    #[must_use]
    pub const fn streams(&self) -> usize {
        self.streams
    }

    /// Whether they speak of no stream but the first `streams`.
    pub(crate) fn are_within(&self, streams: usize) -> bool {
        let known = |slot: &Slot| slot.stream.is_none_or(|stream| stream < self.streams);
        self.streams <= streams && self.legs.iter().flatten().all(known)
    }

    /// What of leg `from`'s offer is to cross, on these terms. `may_be` says whether media may go where a stream wants it.
    ///
    /// # Errors
    /// Why nothing of it can.
    pub fn propose(
        &self,
        from: usize,
        mut offer: Offer,
        terms: &Terms<'_>,
        may_be: impl Fn(&MediaStream) -> Result<(), SdpError>,
    ) -> Result<Proposal, SdpError> {
        let digits = terms.digits;
        offer
            .0
            .iter_mut()
            .filter_map(|line| line.stream.as_mut().ok())
            .for_each(|stream| digits.read(stream));
        let mut lines = self.clone();
        let former = std::mem::take(&mut lines.legs[from]);
        for slot in &mut lines.legs[1 - from] {
            slot.live = false;
        }
        let (crossing, direct) = ([const { None }; STREAMS_MAX], terms.direct);
        let mut proposal = Proposal { from, lines, crossing, offer, direct, digits };
        let mut errors = Vec::new();
        for (index, line) in proposal.offer.0.clone().iter().enumerate() {
            let kept = former.get(index).and_then(|slot| slot.stream);
            let told = line.stream.clone().and_then(|stream| {
                may_be(&stream)?;
                terms.offered(&stream)
            });
            let told = told.map_err(|error| errors.push(error)).ok();
            let told = told.filter(|told| !proposal.has(told.kind));
            proposal.take_line(index, line, kept, told, &former);
        }
        if proposal.crossing.iter().all(Option::is_none) {
            return Err(failure(errors.into_iter()));
        }
        Ok(proposal)
    }

    /// Takes the lines of a leg out, for the call that its dialog goes to.
    pub(crate) fn give(&mut self, leg: usize) -> LegLines {
        LegLines(std::mem::take(&mut self.legs[leg]))
    }

    /// Puts the lines of a leg that comes from another call in the place of this leg's. Each line in use becomes a stream
    /// of this call: of the other leg's streams one of its kind, else the first that this leg has no line of. Nothing is
    /// agreed to here yet, so none is live.
    pub(crate) fn take(&mut self, leg: usize, LegLines(mut slots): LegLines) {
        let used: Vec<bool> =
            slots.iter_mut().map(|slot| std::mem::take(&mut slot.live) && slot.stream.is_some()).collect();
        for slot in &mut slots {
            slot.stream = None;
        }
        let free = |slots: &[Slot], stream: usize| slots.iter().all(|slot| slot.stream != Some(stream));
        for index in (0..slots.len()).filter(|index| used[*index]) {
            let same = |other: &&Slot| {
                other.kind() == slots[index].kind() && other.stream.is_some_and(|stream| free(&slots, stream))
            };
            slots[index].stream = self.legs[1 - leg].iter().find(same).and_then(|other| other.stream);
        }
        for index in (0..slots.len()).filter(|index| used[*index]) {
            if slots[index].stream.is_none() {
                slots[index].stream = (0..STREAMS_MAX).find(|stream| free(&slots, *stream));
            }
        }
        let streams = slots.iter().filter_map(|slot| slot.stream).map(|stream| stream + 1).max();
        self.streams = self.streams.max(streams.unwrap_or_default());
        self.legs[leg] = slots;
    }

    /// What a leg's description that only says again what is agreed says of where its streams' media goes: stream by
    /// stream, for those that are in use.
    pub fn destinations(
        &self,
        leg: usize,
        answer: &Answer,
    ) -> impl Iterator<Item = (usize, Option<RemoteMedia>)> {
        let slots = &self.legs[leg];
        let matched = matched(answer, slots).into_iter().zip(slots);
        let used = matched.filter_map(|(line, slot)| {
            let stream = line?.stream.as_ref().ok()?;
            Some((slot.stream.filter(|_| slot.live)?, stream.remote))
        });
        used.collect::<Vec<_>>().into_iter()
    }
}

impl Slot {
    /// The kind of media that it is for, as it is written.
    fn kind(&self) -> &str {
        self.unused.split(' ').next().unwrap_or_default()
    }
}

impl Proposal {
    /// One stream of each kind crosses; more of them would need more ports than trunk calls have any use for.
    fn has(&self, kind: Kind) -> bool {
        self.crossing.iter().flatten().any(|crossing| crossing.told.kind == kind)
    }

    /// Notes a line of the offer, and gives it a stream if it is to cross.
    fn take_line(
        &mut self,
        index: usize,
        line: &Line,
        kept: Option<usize>,
        told: Option<MediaStream>,
        former: &[Slot],
    ) {
        let stream = kept.or_else(|| told.as_ref().and_then(|_| self.fresh_stream(former)));
        let crosses = stream.zip(told);
        let slot = Slot { unused: line.unused(), stream, live: crosses.is_some() };
        self.lines.legs[self.from].push(slot);
        let Some((stream, told)) = crosses else { return };
        let far = &mut self.lines.legs[1 - self.from];
        let unused = format!("{} 0 {} {}", told.kind.as_str(), told.protocol, told.format_list());
        match far.iter_mut().find(|slot| slot.stream == Some(stream)) {
            Some(slot) => *slot = Slot { unused, live: true, ..slot.clone() },
            None => far.push(Slot { unused, stream: Some(stream), live: true }),
        }
        self.crossing[stream] = Some(Crossing { line: index, told });
    }

    /// A stream for a new line: one that the near leg has lost the line of, else one more, while there may be more.
    fn fresh_stream(&mut self, former: &[Slot]) -> Option<usize> {
        let near = &self.lines.legs[self.from];
        let held = |stream: usize| former.iter().chain(near).any(|slot| slot.stream == Some(stream));
        if let Some(lost) = (0..self.lines.streams).find(|stream| !held(*stream)) {
            return Some(lost);
        }
        let next = self.lines.streams;
        (next < STREAMS_MAX).then(|| {
            self.lines.streams += 1;
            next
        })
    }

    /// The offer as its leg made it.
    #[must_use]
    pub const fn offer(&self) -> &Offer {
        &self.offer
    }

    /// Streams that there are once it is answered; those from [`MediaLines::streams`] on are new.
    #[must_use]
    pub const fn streams(&self) -> usize {
        self.lines.streams
    }

    /// The streams that cross, by their numbers, as the leg that offered described them.
    pub fn offered(&self) -> impl Iterator<Item = (usize, &MediaStream)> {
        let crossing = self.crossing.iter().enumerate();
        crossing.filter_map(|(stream, crossing)| Some((stream, self.near_stream(crossing.as_ref()?)?)))
    }

    /// Our offer to the other leg, where stream `n` is received at `local(n)`.
    #[must_use]
    pub fn offer_to(&self, origin: Origin, local: impl Fn(usize) -> Option<SocketAddr>) -> Bytes {
        let far = &self.lines.legs[1 - self.from];
        let written = |slot: &'_ Slot| {
            let stream = slot.stream.filter(|_| slot.live)?;
            let Crossing { line: _, told } = self.crossing[stream].as_ref()?;
            Some((told, told.protocol.as_str(), self.receiver(told, local(stream))?))
        };
        write(origin, far.iter().map(|slot| (slot.unused.as_str(), written(slot))))
    }

    /// What both legs have agreed to, when the other leg answers. `may_be` says whether media may go where a stream wants
    /// it. A stream that is declined is part of no agreement; there may be none left.
    ///
    /// # Errors
    /// [`SdpError`] when a stream is answered with something that was not offered, or that cannot be used.
    pub fn agree(
        &self,
        answer: &Answer,
        may_be: impl Fn(&MediaStream) -> Result<(), SdpError>,
    ) -> Result<Agreement, SdpError> {
        let far = &self.lines.legs[1 - self.from];
        let mut streams = [const { None }; STREAMS_MAX];
        for (slot, line) in far.iter().zip(matched(answer, far)) {
            let Some(stream) = slot.stream.filter(|_| slot.live) else { continue };
            let Some(crossing) = &self.crossing[stream] else { continue };
            let Some(offered) = self.near_stream(crossing) else { continue };
            let answered = match line.map(|line| &line.stream) {
                None | Some(Err(SdpError::Declined)) => continue,
                Some(Err(error)) => return Err(*error),
                Some(Ok(answered)) => answered,
            };
            may_be(answered)?;
            let (told, pairs, digits) =
                Terms::answered(offered, &crossing.told, answered, (self.direct, self.digits))?;
            let (offered, answered) = (offered.clone(), answered.clone());
            let rtcp_mux = crossing.told.rtcp_mux && answered.rtcp_mux;
            streams[stream] = Some(Agreed { offered, answered, rtcp_mux, told, pairs, digits });
        }
        Ok(Agreement { proposal: self.clone(), streams })
    }

    /// Where a leg is told that the stream of another one is received, for which our end is `local`.
    fn receiver(&self, stream: &MediaStream, local: Option<SocketAddr>) -> Option<Receiver> {
        if self.direct { Some(Receiver::Peer(stream.remote)) } else { local.map(Receiver::Edge) }
    }

    fn near_stream(&self, crossing: &Crossing) -> Option<&MediaStream> {
        self.offer.0.get(crossing.line)?.stream.as_ref().ok()
    }
}

impl Agreed {
    /// Whether the leg that offered has RTCP on RTP's port.
    #[must_use]
    pub const fn offered_mux(&self) -> bool {
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
            let Agreed { told, .. } = self.streams[stream].as_ref()?;
            Some((told, line.transport.clone(), self.proposal.receiver(told, local(stream))?))
        };
        let lines: Vec<_> =
            near.iter().zip(&self.proposal.offer.0).map(|(slot, line)| (slot, written(slot, line))).collect();
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
            Kind::Audio | Kind::Video => Some(agreed.told.codec()?.encoding.as_str()),
        }
    }
}

/// The lines of an answer in a dialog with `slots`.
fn matched<'a>(answer: &'a Answer, slots: &[Slot]) -> Vec<Option<&'a Line>> {
    answer.matched(&slots.iter().map(|slot| (slot.kind().to_owned(), slot.live)).collect::<Vec<_>>())
}

type Used<'a> = (&'a MediaStream, &'a str, Receiver);

fn write<'a>(origin: Origin, lines: impl Iterator<Item = (&'a str, Option<Used<'a>>)>) -> Bytes {
    let lines: Vec<Written<'a>> = lines
        .map(|(unused, used)| match used {
            Some((stream, transport, at)) => Written::Stream { stream, transport, at },
            None => Written::Refused(unused),
        })
        .collect();
    description(origin, &lines)
}

#[cfg(test)]
mod tests;
