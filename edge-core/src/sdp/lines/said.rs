//! What a proposal and an agreement have said, for answers of our own.

use super::{Agreement, Proposal};
use crate::sdp::format::MediaFormat;
use crate::sdp::stream::MediaStream;

impl Proposal {
    /// What the other leg is told of the streams that cross, by their numbers.
    pub(in crate::sdp) fn told(&self) -> impl Iterator<Item = (usize, &MediaStream)> {
        let crossing = self.crossing.iter().enumerate();
        crossing.filter_map(|(stream, crossing)| Some((stream, &crossing.as_ref()?.told)))
    }

    /// The lines of the other leg: the stream of each that it is offered.
    pub(in crate::sdp) fn far_lines(&self) -> impl Iterator<Item = Option<usize>> {
        self.lines.legs[1 - self.from].iter().map(|slot| slot.stream.filter(|_| slot.live))
    }
}

impl Agreement {
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
