//! What becomes of the payloads of what was agreed on.

use super::{Agreed, Agreement};
use crate::media::Sends;
use crate::policy::Policing;
use crate::sdp::format::MediaFormat;
use crate::sdp::pairing;
use crate::sdp::rate;
use crate::sdp::stream::Kind;

impl Agreed {
    /// What the leg that offered may send, and what the leg that answered may; held to that as each one's policing says.
    #[must_use]
    pub fn sends(&self, policing: [Policing; 2]) -> [Option<Sends>; 2] {
        let legs = [&self.offered, &self.answered];
        let need = |formats: &[&MediaFormat]| match self.told.kind {
            Kind::Fax => rate::FAX,
            Kind::Audio | Kind::Video => rate::need(formats, legs),
        };
        let near: Vec<&MediaFormat> = self.pairs.iter().map(|pair| &pair.near).collect();
        let far: Vec<&MediaFormat> = self.pairs.iter().map(|pair| &pair.far).collect();
        [
            rate::held_to(pairing::payloads_there(&self.pairs), need(&near), policing[0]),
            rate::held_to(pairing::payloads_back(&self.pairs), need(&far), policing[1]),
        ]
    }
}

impl Agreement {
    /// The codec that the leg that answered has in the place of [`codec_name`](Self::codec_name), when that is converted.
    #[must_use]
    pub fn transcoded(&self) -> Option<&str> {
        let agreed = self.streams.iter().flatten().next()?;
        let first = agreed.pairs.iter().find(|pair| pair.near.is_codec())?;
        first.is_converted().then_some(first.far.encoding.as_str())
    }
}
