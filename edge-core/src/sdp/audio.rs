//! The audio stream of a description: where its owner receives, which formats, in which direction.

use std::net::{IpAddr, SocketAddr};

use super::session::{MediaDescription, SessionDescription, attribute};
use super::{Protocol, SdpError};
use crate::media::RemoteMedia;

/// Formats that are read of one m= line; the longest lists in use have about 25.
const FORMATS_MAX: usize = 64;

/// Attributes that describe the packets and nothing of the network they come from.
const KEPT_ATTRIBUTES: [&str; 4] = ["ptime", "maxptime", "silenceSupp", "rtcp-fb"];

/// An audio stream over plain RTP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AudioStream {
    /// Position of its m= line.
    pub index: usize,
    /// Where its owner wants packets; `None` for the old hold, address 0.0.0.0 (RFC 3264 section 8.4). Its
    /// family is the one that the owner speaks.
    pub remote: Option<RemoteMedia>,
    /// What its owner will do; never receiving while `remote` is `None`.
    pub direction: Direction,
    /// `RTP/AVP` or `RTP/AVPF`.
    pub protocol: Protocol,
    /// Its formats in its owner's order; those with an unknown payload type and no rtpmap are left out.
    pub formats: Vec<MediaFormat>,
    /// Milliseconds a packet (a=ptime), when it is a whole number.
    pub ptime_ms: Option<u32>,
    /// Attributes that may be passed on, as `name:value`.
    pub(super) attributes: Vec<String>,
}

/// One format of the m= line (RFC 8866 section 6.6).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediaFormat {
    /// RTP payload type, 0 to 127.
    pub payload_type: u8,
    /// Encoding name as written, or that of the static table (RFC 3551 section 6).
    pub encoding: String,
    /// RTP timestamp ticks a second.
    pub clock_rate: u32,
    /// Encoding parameters: for audio the number of channels.
    pub parameters: Option<String>,
    /// Whether an rtpmap line was written; a static payload type does not need one.
    pub mapped: bool,
    /// Values of its fmtp lines.
    pub fmtp: Vec<String>,
}

/// Who sends, from the view of the description's owner (RFC 3264 section 5.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Direction {
    /// Its owner will send.
    pub send: bool,
    /// Its owner will receive.
    pub receive: bool,
}

impl Direction {
    /// Both ways, the default.
    pub const SEND_RECV: Self = Self { send: true, receive: true };
    /// `a=sendonly`: the peer is on hold.
    pub const SEND_ONLY: Self = Self { send: true, receive: false };
    /// `a=recvonly`
    pub const RECV_ONLY: Self = Self { send: false, receive: true };
    /// `a=inactive`
    pub const INACTIVE: Self = Self { send: false, receive: false };

    /// The attribute's name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match (self.send, self.receive) {
            (true, true) => "sendrecv",
            (true, false) => "sendonly",
            (false, true) => "recvonly",
            (false, false) => "inactive",
        }
    }

    /// Whether the owner stops its peer's media.
    #[must_use]
    pub const fn is_hold(self) -> bool {
        !self.receive
    }

    /// What of this answer the `offered` direction allows (RFC 3264 section 6.1).
    #[must_use]
    pub const fn answering(self, offered: Self) -> Self {
        Self { send: self.send && offered.receive, receive: self.receive && offered.send }
    }

    fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "sendrecv" => Self::SEND_RECV,
            "sendonly" => Self::SEND_ONLY,
            "recvonly" => Self::RECV_ONLY,
            "inactive" => Self::INACTIVE,
            _ => return None,
        })
    }
}

impl AudioStream {
    /// The first audio stream of `session` over plain RTP whose port is not zero.
    pub(super) fn first(session: &SessionDescription) -> Result<Self, SdpError> {
        let mut secure = None;
        for media in session.media().filter(|media| media.kind == "audio" && media.port != 0) {
            match media.protocol() {
                Protocol::Avp | Protocol::Avpf => return Self::read(&media),
                protocol @ Protocol::Secure => secure = Some(protocol),
                Protocol::Other => {}
            }
        }
        Err(secure.map_or(SdpError::NoAudio, |protocol| SdpError::Protocol { protocol }))
    }

