//! Where trunks are registered with us, kept over a restart: a PBX registers each half hour, and calls do not wait for that.
//!
//! Kept once a second when something has changed ([`Store`]), as the journal is synced: `kill -9` loses what was registered within
//! the last second, and has what was before. Bounded by trunks, and by [`edge_core::policy::BINDINGS_MAX`] of each.
//!
//! Invariants: times on disk are the calendar's; a binding comes back only for a trunk that may still register, on a listener that is
//! still there; one over a connection comes back only where its Contact says where another one can be opened, at the address that
//! it came from.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use edge_core::policy::{Binding, Listener, ListenerId, Policy, Target, Trunk};
use edge_core::sip::Uri;
use serde::{Deserialize, Serialize};

use crate::runtime::clock;
use crate::store::Store;

/// The bindings of all trunks, on disk.
#[derive(Debug)]
pub struct Registrations {
    store: Store<Vec<Kept>>,
    epoch: Instant,
    /// What is on disk.
    written: Mutex<Vec<(String, Vec<Binding>)>>,
    /// Whether it was said that they cannot be kept.
    failing: AtomicBool,
}

/// One binding, as it lies on disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Kept {
    trunk: String,
    realm: String,
    /// As the configuration writes it.
    listener: String,
    peer: SocketAddr,
    contact: String,
    domain: String,
    routes: Vec<String>,
    q: u16,
    bulk: bool,
    call_id: String,
    cseq: u32,
    until: SystemTime,
    agent: String,
}

impl Registrations {
    /// Those of the node of this name; its times are counted from `epoch`.
    #[must_use]
    pub fn of(state_dir: &Path, node: &str, epoch: Instant) -> Self {
        let lost = "nobody is registered until it registers again";
        let store = Store::of(state_dir, node, "registrations.json", lost);
        Self { store, epoch, written: Mutex::default(), failing: AtomicBool::new(false) }
    }

    /// Gives the trunks of `policy` the bindings that they had; says how many.
    pub fn restore(&self, policy: &Policy) -> usize {
        let mut restored = 0;
        for kept in self.store.read() {
            let Some(trunk) = policy.registered_trunks().find(|trunk| trunk.name == kept.trunk) else {
                continue;
            };
            let Some(binding) = self.binding(&kept, trunk, policy) else { continue };
            let now = self.since_epoch();
            policy.welcome(trunk, binding.target.address.ip(), binding.until);
            trunk.visitor.bindings.change(now, |bindings| bindings.push(binding));
            restored += 1;
        }
        restored
    }

    /// Keeps what has changed since it was kept last.
    pub fn keep(&self, policy: &Policy) {
        let now = self.since_epoch();
        let mut standing: Vec<_> = policy
            .registered_trunks()
            .map(|trunk| (trunk, trunk.visitor.bindings.at(now)))
            .filter(|(_, bindings)| !bindings.is_empty())
            .collect();
        standing.sort_by(|(a, _), (b, _)| a.name.cmp(&b.name));
        let named: Vec<_> =
            standing.iter().map(|(trunk, bindings)| (trunk.name.clone(), bindings.clone())).collect();
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        if *written == named {
            return;
        }
        let kept = standing
            .iter()
            .flat_map(|(trunk, bindings)| bindings.iter().map(|binding| self.kept(binding, trunk, policy)));
        match self.store.write(&kept.collect()) {
            Ok(()) => {
                *written = named;
                self.failing.store(false, Ordering::Relaxed);
            }
            Err(error) => self.complain(&error),
        }
    }

    fn complain(&self, error: &io::Error) {
        if !self.failing.swap(true, Ordering::Relaxed) {
            tracing::error!("registrations are not kept, node.state_dir cannot be written: {error}");
        }
    }

    fn since_epoch(&self) -> Duration {
        clock::now().saturating_duration_since(self.epoch)
    }

    fn kept(&self, binding: &Binding, trunk: &Trunk, policy: &Policy) -> Kept {
        let text = |bytes: &Bytes| String::from_utf8_lossy(bytes).into_owned();
        let realm = policy.realm(trunk.realm);
        Kept {
            trunk: trunk.name.clone(),
            realm: realm.name.clone(),
            listener: realm.sip[usize::from(binding.listener.index)].to_string(),
            peer: binding.target.address,
            contact: text(&binding.contact),
            domain: text(&binding.domain),
            routes: binding.routes.iter().map(text).collect(),
            q: binding.q,
            bulk: binding.bulk,
            call_id: text(&binding.call_id),
            cseq: binding.cseq,
            until: clock::calendar(self.epoch) + binding.until,
            agent: text(&binding.agent),
        }
    }

    /// The binding, when it still leads somewhere.
    fn binding(&self, kept: &Kept, trunk: &Trunk, policy: &Policy) -> Option<Binding> {
        let left = kept.until.duration_since(clock::today()).ok()?;
        let realm = policy.realm(trunk.realm);
        let of = |listener: &Listener| listener.to_string() == kept.listener;
        let index = realm.sip.iter().position(of).filter(|_| realm.name == kept.realm)?;
        let transport = realm.sip[index].transport;
        let contact = Uri::parse(kept.contact.clone().into()).ok()?;
        let address = match transport.is_reliable() {
            true => {
                let ip = contact.host_ip().filter(|ip| *ip == kept.peer.ip())?;
                SocketAddr::new(ip, contact.port().unwrap_or(transport.usual_port()))
            }
            false => kept.peer,
        };
        let now = self.since_epoch();
        let index = u16::try_from(index).ok()?;
        Some(Binding {
            contact: Bytes::copy_from_slice(contact.as_bytes()),
            target: Target::new(address, transport),
            listener: ListenerId { realm: trunk.realm, index, transport },
            domain: kept.domain.clone().into(),
            routes: kept.routes.iter().map(|route| route.clone().into()).collect(),
            q: kept.q,
            bulk: kept.bulk,
            call_id: kept.call_id.clone().into(),
            cseq: kept.cseq,
            until: now + left,
            renewed: now,
            agent: kept.agent.clone().into(),
        })
    }
}

#[cfg(test)]
mod tests;
