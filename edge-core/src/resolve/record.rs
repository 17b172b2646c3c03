//! DNS as far as SIP needs it: what is asked, and what is answered.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

/// One question to DNS.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Query {
    /// Name that it is about.
    pub name: String,
    /// Records that are wanted.
    pub kind: Kind,
}

/// Records that can be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// What services a name has (RFC 3403).
    Naptr,
    /// Which hosts offer a service (RFC 2782).
    Srv,
    /// IPv4 addresses.
    A,
    /// IPv6 addresses.
    Aaaa,
}

/// What DNS said to one query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// The records, empty when there are none, and how long that holds.
    Known {
        /// The records.
        records: Vec<Record>,
        /// Least TTL of them; of none, as the zone's SOA says.
        ttl: Duration,
    },
    /// No server said anything that can be used.
    Failed,
}

impl Answer {
    /// Whether it is known that there is nothing.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        match self {
            Self::Known { records, ttl: _ } => records.is_empty(),
            Self::Failed => false,
        }
    }
}

/// What a record says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Record {
    /// A service of a name.
    Naptr {
        /// Lower is used, higher is not looked at.
        order: u16,
        /// Among equal orders, lower is tried first.
        preference: u16,
        /// What `replacement` is.
        flags: String,
        /// The service.
        service: String,
        /// Whether there is a regular expression, which RFC 3263 has no use for.
        has_regexp: bool,
        /// Name to go on with.
        replacement: String,
    },
    /// A host of a service.
    Srv {
        /// Lower is tried first.
        priority: u16,
        /// Share among equal priorities.
        weight: u16,
        /// Port of the service there.
        port: u16,
        /// The host; empty when the service is decidedly not offered.
        target: String,
    },
    /// An address of a host.
    Address(IpAddr),
}

/// All answers so far.
pub type Answers = BTreeMap<Query, Answer>;
