//! Who an address is: an index from realm and source prefix to the trunk.
//!
//! Asked for every datagram, also for those of a flood: the cost is one hash look-up for each prefix length in use,
//! whatever the number of trunks.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;

use super::{Auth, RealmId, Trunk, TrunkId};

/// The sources of all trunks.
#[derive(Debug, Default)]
pub(super) struct Sources {
    trunks: HashMap<(RealmId, IpNet), TrunkId>,
    /// Prefix lengths in use, longest first.
    lengths: Vec<u8>,
    /// The addresses of registrars that we register with. Several trunks may be there.
    registrars: HashMap<(RealmId, IpAddr), Vec<TrunkId>>,
}

impl Sources {
    /// Indexes the sources of those `trunks` that are known by them, each trunk's targets among them; between equals the
    /// first trunk wins.
    pub(super) fn new(trunks: &[Arc<Trunk>]) -> Self {
        let mut index = Self::default();
        let by_address = |(_, trunk): &(usize, &Arc<Trunk>)| trunk.auth == Auth::Address;
        for (position, trunk) in trunks.iter().enumerate().filter(by_address) {
            let targets = trunk.targets.iter().map(|target| IpNet::from(target.address.ip()));
            for net in trunk.sources.iter().copied().chain(targets) {
                index.trunks.entry((trunk.realm, net.trunc())).or_insert_with(|| TrunkId::new(position));
                index.lengths.push(net.prefix_len());
            }
        }
        let registering = |(_, trunk): &(usize, &Arc<Trunk>)| trunk.auth == Auth::Registration;
        for (position, trunk) in trunks.iter().enumerate().filter(registering) {
            for target in trunk.targets.iter() {
                let here = index.registrars.entry((trunk.realm, target.address.ip())).or_default();
                if here.last() != Some(&TrunkId::new(position)) {
                    here.push(TrunkId::new(position));
                }
            }
        }
        index.lengths.sort_unstable_by(|a, b| b.cmp(a));
        index.lengths.dedup();
        index
    }

    /// Every prefix, with its realm; that of a registrar is its one address.
    pub(super) fn prefixes(&self) -> impl Iterator<Item = (RealmId, IpNet)> {
        let registrars = self.registrars.keys().map(|(realm, address)| (*realm, IpNet::from(*address)));
        self.trunks.keys().copied().chain(registrars)
    }

    /// The trunk with the most specific prefix that holds `source`, else one that registers there.
    pub(super) fn find(&self, realm: RealmId, source: IpAddr) -> Option<TrunkId> {
        let by_address = self.lengths.iter().find_map(|length| {
            let net = IpNet::new(source, *length).ok()?.trunc();
            self.trunks.get(&(realm, net)).copied()
        });
        by_address.or_else(|| self.registered(realm, source).first().copied())
    }

    /// The trunks that register at an address.
    pub(super) fn registered(&self, realm: RealmId, source: IpAddr) -> &[TrunkId] {
        self.registrars.get(&(realm, source)).map_or(&[], Vec::as_slice)
    }
}
