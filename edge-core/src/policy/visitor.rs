//! Trunks that come from wherever they are, and prove by a password who they are (`auth = "digest"`, RFC 3261 section 22).
//!
//! A realm that has such trunks has a *door*: what it challenges with, and whom it knows. Who has proven itself is a *guest* at
//! its address for a while: that lets nobody begin anything, for which each request has to prove itself; but a guest is no
//! stranger to those who keep strangers from asking too often, and is its trunk's where it is asked who fills a queue.
//!
//! Invariants: without a key nothing is signed, so nobody gets in; a name is of one trunk of its realm; guests are bounded, and
//! only who has the password becomes one.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use super::{Auth, Bindings, Policy, RealmId, Registrar, Transport, Trunk, TrunkId, TrunkKey};
use crate::digest::{Algorithms, Hash, Issued, Login, NonceCounts, NonceKey, Replayed};

/// Addresses of guests: each trunk has a handful.
const GUESTS_MAX: usize = 16_384;

/// How long somebody is a guest after a proof: who calls or registers does so more often.
pub const GUEST_FOR: Duration = Duration::from_secs(7_200);

/// All addresses of both families.
const ANYWHERE: [IpNet; 2] = [
    IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::UNSPECIFIED, 0)),
    IpNet::V6(Ipv6Net::new_assert(Ipv6Addr::UNSPECIFIED, 0)),
];

/// What a trunk is that comes to us, and what is known of it.
#[derive(Debug, Clone, Default)]
pub struct Visitor {
    /// Who it has to be when we challenge it; [`Policy::log_in`] gives it. Never used to answer a challenge of its own: it could
    /// have asked us what we ask it.
    pub login: Option<Arc<Login>>,
    /// How it may register with us; `None` for not at all.
    pub registrar: Option<Arc<Registrar>>,
    /// Where it has; shared by all shards, and inherited by a reload that leaves it its login.
    pub bindings: Arc<Bindings>,
    /// The proofs that it has given; shared by all shards and inherited by a reload.
    pub proofs: Arc<Proofs>,
}

/// The proofs that a trunk has given.
#[derive(Debug, Default)]
pub struct Proofs(Mutex<NonceCounts>);

impl Visitor {
    /// Takes a proof that was right.
    ///
    /// # Errors
    /// [`Replayed`] when it was taken before.
    pub fn take(&self, nonce: Issued, count: u32, oldest: Issued) -> Result<(), Replayed> {
        self.proofs.0.lock().unwrap_or_else(PoisonError::into_inner).take(nonce, count, oldest)
    }

    /// The same visitor, who has to be this one.
    #[must_use]
    pub fn called(self, login: Arc<Login>) -> Self {
        Self { login: Some(login), ..self }
    }

    /// The same visitor after a reload: what `before` has shown stays shown.
    #[must_use]
    pub(super) fn after(&self, before: &Self) -> Self {
        let stays = self.login == before.login && self.registrar.is_some();
        let bindings = Arc::clone(if stays { &before.bindings } else { &self.bindings });
        let (login, registrar) = (self.login.clone(), self.registrar.clone());
        Self { login, registrar, bindings, proofs: Arc::clone(&before.proofs) }
    }
}

/// What a realm challenges with, and whom it knows by a password.
#[derive(Debug)]
pub struct Door {
    /// The realm of its challenges.
    pub realm: String,
    /// Hash functions that one of its trunks may use.
    pub algorithms: Algorithms,
    by_name: HashMap<Box<[u8]>, TrunkId>,
    /// Where its trunks come from; `None` when that is anywhere.
    sources: Option<Vec<IpNet>>,
}

/// All doors, and what opens them.
#[derive(Debug, Default)]
pub(super) struct Doors {
    by_realm: HashMap<RealmId, Door>,
    by_key: HashMap<TrunkKey, TrunkId>,
    pub(super) key: Option<NonceKey>,
    pub(super) guests: Arc<Guests>,
}

impl Doors {
    /// The doors of these trunks, for which `self` has the key.
    pub(super) fn of(&self, node: &str, trunks: &[Arc<Trunk>]) -> Self {
        let (mut by_realm, mut by_key) = (HashMap::<RealmId, Door>::new(), HashMap::new());
        for (index, trunk) in trunks.iter().enumerate().filter(|(_, trunk)| trunk.auth == Auth::Digest) {
            let id = TrunkId::new(index);
            by_key.insert(trunk.key, id);
            let Some(login) = trunk.visitor.login.as_ref().filter(|_| !trunk.former) else { continue };
            by_realm.entry(trunk.realm).or_insert_with(|| Door::new(node, login)).admit(id, login, trunk);
        }
        Self { by_realm, by_key, key: self.key.clone(), guests: Arc::clone(&self.guests) }
    }
}

impl Door {
    fn new(node: &str, login: &Login) -> Self {
        let realm = login.realm.clone().unwrap_or_else(|| node.to_owned());
        Self { realm, algorithms: Algorithms::only(&[]), by_name: HashMap::new(), sources: Some(Vec::new()) }
    }

    fn admit(&mut self, id: TrunkId, login: &Login, trunk: &Trunk) {
        let both: Vec<Hash> = self.algorithms.iter().chain(login.algorithms.iter()).collect();
        self.algorithms = Algorithms::only(&both);
        self.by_name.entry(login.username.as_bytes().into()).or_insert(id);
        match &mut self.sources {
            Some(sources) if !trunk.sources.is_empty() => sources.extend(&trunk.sources),
            sources => *sources = None,
        }
    }

    /// Whether any trunk may come from `source`.
    #[must_use]
    fn opens_to(&self, source: IpAddr) -> bool {
        self.sources.as_ref().is_none_or(|nets| nets.iter().any(|net| net.contains(&source)))
    }

