//! Where the edge listens for SIP, and over what.

use std::fmt;
use std::net::SocketAddr;

use super::RealmId;

/// What carries SIP messages.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, serde::Serialize, serde::Deserialize,
)]
pub enum Transport {
    /// A datagram a message; lost ones are sent again by the transactions.
    #[default]
    Udp,
    /// Streams that are framed by Content-Length.
    Tcp,
    /// The same within TLS, where a certificate says who the other end is (RFC 5922).
    Tls,
}

impl Transport {
    /// Whether what was sent arrives or its connection fails: then nothing is sent twice (RFC 3261 section 17).
    #[must_use]
    pub const fn is_reliable(self) -> bool {
        match self {
            Self::Udp => false,
            Self::Tcp | Self::Tls => true,
        }
    }

    /// Its token in a Via (RFC 3261 section 20.42).
    #[must_use]
    pub const fn via_token(self) -> &'static str {
        match self {
            Self::Udp => "UDP",
            Self::Tcp => "TCP",
            Self::Tls => "TLS",
        }
    }

    /// The port that is meant when none is written (RFC 3261 section 19.1.2).
    #[must_use]
    pub const fn usual_port(self) -> u16 {
        match self {
            Self::Udp | Self::Tcp => 5060,
            Self::Tls => 5061,
        }
    }

    /// The parameter that a URI of ours needs, so that requests to it come over this transport (RFC 3261 section
    /// 19.1.1: UDP is what a `sip:` URI means without).
    #[must_use]
    pub const fn uri_param(self) -> &'static str {
        match self {
            Self::Udp => "",
            Self::Tcp => ";transport=tcp",
            Self::Tls => ";transport=tls",
        }
    }
}

impl fmt::Display for Transport {
    /// As the configuration writes it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
            Self::Tls => "tls",
        })
    }
}

/// An address that the edge listens on for SIP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Listener {
    /// What it takes.
    pub transport: Transport,
    /// Where.
    pub address: SocketAddr,
}

impl fmt::Display for Listener {
    /// As the configuration writes it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.transport, self.address)
    }
}

/// A listener of the edge: which realm, and which of its listening addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ListenerId {
    /// Realm that the listener belongs to.
    pub realm: RealmId,
    /// Position in `Realm::sip`.
    pub index: u16,
    /// What the listener at that position takes.
    pub transport: Transport,
}
