//! What a realm is called by hosts beyond a 1:1 NAT, which know it by another address than its own.
//!
//! Invariants: an address is only ever replaced by one of its family, and ports stay, because such a NAT changes none; what is
//! bound, sent from, looked up and journalled is the realm's own address, and only what is written into SIP and SDP is not.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The addresses that stand for a realm's own in what its hosts read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Advertised {
    /// In place of IPv4 addresses; `None` leaves them as they are.
    pub v4: Option<Ipv4Addr>,
    /// In place of IPv6 addresses.
    pub v6: Option<Ipv6Addr>,
}

impl Advertised {
    /// What hosts of the realm read for an address of ours.
    #[must_use]
    pub fn for_ip(&self, own: IpAddr) -> IpAddr {
        match own {
            IpAddr::V4(own) => self.v4.unwrap_or(own).into(),
            IpAddr::V6(own) => self.v6.unwrap_or(own).into(),
        }
    }

    /// The same with its port.
    #[must_use]
    pub fn for_socket(&self, own: SocketAddr) -> SocketAddr {
        SocketAddr::new(self.for_ip(own.ip()), own.port())
    }

    /// Both, as far as they are there.
    pub fn all(&self) -> impl Iterator<Item = IpAddr> + use<> {
        let v6 = self.v6.map(IpAddr::V6);
        self.v4.map(IpAddr::V4).into_iter().chain(v6)
    }
}
