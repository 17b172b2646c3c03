//! Speech in G.711 which the edge sends itself: under our own answer to an offer that has crossed and is not answered yet, or to a leg
//! whose session stands.

use std::net::SocketAddr;
use std::sync::Arc;

use super::direction::Direction;
use super::format::{MediaFormat, select};
use super::lines::{Agreement, Proposal};
use super::offer::{Answer, Line, read_lines};
use super::stream::{Kind, MediaStream};
use super::{Protocol, SdpError};
use crate::media::Law;

/// What a leg that offers speech can be sent before the other leg has answered.
#[derive(Debug, Clone)]
pub struct ToneAnswer {
    /// The offer and our answer to it.
    pub agreement: Agreement,
    /// Number of the stream.
    pub stream: usize,
    /// Law of its samples.
    pub law: Law,
    /// Its payload type, as the leg knows it.
    pub payload_type: u8,
}

impl Proposal {
    /// Our answer to it, if the leg that offered can hear us: a stream of speech in the clear that both trunks let have G.711, in
    /// the law that the other leg would rather have. Events stay beside it, so that nothing has to change with the real answer of a
    /// leg that takes the same.
    #[must_use]
    pub fn answered_by_a_tone(&self) -> Option<ToneAnswer> {
        let (stream, told) = self.told().find(|(_, told)| told.kind == Kind::Audio)?;
        let (_, offered) = self.offered().find(|(number, _)| *number == stream)?;
        let in_the_clear = matches!(told.protocol, Protocol::Avp | Protocol::Avpf) && told.crypto.is_empty();
        if !in_the_clear || !offered.direction.receive || offered.remote.is_none() {
            return None;
        }
        let own = |format: &MediaFormat| offered.formats.iter().any(|own| own.same_encoding(format));
        let speech = told.formats.iter().find(|format| law(format).is_some() && own(format))?;
        let kept = |format: &MediaFormat| format == speech || (format.is("telephone-event") && own(format));
        let answered = MediaStream {
            formats: select(&told.formats, kept),
            direction: Direction::SEND_RECV,
            remote: offered.remote,
            bandwidths: Vec::new(),
            attributes: vec!["ptime:20".to_owned()],
            network: Vec::new(),
            ..told.clone()
        };
        let lines = self.far_lines().map(|line| match line {
            Some(number) if number == stream => Line::of(answered.clone()),
            Some(number) => self.declined(number),
            None => declined(Kind::Audio),
        });
        let agreement = self.agree(&Answer::of(lines.collect()), |_| Ok(())).ok()?;
        let heard = agreement.told_formats(stream).iter().find_map(|format| Some((law(format)?, format)))?;
        let (law, payload_type) = (heard.0, heard.1.payload_type);
        Some(ToneAnswer { agreement, stream, law, payload_type })
    }

    fn declined(&self, number: usize) -> Line {
        let kind = self.told().find(|(told, _)| *told == number).map_or(Kind::Audio, |(_, told)| told.kind);
        declined(kind)
    }
}

/// How a leg can be sent speech whose session stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Speech {
    /// Where it hears.
    pub remote: SocketAddr,
    /// Law of the samples.
    pub law: Law,
    /// Their payload type, as the leg knows it.
    pub payload_type: u8,
}

impl Speech {
    /// For a leg that describes itself as `own` and was told `ours`: in the clear, in the G.711 that both have.
    #[must_use]
    pub fn of(own: &[u8], ours: &[u8]) -> Option<Self> {
        let (own, ours) = (audio(own)?, audio(ours)?);
        let in_the_clear = matches!(own.protocol, Protocol::Avp | Protocol::Avpf) && own.crypto.is_empty();
        if !in_the_clear || !own.direction.receive {
            return None;
        }
        let told = |format: &MediaFormat| ours.formats.iter().any(|told| told.same_encoding(format));
        let (law, format) =
            own.formats.iter().find_map(|format| Some((law(format).filter(|_| told(format))?, format)))?;
        Some(Self { remote: own.remote?.rtp, law, payload_type: format.payload_type })
    }
}

/// Whether who describes itself so sends no speech.
#[must_use]
pub fn is_silent(own: &[u8]) -> bool {
    audio(own).is_none_or(|stream| !stream.direction.send)
}

fn audio(description: &[u8]) -> Option<Arc<MediaStream>> {
    let lines = read_lines(description).ok()?;
    lines.into_iter().filter_map(|line| line.stream.ok()).find(|stream| stream.kind == Kind::Audio)
}

fn declined(kind: Kind) -> Line {
    Line {
        kind: kind.as_str().to_owned(),
        transport: Protocol::Avp.to_string(),
        formats: String::new(),
        stream: Err(SdpError::Declined),
    }
}

fn law(format: &MediaFormat) -> Option<Law> {
    let speech = format.clock_rate == 8_000 && format.parameters.as_deref().is_none_or(|count| count == "1");
    match speech {
        true if format.is("PCMA") => Some(Law::A),
        true if format.is("PCMU") => Some(Law::Mu),
        true | false => None,
    }
}

#[cfg(test)]
mod tests;
