//! The tables of the SIP shield, in the kernel: what it is told by [`crate::shield`], which decides.
//!
//! Invariant: what is believed is there before what is no longer believed is taken away, so that no trunk is a stranger
//! while a policy is replaced.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use aya::Pod;
use aya::maps::lpm_trie::{Key, LpmTrie};
use aya::maps::{HashMap, Map, MapData, MapError};
use edge_core::policy::{Policy, RealmId, ShieldMode, ShieldPolicy, Transport, Unknown};
use edge_ebpf::abi::{
    Address, Class, LISTED, LISTENER_CERTIFICATES, LISTENER_PASSWORDS, LISTENERS, Listed, Listener,
    ListenerKey, MODE_OFF, MODE_ON, MODE_SHADOW, Rate, SHIELD, STANDINGS, ShieldSettings, Standing,
    TRUST_KEY_LEN, TRUST_REALM_BITS, TRUSTED, UNKNOWN_DROP, UNKNOWN_LIMIT, UNKNOWN_PASS, trust_key, visited,
};
use edge_ebpf::wire::{ipv4, tcp};
use ipnet::IpNet;
use zerocopy::transmute;

use super::layout::key;
use super::pins::{Pins, map_error};
use super::sys::Mapping;
use super::{Attached, DatapathError};

const SECOND_NS: u64 = 1_000_000_000;

/// Seconds' worth of messages that one stranger may send at once: a peer that was just started asks a few things.
const SOURCE_BURST: u64 = 2;

/// Segments of connections that come for each message that may: a handshake of TLS takes ten, and then some.
const SEGMENTS_PER_MESSAGE: u32 = 16;

/// How long a stranger that has shown a scanner's signature is dropped, whatever it sends.
const SCANNER_NS: u64 = 600 * SECOND_NS;

/// A key of the listeners, as it lies in the map.
type ListenerBytes = [u8; size_of::<ListenerKey>()];
/// A source of a trunk: bits, and the key.
type Trusted = (u32, [u8; TRUST_KEY_LEN]);

/// The shield's tables, shared with the kernel.
pub struct ShieldTables {
    settings: Mapping<ShieldSettings>,
    maps: Mutex<Maps>,
}

struct Maps {
    listeners: HashMap<MapData, ListenerBytes, [u8; size_of::<Listener>()]>,
    trusted: LpmTrie<MapData, [u8; TRUST_KEY_LEN], u32>,
    /// What is in there: each answer of DNS is a new policy, and most of it is as before.
    believed: BTreeSet<Trusted>,
    listed: LpmTrie<MapData, [u8; 16], [u8; size_of::<Listed>()]>,
    standings: HashMap<MapData, [u8; 16], [u8; size_of::<Standing>()]>,
}

impl std::fmt::Debug for ShieldTables {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("ShieldTables").finish_non_exhaustive()
    }
}

impl ShieldTables {
    /// The pinned tables.
    pub(super) fn open(pins: &Pins) -> Result<Self, DatapathError> {
        let settings = Mapping::new(pins.open_map(SHIELD)?.fd(), 1)
            .map_err(|source| DatapathError::Mapping { map: SHIELD, source })?;
        let hash = |name| Ok::<_, DatapathError>(Map::HashMap(pins.open_map(name)?));
        let trie = |name| Ok::<_, DatapathError>(Map::LpmTrie(pins.open_map(name)?));
        let failed = |name| move |source| map_error(name, source);
        let trusted = trie(TRUSTED)?.try_into().map_err(failed(TRUSTED))?;
        let maps = Maps {
            listeners: hash(LISTENERS)?.try_into().map_err(failed(LISTENERS))?,
            believed: believed(&trusted)?,
            trusted,
            listed: trie(LISTED)?.try_into().map_err(failed(LISTED))?,
            standings: hash(STANDINGS)?.try_into().map_err(failed(STANDINGS))?,
        };
        Ok(Self { settings, maps: Mutex::new(maps) })
    }

    /// Lets strangers through until [`configure`](Self::configure) says otherwise, while what is believed is written.
    pub fn stand_down(&self) {
        self.settings[0].mode.store(MODE_OFF);
    }

