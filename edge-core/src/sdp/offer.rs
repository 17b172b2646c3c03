//! An offer and an answer as a leg sent them: their m= lines, and which of them can be relayed.

use std::sync::Arc;

use super::SdpError;
use super::session::{MediaDescription, SessionDescription};
use super::stream::MediaStream;
use crate::media::RemoteMedia;

/// One m= line.
#[derive(Debug, Clone)]
pub(super) struct Line {
    pub(super) kind: String,
    /// Its transport as written.
    pub(super) transport: String,
    pub(super) formats: String,
    /// The stream, or why it cannot be relayed.
    pub(super) stream: Result<Arc<MediaStream>, SdpError>,
}

/// What a leg proposes. It goes into each proposal that is made of it, so its lines are shared.
#[derive(Debug, Clone)]
pub struct Offer(pub(super) Arc<Vec<Line>>);

/// What a leg agrees to.
#[derive(Debug, Clone)]
pub struct Answer(Vec<Line>);

pub(super) fn read_lines(text: &[u8]) -> Result<Vec<Line>, SdpError> {
    let session = SessionDescription::parse(text)?;
    let line = |media: MediaDescription<'_>| Line {
        kind: media.kind.to_owned(),
        transport: media.transport.to_owned(),
        formats: media.formats.to_owned(),
        stream: MediaStream::read(&media).map(Arc::new),
    };
    Ok(session.media().map(line).collect())
}

/// What to say when no line can be used: of several reasons the most telling one.
pub(super) fn failure(errors: impl Iterator<Item = SdpError>) -> SdpError {
    let rank = |error: &SdpError| match error {
        SdpError::Declined => 2,
        SdpError::NoMedia | SdpError::Video => 1,
        SdpError::TooLarge
        | SdpError::Malformed { .. }
        | SdpError::Dtls
        | SdpError::NoFingerprint
        | SdpError::Answered { .. }
        | SdpError::Protocol { .. }
        | SdpError::NoCommonKeys
        | SdpError::PortCount
        | SdpError::NoPort
        | SdpError::NoConnection
        | SdpError::HostName
        | SdpError::NotAHost
        | SdpError::OtherFamily
        | SdpError::Ours
        | SdpError::NoCommonCodec => 0,
    };
    errors.min_by_key(rank).unwrap_or(SdpError::NoMedia)
}

impl Line {
    /// The line of a stream of ours, which has no address of its own.
    pub(super) fn of(stream: MediaStream) -> Self {
        Self {
            kind: stream.kind.as_str().to_owned(),
            transport: stream.protocol.to_string(),
            formats: stream.format_list(),
            stream: Ok(Arc::new(stream)),
        }
    }

    /// What to write when it is not used.
    pub(super) fn unused(&self) -> String {
        format!("{} 0 {} {}", self.kind, self.transport, self.formats)
    }
}

impl Offer {
    /// Reads an offer.
    ///
    /// # Errors
    /// [`SdpError`] when it is not well-formed, or has no stream of a kind that can be relayed.
    pub fn parse(text: &[u8]) -> Result<Self, SdpError> {
        let lines = read_lines(text)?;
        if lines.iter().any(|line| line.stream.is_ok()) {
            return Ok(Self(Arc::new(lines)));
        }
        Err(failure(lines.iter().filter_map(|line| line.stream.as_ref().err().copied())))
    }
}

impl Offer {
    /// Where the first stream that says so is received.
    #[must_use]
    pub fn remote(&self) -> Option<RemoteMedia> {
        self.0.iter().find_map(|line| line.stream.as_ref().ok()?.remote)
    }
}

impl Answer {
    /// An answer of ours.
    pub(super) const fn of(lines: Vec<Line>) -> Self {
        Self(lines)
    }

    /// Reads an answer. Whether it answers anything is a question to the offer.
    ///
    /// # Errors
    /// [`SdpError`] when it is not well-formed.
    pub fn parse(text: &[u8]) -> Result<Self, SdpError> {
        read_lines(text).map(Self)
    }

    /// Its lines in the order of a dialog's, of which the kind is known and whether they were offered: the line in the same
    /// place, when it is of the same kind. Some peers leave out what they refuse; then it is the next line of that kind.
    pub(super) fn matched(&self, offered: &[(String, bool)]) -> Vec<Option<&Line>> {
        let Self(lines) = self;
        if lines.len() >= offered.len() {
            let pairs = offered.iter().zip(lines);
            return pairs.map(|((kind, _), line)| Some(line).filter(|line| line.kind == *kind)).collect();
        }
        let mut rest = lines.iter().peekable();
        offered.iter().map(|(kind, live)| rest.next_if(|line| *live && line.kind == *kind)).collect()
    }
}
