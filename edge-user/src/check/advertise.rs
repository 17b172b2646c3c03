//! What a realm behind a 1:1 NAT is called, in words.

use std::fmt::{self, Formatter};
use std::net::IpAddr;

use edge_core::policy::{Policy, Realm};

use super::notes::Note;
use super::row;

/// What its hosts read, for each own address that has another name beyond the NAT.
pub(super) fn rows(f: &mut Formatter<'_>, realm: &Realm) -> fmt::Result {
    pairs(realm).try_for_each(|(own, advertised)| {
        row(
            f,
            "behind a NAT",
            format_args!(
                "{advertised} is written into SIP and SDP in place of {own}; the NAT has to lead all its ports here, and change none"
            ),
        )
    })
}

/// Realms that are called what they are, or what fewer can reach than that.
pub(super) fn doubtful(policy: &Policy) -> impl Iterator<Item = Note> {
    policy.realms.iter().flat_map(|realm| {
        let name = &realm.name;
        pairs(realm).filter_map(move |(own, advertised)| {
            if own == advertised {
                return Some(Note::AdvertisesItself { realm: name.clone(), address: own });
            }
            (is_private(advertised) && !is_private(own)).then(|| Note::AdvertisesPrivate {
                realm: name.clone(),
                address: advertised,
                own,
            })
        })
    })
}

/// Own addresses of a realm with what stands for them.
fn pairs(realm: &Realm) -> impl Iterator<Item = (IpAddr, IpAddr)> {
    realm.advertised.all().filter_map(|advertised| {
        let listeners = realm.sip.iter().map(|listener| listener.address.ip());
        let mut all = listeners.chain(realm.media.iter().map(|range| range.address));
        all.find(|own| own.is_ipv4() == advertised.is_ipv4()).map(|own| (own, advertised))
    })
}

/// RFC 1918, RFC 6598, RFC 4193.
const fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let [first, second, ..] = v4.octets();
            v4.is_private() || (first == 100 && second & 0xc0 == 64)
        }
        IpAddr::V6(v6) => v6.is_unique_local(),
    }
}