    fn read(media: &MediaDescription<'_>) -> Result<Self, SdpError> {
        let remote = read_remote(media)?;
        let written = read_direction(media);
        let direction = Direction { receive: written.receive && remote.is_some(), ..written };
        let ptime = media.attributes().find(|(_, name, _)| *name == "ptime");
        Ok(Self {
            index: media.index,
            remote,
            direction,
            protocol: media.protocol(),
            formats: read_formats(media)?,
            ptime_ms: ptime.and_then(|(_, _, value)| value.trim().parse().ok()),
            attributes: media.attributes().filter_map(|(_, name, value)| kept(name, value)).collect(),
        })
    }

    /// RTP timestamp ticks a second of the first codec.
    #[must_use]
    pub fn clock_rate(&self) -> u32 {
        self.codec().or(self.formats.first()).map_or(8_000, |format| format.clock_rate)
    }

    /// The first format that carries speech.
    #[must_use]
    pub fn codec(&self) -> Option<&MediaFormat> {
        self.formats.iter().find(|format| format.is_codec())
    }
}

impl MediaFormat {
    /// Whether it carries speech itself, and not tones, noise or copies of other formats.
    #[must_use]
    pub fn is_codec(&self) -> bool {
        !["telephone-event", "tone", "CN", "red"].iter().any(|name| self.encoding.eq_ignore_ascii_case(name))
    }

    /// Whether both mean the same packets under the same payload type.
    #[must_use]
    pub fn same_packets(&self, other: &Self) -> bool {
        self.payload_type == other.payload_type
            && self.encoding.eq_ignore_ascii_case(&other.encoding)
            && self.clock_rate == other.clock_rate
    }
}

fn kept(name: &str, value: &str) -> Option<String> {
    KEPT_ATTRIBUTES.contains(&name).then(|| format!("{name}:{value}"))
}

fn read_direction(media: &MediaDescription<'_>) -> Direction {
    let own = media.attributes().find_map(|(_, name, _)| Direction::parse(name));
    let session = || media.session_lines(b'a').find_map(|(_, line)| Direction::parse(attribute(line)?.0));
    own.or_else(session).unwrap_or(Direction::SEND_RECV)
}

/// c= of the stream or of the session (RFC 8866 section 5.7), and a=rtcp (RFC 3605).
fn read_remote(media: &MediaDescription<'_>) -> Result<Option<RemoteMedia>, SdpError> {
    let connection = media.lines(b'c').next().or_else(|| media.session_lines(b'c').next());
    let (line, value) = connection.ok_or(SdpError::NoConnection)?;
    let address = read_address(line, value)?;
    if address.is_unspecified() {
        return Ok(None);
    }
    let rtp = SocketAddr::new(address, media.port);
    let rtcp = match media.attributes().find(|(_, name, _)| *name == "rtcp") {
        Some((line, _, value)) => read_rtcp(line, value, address)?,
        None => {
            let next = media.port.checked_add(1).ok_or(SdpError::Malformed { line: media.line })?;
            SocketAddr::new(address, next)
        }
    };
    Ok(Some(RemoteMedia { rtp, rtcp }))
}

/// `<port> [<nettype> <addrtype> <address>]`
fn read_rtcp(line: usize, value: &str, default: IpAddr) -> Result<SocketAddr, SdpError> {
    let (port, address) = value.split_once(' ').unwrap_or((value, ""));
    let port = port.parse().ok().filter(|port| *port != 0).ok_or(SdpError::Malformed { line })?;
    let address = match address.trim() {
        "" => default,
        address => read_address(line, address.as_bytes())?,
    };
    Ok(SocketAddr::new(address, port))
}

/// `IN IP4 <address>` or `IN IP6 <address>`; the address must be of that family, unicast, and no name.
fn read_address(line: usize, value: &[u8]) -> Result<IpAddr, SdpError> {
    let malformed = SdpError::Malformed { line };
    let text = std::str::from_utf8(value).ok().ok_or(malformed)?;
    let mut fields = text.split_ascii_whitespace();
    let (net, family, address) = (fields.next(), fields.next(), fields.next().ok_or(malformed)?);
    if net != Some("IN") || !matches!(family, Some("IP4" | "IP6")) || fields.next().is_some() {
        return Err(malformed);
    }
    let (bare, group) = address.split_once('/').map_or((address, false), |(bare, _)| (bare, true));
    match bare.parse::<IpAddr>() {
        Ok(ip) if group || !may_be_a_host(ip) => Err(SdpError::NotAHost),
        Ok(ip) if ip.is_ipv4() == (family == Some("IP4")) => Ok(ip),
        Ok(_) => Err(malformed),
        Err(_) if is_host_name(bare) => Err(SdpError::HostName),
        Err(_) => Err(malformed),
    }
}

