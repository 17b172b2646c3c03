//! Who an address is: an index from realm and source prefix to the trunks that send from there.
//!
//! Asked for every datagram, also for those of a flood: the cost is one hash look-up for each prefix length in use,
//! whatever the number of trunks, and what the few trunks of one address ask for beside it.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use ipnet::IpNet;
use smallvec::SmallVec;

use super::{Auth, Claim, RealmId, Transport, Trunk, TrunkId};
use crate::sip::Request;

/// The sources of all trunks.
#[derive(Debug, Default)]
pub(super) struct Sources {
    trunks: HashMap<(RealmId, IpNet), Sharers>,
    /// Prefix lengths in use, longest first.
    lengths: Vec<u8>,
    /// The addresses of registrars that we register with. Several trunks may be there.
    registrars: HashMap<(RealmId, IpAddr), Sharers>,
}

/// The trunks at one place, in the order of the file. Mostly it is one.
type Sharers = SmallVec<[(TrunkId, Claim); 1]>;

impl Sources {
    /// Indexes the sources of those `trunks` that are known by them, each trunk's targets among them.
    pub(super) fn new(trunks: &[Arc<Trunk>]) -> Self {
        let mut index = Self::default();
        let add = |sharers: &mut Sharers, position: usize, trunk: &Trunk| {
            let id = TrunkId::new(position);
            if sharers.last().is_none_or(|(last, _)| *last != id) {
                sharers.push((id, trunk.claim()));
            }
        };
        for (position, trunk) in trunks.iter().enumerate() {
            let targets = trunk.targets.iter().map(|target| target.address.ip());
            match trunk.auth {
                Auth::Address => {
                    for net in trunk.sources.iter().copied().chain(targets.map(IpNet::from)) {
                        let sharers = index.trunks.entry((trunk.realm, net.trunc())).or_default();
                        add(sharers, position, trunk);
                        index.lengths.push(net.prefix_len());
                    }
                }
                Auth::Registration => targets.for_each(|address| {
                    add(index.registrars.entry((trunk.realm, address)).or_default(), position, trunk);
                }),
                Auth::Certificate | Auth::Digest => {}
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

    /// A trunk that may send from `source` over `transport`: with the most specific prefix that holds it, else one that registers
    /// there. Of several there the first one that `is_at` this very address and port, and of these an encrypted one: it
    /// is what we would connect to.
    pub(super) fn find(
        &self,
        realm: RealmId,
        transport: Transport,
        source: SocketAddr,
        is_at: impl Fn(TrunkId) -> bool,
    ) -> Option<TrunkId> {
        let takes = |sharers: &Sharers| match sharers.as_slice() {
            [(id, claim)] => claim.takes(transport, source).then_some(*id),
            several => {
                let takers = several.iter().rev().filter(|(_, claim)| claim.takes(transport, source));
                takers.max_by_key(|(id, claim)| (claim.is_encrypted(), is_at(*id))).map(|(id, _)| *id)
            }
        };
        let registers = || takes(self.registrars.get(&(realm, source.ip()))?);
        self.at(realm, source.ip()).find_map(takes).or_else(registers)
    }

    /// The trunk that a request is of, as its place and what it bears say: that of the most specific prefix, and of these the one
    /// that asks for the most.
    pub(super) fn sender(
        &self,
        realm: RealmId,
        transport: Transport,
        source: SocketAddr,
        request: &Request,
    ) -> Option<TrunkId> {
        self.at(realm, source.ip()).find_map(|sharers| {
            let claims = sharers.iter().filter(|(_, claim)| claim.holds(transport, source, request));
            let best = claims.reduce(|best, next| match next.1.over(&best.1) {
                Some(Ordering::Greater) => next,
                Some(Ordering::Equal | Ordering::Less) | None => best,
            });
            best.map(|(id, _)| *id)
        })
    }

    /// Who sends from prefixes that hold `source`, the most specific one first.
    fn at(&self, realm: RealmId, source: IpAddr) -> impl Iterator<Item = &Sharers> {
        self.lengths.iter().filter_map(move |length| {
            let net = IpNet::new(source, *length).ok()?.trunc();
            self.trunks.get(&(realm, net))
        })
    }

    /// The trunks that register at an address and may be spoken with over `transport`.
    pub(super) fn registered(
        &self,
        realm: RealmId,
        transport: Transport,
        source: SocketAddr,
    ) -> impl Iterator<Item = TrunkId> + Clone {
        let here = self.registrars.get(&(realm, source.ip()));
        let takes = move |(_, claim): &&(TrunkId, Claim)| claim.takes(transport, source);
        here.into_iter().flatten().filter(takes).map(|(id, _)| *id)
    }

    /// All trunks that may send from an address, whatever else they ask for.
    pub(super) fn sharing(&self, realm: RealmId, source: IpAddr) -> impl Iterator<Item = TrunkId> {
        let places = self.at(realm, source).chain(self.registrars.get(&(realm, source)));
        places.flatten().map(|(id, _)| *id)
    }
}
