//! A realm: a network the edge has an address in, where it listens for SIP and where its media ports live.

use std::net::{IpAddr, SocketAddr};

use super::{Advertised, Listener, ListenerId, Target, Transport};

/// Index of a realm in its policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RealmId(u16);

impl RealmId {
    /// The id of the realm at `index`; a policy has fewer than 65,536 realms.
    ///
    /// # Panics
    /// When `index` does not fit.
    #[must_use]
    #[expect(clippy::expect_used, reason = "a file with 65,536 realms is refused long before")]
    pub fn new(index: usize) -> Self {
        Self(u16::try_from(index).expect("fewer than 65,536 realms"))
    }

    /// Position in `Policy::realms`.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// A network the edge has an address in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Realm {
    /// The operator's name for it.
    pub name: String,
    /// Network device that carries it.
    pub device: String,
    /// Addresses that the edge listens on for SIP; never empty. The first of a transport is written into Via and
    /// Contact of what goes out over it.
    pub sip: Vec<Listener>,
    /// Media addresses with their ports; never empty.
    pub media: Vec<MediaRange>,
    /// Other realms whose hosts can send packets to hosts of this one, and get some, without the edge.
    pub reaches: Vec<RealmId>,
    /// What its hosts know our addresses by, where that is not what they are.
    pub advertised: Advertised,
}

impl Realm {
    /// Whether `ip` leads to us, here or beyond a NAT.
    #[must_use]
    pub fn is_at(&self, ip: IpAddr) -> bool {
        let own = self.sip.iter().map(|listener| listener.address.ip());
        let own = own.chain(self.media.iter().map(|range| range.address));
        own.chain(self.advertised.all()).any(|known| known == ip)
    }

    /// Whether requests to `address` come to a listener of ours, here or by way of a NAT.
    #[must_use]
    pub fn listens_at(&self, address: SocketAddr) -> bool {
        let is = |own: SocketAddr| own == address || self.advertised.for_socket(own) == address;
        self.sip.iter().any(|listener| is(listener.address))
    }

    /// The first listener of `transport`, when this realm is `id`.
    #[must_use]
    pub fn listener(&self, id: RealmId, transport: Transport) -> Option<ListenerId> {
        self.listeners(id).find(|listener| listener.transport == transport)
    }

    /// The listener that requests to `target` are sent from, when this realm is `id`: the first of its transport and
    /// address family.
    #[must_use]
    pub fn listener_to(&self, id: RealmId, target: &Target) -> Option<ListenerId> {
        let family = |listener: &Listener| listener.address.is_ipv4() == target.address.is_ipv4();
        let fits = |listener: &Listener| listener.transport == target.transport && family(listener);
        self.listeners(id).zip(&self.sip).find(|(_, listener)| fits(listener)).map(|(id, _)| id)
    }

    /// All listeners, when this realm is `id`.
    pub fn listeners(&self, id: RealmId) -> impl Iterator<Item = ListenerId> {
        let named = move |(index, Listener { transport, .. }): (u16, &Listener)| ListenerId {
            realm: id,
            index,
            transport: *transport,
        };
        (0_u16..).zip(&self.sip).map(named)
    }
}

/// The media ports of one address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MediaRange {
    /// Address that media is received on and sent from.
    pub address: IpAddr,
    /// Ports that belong to media.
    pub ports: PortRange,
}

impl MediaRange {
    /// Whether `rtp` is the first address of one of its pairs.
    #[must_use]
    pub fn begins_pair(&self, rtp: SocketAddr) -> bool {
        self.address == rtp.ip() && self.ports.contains(rtp.port()) && rtp.port().is_multiple_of(2)
    }
}

/// UDP ports in RTP/RTCP pairs: starts even, ends odd, holds at least one pair (RFC 3550 section 11).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PortRange {
    first: u16,
    last: u16,
}

/// Why two numbers are not a range of port pairs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PortRangeError {
    /// The first port is above the last.
    #[error("starts at {first}, after its end {last}")]
    Reversed {
        /// First port as written.
        first: u16,
        /// Last port as written.
        last: u16,
    },
    /// The range does not start with an even port and end with an odd one.
    #[error("{first}-{last} cuts an RTP/RTCP pair: start with an even port and end with an odd one")]
    CutsPair {
        /// First port as written.
        first: u16,
        /// Last port as written.
        last: u16,
    },
    /// Ports below 1024 belong to the system.
    #[error("starts at {first}: ports below 1024 are not for media")]
    Privileged {
        /// First port as written.
        first: u16,
    },
}

/// As an operator writes it.
impl std::fmt::Display for PortRange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-{}", self.first, self.last)
    }
}

impl PortRange {
    /// A range from `first` to `last`, both included.
    ///
    /// # Errors
    /// [`PortRangeError`] when the range is reversed, cuts a pair or holds a system port.
    pub const fn new(first: u16, last: u16) -> Result<Self, PortRangeError> {
        if first > last {
            return Err(PortRangeError::Reversed { first, last });
        }
        if !first.is_multiple_of(2) || last.is_multiple_of(2) {
            return Err(PortRangeError::CutsPair { first, last });
        }
        if first < 1024 {
            return Err(PortRangeError::Privileged { first });
        }
        Ok(Self { first, last })
    }

    /// First port; even.
    #[must_use]
    pub const fn first(self) -> u16 {
        self.first
    }

    /// Last port; odd.
    #[must_use]
    pub const fn last(self) -> u16 {
        self.last
    }

    /// Number of RTP/RTCP pairs; at least one.
    #[must_use]
    pub const fn pairs(self) -> u16 {
        (self.last - self.first) / 2 + 1
    }

    /// The even port of pair `index`, counted from zero.
    #[must_use]
    pub const fn rtp_port(self, index: u16) -> u16 {
        self.first + index * 2
    }

    /// Whether `port` belongs to the range.
    #[must_use]
    pub const fn contains(self, port: u16) -> bool {
        self.first <= port && port <= self.last
    }
}
