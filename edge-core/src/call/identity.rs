//! Numbers and names as the other side sees them.
//!
//! Invariant: what crosses is a number, or a name that is no host's: nothing of one side's network is read on the
//! other, and nothing that was dialled becomes a parameter of our URI.

use std::net::{IpAddr, SocketAddr};

use bytes::Bytes;

use crate::policy::NumberPlan;
use crate::sip::{HeaderName, Message, Request, escape_user};

/// Host of a caller who wants to stay unknown (RFC 3323 section 4.1.1.3).
const ANONYMOUS_HOST: &[u8] = b"anonymous.invalid";

/// How a caller who wants to stay unknown is presented (RFC 3323 section 4.1).
const ANONYMOUS: &[u8] = b"\"Anonymous\" <sip:anonymous@anonymous.invalid>";

/// The caller of `invite`, whose numbers are read by the plan `from`, as a name-addr at our own address `sent_by` for a
/// trunk with the plan `to`: display name and number, less what names a host.
pub(super) fn presented_caller(
    invite: &Request,
    (from, to): (&NumberPlan, &NumberPlan),
    sent_by: &[u8],
) -> Bytes {
    let plans = (from, to);
    let from = &invite.from;
    if wants_privacy(&invite.message) || from.uri().host().eq_ignore_ascii_case(ANONYMOUS_HOST) {
        return Bytes::from_static(ANONYMOUS);
    }
    let uri = match from.uri().number() {
        Some(_) => {
            let (number, to) = (plans.0.read(from.uri()), plans.1);
            let (user, param) = (escape_user(&to.write(&number)), to.uri_param(&number));
            [b"sip:", user.as_bytes(), b"@", sent_by, param.as_bytes()].concat()
        }
        None => [b"sip:", sent_by].concat(),
    };
    let address = [b"<", uri.as_slice(), b">"].concat();
    match from.raw_display().filter(|name| !names_a_host(name)) {
        Some(name) => [name, b" ", &address].concat().into(),
        None => address.into(),
    }
}

/// Whether the sender of `message` asks that nobody behind us learns who the caller is (RFC 3323 section 4.2, RFC 3325
/// section 9.3). We know of no network that could be asked to keep the secret, so we keep it.
fn wants_privacy(message: &Message) -> bool {
    let values = message.all(HeaderName::Privacy).flat_map(|value| value.split(|byte| b";, ".contains(byte)));
    values.filter(|value| !value.is_empty()).any(|value| !value.eq_ignore_ascii_case(b"none"))
}

/// Whether a name holds an address, a mailbox, or words joined by dots.
pub(super) fn names_a_host(name: &[u8]) -> bool {
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
