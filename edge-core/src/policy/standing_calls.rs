//! Trunks as calls need them that another process has begun, and this one goes on with.
//!
//! Invariant: whoever has a call that stands is known where he is, as after a reload; where the operator does not know him
//! any more, he starts none.

use std::net::SocketAddr;
use std::sync::Arc;

use crate::call::Journaled;

use super::{Auth, Host, Policy, Realm, RealmId, Targets, Transport, Trunk};

impl Policy {
    /// The realm of this name.
    #[must_use]
    pub fn realm_named(&self, name: &str) -> Option<(RealmId, &Realm)> {
        let index = self.realms.iter().position(|realm| realm.name == name)?;
        Some((RealmId::new(index), &self.realms[index]))
    }

    /// This policy, where every side of `calls` is known at the place that it has; `None` when all are.
    #[must_use]
    pub fn accommodating<'a>(&self, calls: impl Iterator<Item = &'a Journaled>) -> Option<Self> {
        let mut trunks = self.trunks.clone();
        for leg in calls.flat_map(|call| call.legs()) {
            let Some(listener) = leg.way.listener_in(self) else { continue };
            let named = |trunk: &&Arc<Trunk>| trunk.name == leg.trunk && trunk.realm == listener.realm;
            let known = |trunk: &Arc<Trunk>| {
                let anywhere = matches!(trunk.auth, Auth::Certificate | Auth::Digest);
                anywhere || trunk.is_at(leg.way.peer.ip())
            };
            if trunks.iter().filter(named).any(known) {
                continue;
            }
            let own = trunks.iter().find(named).map(|trunk| Trunk::clone(trunk));
            let own = own.unwrap_or_else(|| Trunk {
                nat: leg.nat,
                ..Trunk::new(&leg.trunk, listener.realm, leg.way.peer)
            });
            trunks.push(Arc::new(own.standing_at(leg.way.peer, leg.way.transport)));
        }
        (trunks.len() > self.trunks.len()).then(|| self.with(trunks))
    }
}

impl Trunk {
    /// The trunk at a place that only its calls know.
    fn standing_at(self, peer: SocketAddr, transport: Transport) -> Self {
        let targets = Arc::new(Targets::one(peer, transport));
        let host = Host::Address { address: peer, transport };
        let sources = Vec::new();
        Self { host, targets, sources, auth: Auth::Address, enabled: false, former: true, ..self }
    }
}
