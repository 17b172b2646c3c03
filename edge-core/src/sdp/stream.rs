//! A stream that the edge can relay, as its owner describes it: where its owner receives, in which formats and direction.
//!
//! Invariant: nothing of a [`MediaStream`] but `remote` and `network` names an address, so all of it but those may be told to
//! the other leg.

use std::fmt::Write;

use super::address::{names_an_address, read_remote};
use super::direct::network;
use super::direction::Direction;
use super::format::{MediaFormat, read_formats};
use super::keys::{crypto, handshake};
use super::session::{MediaDescription, attribute};
use super::{Protocol, SdpError};
use crate::media::{Encryption, RemoteMedia, Traffic};

/// Attributes of RTP streams that describe the packets and nothing of the network they come from.
const RTP_ATTRIBUTES: [&str; 14] = [
    "ptime",
    "maxptime",
    "silenceSupp",
    "gpmd",
    "rtcp-fb",
    "rtcp-rsize",
    "rtcp-xr",
    "extmap",
    "content",
    "lang",
    "label",
    "framerate",
    "framesize",
    "imageattr",
];

/// Bandwidths that speak of one stream's packets (RFC 8866 section 5.8, RFC 3890, RFC 3556).
const BANDWIDTHS: [&str; 4] = ["AS", "TIAS", "RR", "RS"];

/// Lines of each kind that are kept of one stream; the longest in use have about twenty rtcp-fb.
const LINES_MAX: usize = 64;

/// RTP payload types that, with the marker set, look like RTCP (RFC 5761 section 4).
const LIKE_RTCP: std::ops::RangeInclusive<u8> = 64..=95;

/// What a stream is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `audio` over RTP
    Audio,
    /// `video` over RTP
    Video,
    /// `image` over UDPTL: fax (ITU-T T.38)
    Fax,
}

/// A stream of a kind that can be relayed, whose port is not 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediaStream {
    /// What it is.
    pub kind: Kind,
    /// What its m= line says of the transport.
    pub protocol: Protocol,
    /// Where its owner wants packets; `None` for the old hold, address 0.0.0.0 (RFC 3264 section 8.4).
    pub remote: Option<RemoteMedia>,
    /// What its owner will do; never receiving while `remote` is `None`.
    pub direction: Direction,
    /// Its formats in its owner's order; none for fax.
    pub formats: Vec<MediaFormat>,
    /// Whether its owner can have RTCP on the port of RTP (RFC 5761).
    pub rtcp_mux: bool,
    /// Values of a=crypto (RFC 4568).
    pub(super) crypto: Vec<String>,
    /// What is said of the handshake that agrees on its keys, as written; see [`handshake`].
    pub(super) handshake: Vec<String>,
    /// Values of b=.
    pub(super) bandwidths: Vec<String>,
    /// Attributes that may be passed on, as written.
    pub(super) attributes: Vec<String>,
    /// Attributes that speak of its owner's network: for a leg that its media goes to directly.
    pub(super) network: Vec<String>,
}

impl MediaStream {
    /// The stream of an m= line.
    ///
    /// # Errors
    /// [`SdpError::Declined`] when its port is 0; else why it cannot be relayed.
    pub(super) fn read(media: &MediaDescription<'_>) -> Result<Self, SdpError> {
        if media.port == 0 {
            return Err(SdpError::Declined);
        }
        let (kind, protocol) = (kind(media)?, media.protocol());
        if media.count != 1 {
            return Err(SdpError::PortCount);
        }
        let remote = read_remote(media)?;
        let written = read_direction(media);
        let formats = if kind == Kind::Fax { Vec::new() } else { read_formats(media)? };
        Ok(Self {
            kind,
            protocol,
            remote,
            direction: Direction { receive: written.receive && remote.is_some(), ..written },
            rtcp_mux: kind != Kind::Fax && has(media, "rtcp-mux") && may_share_a_port(&formats),
            formats,
            crypto: crypto(media),
            handshake: handshake(media),
            bandwidths: bandwidths(media),
            attributes: attributes(media, kind),
            network: network(media),
        })
    }

    /// RTP timestamp ticks a second of the first codec.
    #[must_use]
    pub fn clock_rate(&self) -> u32 {
        self.codec().or(self.formats.first()).map_or(8_000, |format| format.clock_rate)
    }

