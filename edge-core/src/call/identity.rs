//! Numbers and names as the other side sees them.
//!
//! Invariant: what crosses is a number, or a name that is no host's: nothing of one side's network is read on the
//! other, and nothing that was dialled becomes a parameter of our URI.

mod caller;

use std::net::{IpAddr, SocketAddr};

pub(super) use caller::{Caller, caller_number, check_privacy};

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
