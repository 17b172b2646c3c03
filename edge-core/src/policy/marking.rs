//! How SIP to each trunk is marked (RFC 2474): `dscp = { sip = ".." }`.
//!
//! A message is known by where it goes: to a target of a trunk's, else to whom that address is. Of trunks that share an address the
//! first in the file that marks counts. Where no trunk marks anything, nothing is looked up.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use super::{Policy, RealmId};
use crate::media::Dscp;
use crate::transaction::Path;

/// The markings of all trunks.
#[derive(Debug, Default)]
pub struct Marking {
    targets: HashMap<(RealmId, IpAddr), Dscp>,
    /// Who is elsewhere than its targets; nothing where no trunk is marked.
    policy: Option<Arc<Policy>>,
}

impl Marking {
    /// What `policy` says of it.
    #[must_use]
    pub fn of(policy: &Arc<Policy>) -> Self {
        let mut marking = Self::default();
        for trunk in policy.trunks.iter().filter(|trunk| !trunk.former) {
            let Some(dscp) = trunk.sip_dscp else { continue };
            marking.policy.get_or_insert_with(|| Arc::clone(policy));
            for target in trunk.targets.iter() {
                marking.targets.entry((trunk.realm, target.address.ip())).or_insert(dscp);
            }
        }
        marking
    }

    /// That of a message which goes there; `None` for the host's own.
    #[must_use]
    pub fn towards(&self, path: Path) -> Option<Dscp> {
        let policy = self.policy.as_ref()?;
        let (realm, peer) = (path.listener.realm, path.peer.ip());
        if let Some(dscp) = self.targets.get(&(realm, peer)) {
            return Some(*dscp);
        }
        let trunk = path.trunk(policy).or_else(|| policy.guest(realm, peer))?;
        policy.trunk(trunk).sip_dscp
    }
}

#[cfg(test)]
mod tests;
