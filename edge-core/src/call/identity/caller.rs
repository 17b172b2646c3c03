//! Who calls: what a request says of it, and what of that another trunk is told (RFC 3323, RFC 3325).
//!
//! Invariants: a caller who wants to stay unknown is unknown in every From; who that is leaves only for a trunk that
//! keeps it secret, which is always told to. What a trunk that is not believed says of identities is not read.

use std::borrow::Cow;

use bytes::Bytes;

use crate::policy::{IdentityHeader, Number, Trunk};
use crate::sip::{HeaderName, Message, MessageWriter, NameAddr, Request, Scheme, escape_user};

use super::super::Refused;
use super::names_a_host;

/// Host of a caller who wants to stay unknown (RFC 3323 section 4.1.1.3).
const ANONYMOUS_HOST: &[u8] = b"anonymous.invalid";

/// How a caller who wants to stay unknown is presented (RFC 3323 section 4.1).
const ANONYMOUS: &[u8] = b"\"Anonymous\" <sip:anonymous@anonymous.invalid>";

/// Values of one identity header that are read: a SIP and a tel URI (RFC 3325 section 9.1), and a party or two more.
const IDENTITIES_MAX: usize = 4;

/// Users that stand for nobody.
const UNKNOWN_USERS: [&[u8]; 2] = [b"anonymous", b"restricted"];

/// Services of a privacy service (RFC 3323 section 4.2, RFC 3325 section 9.3, RFC 7044 section 10.1) that the edge does in any case.
const SERVICES: [&[u8]; 5] = [b"id", b"user", b"header", b"session", b"history"];

/// Who calls, as far as a request says and its trunk is believed.
#[derive(Debug)]
pub(in super::super) struct Caller {
    /// Who From names; `None` for nobody, or nobody with a number.
    from: Option<Party>,
    /// Who the trunk says it is, when it is believed.
    asserted: Option<Party>,
    privacy: Privacy,
}

/// A name and a number.
#[derive(Debug, Clone)]
struct Party {
    /// As it is written, with its quotes.
    display: Option<Bytes>,
    number: Number,
}

/// What a caller wishes others to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Privacy {
    /// Nothing of who it is.
    withheld: bool,
    /// Rather no call than that they do.
    critical: bool,
    /// Everything, and it says so.
    none: bool,
    /// A service that nobody here knows.
    unknown: bool,
}

impl Caller {
    /// Who sends `invite` over `trunk`.
    pub(in super::super) fn of(invite: &Request, trunk: &Trunk) -> Self {
        let (message, from) = (&invite.message, &invite.from);
        let anonymous = is_anonymous(from);
        let mut privacy = Privacy::of(message);
        privacy.withheld |= anonymous;
        let remote = parties(message, HeaderName::RemotePartyId).find(is_calling);
        privacy.withheld |= remote.as_ref().is_some_and(is_restricted);
        let asserted = trunk.identity.trusted.then(|| {
            let asserted = parties(message, HeaderName::PAssertedIdentity);
            let preferred = parties(message, HeaderName::PPreferredIdentity);
            let mut all = asserted.chain(remote).chain(preferred).filter(|party| !is_anonymous(party));
            all.find_map(|party| Party::of(&party, trunk).filter(|party| !party.number.as_str().is_empty()))
        });
        let from = if anonymous { None } else { Party::of(from, trunk) };
        Self { from, asserted: asserted.flatten(), privacy }
    }

    /// Its number as routes match it: who its trunk says it is, where that is believed, else who From names.
    fn number(self, invite: &Request, trunk: &Trunk) -> Number {
        // One who wants to stay unknown has the user of From all the same: a route may be for such callers.
        self.asserted.map_or_else(|| trunk.numbers.read(invite.from.uri()), |party| party.number)
    }

    /// From for `to`, at our own address `sent_by`.
    pub(in super::super) fn from(&self, to: &Trunk, sent_by: &[u8]) -> Bytes {
        if self.privacy.withheld {
            return Bytes::from_static(ANONYMOUS);
        }
        let caller = self.from.as_ref();
        let display = caller.and_then(|party| party.display.as_deref());
        let number = caller.map(|party| &party.number).filter(|number| !number.as_str().is_empty());
        let own = to.own_numbers();
        let number = match (&own, number) {
            // What a registrar says of our numbers says nothing against showing whose call it is that we forward.
            (Some(Cow::Owned(_)), Some(number)) if number.global().is_some() => Some(number),
            (Some(own), number) => Some(own.for_caller(number)),
            (None, number) => number,
        };
        name_addr(display, number, to, sent_by).into()
    }

