//! Who is let in or kept out: what the operator has said of prefixes, and what hosts have earned. Times are the calendar's,
//! because they outlive the process and the host.
//!
//! Invariants: both are bounded; bans make no room for themselves among the familiar, nor the other way round.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::SystemTime;

use edge_ebpf::abi::LISTED_MAX;
use ipnet::IpNet;
use serde::{Deserialize, Serialize};

/// Hosts that are banned at once: 25 a second is the most that the default rates let earn it.
const BANNED_MAX: usize = 16_384;

/// Hosts that are familiar at once: as many as the gate of handshakes remembers.
const FAMILIAR_MAX: usize = 4_096;

/// What the operator wants for a prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// It passes the shield, known or not.
    Allow,
    /// It is dropped.
    Deny,
}

/// A decision, and when it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listing {
    /// What is wanted.
    pub decision: Decision,
    /// Until when; for ever without.
    pub until: Option<SystemTime>,
}

/// What a host has earned; each as long as it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Earned {
    /// A trunk has proven itself from there.
    pub familiar_until: Option<SystemTime>,
    /// Nothing of it is taken.
    pub banned_until: Option<SystemTime>,
    /// No datagram of it is taken.
    pub datagrams_banned_until: Option<SystemTime>,
}

impl Earned {
    fn is_banned(&self) -> bool {
        self.banned_until.is_some() || self.datagrams_banned_until.is_some()
    }

    /// The last of its bans.
    fn bans_until(&self) -> Option<SystemTime> {
        self.banned_until.max(self.datagrams_banned_until)
    }

    fn expire(&mut self, now: SystemTime) {
        for until in [&mut self.familiar_until, &mut self.banned_until, &mut self.datagrams_banned_until] {
            *until = until.filter(|until| *until > now);
        }
    }
}

/// All of them.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct AccessList {
    /// By the operator.
    pub listed: BTreeMap<IpNet, Listing>,
    /// By what they did.
    pub hosts: BTreeMap<IpAddr, Earned>,
}

/// The operator's list is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{LISTED_MAX} prefixes are listed, and more do not fit: forget some, or list shorter prefixes")]
pub struct Full;

/// What ended, or was given up, and is to be told to the kernel.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Ended {
    pub(super) listed: Vec<IpNet>,
    pub(super) hosts: Vec<IpAddr>,
}

impl AccessList {
    /// The operator's word on a prefix.
    ///
    /// # Errors
    /// [`Full`].
    pub(super) fn list(&mut self, net: IpNet, listing: Listing) -> Result<(), Full> {
        if self.listed.len() >= LISTED_MAX as usize && !self.listed.contains_key(&net) {
            return Err(Full);
        }
        self.listed.insert(net, listing);
        Ok(())
    }

    /// What a host has earned.
    pub(super) fn of(&self, host: IpAddr) -> Earned {
        self.hosts.get(&host).copied().unwrap_or_default()
    }

    /// Changes what a host has earned. Returns a host that had to be forgotten for it.
    pub(super) fn earn(&mut self, host: IpAddr, change: impl FnOnce(&mut Earned)) -> Option<IpAddr> {
        let before = self.of(host);
        let mut after = before;
        change(&mut after);
        let mut forgotten = None;
        if after.is_banned() && !before.is_banned() {
            forgotten = self.forget_first(BANNED_MAX, Earned::bans_until);
        }
        if after.familiar_until.is_some() && before.familiar_until.is_none() {
            forgotten = forgotten.or(self.forget_first(FAMILIAR_MAX, |earned| earned.familiar_until));
        }
        if after == Earned::default() {
            self.hosts.remove(&host);
        } else {
            self.hosts.insert(host, after);
        }
        forgotten
    }

    /// Takes away what has ended.
    pub(super) fn expire(&mut self, now: SystemTime) -> Ended {
        let mut ended = Ended::default();
        self.listed.retain(|net, listing| {
            let stays = listing.until.is_none_or(|until| until > now);
            if !stays {
                ended.listed.push(*net);
            }
            stays
        });
        self.hosts.retain(|host, earned| {
            let before = *earned;
            earned.expire(now);
            if *earned != before {
                ended.hosts.push(*host);
            }
            *earned != Earned::default()
        });
        ended
    }

    /// Forgets the host whose time ends first, when there are `max` that have one.
    fn forget_first(&mut self, max: usize, until: impl Fn(&Earned) -> Option<SystemTime>) -> Option<IpAddr> {
        if self.hosts.len() < max {
            return None;
        }
        let having = self.hosts.iter().filter_map(|(host, earned)| Some((until(earned)?, *host)));
        if having.clone().count() < max {
            return None;
        }
        let (_, first) = having.min()?;
        self.hosts.remove(&first);
        Some(first)
    }
}

#[cfg(test)]
mod tests;
