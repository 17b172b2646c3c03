//! `advertise`: what a realm behind a 1:1 NAT is called by those beyond it.
//!
//! Invariants: an address stands for one own address of its family, and for no other realm's; so whatever comes to it is for one
//! socket, as the NAT has it.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use edge_core::policy::Advertised;
use toml::de::DeValue;

use super::address::HostAddress;
use super::document::{At, FromToml, wrong_type};
use super::fault::Fault;
use super::realm::RealmDraft;

/// What is wrong with it.
#[derive(Debug, thiserror::Error)]
pub enum AdvertiseFault {
    /// Nothing of the realm could be called so.
    #[error(
        "is {found}, but this realm has no {family} address in `sip` and `media` that it could stand for; write an address of \
         the family that they have, or remove it"
    )]
    NothingOfFamily {
        /// The address.
        found: IpAddr,
        /// Its family.
        family: Family,
    },
    /// Two addresses of one family.
    #[error("has {found} beside {first}, and a realm is called by one {family} address; remove one of them")]
    Twice {
        /// The second one.
        found: IpAddr,
        /// The first one.
        first: IpAddr,
        /// The family of both.
        family: Family,
    },
    /// One address for several.
    #[error(
        "is {found}, which would stand for {one} and {other}, and a 1:1 NAT leads to one of them; make a realm of each, or \
         give `sip` and `media` the same {family} address"
    )]
    StandsForTwo {
        /// The address.
        found: IpAddr,
        /// An own address.
        one: IpAddr,
        /// Another one.
        other: IpAddr,
        /// The family of all.
        family: Family,
    },
    /// An address that leads elsewhere already.
    #[error(
        "is {found}, which is {own} of realm {realm} already; write the address that the NAT has for this realm"
    )]
    Taken {
        /// The address.
        found: IpAddr,
        /// What it is there.
        own: &'static str,
        /// The other realm.
        realm: String,
    },
    /// A host that is not beyond any NAT.
    #[error("is {found}, which no other host can reach; write the address that the NAT has for this realm")]
    Loopback {
        /// The address.
        found: IpAddr,
    },
}

/// A version of IP, in words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl Family {
    const fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(_) => Self::V4,
            IpAddr::V6(_) => Self::V6,
        }
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V4 => "IPv4",
            Self::V6 => "IPv6",
        })
    }
}

/// One address, or a list of them.
#[derive(Debug)]
struct Addresses(Vec<IpAddr>);

impl<'a> FromToml<'a> for Addresses {
    fn from_toml(value: &'a DeValue<'a>) -> Result<Self, Fault> {
        let one = |value| {
            let HostAddress(address) = HostAddress::from_toml(value)?;
            let reached = !address.is_loopback();
            reached.then_some(address).ok_or_else(|| AdvertiseFault::Loopback { found: address }.into())
        };
        match value {
            DeValue::String(_) => Ok(Self(vec![one(value)?])),
            DeValue::Array(list) => {
                list.iter().map(|element| one(element.get_ref())).collect::<Result<_, _>>().map(Self)
            }
            DeValue::Integer(_)
            | DeValue::Float(_)
            | DeValue::Boolean(_)
            | DeValue::Datetime(_)
            | DeValue::Table(_) => {
                Err(wrong_type(value, "an IP address in quotes, or a list of an IPv4 and an IPv6 address"))
            }
        }
    }
}

/// What the realm of this draft is called.
pub(super) fn of_realm(realm: &RealmDraft<'_>) -> Advertised {
    let mut advertised = Advertised::default();
    realm.section.refuse_empty(KEY, "write an address, or remove the key");
    let Some(At { value: Addresses(addresses), line }) = realm.section.get::<Addresses>(KEY) else {
        return advertised;
    };
    for found in addresses {
        match stands_for_one(realm, found, &advertised) {
            Ok(()) => match found {
                IpAddr::V4(found) => advertised.v4 = Some(found),
                IpAddr::V6(found) => advertised.v6 = Some(found),
            },
            Err(fault) => realm.section.note(line, KEY, fault.into()),
        }
    }
    advertised
}

const KEY: &str = "advertise";

fn stands_for_one(realm: &RealmDraft<'_>, found: IpAddr, known: &Advertised) -> Result<(), AdvertiseFault> {
    let family = Family::of(found);
    if let Some(first) = known.all().find(|first| Family::of(*first) == family) {
        return Err(AdvertiseFault::Twice { found, first, family });
    }
    let mut all = own(realm).filter(|own| Family::of(*own) == family);
    let one = all.next().ok_or(AdvertiseFault::NothingOfFamily { found, family })?;
    match all.find(|other| *other != one) {
        Some(other) => Err(AdvertiseFault::StandsForTwo { found, one, other, family }),
        None => Ok(()),
    }
}

/// Notes addresses that lead to another realm.
pub(super) fn between(realms: &[&RealmDraft<'_>]) {
    for (index, realm) in realms.iter().enumerate() {
        for found in realm.advertised.all() {
            let same = own(realm).find(|own| Family::of(*own) == Family::of(found));
            // Realms may share an address, each with ports of its own.
            let other = |other: &RealmDraft<'_>| !own(other).any(|own| Some(own) == same);
            let mut others = realms.iter().enumerate().filter(|(at, realm)| *at != index && other(realm));
            let taken = others.find_map(|(at, other)| {
                let beyond = at < index && other.advertised.all().any(|known| known == found);
                let what = if own(other).any(|own| own == found) { "an own address" } else { "`advertise`" };
                (beyond || what == "an own address").then(|| (what, other.name.clone()))
            });
            if let Some((own, name)) = taken {
                let fault = AdvertiseFault::Taken { found, own, realm: name };
                realm.section.note(realm.section.line_of(KEY), KEY, fault.into());
            }
        }
    }
}

/// Whether requests to `address` come to this realm, here or by way of its NAT.
pub(super) fn listens_at(realm: &RealmDraft<'_>, address: SocketAddr) -> bool {
    let is = |own: SocketAddr| own == address || realm.advertised.for_socket(own) == address;
    realm.sip.iter().any(|listener| is(listener.value.address))
}

fn own(realm: &RealmDraft<'_>) -> impl Iterator<Item = IpAddr> {
    let sip = realm.sip.iter().map(|listener| listener.value.address.ip());
    sip.chain(realm.media.iter().map(|range| range.value.address))
}