    /// Follows the operator's wishes from now on.
    pub fn configure(&self, policy: &ShieldPolicy) {
        let [settings] = &self.settings[..1] else { return };
        rate(&settings.source, policy.source_rate, SOURCE_BURST);
        for (class, bucket) in (0..).zip(&settings.classes) {
            let segments = class == Class::Segment as u32;
            let times = if segments { SEGMENTS_PER_MESSAGE } else { 1 };
            rate(bucket, policy.unknown_rate.saturating_mul(times), 1);
        }
        settings.scanner_ns.store(SCANNER_NS);
        settings.unknown.store(match policy.unknown {
            Unknown::Limit => UNKNOWN_LIMIT,
            Unknown::Drop => UNKNOWN_DROP,
            Unknown::Pass => UNKNOWN_PASS,
        });
        settings.mode.store(match policy.mode {
            ShieldMode::Off => MODE_OFF,
            ShieldMode::Shadow => MODE_SHADOW,
            ShieldMode::On => MODE_ON,
        });
    }

    /// Believes the sources of this policy's trunks, and guards its listeners on these devices.
    ///
    /// # Errors
    /// When the kernel has no room; what is there is believed.
    pub fn follow(&self, policy: &Policy, devices: &[Attached]) -> Result<(), DatapathError> {
        let maps = &mut *self.maps();
        let trusted = policy.trusted().map(|(realm, net)| trust(number(realm), net));
        let visitors = policy.visited().map(|(realm, net)| trust(visited(number(realm)), net));
        believe(maps, trusted.chain(visitors).collect()).map_err(|source| map_error(TRUSTED, source))?;
        let listeners = listeners(policy, devices);
        let listeners = listeners.into_iter().map(|(key, listener)| (key, transmute!(listener)));
        sync(&mut maps.listeners, &listeners.collect()).map_err(|source| map_error(LISTENERS, source))
    }

    /// Believes one source more of a trunk of `realm`, until the next policy.
    ///
    /// # Errors
    /// When the kernel has no room.
    pub fn believe(&self, realm: RealmId, net: IpNet) -> Result<(), DatapathError> {
        let maps = &mut *self.maps();
        let (bits, data) = trust(number(realm), net);
        maps.trusted.insert(&Key::new(bits, data), 1, 0).map_err(|source| map_error(TRUSTED, source))?;
        maps.believed.insert((bits, data));
        Ok(())
    }

    /// What the operator says of a prefix: let in, or kept out, until a time of `CLOCK_MONOTONIC` (0 for ever).
    ///
    /// # Errors
    /// When the kernel has no room.
    pub fn list(&self, net: IpNet, decision: u32, until_ns: u64) -> Result<(), DatapathError> {
        let (prefix, address) = prefix(net);
        let value: [u8; size_of::<Listed>()] = transmute!(Listed { until_ns, decision, prefix });
        let listed = self.maps().listed.insert(&Key::new(prefix, address), value, 0);
        listed.map_err(|source| map_error(LISTED, source))
    }

    /// Nothing is said of a prefix any more.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn unlist(&self, net: IpNet) -> Result<(), DatapathError> {
        let (prefix, address) = prefix(net);
        let removed = self.maps().listed.remove(&Key::new(prefix, address));
        absent_is_fine(removed).map_err(|source| map_error(LISTED, source))
    }

    /// What a host has earned.
    ///
    /// # Errors
    /// When the kernel has no room.
    pub fn stand(&self, host: IpAddr, standing: Standing) -> Result<(), DatapathError> {
        let host: [u8; 16] = transmute!(key(host).host());
        let maps = &mut *self.maps();
        let done = if standing == Standing::default() {
            absent_is_fine(maps.standings.remove(&host))
        } else {
            let value: [u8; size_of::<Standing>()] = transmute!(standing);
            maps.standings.insert(host, value, 0)
        };
        done.map_err(|source| map_error(STANDINGS, source))
    }

    /// Forgets everything that the operator has listed and that hosts have earned.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn forget_all(&self) -> Result<(), DatapathError> {
        let maps = &mut *self.maps();
        sync(&mut maps.standings, &BTreeMap::new()).map_err(|source| map_error(STANDINGS, source))?;
        let failed = |source| map_error(LISTED, source);
        let there: Result<Vec<_>, _> = maps.listed.keys().collect();
        for key in there.map_err(failed)? {
            absent_is_fine(maps.listed.remove(&key)).map_err(failed)?;
        }
        Ok(())
    }

    fn maps(&self) -> MutexGuard<'_, Maps> {
        self.maps.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn rate(rate: &Rate, per_second: u32, burst: u64) {
    let interval_ns = SECOND_NS / u64::from(per_second.max(1));
    rate.interval_ns.store(interval_ns);
    // At least one unit must fit.
    rate.burst_ns.store((SECOND_NS * burst).max(interval_ns));
}

