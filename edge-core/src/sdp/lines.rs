//! The m= lines of a call's two dialogs, and how an offer crosses from one to the other and its answer back (RFC 3264).
//!
//! A dialog keeps its m= lines in their order for ever (section 8): each later offer in it repeats them all, and one that is
//! not used has port 0. Each leg has lines of its own; a *stream* is what a line of one leg and a line of the other have in
//! common. So a line that the edge refuses is never offered to the other leg, a line that comes later is a line more
//! there, and one that is used again is the same stream again, with the same ports.
//!
//! Invariants: an offer's answer has its lines, in its order; what is told to a leg names streams that both legs agreed to
//! relay or are asked about; nothing here changes until an offer is answered.

mod agreement;
mod payloads;
mod proposal;

use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::direct::Receiver;
use super::offer::{Answer, Line, Offer, failure};
use super::stream::MediaStream;
use super::terms::Terms;
use super::write::{Written, description};
use super::{Origin, SdpError};
use crate::media::{RemoteMedia, STREAMS_MAX};

pub use agreement::{Agreed, Agreement};
pub use proposal::Proposal;

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
        let hides = |line: &Line| line.stream.as_ref().is_ok_and(|stream| digits.hides_events_of(stream));
        if offer.0.iter().any(hides) {
            let streams = Arc::make_mut(&mut offer.0).iter_mut().filter_map(|line| line.stream.as_mut().ok());
            streams.for_each(|stream| digits.read(Arc::make_mut(stream)));
        }
        let mut lines = self.clone();
        let former = std::mem::take(&mut lines.legs[from]);
        for slot in &mut lines.legs[1 - from] {
            slot.live = false;
        }
        let (crossing, direct) = ([const { None }; STREAMS_MAX], terms.direct);
        let shared = offer.clone();
        let mut proposal = Proposal { from, lines, crossing, offer, direct, digits };
        let mut errors = Vec::new();
        for (index, line) in shared.0.iter().enumerate() {
            let kept = former.get(index).and_then(|slot| slot.stream);
            let told = line.stream.as_ref().map_err(|error| *error).and_then(|stream| {
                may_be(stream)?;
                terms.offered(stream)
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
