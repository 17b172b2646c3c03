//! Digits between two legs of which each has its own way of saying them (RFC 4733, and INFO).
//!
//! A leg that says digits by INFO has no telephone-events in its description, whatever it wrote; the other leg has them all
//! the same, where its trunk takes them: in its offer they are answered, and where it is offered something they are offered.
//! Then one leg's events are taken, and what the other one says by INFO leaves as events. Encrypted streams are left as they
//! are: nobody here reads their packets.

use super::format::MediaFormat;
use super::pairing::Pair;
use super::stream::{Kind, MediaStream};
use crate::media::{DigitsAs, Events};
use crate::policy::{DtmfMask, DtmfPolicy, Trunk};

const EVENTS: &str = "telephone-event";

/// Dynamic payload types, those first that telephone-events have nearly everywhere.
const NUMBERS: [u8; 8] = [101, 110, 105, 96, 97, 98, 99, 100];

/// What both trunks of an offer's way do about digits.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ways {
    near: DtmfPolicy,
    far: DtmfPolicy,
    /// Whether their packets pass here.
    passes: bool,
}

/// What becomes of digits of both legs, that of the offer first.
#[derive(Debug, Clone, Default)]
pub(super) struct Digits {
    /// What becomes of the telephone-events that each sends.
    pub(super) events: [Events; 2],
    /// Their payload types, where the other leg has none.
    pub(super) taken: [Vec<u8>; 2],
    /// What the digits that each says by INFO leave as.
    pub(super) leave_as: [Option<DigitsAs>; 2],
}

impl Ways {
    pub(super) const fn between(near: &Trunk, far: &Trunk) -> Self {
        Self { near: near.dtmf, far: far.dtmf, passes: true }
    }

    /// The same for media that does not pass the edge, if it is `direct`: each leg hears what the other one says.
    pub(super) const fn directly(self, direct: bool) -> Self {
        Self { passes: !direct, ..self }
    }

    fn concerns(self, stream: &MediaStream) -> bool {
        self.passes && stream.kind == Kind::Audio && !stream.protocol.is_secure()
    }

    /// Leaves out what the near leg has described and its trunk is not to have.
    pub(super) fn read(self, stream: &mut MediaStream) {
        if self.hides_events_of(stream) {
            stream.formats.retain(|format| !format.is(EVENTS));
        }
    }

    /// Whether the near leg has events of which nobody is to know.
    pub(super) fn hides_events_of(self, stream: &MediaStream) -> bool {
        !self.near.mode.may_have_events() && self.concerns(stream)
    }

    /// The formats of an offer of the near leg's `stream` as the far leg is to hear them. `permitted` says whether its trunk may
    /// have telephone-events at all.
    pub(super) fn tell(self, stream: &MediaStream, formats: &mut Vec<MediaFormat>, permitted: bool) {
        if !self.concerns(stream) {
            return;
        }
        if !self.far.mode.may_have_events() {
            return formats.retain(|format| !format.is(EVENTS));
        }
        if !permitted || !self.near.mode.says_info(has_events(&stream.formats)) {
            return;
        }
        let mut rates: Vec<u32> =
            formats.iter().filter(|format| format.is_codec()).map(|format| format.clock_rate).collect();
        rates.sort_unstable();
        rates.dedup();
        for clock_rate in rates {
            let free = |number: &u8| formats.iter().all(|format| format.payload_type != *number);
            let Some(number) = NUMBERS.into_iter().find(free) else { return };
            formats.push(events_of(number, clock_rate));
        }
    }

    /// What becomes of digits once an offer `first` that was `told` so is `answered`. What the leg that offered hears besides
    /// the `pairs` is put behind `formats`.
    pub(super) fn agree(
        self,
        (first, told): (&MediaStream, &MediaStream),
        answered: &MediaStream,
        pairs: &[Pair],
        formats: &mut Vec<MediaFormat>,
    ) -> Digits {
        if !self.concerns(first) {
            return Digits::default();
        }
        let (near_has, far_has) = (has_events(&first.formats), has_events(&answered.formats));
        let far_has = far_has && self.far.mode.may_have_events();
        let near_says = self.near.mode.says_info(near_has);
        let far_says = self.far.mode.says_info(far_has);
        let mut digits =
            Digits { events: [masked(self.far.mask), masked(self.near.mask)], ..Digits::default() };
        let codecs: Vec<&Pair> = pairs.iter().filter(|pair| pair.near.is_codec()).collect();
        if near_has && far_says {
            let of_a_codec = |rate: u32| codecs.iter().any(|pair| pair.near.clock_rate == rate);
            let kept: Vec<MediaFormat> =
                events(&first.formats).filter(|format| of_a_codec(format.clock_rate)).cloned().collect();
            let rate = codecs.first().map(|pair| pair.near.clock_rate);
            digits.take(0, &kept, rate);
            formats.extend(kept);
        }
        if far_has && near_says {
            // By its own numbers, and by those that it was told.
            let both = events(&answered.formats).chain(events(&told.formats));
            let kept: Vec<MediaFormat> = both.cloned().collect();
            let rate = codecs.first().map(|pair| pair.far.clock_rate);
            digits.take(1, &kept, rate);
        }
        digits
    }
}

impl Digits {
    /// These events of leg `leg` are taken, and what the other one says by INFO leaves as one of them, of the clock `rate`.
    fn take(&mut self, leg: usize, formats: &[MediaFormat], rate: Option<u32>) {
        self.events[leg] = Events::Take;
        self.taken[leg] = formats.iter().map(|format| format.payload_type).collect();
        let fits = formats.iter().find(|format| Some(format.clock_rate) == rate);
        self.leave_as[1 - leg] =
            fits.map(|format| DigitsAs { payload_type: format.payload_type, clock_rate: format.clock_rate });
    }
}

/// What becomes of events on their way to a trunk that is told of them so.
const fn masked(mask: DtmfMask) -> Events {
    match mask {
        DtmfMask::Off => Events::Cross,
        DtmfMask::Star => Events::Mask,
        DtmfMask::Drop => Events::Hold,
    }
}

fn events(formats: &[MediaFormat]) -> impl Iterator<Item = &MediaFormat> {
    formats.iter().filter(|format| format.is(EVENTS))
}

fn has_events(formats: &[MediaFormat]) -> bool {
    events(formats).next().is_some()
}

/// Sixteen digits at this clock.
fn events_of(payload_type: u8, clock_rate: u32) -> MediaFormat {
    MediaFormat {
        payload_type,
        encoding: EVENTS.into(),
        clock_rate,
        parameters: None,
        mapped: true,
        fmtp: vec!["0-15".to_owned()],
    }
}

#[cfg(test)]
mod tests;
