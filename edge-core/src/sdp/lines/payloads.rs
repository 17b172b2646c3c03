//! What becomes of the payloads of what was agreed on.

use super::{Agreed, Agreement};
use crate::media::{DigitsAs, Events, Handling, Payload, Sends};
use crate::policy::Policing;
use crate::sdp::format::MediaFormat;
use crate::sdp::pairing;
use crate::sdp::rate;
use crate::sdp::stream::Kind;

impl Agreed {
    /// What the leg that offered may send, and what the leg that answered may; held to that as each one's policing says.
    #[must_use]
    pub fn sends(&self, policing: [Policing; 2]) -> [Option<Sends>; 2] {
        let legs = [&*self.offered, &*self.answered];
        let need = |formats: &[&MediaFormat]| match self.told.kind {
            Kind::Fax => rate::FAX,
            Kind::Audio | Kind::Video => rate::need(formats, legs),
        };
        let near: Vec<&MediaFormat> = self.pairs.iter().map(|pair| &pair.near).collect();
        let far: Vec<&MediaFormat> = self.pairs.iter().map(|pair| &pair.far).collect();
        [
            rate::held_to(self.payloads(0, &near), need(&near), policing[0], self.digits(0)),
            rate::held_to(self.payloads(1, &far), need(&far), policing[1], self.digits(1)),
        ]
    }

    /// What becomes of the digits of a leg.
    const fn digits(&self, leg: usize) -> (Events, Option<DigitsAs>) {
        (self.digits.events[leg], self.digits.leave_as[leg])
    }

    /// The payload types of a leg, which sends these formats: those that both legs have, and events that are only taken.
    fn payloads(&self, leg: usize, formats: &[&MediaFormat]) -> Vec<Payload> {
        let (_, digits_as) = self.digits(leg);
        let is_speech = |number: u8, rate: u32| {
            let of = |format: &&MediaFormat| format.payload_type == number && format.clock_rate == rate;
            formats.iter().any(|format| of(format) && format.is_codec())
        };
        let mut payloads =
            if leg == 0 { pairing::payloads_there(&self.pairs) } else { pairing::payloads_back(&self.pairs) };
        for payload in &mut payloads {
            payload.carries_digits =
                digits_as.is_some_and(|digits| is_speech(payload.arrives_as, digits.clock_rate));
        }
        let taken = self.digits.taken[leg].iter().map(|number| Payload {
            arrives_as: *number,
            leaves_as: *number,
            handling: Handling::Event,
            carries_digits: false,
        });
        payloads.extend(taken);
        payloads
    }
}

impl Agreement {
    /// The codec that the leg that answered has in the place of [`codec_name`](Self::codec_name), when that is converted.
    #[must_use]
    pub fn transcoded(&self) -> Option<&str> {
        let agreed = self.streams.iter().flatten().next()?;
        let first = agreed.pairs.iter().find(|pair| pair.near.is_codec())?;
        first.is_converted().then_some(&*first.far.encoding)
    }
}