fn is_host_name(text: &str) -> bool {
    text.bytes().any(|byte| byte.is_ascii_alphabetic())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.'))
}

fn read_formats(media: &MediaDescription<'_>) -> Result<Vec<MediaFormat>, SdpError> {
    let mut formats: Vec<MediaFormat> = Vec::new();
    for field in media.formats.split_ascii_whitespace().take(FORMATS_MAX) {
        let payload_type: u8 = field.parse().ok().filter(|number| *number < 128).ok_or(malformed(media))?;
        let known = formats.iter().any(|format| format.payload_type == payload_type);
        let format = read_rtpmap(media, payload_type)?.or_else(|| static_format(payload_type));
        if let (Some(mut format), false) = (format, known) {
            format.fmtp = about(media, "fmtp", payload_type).map(|(_, value)| value.to_owned()).collect();
            formats.push(format);
        }
    }
    Ok(formats)
}

const fn malformed(media: &MediaDescription<'_>) -> SdpError {
    SdpError::Malformed { line: media.line }
}

/// Values of the attributes called `name` that speak of `payload_type`, with their line numbers.
fn about<'a>(
    media: &MediaDescription<'a>,
    name: &'static str,
    payload_type: u8,
) -> impl Iterator<Item = (usize, &'a str)> + use<'a> {
    media.attributes().filter(move |(_, found, _)| *found == name).filter_map(move |(line, _, value)| {
        let (number, rest) = value.split_once(' ')?;
        (number.parse() == Ok(payload_type)).then_some((line, rest.trim()))
    })
}

/// `<encoding>/<clock rate>[/<parameters>]`
fn read_rtpmap(media: &MediaDescription<'_>, payload_type: u8) -> Result<Option<MediaFormat>, SdpError> {
    let Some((line, value)) = about(media, "rtpmap", payload_type).next() else { return Ok(None) };
    let mut fields = value.splitn(3, '/');
    let encoding = fields.next().filter(|name| !name.is_empty() && !name.contains(' '));
    let clock_rate = fields.next().and_then(|rate| rate.parse().ok()).filter(|rate| *rate != 0);
    let (Some(encoding), Some(clock_rate)) = (encoding, clock_rate) else {
        return Err(SdpError::Malformed { line });
    };
    Ok(Some(MediaFormat {
        payload_type,
        encoding: encoding.to_owned(),
        clock_rate,
        parameters: fields.next().map(str::to_owned),
        mapped: true,
        fmtp: Vec::new(),
    }))
}

/// RFC 3551 section 6, table 4.
fn static_format(payload_type: u8) -> Option<MediaFormat> {
    let (encoding, clock_rate) = match payload_type {
        0 => ("PCMU", 8_000),
        3 => ("GSM", 8_000),
        4 => ("G723", 8_000),
        5 => ("DVI4", 8_000),
        6 => ("DVI4", 16_000),
        7 => ("LPC", 8_000),
        8 => ("PCMA", 8_000),
        9 => ("G722", 8_000), // Really 16,000: RFC 3551 section 4.5.2 keeps an old mistake.
        10 | 11 => ("L16", 44_100),
        12 => ("QCELP", 8_000),
        13 => ("CN", 8_000),
        14 => ("MPA", 90_000),
        15 => ("G728", 8_000),
        16 => ("DVI4", 11_025),
        17 => ("DVI4", 22_050),
        18 => ("G729", 8_000),
        _ => return None,
    };
    let encoding = encoding.to_owned();
    let parameters = (payload_type == 10).then(|| "2".to_owned());
    Some(MediaFormat { payload_type, encoding, clock_rate, parameters, mapped: false, fmtp: Vec::new() })
}

/// Whether media for `ip` would go to one host that is not ourselves. 0.0.0.0 is the old hold, and has its own meaning. An
/// IPv6 address of a link means nothing without the link, and one that maps an IPv4 address is not for the wire (RFC 4291
/// sections 2.5.6 and 2.5.5.2).
fn may_be_a_host(ip: IpAddr) -> bool {
    let special = match ip {
        IpAddr::V4(v4) => v4.is_broadcast(),
        IpAddr::V6(v6) => v6.is_unicast_link_local() || v6.to_ipv4_mapped().is_some(),
    };
    !ip.is_multicast() && !ip.is_loopback() && !special
}

#[cfg(test)]
mod tests;
