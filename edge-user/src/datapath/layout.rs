//! Which endpoint belongs to which media address and port.

use std::net::{IpAddr, SocketAddr};

use edge_core::policy::{MediaRange, Realm};
use edge_ebpf::abi::{
    Address, ENDPOINTS_MAX, MEDIA_ADDRESS_ROWS, MEDIA_ADDRESSES_MAX, MediaAddress, PROBES_MAX, first_row,
};

use super::DatapathError;

/// An address as the maps hold it.
pub(super) const fn key(address: IpAddr) -> Address {
    match address {
        IpAddr::V4(v4) => Address::v4(v4.octets()),
        IpAddr::V6(v6) => Address::v6(v6.octets()),
    }
}

/// What an address of the maps is.
pub(super) const fn address(key: Address) -> IpAddr {
    IpAddr::V6(std::net::Ipv6Addr::from_octets(key.to_v6())).to_canonical()
}

/// The rows of the media-address table, and the number of endpoints that they share out.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Layout {
    rows: Vec<MediaAddress>,
    endpoints: u32,
}

impl Layout {
    /// Gives every media range of every realm its stretch of endpoints, in the order of the configuration.
    /// `ifindex` knows the device of a realm.
    pub(super) fn new(realms: &[Realm], ifindex: impl Fn(&Realm) -> u32) -> Result<Self, DatapathError> {
        let ranges: usize = realms.iter().map(|realm| realm.media.len()).sum();
        if ranges > MEDIA_ADDRESSES_MAX as usize {
            let (value, max) = (ranges as u64, u64::from(MEDIA_ADDRESSES_MAX));
            return Err(DatapathError::TooMany { what: "media addresses", value, max });
        }
        let mut layout =
            Self { rows: vec![MediaAddress::default(); MEDIA_ADDRESS_ROWS as usize], endpoints: 0 };
        for realm in realms {
            for range in &realm.media {
                layout.add(ifindex(realm), range)?;
            }
        }
        Ok(layout)
    }

    /// These rows, of so many endpoints.
    #[cfg(test)]
    pub(super) const fn of(rows: Vec<MediaAddress>, endpoints: u32) -> Self {
        Self { rows, endpoints }
    }

    /// The rows as the kernel reads them.
    pub(super) fn rows(&self) -> &[MediaAddress] {
        &self.rows
    }

    /// Number of endpoints; at least one as soon as there is a range.
    pub(super) const fn endpoints(&self) -> u32 {
        self.endpoints
    }

    /// Index of the endpoint whose RTP port is `local`.
    pub(super) fn endpoint(&self, local: SocketAddr) -> Option<u32> {
        let (ip, port) = (key(local.ip()), local.port());
        let row = self.rows.iter().find(|row| row.pairs != 0 && row.ip == ip)?;
        if port.is_multiple_of(2) { row.endpoint(port) } else { None }
    }

    fn add(&mut self, ifindex: u32, range: &MediaRange) -> Result<(), DatapathError> {
        let ip = key(range.address);
        let (base, pairs) = (self.endpoints, range.ports.pairs());
        let endpoints = base + u32::from(pairs);
        if endpoints > ENDPOINTS_MAX {
            let (value, max) = (u64::from(endpoints), u64::from(ENDPOINTS_MAX));
            return Err(DatapathError::TooMany { what: "media port pairs", value, max });
        }
        let free = (0..PROBES_MAX)
            .map(|probe| ((first_row(ip) + probe) % MEDIA_ADDRESS_ROWS) as usize)
            .find(|row| self.rows[*row].pairs == 0);
        let Some(row) = free else {
            let max = u64::from(PROBES_MAX);
            return Err(DatapathError::TooMany { what: "media addresses of one hash", value: max + 1, max });
        };
        self.rows[row] =
            MediaAddress { ip, base, first_port: range.ports.first(), pairs, ifindex, reserved: 0 };
        self.endpoints = endpoints;
        Ok(())
    }
}
