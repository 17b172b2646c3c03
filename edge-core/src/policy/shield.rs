//! What the operator wants done with strangers before anybody reads what they send.

use std::time::Duration;

use ipnet::IpNet;

use super::{Policy, RealmId, Trunk};

/// Whether the shield does what it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ShieldMode {
    /// Nothing is looked at.
    Off,
    /// What it would drop is counted, and passes.
    Shadow,
    /// It drops.
    #[default]
    On,
}

/// What becomes of packets of strangers: sources that are no trunk's, and of which nothing else is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Unknown {
    /// They pass within rates: of each stranger, and of all together.
    #[default]
    Limit,
    /// They are dropped, but where who comes proves who it is, by a certificate or a password: there they are limited.
    Drop,
    /// They pass.
    Pass,
}

/// The shield as the operator wants it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShieldPolicy {
    /// Whether it is in force.
    pub mode: ShieldMode,
    /// What becomes of strangers.
    pub unknown: Unknown,
    /// Messages a second of one stranger; two seconds' worth may come at once.
    pub source_rate: u32,
    /// Messages a second of all strangers together, of each kind of message; a second's worth may come at once.
    pub unknown_rate: u32,
    /// Offences within a minute that a stranger is banned for; 0 bans nobody.
    pub ban_after: u32,
    /// How long a ban lasts.
    pub ban_for: Duration,
}

impl Default for ShieldPolicy {
    fn default() -> Self {
        Self {
            mode: ShieldMode::default(),
            unknown: Unknown::default(),
            source_rate: 10,
            unknown_rate: 500,
            ban_after: 100,
            ban_for: Duration::from_secs(600),
        }
    }
}

impl Policy {
    /// Every prefix that is believed to be a trunk's, with its realm; and where those are that have proven
    /// themselves, or are called: what they answer has to be heard.
    pub fn trusted(&self) -> impl Iterator<Item = (RealmId, IpNet)> {
        self.sources.prefixes().chain(self.guests()).chain(self.hosts_of_visitors())
    }

    /// A trunk that would be kept out by keeping out all of `net`.
    #[must_use]
    pub fn trunk_within(&self, net: IpNet) -> Option<&Trunk> {
        let within = |trunk: &Trunk| {
            trunk.targets.iter().any(|target| net.contains(&target.address.ip()))
                || trunk.sources.iter().any(|source| net.contains(source))
        };
        self.trunks.iter().map(AsRef::as_ref).find(|trunk| within(trunk))
    }
}
