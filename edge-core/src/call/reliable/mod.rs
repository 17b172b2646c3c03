//! Reliable provisional responses (RFC 3262), on each side of its own: what a side sends reliably is acknowledged by us,
//! and what goes to a side goes reliably when it asks for that, whatever the other one can.
//!
//! Invariants: a response is acknowledged at most once, and in the order of its RSeq; a side has at most one of ours to
//! acknowledge; no 2xx passes a description that is not acknowledged.

mod receiving;
mod sending;

use crate::sip::{HeaderName, Message, Method};

pub(super) use receiving::{Order, Received};
pub(super) use sending::{Effect, Input, Provisional, Sending};

/// Option tag of the extension.
pub(super) const REL: &[u8] = b"100rel";

/// Whether the sender of an INVITE can acknowledge provisional responses.
pub(super) fn can_acknowledge(invite: &Message) -> bool {
    names_rel(invite, HeaderName::Supported) || wants_reliable(invite)
}

/// Whether the sender of an INVITE wants every provisional response reliably.
pub(super) fn wants_reliable(invite: &Message) -> bool {
    names_rel(invite, HeaderName::Require)
}

/// The number of a response that wants to be acknowledged; `None` for one that does not, or cannot be.
pub(super) fn rseq(response: &Message) -> Option<u32> {
    let number = number(response.first(HeaderName::RSeq)?)?;
    (number > 0 && names_rel(response, HeaderName::Require)).then_some(number)
}

/// What a PRACK acknowledges (section 7.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RAck {
    pub(super) rseq: u32,
    /// CSeq number of the INVITE.
    pub(super) sequence: u32,
}

impl RAck {
    /// What the RAck header of a PRACK says; `None` when that cannot be read or means no INVITE.
    pub(super) fn of(prack: &Message) -> Option<Self> {
        let mut words =
            prack.first(HeaderName::RAck)?.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
        let (rseq, sequence) = (number(words.next()?)?, number(words.next()?)?);
        let invite = words.next()? == Method::Invite.as_bytes() && words.next().is_none();
        invite.then_some(Self { rseq, sequence })
    }
}

impl std::fmt::Display for RAck {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {} INVITE", self.rseq, self.sequence)
    }
}

fn names_rel(message: &Message, name: HeaderName) -> bool {
    message.values(name).any(|option| option.eq_ignore_ascii_case(REL))
}

fn number(digits: &[u8]) -> Option<u32> {
    let digits = std::str::from_utf8(digits.trim_ascii()).ok()?;
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?
}

#[cfg(test)]
mod tests;
