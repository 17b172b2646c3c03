//! The IP header of a datagram, of either family.

use crate::abi::Address;
use crate::wire::ipv4::{self, Ipv4};
use crate::wire::ipv6::Ipv6;

/// As it came.
pub(super) enum Ip {
    V4(Ipv4),
    V6(Ipv6),
}

impl Ip {
    #[inline(always)]
    pub(super) const fn source(&self) -> Address {
        match self {
            Self::V4(ip) => Address::v4(ip.source),
            Self::V6(ip) => Address::v6(ip.source),
        }
    }

    #[inline(always)]
    pub(super) const fn destination(&self) -> Address {
        match self {
            Self::V4(ip) => Address::v4(ip.destination),
            Self::V6(ip) => Address::v6(ip.destination),
        }
    }

    /// Bytes behind the header without options; 0 when an IPv4 header claims to be shorter than it is.
    #[inline(always)]
    pub(super) const fn payload_len(&self) -> u16 {
        match self {
            Self::V4(ip) => ip.total_length.get().saturating_sub(ipv4::LEN as u16),
            Self::V6(ip) => ip.payload_length.get(),
        }
    }

    /// DSCP and ECN.
    #[inline(always)]
    pub(super) const fn traffic_class(&self) -> u8 {
        match self {
            Self::V4(ip) => ip.traffic_class,
            Self::V6(ip) => ip.traffic_class(),
        }
    }
}
