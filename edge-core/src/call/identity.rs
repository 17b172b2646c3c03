//! Numbers and names as the other side sees them.
//!
//! Invariant: what crosses is a number, or a name that is no host's: nothing of one side's network is read on the
//! other, and nothing that was dialled becomes a parameter of our URI.

use std::net::{IpAddr, SocketAddr};

use bytes::Bytes;

use crate::sip::NameAddr;

/// Host of a caller who wants to stay unknown (RFC 3323 section 4.1.1.3).
const ANONYMOUS_HOST: &[u8] = b"anonymous.invalid";

/// The caller of `from` as a name-addr at our own address `sent_by`: display name and number, less what names a host.
pub(super) fn presented_caller(from: &NameAddr, sent_by: &[u8]) -> Bytes {
    let uri = match from.uri().number() {
        _ if from.uri().host().eq_ignore_ascii_case(ANONYMOUS_HOST) => {
            b"sip:anonymous@anonymous.invalid".to_vec()
        }
        Some(number) => [b"sip:", escape_user(&number).as_bytes(), b"@", sent_by].concat(),
        None => [b"sip:", sent_by].concat(),
    };
    let address = [b"<", uri.as_slice(), b">"].concat();
    match from.raw_display().filter(|name| !names_a_host(name)) {
        Some(name) => [name, b" ", &address].concat().into(),
        None => address.into(),
    }
}

/// A number as the user part of a URI: what RFC 3261's `user` does not allow is escaped, and what could be read as a
/// parameter, a header or a path, too.
pub(super) fn escape_user(number: &str) -> String {
    const ALLOWED: &[u8] = b"-_.!~*'()+";
    let mut escaped = String::with_capacity(number.len());
    for byte in number.bytes() {
        if byte.is_ascii_alphanumeric() || ALLOWED.contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            escaped.push_str(&format!("%{byte:02X}"));
        }
    }
    escaped
}

/// Whether a name holds an address, a mailbox, or words joined by dots.
fn names_a_host(name: &[u8]) -> bool {
    names_an_address(name)
        || words(&String::from_utf8_lossy(name))
            .any(|word| word.split('.').filter(|label| label.len() > 1).count() > 1)
}

/// Whether a value holds an address, with a port or without, or a mailbox.
pub(super) fn names_an_address(value: &[u8]) -> bool {
    words(&String::from_utf8_lossy(value)).any(|word| {
        let word = word.trim_matches('.');
        word.contains('@') || word.parse::<IpAddr>().is_ok() || word.parse::<SocketAddr>().is_ok()
    })
}

/// What could be a name or an address, of what stands between other signs.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|letter: char| !letter.is_alphanumeric() && !".:@-".contains(letter))
}

#[cfg(test)]
mod tests;
