//! How strangers behave: who keeps asking in vain is counted, and in the end banned.
//!
//! Invariants: what is remembered is bounded, and those that ask most are forgotten last.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::time::{Duration, Instant};

/// In this time offences add up.
const WINDOW: Duration = Duration::from_secs(60);

/// Strangers that are watched at once.
const WATCHED_MAX: usize = 4_096;

/// What a stranger does that nobody wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Offence {
    /// A datagram. Its source may be forged.
    Datagram,
    /// A connection that is turned away.
    Connection,
    /// A handshake that proves nothing.
    Handshake,
    /// A wrong password, by who has heard our challenge at its address.
    Password,
}

impl Offence {
    /// How much it counts: a handshake costs as much as five messages, and who tries passwords gets
    /// twenty of them.
    const fn weight(self) -> u32 {
        match self {
            Self::Datagram | Self::Connection => 1,
            Self::Handshake | Self::Password => 5,
        }
    }

    /// Whether only a host that is at this address can do it.
    #[must_use]
    pub const fn shows_who(self) -> bool {
        match self {
            Self::Datagram => false,
            Self::Connection | Self::Handshake | Self::Password => true,
        }
    }
}

/// What one host is known by: one host of IPv6 has a whole /64.
#[must_use]
pub fn host(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64)),
    }
}

/// What strangers have done lately. Datagrams count apart: they say nothing of the host that they name.
#[derive(Debug, Default)]
pub(super) struct Conduct {
    watched: HashMap<(IpAddr, bool), Watched>,
}

#[derive(Debug, Clone, Copy)]
struct Watched {
    offences: u32,
    since: Instant,
}

impl Conduct {
    /// Counts an offence of `host`; says whether that makes `limit` of them within a minute. Then it begins anew.
    pub(super) fn note(&mut self, host: IpAddr, offence: Offence, limit: u32, now: Instant) -> bool {
        let key = (host, offence.shows_who());
        if self.watched.len() >= WATCHED_MAX && !self.watched.contains_key(&key) {
            self.make_room(now);
        }
        let fresh = Watched { offences: 0, since: now };
        let watched = self.watched.entry(key).or_insert(fresh);
        if now.saturating_duration_since(watched.since) > WINDOW {
            *watched = fresh;
        }
        watched.offences = watched.offences.saturating_add(offence.weight());
        let enough = watched.offences >= limit;
        if enough {
            self.watched.remove(&key);
        }
        enough
    }

    /// Forgets those whose time is over, and of the others those that asked least.
    fn make_room(&mut self, now: Instant) {
        self.watched.retain(|_, watched| now.saturating_duration_since(watched.since) <= WINDOW);
        while self.watched.len() >= WATCHED_MAX {
            self.watched.retain(|_, watched| {
                watched.offences /= 2;
                watched.offences > 0
            });
        }
    }
}

#[cfg(test)]
mod tests;
