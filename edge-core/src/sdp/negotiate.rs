//! Offer and answer through a back-to-back user agent (RFC 3264): what one leg said, told to the other as
//! ours.
//!
//! The functions know two legs, the one that spoke and the one that is spoken to, not who called: a re-INVITE
//! from either side and an offer in a 200 take the same way.

use bytes::Bytes;

use super::audio::{AudioStream, Direction, MediaFormat};
use super::session::SessionDescription;
use super::write::{Audio, Description};
use super::{LocalMedia, SdpError};
use crate::policy::CodecPolicy;

/// What a leg proposes.
#[derive(Debug, Clone)]
pub struct Offer {
    audio: AudioStream,
    lines: MediaLines,
}

/// What a leg agrees to.
#[derive(Debug, Clone)]
pub struct Answer {
    audio: AudioStream,
}

/// The m= lines that a dialog has so far. A later offer in it has to repeat them all in the same order
/// (RFC 3264 section 8); those that we do not anchor stay refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediaLines {
    /// What to write for each line that is not ours: `<kind> 0 <transport> <formats>`.
    refused: Vec<String>,
    audio: usize,
}

impl Default for MediaLines {
    /// A dialog that has seen no offer yet, or only ours: one audio line.
    fn default() -> Self {
        Self { refused: vec![String::new()], audio: 0 }
    }
}

impl MediaLines {
    fn of(session: &SessionDescription, audio: usize) -> Self {
        let refused = |media: super::MediaDescription<'_>| {
            format!("{} 0 {} {}", media.kind, media.transport, media.formats)
        };
        Self { refused: session.media().map(refused).collect(), audio }
    }
}

impl Offer {
    /// Reads an offer and its first usable audio stream.
    ///
    /// # Errors
    /// [`SdpError`] when there is none.
    pub fn parse(text: &[u8]) -> Result<Self, SdpError> {
        let session = SessionDescription::parse(text)?;
        let audio = AudioStream::first(&session)?;
        Ok(Self { lines: MediaLines::of(&session, audio.index), audio })
    }

    /// The stream that we anchor.
    #[must_use]
    pub const fn audio(&self) -> &AudioStream {
        &self.audio
    }

    /// The m= lines that the dialog with this leg has from now on; give them to [`offer_to`] when a later
    /// offer goes to the same leg.
    #[must_use]
    pub const fn lines(&self) -> &MediaLines {
        &self.lines
    }
}

impl Answer {
    /// Reads an answer to one of our offers, which had one audio line that was not refused.
    ///
    /// # Errors
    /// [`SdpError::Declined`] when audio has port 0, else as for an offer.
    pub fn parse(text: &[u8]) -> Result<Self, SdpError> {
        let session = SessionDescription::parse(text)?;
        let declined = || session.media().any(|media| media.kind == "audio" && media.port == 0);
        match AudioStream::first(&session) {
            Ok(audio) => Ok(Self { audio }),
            Err(SdpError::NoAudio) if declined() => Err(SdpError::Declined),
            Err(error) => Err(error),
        }
    }

    /// The stream that was agreed to.
    #[must_use]
    pub const fn audio(&self) -> &AudioStream {
        &self.audio
    }
}

/// Writes `offer`, made by a leg of policy `near`, as our offer to a leg of policy `far`, whose dialog has
/// `lines`.
///
/// Formats are those that both policies permit, in the order of `far`'s preference, else in the offer's; what
/// is no codec itself (telephone-event, CN) then comes last.
///
/// # Errors
/// [`SdpError::NoCommonCodec`] when no codec is left.
pub fn offer_to(
    local: LocalMedia,
    offer: &Offer,
    near: &CodecPolicy,
    far: &CodecPolicy,
    lines: &MediaLines,
) -> Result<Bytes, SdpError> {
    let permitted = |format: &&MediaFormat| near.permits(&format.encoding) && far.permits(&format.encoding);
    let mut formats: Vec<&MediaFormat> = offer.audio.formats.iter().filter(permitted).collect();
    if !far.allow.is_empty() {
        formats.sort_by_key(|format| (!format.is_codec(), far.preference(&format.encoding)));
    }
    describe(local, lines, &offer.audio, &formats, offer.audio.direction)
}

/// Writes `answer`, made by the other leg, as our answer to `offer`, which was made between legs of
/// these `policies`.
///
/// Formats are the answer's, limited to those that both policies permit and the offer had under the same payload type; the direction
/// is the answer's as far as the offer's allows it. Every m= line but the audio line is refused.
///
/// # Errors
/// [`SdpError::NoCommonCodec`] when no codec is left.
pub fn answer_to(
    local: LocalMedia,
    offer: &Offer,
    answer: &Answer,
    policies: [&CodecPolicy; 2],
) -> Result<Bytes, SdpError> {
    let offered = |format: &MediaFormat| offer.audio.formats.iter().any(|other| other.same_packets(format));
    let permitted = |format: &MediaFormat| policies.iter().all(|policy| policy.permits(&format.encoding));
    let usable = |format: &&MediaFormat| offered(format) && permitted(format);
    let formats: Vec<&MediaFormat> = answer.audio.formats.iter().filter(usable).collect();
    let direction = answer.audio.direction.answering(offer.audio.direction);
    let stream = AudioStream { protocol: offer.audio.protocol, ..answer.audio.clone() };
    describe(local, &offer.lines, &stream, &formats, direction)
}

/// The codec that was agreed on, for the CDR: the first format of the answer that carries speech.
#[must_use]
pub fn codec_name(answer: &Answer) -> Option<&str> {
    answer.audio.codec().map(|format| format.encoding.as_str())
}

fn describe(
    local: LocalMedia,
    lines: &MediaLines,
    stream: &AudioStream,
    formats: &[&MediaFormat],
    direction: Direction,
) -> Result<Bytes, SdpError> {
    if !formats.iter().any(|format| format.is_codec()) {
        return Err(SdpError::NoCommonCodec);
    }
    let audio =
        Audio { local, protocol: stream.protocol, formats, attributes: &stream.attributes, direction };
    let mut description = Description::new(local);
    for (index, refused) in lines.refused.iter().enumerate() {
        if index == lines.audio {
            description.audio(&audio);
        } else {
            description.refused(refused);
        }
    }
    Ok(description.into_bytes())
}

#[cfg(test)]
mod tests;
