//! What the requests of a trunk are told by where several trunks send from one address.
//!
//! Invariants: of any two trunks at one place that a request may be of both, one asks for everything that the other asks for and
//! for more: that one has it. The configuration refuses any others ([`Claim::beside`]), so who has a request depends on
//! nothing else, such as the order of the file.

use std::cmp::Ordering;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use super::{Host, Transport, Trunk};
use crate::sip::{HeaderPattern, Request, Uri};

/// One thing that all requests of a trunk have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mark {
    /// The port that it sends from. Over a connection, whose port is anyone's, the port of the topmost Via, where it listens.
    Port(u16),
    /// The host of the request-URI, without regard to case.
    Host(Wanted),
    /// The user of the request-URI, without parameters.
    User(Wanted),
    /// The host of To.
    ToHost(Wanted),
    /// The host of From.
    FromHost(Wanted),
    /// The user of From.
    FromUser(Wanted),
    /// The first header of a name.
    Header(HeaderPattern, Wanted),
}

/// A text, or what texts begin with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    text: String,
    open: bool,
}

impl Wanted {
    /// A text, or a beginning and `*`.
    #[must_use]
    pub fn new(text: &str) -> Self {
        match text.strip_suffix('*') {
            Some(beginning) => Self { text: beginning.to_owned(), open: true },
            None => Self { text: text.to_owned(), open: false },
        }
    }

    fn is(&self, text: &[u8]) -> bool {
        if self.open { text.starts_with(self.text.as_bytes()) } else { text == self.text.as_bytes() }
    }

    fn is_host(&self, host: &[u8]) -> bool {
        host.eq_ignore_ascii_case(self.text.as_bytes())
    }

    /// Whether whatever is this is `other`, too.
    fn is_within(&self, other: &Self) -> bool {
        if other.open { self.text.starts_with(&other.text) } else { self == other }
    }
}

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.text, if self.open { "*" } else { "" })
    }
}

impl Mark {
    /// Whether both are about the same part of a request.
    fn is_about(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Header(a, _), Self::Header(b, _)) => a == b,
            _ => std::mem::discriminant(self) == std::mem::discriminant(other),
        }
    }

    /// Whether whatever bears this bears `other`, too.
    fn is_within(&self, other: &Self) -> bool {
        let text = |mark: &Self| match mark {
            Self::Port(_) => None,
            Self::Host(wanted)
            | Self::User(wanted)
            | Self::ToHost(wanted)
            | Self::FromHost(wanted)
            | Self::FromUser(wanted)
            | Self::Header(_, wanted) => Some(wanted.clone()),
        };
        self.is_about(other)
            && match (text(self), text(other)) {
                (Some(own), Some(other)) => own.is_within(&other),
                (None, _) | (_, None) => self == other,
            }
    }

    fn is_on(&self, transport: Transport, source: SocketAddr, request: &Request) -> bool {
        let number =
            |uri: &Uri, wanted: &Wanted| uri.number().is_some_and(|number| wanted.is(number.as_bytes()));
        match self {
            Self::Port(port) if transport.is_reliable() => {
                request.via.port().unwrap_or(transport.usual_port()) == *port
            }
            Self::Port(port) => source.port() == *port,
            Self::Host(wanted) => wanted.is_host(request.uri.host()),
            Self::User(wanted) => number(&request.uri, wanted),
            Self::ToHost(wanted) => wanted.is_host(request.to.uri().host()),
            Self::FromHost(wanted) => wanted.is_host(request.from.uri().host()),
            Self::FromUser(wanted) => number(request.from.uri(), wanted),
            Self::Header(name, wanted) => {
                let mut named = request.message.headers().filter(|of| name.fits(of.name, of.raw_name));
                named.next().is_some_and(|header| wanted.is(header.value))
            }
        }
    }
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Port(port) => write!(f, "port {port}"),
            Self::Host(wanted) => write!(f, "host {wanted}"),
            Self::User(wanted) => write!(f, "user {wanted}"),
            Self::ToHost(wanted) => write!(f, "host {wanted} in To"),
            Self::FromHost(wanted) => write!(f, "host {wanted} in From"),
            Self::FromUser(wanted) => write!(f, "user {wanted} in From"),
            Self::Header(name, wanted) => write!(f, "{name}: {wanted}"),
        }
    }
}

/// What requests from the addresses of a trunk have to be like to be its.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// Whether only what comes over TLS is.
    encrypted: bool,
    marks: Arc<[Mark]>,
}

impl Claim {
    /// The claim of a trunk at `host` whose requests have `marks`. One that is to be reached over TLS is not heard in clear: who
    /// asked for encryption would not learn that there is none.
    #[must_use]
    pub fn new(host: &Host, marks: &Arc<[Mark]>) -> Self {
        Self { encrypted: host.is_encrypted(), marks: Arc::clone(marks) }
    }

    /// Whether only what comes over TLS is within it.
    pub(super) const fn is_encrypted(&self) -> bool {
        self.encrypted
    }

    /// Whether something that comes over `transport` may be within it, before it is read.
    pub(super) fn takes(&self, transport: Transport, source: SocketAddr) -> bool {
        let elsewhere = |mark: &Mark| matches!(mark, Mark::Port(port) if *port != source.port());
        (!self.encrypted || transport == Transport::Tls)
            && (transport.is_reliable() || !self.marks.iter().any(elsewhere))
    }

    /// Whether a request is within it.
    pub(super) fn holds(&self, transport: Transport, source: SocketAddr, request: &Request) -> bool {
        self.takes(transport, source) && self.marks.iter().all(|mark| mark.is_on(transport, source, request))
    }

    /// Which one has a request that is within both: [`Ordering::Greater`] for this one. `None` when none can be, or when
    /// it cannot be said.
    pub(super) fn over(&self, other: &Self) -> Option<Ordering> {
        match (self.is_within(other), other.is_within(self)) {
            (true, true) => Some(Ordering::Equal),
            (true, false) => Some(Ordering::Greater),
            (false, true) => Some(Ordering::Less),
            (false, false) => None,
        }
    }

    /// Whether it can always be said whose a request is, if another trunk of the same place has the claim `other`.
    #[must_use]
    pub fn beside(&self, other: &Self) -> bool {
        match self.over(other) {
            Some(Ordering::Greater | Ordering::Less) => true,
            Some(Ordering::Equal) => false,
            None => self.is_apart_from(other),
        }
    }

    /// Whether every request within this is within `other`.
    fn is_within(&self, other: &Self) -> bool {
        let borne = |wanted: &Mark| self.marks.iter().any(|mark| mark.is_within(wanted));
        (self.encrypted || !other.encrypted) && other.marks.iter().all(borne)
    }

    /// Whether no request is within both: they want the same part of it to be different.
    fn is_apart_from(&self, other: &Self) -> bool {
        let differs = |own: &Mark| {
            let same = |mark: &&Mark| own.is_about(mark);
            other.marks.iter().filter(same).any(|mark| !own.is_within(mark) && !mark.is_within(own))
        };
        self.marks.iter().any(differs)
    }
}

impl Trunk {
    /// What requests from its addresses have to be like to be its.
    #[must_use]
    pub fn claim(&self) -> Claim {
        Claim::new(&self.host, &self.marks)
    }

    /// Whether messages of it may come over `transport`.
    #[must_use]
    pub fn may_come_over(&self, transport: Transport) -> bool {
        !self.host.is_encrypted() || transport == Transport::Tls
    }
}

#[cfg(test)]
mod tests;