    /// Adds who calls, for `to`, and whether it may tell others; `sent_by` is our own address.
    pub(in super::super) fn tell(&self, to: &Trunk, sent_by: &[u8], request: MessageWriter) -> MessageWriter {
        let request = match (to.identity.header, self.identity(to, sent_by)) {
            (IdentityHeader::None, _) | (_, None) => request,
            (IdentityHeader::Asserted, Some(who)) => request.header(HeaderName::PAssertedIdentity, who),
            (IdentityHeader::Preferred, Some(who)) => request.header(HeaderName::PPreferredIdentity, who),
            (IdentityHeader::RemoteParty, Some(who)) => {
                let screen = if self.asserted.is_some() || to.own_numbers().is_some() { "yes" } else { "no" };
                let privacy = if self.privacy.withheld { "full" } else { "off" };
                let params = format!(";party=calling;screen={screen};privacy={privacy}");
                request.header(HeaderName::RemotePartyId, [who.as_slice(), params.as_bytes()].concat())
            }
        };
        match self.privacy {
            Privacy { withheld: true, critical: true, .. } => {
                request.header(HeaderName::Privacy, "id;critical")
            }
            Privacy { withheld: true, .. } => request.header(HeaderName::Privacy, "id"),
            Privacy { none: true, .. } => request.header(HeaderName::Privacy, "none"),
            Privacy { .. } => request,
        }
    }

    /// Who `to` is told that it is: our own number there is no secret of the caller's.
    fn identity(&self, to: &Trunk, sent_by: &[u8]) -> Option<Vec<u8>> {
        let secret = self.privacy.withheld && !to.identity.keeps_secrets;
        let known = self.asserted.as_ref().or(self.from.as_ref()).filter(|_| !secret);
        let known = known.filter(|party| !party.number.as_str().is_empty());
        let own = to.own_numbers();
        let number = match &own {
            Some(own) => own.for_caller(known.map(|party| &party.number)),
            None => &known?.number,
        };
        let display =
            known.filter(|party| party.number == *number).and_then(|party| party.display.as_deref());
        Some(name_addr(display, Some(number), to, sent_by))
    }
}

impl Party {
    fn of(who: &NameAddr, trunk: &Trunk) -> Option<Self> {
        matches!(who.uri().scheme(), Scheme::Sip | Scheme::Sips | Scheme::Tel).then(|| {
            let display = who.raw_display().filter(|name| !names_a_host(name));
            Self { display: display.map(Bytes::copy_from_slice), number: trunk.numbers.read(who.uri()) }
        })
    }
}

impl Privacy {
    /// What a message asks for.
    fn of(message: &Message) -> Self {
        let values =
            message.all(HeaderName::Privacy).flat_map(|value| value.split(|byte| b";, \t".contains(byte)));
        values.filter(|value| !value.is_empty()).fold(Self::default(), |privacy, value| {
            let is = |service: &[u8]| value.eq_ignore_ascii_case(service);
            if is(b"none") {
                Self { none: true, ..privacy }
            } else if is(b"critical") {
                Self { critical: true, ..privacy }
            } else {
                let known = SERVICES.iter().any(|service| is(service));
                Self { withheld: true, unknown: privacy.unknown || !known, ..privacy }
            }
        })
    }
}

/// The number of who sends `invite` over `trunk`, as routes match it.
pub(in super::super) fn caller_number(invite: &Request, trunk: &Trunk) -> Number {
    Caller::of(invite, trunk).number(invite, trunk)
}

/// Refuses who asks for a privacy that nobody here knows, and for no call without it (RFC 3323 section 5).
pub(in super::super) fn check_privacy(message: &Message) -> Result<(), Refused> {
    let privacy = Privacy::of(message);
    if privacy.critical && privacy.unknown { Err(Refused::Privacy) } else { Ok(()) }
}

fn parties(message: &Message, name: HeaderName) -> impl Iterator<Item = NameAddr> {
    let values = message.values(name).take(IDENTITIES_MAX);
    values.filter_map(|value| NameAddr::parse(message.share(value)).ok())
}

fn is_anonymous(who: &NameAddr) -> bool {
    let user = who.uri().user().unwrap_or_default();
    who.uri().host().eq_ignore_ascii_case(ANONYMOUS_HOST)
        || UNKNOWN_USERS.iter().any(|unknown| user.eq_ignore_ascii_case(unknown))
}

/// Whether a Remote-Party-ID is of who calls; one that does not say so is.
fn is_calling(who: &NameAddr) -> bool {
    let party = who.params().get(b"party").and_then(|party| party.value);
    party.is_none_or(|party| party.eq_ignore_ascii_case(b"calling"))
}

fn is_restricted(who: &NameAddr) -> bool {
    let privacy = who.params().get(b"privacy").and_then(|privacy| privacy.value);
    privacy.is_some_and(|privacy| !privacy.eq_ignore_ascii_case(b"off"))
}

/// A party at our own address, as `to` reads numbers.
fn name_addr(display: Option<&[u8]>, number: Option<&Number>, to: &Trunk, sent_by: &[u8]) -> Vec<u8> {
    let (name, space) = display.map_or((&b""[..], &b""[..]), |display| (display, b" "));
    let Some(number) = number else { return [name, space, b"<sip:", sent_by, b">"].concat() };
    let user = escape_user(&to.numbers.write(number));
    let param = to.numbers.uri_param(number).as_bytes();
    [name, space, b"<sip:", user.as_bytes(), b"@", sent_by, param, b">"].concat()
}

#[cfg(test)]
mod tests;