    /// The first format that carries speech or pictures.
    #[must_use]
    pub fn codec(&self) -> Option<&MediaFormat> {
        self.formats.iter().find(|format| format.is_codec())
    }

    /// What its owner sends and takes, when it is `agreed` that RTCP goes to the port of RTP, if it can.
    #[must_use]
    pub const fn traffic(&self, rtcp_mux: bool) -> Traffic {
        match (self.kind, rtcp_mux) {
            (Kind::Fax, _) => Traffic::Udptl,
            (Kind::Audio | Kind::Video, true) => Traffic::RtpMuxed,
            (Kind::Audio | Kind::Video, false) => Traffic::Rtp,
        }
    }

    /// Whether its packets are encrypted, and how keys are agreed on.
    #[must_use]
    pub const fn encryption(&self) -> Encryption {
        self.protocol.encryption()
    }

    /// What stands behind the transport in its m= line.
    pub(super) fn format_list(&self) -> String {
        if self.kind == Kind::Fax {
            return "t38".to_owned();
        }
        let mut numbers = String::with_capacity(self.formats.len() * 4);
        for format in &self.formats {
            if !numbers.is_empty() {
                numbers.push(' ');
            }
            // Writing to a String cannot fail.
            let _ = write!(numbers, "{}", format.payload_type);
        }
        numbers
    }
}

impl Kind {
    /// The media type of its m= line.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Audio => "audio",
            Self::Video => "video",
            Self::Fax => "image",
        }
    }
}

fn kind(media: &MediaDescription<'_>) -> Result<Kind, SdpError> {
    let protocol = media.protocol();
    match (media.kind, protocol) {
        ("audio", protocol) if protocol.is_rtp() => Ok(Kind::Audio),
        ("video", protocol) if protocol.is_rtp() => Ok(Kind::Video),
        ("image", Protocol::Udptl) if media.formats.trim().eq_ignore_ascii_case("t38") => Ok(Kind::Fax),
        _ => Err(SdpError::NoMedia),
    }
}

/// Whether no packet of these formats could be taken for RTCP.
pub(super) fn may_share_a_port(formats: &[MediaFormat]) -> bool {
    !formats.iter().any(|format| LIKE_RTCP.contains(&format.payload_type))
}

fn has(media: &MediaDescription<'_>, name: &str) -> bool {
    media.attributes().any(|(_, found, _)| found == name)
}

fn read_direction(media: &MediaDescription<'_>) -> Direction {
    let own = media.attributes().find_map(|(_, name, _)| Direction::parse(name));
    let session = || media.session_lines(b'a').find_map(|(_, line)| Direction::parse(attribute(line)?.0));
    own.or_else(session).unwrap_or(Direction::SEND_RECV)
}

/// Those of the stream; those of the session, too, when it has no other stream to speak of.
fn bandwidths(media: &MediaDescription<'_>) -> Vec<String> {
    let own = media.lines(b'b').filter_map(|(_, value)| bandwidth(value));
    let session =
        || media.session_lines(b'b').filter_map(|(_, value)| bandwidth(value)).take(LINES_MAX).collect();
    let own: Vec<String> = own.take(LINES_MAX).collect();
    if own.is_empty() && media.is_only_one() { session() } else { own }
}

/// `<type>:<number>`
fn bandwidth(value: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(value).ok()?.trim();
    let (name, number) = text.split_once(':')?;
    number.parse::<u32>().ok().filter(|_| BANDWIDTHS.contains(&name)).map(|number| format!("{name}:{number}"))
}

fn attributes(media: &MediaDescription<'_>, kind: Kind) -> Vec<String> {
    let crosses = |name: &str| match kind {
        Kind::Fax => name.get(..3).is_some_and(|start| start.eq_ignore_ascii_case("T38")),
        Kind::Audio | Kind::Video => RTP_ATTRIBUTES.contains(&name),
    };
    let kept = media.attributes().filter(|(_, name, value)| crosses(name) && !names_an_address(value));
    let written = kept
        .map(|(_, name, value)| if value.is_empty() { name.to_owned() } else { format!("{name}:{value}") });
    written.take(LINES_MAX).collect()
}

#[cfg(test)]
mod tests;
