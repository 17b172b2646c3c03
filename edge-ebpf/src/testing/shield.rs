//! The tables that cases of the shield run over: a SIP address of ours between a trunk and strangers.
//!
//! Buckets fill one unit an hour, so that a case is the same by whatever clock it runs.

mod any;
mod cases;

use alloc::vec;
use alloc::vec::Vec;
use core::cell::Cell;

use super::scene::{INGRESS, LOCAL_A, LOCAL_A_V6};
use crate::abi::{
    Address, CLASSES_LEN, Class, LISTENER_CERTIFICATES, Listed, Listener, ListenerKey, MODE_ON, Rate,
    ShieldSettings, Standing, Stranger, UNKNOWN_LIMIT, Word,
};
use crate::shield::ShieldTables;
use crate::wire::{ipv4, tcp};

pub use any::any_shield;
pub use cases::{ACK, SYN, ShieldCase, from_stranger, request, segment, shield_cases};

/// Our port for SIP over UDP and TCP.
pub const SIP_PORT: u16 = 5060;
/// Our port for SIP over TLS, where certificates say who somebody is.
pub const SIPS_PORT: u16 = 5061;
/// The realm of both.
pub const REALM: u32 = 3;
/// A trunk's source, in a prefix of 28 bits.
pub const TRUNK: [u8; 4] = [192, 0, 2, 10];
/// Nobody that we know.
pub const STRANGER: [u8; 4] = [203, 0, 113, 7];
/// Nobody that we know, over IPv6.
pub const STRANGER_V6: [u8; 16] = [0x20, 1, 0xd, 0xb8, 0, 0x99, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7];
/// Messages that one stranger may send.
pub const OF_ONE: u64 = 3;
/// Messages of a class that all of them may.
pub const OF_ALL: u64 = 5;
/// The clock of the cases: anything above is in the future, anything below in the past, by every clock.
pub const NOW_NS: u64 = 1000;
/// Later than any clock is.
pub const FUTURE_NS: u64 = u64::MAX;

const HOUR_NS: u64 = 3_600_000_000_000;
/// Strangers that are remembered in memory; more than a case has.
const STRANGERS: usize = 64;

/// What is in the tables before a case, as plain values that any host can write down.
#[derive(Debug, Clone)]
pub struct ShieldScene {
    /// Of the settings.
    pub mode: u64,
    /// Of the settings.
    pub unknown: u64,
    /// Our addresses and ports.
    pub listeners: Vec<(ListenerKey, Listener)>,
    /// Sources of trunks, with the bits of their prefix.
    pub trusted: Vec<(u32, Address, u32)>,
    /// What the operator has listed; the prefix is in the value.
    pub listed: Vec<(Address, Listed)>,
    /// What hosts have earned.
    pub standings: Vec<(Address, Standing)>,
}

impl ShieldScene {
    /// Everything as it usually is.
    #[must_use]
    pub fn guarded() -> Self {
        let listener = |ip, port, protocol, flags| {
            let key = ListenerKey { ip, ifindex: INGRESS, port, protocol, reserved: 0 };
            (key, Listener { realm: REALM, flags })
        };
        let mut listeners = Vec::new();
        for ip in [Address::v4(LOCAL_A.0), Address::v6(LOCAL_A_V6.0)] {
            listeners.push(listener(ip, SIP_PORT, ipv4::UDP, 0));
            listeners.push(listener(ip, SIP_PORT, tcp::PROTOCOL, 0));
            listeners.push(listener(ip, SIPS_PORT, tcp::PROTOCOL, LISTENER_CERTIFICATES));
            listeners.push(listener(ip, 0, 0, 0));
        }
        let trusted = vec![(REALM, Address::v4([192, 0, 2, 0]), 96 + 28)];
        let (mode, unknown) = (MODE_ON, UNKNOWN_LIMIT);
        Self { mode, unknown, listeners, trusted, listed: Vec::new(), standings: Vec::new() }
    }

    /// This scene after `change`.
    #[must_use]
    pub fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    /// This scene with something that the operator says of an IPv4 prefix.
    #[must_use]
    pub fn listing(mut self, net: [u8; 4], bits: u32, decision: u32, until_ns: u64) -> Self {
        self.listed.push((Address::v4(net), Listed { until_ns, decision, prefix: 96 + bits }));
        self
    }

    /// This scene with what an IPv4 host has earned.
    #[must_use]
    pub fn standing(mut self, host: [u8; 4], standing: Standing) -> Self {
        self.standings.push((Address::v4(host), standing));
        self
    }

    /// The settings as they lie in the map.
    #[must_use]
    pub fn settings(&self) -> ShieldSettings {
        let settings = ShieldSettings::default();
        settings.mode.store(self.mode);
        settings.unknown.store(self.unknown);
        settings.scanner_ns.store(HOUR_NS);
        let hourly = |rate: &Rate, burst| {
            rate.interval_ns.store(HOUR_NS);
            rate.burst_ns.store(HOUR_NS * burst);
        };
        hourly(&settings.source, OF_ONE);
        settings.classes.iter().for_each(|rate| hourly(rate, OF_ALL));
        settings
    }
}

/// Tables in memory.
#[derive(Debug)]
pub struct MemoryShield {
    scene: ShieldScene,
    settings: ShieldSettings,
    strangers: Vec<(Cell<Option<Address>>, Stranger)>,
    classes: [Word; CLASSES_LEN],
}

impl From<&ShieldScene> for MemoryShield {
    fn from(scene: &ShieldScene) -> Self {
        Self {
            scene: scene.clone(),
            settings: scene.settings(),
            strangers: (0..STRANGERS).map(|_| Default::default()).collect(),
            classes: Default::default(),
        }
    }
}

fn is_in(address: Address, net: Address, bits: u32) -> bool {
    bits == 0 || u8::try_from(bits).is_ok_and(|bits| address.shares_prefix(net, bits))
}

impl ShieldTables for MemoryShield {
    fn settings(&self) -> Option<&ShieldSettings> {
        Some(&self.settings)
    }

    fn listener(&self, key: &ListenerKey) -> Option<Listener> {
        self.scene.listeners.iter().find(|(there, _)| there == key).map(|(_, listener)| *listener)
    }

    fn is_trusted(&self, realm: u32, source: Address) -> bool {
        self.scene.trusted.iter().any(|(of, net, bits)| *of == realm && is_in(source, *net, *bits))
    }

    fn listed(&self, source: Address, bits: u32) -> Option<Listed> {
        let listed = self
            .scene
            .listed
            .iter()
            .filter(|(net, listed)| listed.prefix <= bits && is_in(source, *net, listed.prefix));
        listed.max_by_key(|(_, listed)| listed.prefix).map(|(_, listed)| *listed)
    }

    fn standing(&self, host: Address) -> Option<Standing> {
        self.scene.standings.iter().find(|(there, _)| *there == host).map(|(_, standing)| *standing)
    }

    fn stranger(&self, host: Address) -> Option<&Stranger> {
        let known = self.strangers.iter().find(|(there, _)| there.get() == Some(host));
        let (place, stranger) =
            known.or_else(|| self.strangers.iter().find(|(there, _)| there.get().is_none()))?;
        place.set(Some(host));
        Some(stranger)
    }

    fn class(&self, class: Class) -> Option<&Word> {
        self.classes.get(class as usize)
    }
}