    /// The trunk that calls itself so.
    #[must_use]
    pub fn named(&self, username: &[u8]) -> Option<TrunkId> {
        self.by_name.get(username).copied()
    }
}

/// Who has proven itself lately, by its address.
#[derive(Debug, Default)]
pub(super) struct Guests {
    hosts: RwLock<HashMap<(RealmId, IpAddr), Guest>>,
    /// Grows whenever a host comes or goes.
    changes: AtomicU64,
}

#[derive(Debug, Clone, Copy)]
struct Guest {
    trunk: TrunkKey,
    /// Counted from an instant that all shards share.
    until: Duration,
}

impl Guests {
    /// Takes note of a guest; says whether it is a new one.
    fn note(&self, host: (RealmId, IpAddr), trunk: TrunkKey, until: Duration) -> bool {
        let mut hosts = self.hosts.write().unwrap_or_else(PoisonError::into_inner);
        if hosts.len() >= GUESTS_MAX && !hosts.contains_key(&host) {
            let first = hosts.iter().min_by_key(|(_, guest)| guest.until).map(|(host, _)| *host);
            first.map(|first| hosts.remove(&first));
        }
        let before = hosts.get(&host).map(|guest| guest.until);
        hosts.insert(host, Guest { trunk, until: before.map_or(until, |before| before.max(until)) });
        if before.is_none() {
            self.changes.fetch_add(1, Ordering::Relaxed);
        }
        before.is_none()
    }

    fn expire(&self, since_epoch: Duration) {
        let mut hosts = self.hosts.write().unwrap_or_else(PoisonError::into_inner);
        let before = hosts.len();
        hosts.retain(|_, guest| guest.until > since_epoch);
        if hosts.len() < before {
            self.changes.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Policy {
    /// From now on challenges are signed by this key.
    pub fn sign_with(&mut self, key: NonceKey) {
        self.doors.key = Some(key);
    }

    /// What signs challenges.
    #[must_use]
    pub const fn nonce_key(&self) -> Option<&NonceKey> {
        self.doors.key.as_ref()
    }

    /// The door of a realm, when a trunk may come in by it from `source`.
    #[must_use]
    pub fn door(&self, realm: RealmId, source: IpAddr) -> Option<&Door> {
        self.doors.by_realm.get(&realm).filter(|door| door.opens_to(source))
    }

    /// Whether anybody in `realm` proves by a password who it is over this transport.
    #[must_use]
    pub fn takes_passwords_over(&self, realm: RealmId, transport: Transport) -> bool {
        self.visitors().any(|trunk| trunk.realm == realm && trunk.may_come_over(transport))
    }

    /// From where somebody may come that proves by a password who it is, realm by realm.
    pub fn visited(&self) -> impl Iterator<Item = (RealmId, IpNet)> {
        self.doors.by_realm.iter().flat_map(|(realm, door)| {
            let nets = door.sources.clone().unwrap_or_else(|| ANYWHERE.to_vec());
            nets.into_iter().map(|net| (*realm, net))
        })
    }

    /// The trunk that came to us and has this number.
    #[must_use]
    pub fn visitor(&self, key: TrunkKey) -> Option<TrunkId> {
        self.doors.by_key.get(&key).copied()
    }

    /// Trunks that may register with us.
    pub fn registered_trunks(&self) -> impl Iterator<Item = &Arc<Trunk>> {
        let may = |trunk: &&Arc<Trunk>| trunk.visitor.registrar.is_some() && !trunk.former;
        self.doors.by_key.values().map(|id| self.trunk(*id)).filter(may)
    }

    /// The trunk that has proven itself from `source` last, when that was lately.
    #[must_use]
    pub fn guest(&self, realm: RealmId, source: IpAddr) -> Option<TrunkId> {
        if self.doors.by_realm.is_empty() {
            return None;
        }
        let hosts = self.doors.guests.hosts.read().unwrap_or_else(PoisonError::into_inner);
        hosts.get(&(realm, source)).and_then(|guest| self.visitor(guest.trunk))
    }

    /// `trunk` is at `source` until then at least; says whether nobody was before.
    pub fn welcome(&self, trunk: &Trunk, source: IpAddr, until: Duration) -> bool {
        self.doors.guests.note((trunk.realm, source), trunk.key, until)
    }

    /// Forgets guests that have not been here for long.
    pub fn expire_guests(&self, since_epoch: Duration) {
        self.doors.guests.expire(since_epoch);
    }

    /// A number that is another one once guests have come or gone.
    #[must_use]
    pub fn guests_changed(&self) -> u64 {
        self.doors.guests.changes.load(Ordering::Relaxed)
    }

    fn visitors(&self) -> impl Iterator<Item = &Arc<Trunk>> {
        self.trunks.iter().filter(|trunk| trunk.visitor.login.is_some() && !trunk.former)
    }

    /// Where trunks are called that come from anywhere.
    pub(super) fn hosts_of_visitors(&self) -> impl Iterator<Item = (RealmId, IpNet)> {
        self.visitors().flat_map(|trunk| {
            let hosts: Vec<_> = trunk.targets.iter().map(|target| target.address.ip()).collect();
            hosts.into_iter().map(|host| (trunk.realm, IpNet::from(host)))
        })
    }

    /// Addresses of guests whose trunks are still there.
    pub(super) fn guests(&self) -> Vec<(RealmId, IpNet)> {
        let hosts = self.doors.guests.hosts.read().unwrap_or_else(PoisonError::into_inner);
        let known = hosts.iter().filter(|(_, guest)| self.visitor(guest.trunk).is_some());
        known.map(|((realm, source), _)| (*realm, IpNet::from(*source))).collect()
    }
}

#[cfg(test)]
mod tests;
