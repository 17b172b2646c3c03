//! Writes our descriptions: nothing but our own addresses, and of the peer's lines only what [`super::audio`]
//! kept.

use std::fmt::{self, Write};
use std::net::IpAddr;

use bytes::Bytes;

use super::audio::{Direction, MediaFormat};
use super::{LocalMedia, Protocol};

/// Room for a description with a handful of formats.
const CAPACITY: usize = 512;

/// A description under construction.
pub(super) struct Description {
    out: String,
}

/// Our audio stream.
pub(super) struct Audio<'a> {
    pub(super) local: LocalMedia,
    pub(super) protocol: Protocol,
    pub(super) formats: &'a [&'a MediaFormat],
    pub(super) attributes: &'a [String],
    pub(super) direction: Direction,
}

impl Description {
    /// The session part. `a=rtcp` is not needed: our RTCP is on the next port.
    pub(super) fn new(local: LocalMedia) -> Self {
        let LocalMedia { rtp, session_id, version } = local;
        let address = Address(rtp.ip());
        let mut description = Self { out: String::with_capacity(CAPACITY) };
        description.line(format_args!("v=0"));
        description.line(format_args!("o=- {session_id} {version} {address}"));
        description.line(format_args!("s=-"));
        description.line(format_args!("c={address}"));
        description.line(format_args!("t=0 0"));
        description
    }

    /// An m= line with port 0; it needs no attributes (RFC 3264 section 6).
    pub(super) fn refused(&mut self, media: &str) {
        self.line(format_args!("m={media}"));
    }

    pub(super) fn audio(&mut self, audio: &Audio<'_>) {
        let Audio { local, protocol, formats, attributes, direction } = audio;
        let payload_types: Vec<String> =
            formats.iter().map(|format| format.payload_type.to_string()).collect();
        self.line(format_args!("m=audio {} {protocol} {}", local.rtp.port(), payload_types.join(" ")));
        for format in *formats {
            self.format(format);
        }
        for attribute in attributes.iter().filter(|attribute| names_only(attribute, formats)) {
            self.line(format_args!("a={attribute}"));
        }
        self.line(format_args!("a={}", direction.as_str()));
    }

    fn format(&mut self, format: &MediaFormat) {
        let MediaFormat { payload_type, encoding, clock_rate, parameters, mapped, fmtp } = format;
        if *mapped {
            let parameters = parameters.iter().fold(String::new(), |_, text| format!("/{text}"));
            self.line(format_args!("a=rtpmap:{payload_type} {encoding}/{clock_rate}{parameters}"));
        }
        for value in fmtp.iter().filter(|value| !names_an_address(value)) {
            self.line(format_args!("a=fmtp:{payload_type} {value}"));
        }
    }

    pub(super) fn into_bytes(self) -> Bytes {
        self.out.into()
    }

    fn line(&mut self, text: fmt::Arguments<'_>) {
        // Writing to a String cannot fail.
        let _ = self.out.write_fmt(text);
        self.out.push_str("\r\n");
    }
}

/// Whether format parameters hold an address, which no codec of ours needs and which would be the other side's.
fn names_an_address(parameters: &str) -> bool {
    let words =
        parameters.split(|letter: char| !letter.is_ascii_hexdigit() && letter != '.' && letter != ':');
    words.filter(|word| word.len() > 6).any(|word| word.parse::<IpAddr>().is_ok())
}

/// Whether an attribute speaks of a payload type that is still there, or of none.
fn names_only(attribute: &str, formats: &[&MediaFormat]) -> bool {
    let Some(value) = attribute.strip_prefix("rtcp-fb:") else { return true };
    let number = value.split(' ').next().and_then(|number| number.parse::<u8>().ok());
    number.is_none_or(|number| formats.iter().any(|format| format.payload_type == number))
}

/// `<nettype> <addrtype> <address>`
struct Address(IpAddr);

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let family = if self.0.is_ipv4() { "IP4" } else { "IP6" };
        write!(f, "IN {family} {}", self.0)
    }
}