/// Each address of ours, port by port, and once more without a port.
fn listeners(policy: &Policy, devices: &[Attached]) -> BTreeMap<ListenerBytes, Listener> {
    let mut guarded = BTreeMap::new();
    for (index, realm) in (0_u32..).zip(&policy.realms) {
        let Some(device) = devices.iter().find(|device| device.device == realm.device) else { continue };
        for sip in &realm.sip {
            let protocol = match sip.transport {
                Transport::Udp => ipv4::UDP,
                Transport::Tcp | Transport::Tls => tcp::PROTOCOL,
            };
            let flags = proofs(policy, RealmId::new(index as usize), sip.transport);
            let (ip, ifindex) = (key(sip.address.ip()), device.ifindex);
            for (port, protocol, flags) in [(sip.address.port(), protocol, flags), (0, 0, 0)] {
                let key = ListenerKey { ip, ifindex, port, protocol, reserved: 0 };
                guarded.insert(transmute!(key), Listener { realm: index, flags });
            }
        }
    }
    guarded
}

/// How somebody whose source is no trunk's may prove there who it is.
fn proofs(policy: &Policy, realm: RealmId, transport: Transport) -> u32 {
    let certificates = transport == Transport::Tls && policy.takes_certificates(realm);
    let passwords = policy.takes_passwords_over(realm, transport);
    let flag = |set, flag| if set { flag } else { 0 };
    flag(certificates, LISTENER_CERTIFICATES) | flag(passwords, LISTENER_PASSWORDS)
}

/// The number of a realm; there are far fewer than half of all.
fn number(realm: RealmId) -> u32 {
    u32::try_from(realm.index()).unwrap_or(u32::MAX)
}

fn trust(realm: u32, net: IpNet) -> Trusted {
    let (bits, _) = prefix(net);
    (TRUST_REALM_BITS + bits, trust_key(realm, key(net.network())))
}

/// Bits and address of a prefix as the tries have them.
fn prefix(net: IpNet) -> (u32, [u8; 16]) {
    let bits = u32::from(net.prefix_len());
    let bits = if net.addr().is_ipv4() { Address::BITS - 32 + bits } else { bits };
    (bits, key(net.network()).to_v6())
}

/// What an earlier run believed.
fn believed(trie: &LpmTrie<MapData, [u8; TRUST_KEY_LEN], u32>) -> Result<BTreeSet<Trusted>, DatapathError> {
    let keys = trie.keys().map(|key| key.map(|key| (key.prefix_len(), key.data())));
    keys.collect::<Result<_, _>>().map_err(|source| map_error(TRUSTED, source))
}

/// Adds what is new, and then takes away what is no longer wanted.
fn believe(maps: &mut Maps, wanted: BTreeSet<Trusted>) -> Result<(), MapError> {
    for (bits, data) in wanted.difference(&maps.believed) {
        maps.trusted.insert(&Key::new(*bits, *data), 1, 0)?;
    }
    for (bits, data) in maps.believed.difference(&wanted) {
        absent_is_fine(maps.trusted.remove(&Key::new(*bits, *data)))?;
    }
    maps.believed = wanted;
    Ok(())
}

/// Makes the map hold `wanted` and nothing else.
fn sync<K, V>(map: &mut HashMap<MapData, K, V>, wanted: &BTreeMap<K, V>) -> Result<(), MapError>
where
    K: Pod + Ord + Hash,
    V: Pod,
{
    for (key, value) in wanted {
        map.insert(key, value, 0)?;
    }
    let there: Result<Vec<K>, _> = map.keys().collect();
    for key in there? {
        if !wanted.contains_key(&key) {
            absent_is_fine(map.remove(&key))?;
        }
    }
    Ok(())
}

fn absent_is_fine(removed: Result<(), MapError>) -> Result<(), MapError> {
    match removed {
        Err(MapError::KeyNotFound) => Ok(()),
        Err(MapError::SyscallError(error)) if error.io_error.raw_os_error() == Some(libc::ENOENT) => Ok(()),
        removed => removed,
    }
}
