//! How the keys of a stream are agreed on, and what its description says of that: in the description itself (RFC 4568), or by a
//! DTLS handshake on the media's own path (RFC 5763, RFC 5764). Of the latter it names the certificates (RFC 8122), who begins
//! (RFC 4145) and which association is meant (RFC 8842); each end holds the other one to that, so it crosses as it was written.

use super::Protocol;
use super::address::names_an_address;
use super::session::{MediaDescription, attribute};
use crate::media::Encryption;

/// Lines of each kind that are kept of one stream: of certificates there is one for each hash, of keys one for each suite.
const LINES_MAX: usize = 16;

/// The name of an attribute, and whether a value of it is one.
type Said = (&'static str, fn(&str) -> bool);

/// What is said of a handshake. Each may stand before all streams, to hold for those that do not say it themselves.
const HANDSHAKE: [Said; 3] = [(FINGERPRINT, is_fingerprint), ("setup", is_setup), ("tls-id", is_tls_id)];
const FINGERPRINT: &str = "fingerprint";

/// Characters of a `tls-id` (RFC 8842 section 4).
const TLS_ID: std::ops::RangeInclusive<usize> = 20..=255;

impl Protocol {
    /// Whether it is RTP, encrypted or not.
    pub(super) const fn is_rtp(self) -> bool {
        match self {
            Self::Avp | Self::Avpf | Self::Savp | Self::Savpf | Self::TlsSavp | Self::TlsSavpf => true,
            Self::Udptl | Self::Other => false,
        }
    }

    /// Whether packets are encrypted, and how keys are agreed on.
    pub(super) const fn encryption(self) -> Encryption {
        match self {
            Self::Savp | Self::Savpf => Encryption::Described,
            Self::TlsSavp | Self::TlsSavpf => Encryption::Handshake,
            Self::Avp | Self::Avpf | Self::Udptl | Self::Other => Encryption::Clear,
        }
    }

    /// Whether packets are encrypted.
    pub(super) const fn is_secure(self) -> bool {
        !matches!(self.encryption(), Encryption::Clear)
    }
}

/// Values of a=crypto of a stream.
pub(super) fn crypto(media: &MediaDescription<'_>) -> Vec<String> {
    let values = media.attributes().filter(|(_, name, value)| *name == "crypto" && !names_an_address(value));
    values.take(LINES_MAX).map(|(_, _, value)| value.to_owned()).collect()
}

/// What is said of the handshake of a stream that has one, as attributes of the stream.
pub(super) fn handshake(media: &MediaDescription<'_>) -> Vec<String> {
    if media.protocol().encryption() != Encryption::Handshake {
        return Vec::new();
    }
    let mut lines = Vec::new();
    for (name, is_sound) in HANDSHAKE {
        let sound =
            |found: &str, value: &str| (found == name && is_sound(value)).then(|| format!("{name}:{value}"));
        let own = media.attributes().filter_map(|(_, found, value)| sound(found, value));
        let own: Vec<String> = own.take(LINES_MAX).collect();
        let session = || {
            let all = media.session_lines(b'a').filter_map(|(_, line)| attribute(line));
            all.filter_map(|(found, value)| sound(found, value)).take(LINES_MAX).collect()
        };
        lines.extend(if own.is_empty() { session() } else { own });
    }
    lines
}

/// Whether a handshake has a certificate that it could be held to.
pub(super) fn has_fingerprint(handshake: &[String]) -> bool {
    handshake.iter().any(|line| line.split(':').next() == Some(FINGERPRINT))
}

/// `<hash-func> <hex>:<hex>...` (RFC 8122 section 5).
fn is_fingerprint(value: &str) -> bool {
    let Some((hash, digest)) = value.trim_end().split_once(' ') else { return false };
    let is_octet = |octet: &str| octet.len() == 2 && octet.bytes().all(|digit| digit.is_ascii_hexdigit());
    is_token(hash) && digest.split(':').all(is_octet)
}

fn is_setup(value: &str) -> bool {
    matches!(value.trim_end(), "active" | "passive" | "actpass" | "holdconn")
}

fn is_tls_id(value: &str) -> bool {
    let letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_');
    TLS_ID.contains(&value.trim_end().len()) && value.trim_end().bytes().all(letter)
}

fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}
