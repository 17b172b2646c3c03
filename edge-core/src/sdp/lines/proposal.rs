//! An offer of one leg on its way to the other one (RFC 3264 section 5): what of it crosses, and what the other leg may answer.
//!
//! Invariant: the lines of the dialogs change only in the copy that a proposal carries, which counts once it is answered.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;

use super::super::digits::Ways;
use super::super::direct::Receiver;
use super::super::offer::{Answer, Line, Offer};
use super::super::stream::{Kind, MediaStream};
use super::super::terms::Terms;
use super::super::{Origin, SdpError};
use super::agreement::{Agreed, Agreement};
use super::{MediaLines, Slot, matched, write};
use crate::media::STREAMS_MAX;

/// A stream of an offer on its way across.
#[derive(Debug, Clone)]
pub(super) struct Crossing {
    /// Which line of the offer it is.
    pub(super) line: usize,
    /// What the other leg is told.
    pub(super) told: Arc<MediaStream>,
}

/// An offer of one leg, on its way to the other one.
#[derive(Debug, Clone)]
pub struct Proposal {
    pub(super) offer: Offer,
    /// Leg that made it: 0 for A, 1 for B.
    pub(super) from: usize,
    /// The lines as they are once it is answered.
    pub(super) lines: MediaLines,
    pub(super) crossing: [Option<Crossing>; STREAMS_MAX],
    /// Whether media goes from one leg to the other without the edge.
    pub(super) direct: bool,
    pub(super) digits: Ways,
}

impl Proposal {
    /// One stream of each kind crosses; more of them would need more ports than trunk calls have any use for.
    pub(super) fn has(&self, kind: Kind) -> bool {
        self.crossing.iter().flatten().any(|crossing| crossing.told.kind == kind)
    }

    /// Notes a line of the offer, and gives it a stream if it is to cross.
    pub(super) fn take_line(
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
        self.crossing[stream] = Some(Crossing { line: index, told: Arc::new(told) });
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
        crossing.filter_map(|(stream, crossing)| Some((stream, &**self.near_stream(crossing.as_ref()?)?)))
    }

    /// Our offer to the other leg, where stream `n` is received at `local(n)`.
    #[must_use]
    pub fn offer_to(&self, origin: Origin, local: impl Fn(usize) -> Option<SocketAddr>) -> Bytes {
        let far = &self.lines.legs[1 - self.from];
        let written = |slot: &'_ Slot| {
            let stream = slot.stream.filter(|_| slot.live)?;
            let told: &MediaStream = &self.crossing[stream].as_ref()?.told;
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
            let (offered, answered, told) = (Arc::clone(offered), Arc::clone(answered), Arc::new(told));
            let rtcp_mux = crossing.told.rtcp_mux && answered.rtcp_mux;
            streams[stream] = Some(Agreed { offered, answered, rtcp_mux, told, pairs, digits });
        }
        Ok(Agreement { proposal: self.clone(), streams })
    }

    /// Where a leg is told that the stream of another one is received, for which our end is `local`.
    pub(super) fn receiver(&self, stream: &MediaStream, local: Option<SocketAddr>) -> Option<Receiver> {
        if self.direct { Some(Receiver::Peer(stream.remote)) } else { local.map(Receiver::Edge) }
    }

    fn near_stream(&self, crossing: &Crossing) -> Option<&Arc<MediaStream>> {
        self.offer.0.get(crossing.line)?.stream.as_ref().ok()
    }

    /// What the other leg is told of the streams that cross, by their numbers.
    pub(in crate::sdp) fn told(&self) -> impl Iterator<Item = (usize, &MediaStream)> {
        let crossing = self.crossing.iter().enumerate();
        crossing.filter_map(|(stream, crossing)| Some((stream, &*crossing.as_ref()?.told)))
    }

    /// The lines of the other leg: the stream of each that it is offered.
    pub(in crate::sdp) fn far_lines(&self) -> impl Iterator<Item = Option<usize>> {
        self.lines.legs[1 - self.from].iter().map(|slot| slot.stream.filter(|_| slot.live))
    }
}
