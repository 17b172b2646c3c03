//! Writes our descriptions: nothing but our own addresses, and of the peer's lines only what [`super::stream`] kept. Where media
//! does not pass the edge, streams are received where the other leg says.

use std::fmt::{self, Write};
use std::net::IpAddr;

use bytes::Bytes;

use super::Origin;
use super::direct::{LITE, Receiver};
use super::direction::Direction;
use super::format::MediaFormat;
use super::stream::{Kind, MediaStream};

/// Room for a description with a handful of formats.
const CAPACITY: usize = 512;

/// One m= line of ours.
pub(super) enum Written<'a> {
    /// With port 0 and no attributes, which it needs none of (RFC 3264 section 6): `<kind> 0 <transport> <formats>`.
    Refused(&'a str),
    /// A stream, and where it is received.
    Stream { stream: &'a MediaStream, transport: &'a str, at: Receiver },
}

impl Written<'_> {
    /// Whether its owner only answers checks (RFC 8445 section 2.5), and the other leg hears of it.
    fn is_lite(&self) -> bool {
        match self {
            Self::Stream { stream, at: Receiver::Peer(_), .. } => {
                stream.network.iter().any(|line| line == LITE)
            }
            Self::Stream { at: Receiver::Edge(_), .. } | Self::Refused(_) => false,
        }
    }
}

/// A description with these lines.
pub(super) fn description(origin: Origin, lines: &[Written<'_>]) -> Bytes {
    let locals = lines.iter().filter_map(|line| match line {
        Written::Stream { at, .. } => Some(at.ip()),
        Written::Refused(_) => None,
    });
    // What most of the lines need, so that they need none of their own.
    let session = locals.clone().next().unwrap_or(origin.address);
    let mut description = Description { out: String::with_capacity(CAPACITY) };
    description.line(format_args!("v=0"));
    description.line(format_args!("{}", OriginLine(origin)));
    description.line(format_args!("s=-"));
    description.line(format_args!("c={}", Address(session)));
    description.line(format_args!("t=0 0"));
    if lines.iter().any(Written::is_lite) {
        description.line(format_args!("a={LITE}"));
    }
    for line in lines {
        match line {
            Written::Refused(media) => description.line(format_args!("m={media}")),
            Written::Stream { stream, transport, at } => description.stream(stream, transport, *at, session),
        }
    }
    // As long as it is: the call keeps it.
    Bytes::copy_from_slice(description.out.as_bytes())
}

/// A description of ours once more, under the origin of today.
#[must_use]
pub fn renewed(description: &[u8], origin: Origin) -> Bytes {
    let mut again = Vec::with_capacity(description.len());
    for line in description.split_inclusive(|byte| *byte == b'\n') {
        if line.starts_with(b"o=") {
            again.extend_from_slice(format!("{}\r\n", OriginLine(origin)).as_bytes());
        } else {
            again.extend_from_slice(line);
        }
    }
    again.into()
}

/// A description under construction.
struct Description {
    out: String,
}

impl Description {
    fn stream(&mut self, stream: &MediaStream, transport: &str, at: Receiver, session: IpAddr) {
        let kind = stream.kind.as_str();
        self.line(format_args!("m={kind} {} {transport} {}", at.port(), stream.format_list()));
        if at.ip() != session {
            self.line(format_args!("c={}", Address(at.ip())));
        }
        for bandwidth in &stream.bandwidths {
            self.line(format_args!("b={bandwidth}"));
        }
        for format in &stream.formats {
            self.format(format);
        }
        for attribute in stream.attributes.iter().filter(|line| names_only(line, &stream.formats)) {
            self.line(format_args!("a={attribute}"));
        }
        for crypto in &stream.crypto {
            self.line(format_args!("a=crypto:{crypto}"));
        }
        for line in &stream.handshake {
            self.line(format_args!("a={line}"));
        }
        if stream.rtcp_mux {
            self.line(format_args!("a=rtcp-mux"));
        }
        if let Receiver::Peer(_) = at {
            self.network(stream, at);
        }
        // Fax gateways say nothing where a direction would be the default one.
        if stream.kind != Kind::Fax || stream.direction != Direction::SEND_RECV {
            self.line(format_args!("a={}", stream.direction.as_str()));
        }
    }

    /// What the owner of a stream says of its network, for the leg that its media goes to. Our own RTCP is on the next port, or
    /// on RTP's, so nothing needs to be said of that.
    fn network(&mut self, stream: &MediaStream, at: Receiver) {
        if let Some(rtcp) = at.rtcp().filter(|_| stream.kind != Kind::Fax) {
            self.line(format_args!("a=rtcp:{} {}", rtcp.port(), Address(rtcp.ip())));
        }
        for attribute in stream.network.iter().filter(|line| *line != LITE) {
            self.line(format_args!("a={attribute}"));
        }
    }

    fn format(&mut self, format: &MediaFormat) {
        let MediaFormat { payload_type, encoding, clock_rate, parameters, mapped, fmtp } = format;
        if *mapped {
            let parameters = parameters.iter().fold(String::new(), |_, text| format!("/{text}"));
            self.line(format_args!("a=rtpmap:{payload_type} {encoding}/{clock_rate}{parameters}"));
        }
        for value in fmtp {
            self.line(format_args!("a=fmtp:{payload_type} {value}"));
        }
    }

    fn line(&mut self, text: fmt::Arguments<'_>) {
        // Writing to a String cannot fail.
        let _ = self.out.write_fmt(text);
        self.out.push_str("\r\n");
    }
}

/// Whether an attribute speaks of a payload type that is still there, or of none.
fn names_only(attribute: &str, formats: &[MediaFormat]) -> bool {
    let speaks = attribute.strip_prefix("rtcp-fb:").or_else(|| attribute.strip_prefix("gpmd:"));
    let Some(value) = speaks else { return true };
    let number = value.split(' ').next().and_then(|number| number.parse::<u8>().ok());
    number.is_none_or(|number| formats.iter().any(|format| format.payload_type == number))
}

/// `o=<username> <sess-id> <sess-version> <address>`
struct OriginLine(Origin);

impl fmt::Display for OriginLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Origin { address, session_id, version } = self.0;
        write!(f, "o=- {session_id} {version} {}", Address(address))
    }
}

/// `<nettype> <addrtype> <address>`
struct Address(IpAddr);

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let family = if self.0.is_ipv4() { "IP4" } else { "IP6" };
        write!(f, "IN {family} {}", self.0)
    }
}
