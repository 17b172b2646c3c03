//! The process's side of the SIP shield: who is kept out and who is let in, why, and for how long.
//!
//! The XDP program drops (`edge_ebpf::shield`); [`crate::datapath::ShieldTables`] tells it whom. Here is what those tables
//! follow: the policy's trunks, the operator's list, and how strangers behave ([`conduct`]). What was decided outlives the
//! process: in the kernel while it is pinned, and in a file.
//!
//! Invariants: a ban keeps no trunk's source out (the kernel asks for those first), and the operator cannot deny one by mistake; what strangers make us
//! remember is bounded; a ban that a forged source could have earned keeps out no more than datagrams.

mod access_list;
mod conduct;

#[cfg(test)]
mod tests;

use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use edge_core::policy::{Policy, RealmId, ShieldMode, ShieldPolicy};
use edge_ebpf::abi::{LIST_ALLOW, LIST_DENY, Standing};
use ipnet::IpNet;

use crate::config::NodeConfig;
use crate::datapath::{Attached, DatapathError, ShieldTables};
use crate::runtime::clock;
use crate::store::Store;

pub use access_list::{AccessList, Decision, Earned, Listing};
pub use conduct::{Offence, host};

use access_list::Full;
use conduct::Conduct;

/// How long a host is familiar that a trunk has proven itself from: a trunk that is silent for a day comes as a stranger.
const FAMILIAR: Duration = Duration::from_secs(86_400);

/// A host that is familiar for longer than this is not made so again: a proof a connection would be a write each.
const FAMILIAR_ENOUGH: Duration = Duration::from_secs(43_200);

/// Longest that something may be listed for; beyond it the operator says "for ever".
const LISTED_LONGEST: Duration = Duration::from_secs(366 * 86_400);

/// What is not so without the list.
const LOST: &str = "nobody is denied, allowed or banned by it";

/// The shield.
#[derive(Debug)]
pub struct Shield {
    /// None where no XDP program is: then everything is decided and nothing enforced.
    kernel: Option<Kernel>,
    /// Whether it is off whatever the policy says, because there is no kernel for it.
    stands_by: bool,
    state: Mutex<State>,
}

#[derive(Debug)]
struct Kernel {
    tables: ShieldTables,
    devices: Vec<Attached>,
}

#[derive(Debug)]
struct State {
    policy: ShieldPolicy,
    access_list: AccessList,
    conduct: Conduct,
    store: Option<Store<AccessList>>,
    /// Whether the list is other than in the file.
    changed: bool,
    tally: Tally,
}

/// What the shield has done since the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// Hosts that were banned.
    pub bans: u64,
    /// Hosts that lost their good name.
    pub demotions: u64,
    /// Hosts that a trunk has proven itself from.
    pub promotions: u64,
}

/// Why the operator's word cannot be done.
#[derive(Debug, thiserror::Error)]
pub enum ListError {
    /// It would keep a trunk out.
    #[error("{net} holds an address of trunk {trunk}: disable the trunk (enabled = false), or deny less")]
    Trunk {
        /// The prefix.
        net: IpNet,
        /// Name of the trunk.
        trunk: String,
    },
    /// No room.
    #[error(transparent)]
    Full(#[from] Full),
    /// There is no XDP program.
    #[error(
        "nobody would keep {net} out: media is relayed in userspace, and only the XDP program has a shield; see [xdp] mode, \
         and `edge doctor`"
    )]
    StandsBy {
        /// The prefix.
        net: IpNet,
    },
    /// The kernel refused.
    #[error(transparent)]
    Kernel(#[from] DatapathError),
    /// It would be forgotten with the process.
    #[error("done, but not kept: node.state_dir cannot be written: {0}")]
    Unkept(#[from] std::io::Error),
}

impl Shield {
    /// The shield in front of these devices, with what was decided before; one that is off, where there are no tables.
    ///
    /// # Errors
    /// When the kernel refuses its tables.
    pub fn start(
        tables: Option<ShieldTables>,
        devices: &[Attached],
        policy: &Policy,
        node: &NodeConfig,
    ) -> Result<Self, DatapathError> {
        let Some(tables) = tables else {
            tracing::warn!("there is no SIP shield: it is a part of the XDP program");
            return Ok(Self { stands_by: true, ..Self::without_kernel(policy) });
        };
        let store = Store::of(&node.state_dir, &node.name, "shield.json", LOST);
        let mut access_list: AccessList = store.read();
        let _ended = access_list.expire(clock::today());
        let kernel = Kernel { tables, devices: devices.to_vec() };
        // What an earlier run has left stays in force until here; for the moment of rewriting, all pass.
        kernel.tables.stand_down();
        kernel.tables.forget_all()?;
        for (net, listing) in &access_list.listed {
            kernel.list(*net, *listing)?;
        }
        for (host, earned) in &access_list.hosts {
            kernel.stand(*host, *earned)?;
        }
        kernel.tables.follow(policy, devices)?;
        kernel.tables.configure(&policy.shield);
        let state = State { store: Some(store), ..State::new(policy.shield, access_list) };
        Ok(Self { kernel: Some(kernel), stands_by: false, state: Mutex::new(state) })
    }

    /// A shield that decides, where there is nothing to enforce it.
    #[must_use]
    pub fn without_kernel(policy: &Policy) -> Self {
        let state = State::new(policy.shield, AccessList::default());
        Self { kernel: None, stands_by: false, state: Mutex::new(state) }
    }

    /// From now on `policy` says who is a trunk, and what becomes of strangers.
    pub fn follow(&self, policy: &Policy) {
        if let Some(Kernel { tables, devices }) = &self.kernel {
            if let Err(error) = tables.follow(policy, devices) {
                tracing::error!("the shield does not know all trunks, and takes some for strangers: {error}");
            }
            tables.configure(&policy.shield);
        }
        self.state().policy = policy.shield;
    }

    /// A trunk has proven itself from there, and what it answers is heard from now on. A policy that [`follow`](Self::follow) takes
    /// later has it among its guests, or knows it no more.
    pub fn welcome(&self, realm: RealmId, address: IpAddr) {
        let Some(Kernel { tables, .. }) = &self.kernel else { return };
        if let Err(error) = tables.believe(realm, address.into()) {
            tracing::error!(%address, "the shield does not know a trunk that has proven itself: {error}");
        }
    }

    /// A stranger did what nobody wants.
    pub fn offended(&self, address: IpAddr, offence: Offence) {
        let host = host(address);
        let state = &mut *self.state();
        let ShieldPolicy { mode, ban_after, ban_for, .. } = state.policy;
        if mode == ShieldMode::Off || ban_after == 0 {
            return;
        }
        if !state.conduct.note(host, offence, ban_after, clock::now()) {
            return;
        }
        let until = clock::today() + ban_for;
        let familiar = state.access_list.of(host).familiar_until.is_some();
        let change = |earned: &mut Earned| match (offence.shows_who(), familiar) {
            (true, true) => earned.familiar_until = None,
            (true, false) => earned.banned_until = Some(until),
            (false, _) => earned.datagrams_banned_until = Some(until),
        };
        let demoted = offence.shows_who() && familiar;
        let counted = if demoted { &mut state.tally.demotions } else { &mut state.tally.bans };
        *counted += 1;
        let shadow = mode == ShieldMode::Shadow;
        tracing::info!(%host, ?offence, demoted, shadow, "asked too often in vain: kept out for {ban_for:?}");
        self.earn(state, host, change);
    }

    /// A trunk has proven itself from there.
    pub fn befriend(&self, address: IpAddr) {
        let host = host(address);
        let now = clock::today();
        let state = &mut *self.state();
        if state.access_list.of(host).familiar_until.is_some_and(|until| until > now + FAMILIAR_ENOUGH) {
            return;
        }
        state.tally.promotions += 1;
        self.earn(state, host, |earned| {
            *earned = Earned { familiar_until: Some(now + FAMILIAR), ..Earned::default() }
        });
    }

    /// Lets a prefix in, or keeps it out, for a time or for ever.
    ///
    /// # Errors
    /// [`ListError`]; nothing has changed then, unless it says so.
    pub fn list(
        &self,
        net: IpNet,
        decision: Decision,
        lasting: Option<Duration>,
        policy: &Policy,
    ) -> Result<(), ListError> {
        let net = net.trunc();
        if decision == Decision::Deny
            && let Some(trunk) = policy.trunk_within(net)
        {
            return Err(ListError::Trunk { net, trunk: trunk.name.clone() });
        }
        if self.stands_by {
            return Err(ListError::StandsBy { net });
        }
        let listing =
            Listing { decision, until: lasting.map(|lasting| clock::today() + lasting.min(LISTED_LONGEST)) };
        let state = &mut *self.state();
        state.access_list.list(net, listing)?;
        if let Some(kernel) = &self.kernel {
            kernel.list(net, listing)?;
        }
        state.changed = true;
        Ok(state.keep()?)
    }

    /// Says nothing of a prefix any more, and forgives a host. Returns whether there was anything.
    ///
    /// # Errors
    /// [`ListError`].
    pub fn forget(&self, net: IpNet) -> Result<bool, ListError> {
        let net = net.trunc();
        let state = &mut *self.state();
        let listed = state.access_list.listed.remove(&net).is_some();
        let hosts: Vec<IpAddr> =
            state.access_list.hosts.keys().copied().filter(|host| net.contains(host)).collect();
        // A single address of IPv6 stands for its host.
        let hosts = if net.prefix_len() == net.max_prefix_len() { vec![host(net.addr())] } else { hosts };
        let mut forgiven = false;
        for host in hosts {
            forgiven |= state.access_list.of(host) != Earned::default();
            self.earn(state, host, |earned| *earned = Earned::default());
        }
        if let Some(kernel) = &self.kernel {
            kernel.tables.unlist(net)?;
        }
        state.changed = true;
        state.keep()?;
        Ok(listed || forgiven)
    }

    /// What is decided, with what the operator wants.
    #[must_use]
    pub fn show(&self) -> (ShieldPolicy, AccessList) {
        let state = self.state();
        let mode = if self.stands_by { ShieldMode::Off } else { state.policy.mode };
        (ShieldPolicy { mode, ..state.policy }, state.access_list.clone())
    }

    /// What was done since the start.
    #[must_use]
    pub fn tally(&self) -> Tally {
        self.state().tally
    }

    /// What is due each second: what has ended ends, and what has changed is kept.
    pub fn tick(&self) {
        let state = &mut *self.state();
        let ended = state.access_list.expire(clock::today());
        if let Some(kernel) = &self.kernel {
            let unlisted = ended.listed.iter().try_for_each(|net| kernel.tables.unlist(*net));
            let stood =
                ended.hosts.iter().try_for_each(|host| kernel.stand(*host, state.access_list.of(*host)));
            if let Err(error) = unlisted.and(stood) {
                tracing::warn!("the kernel keeps what has ended, and ignores it: {error}");
            }
        }
        state.changed |= !ended.listed.is_empty() || !ended.hosts.is_empty();
        if let Err(error) = state.keep() {
            tracing::warn!("bans are not kept: node.state_dir cannot be written: {error}");
        }
    }

    fn earn(&self, state: &mut State, host: IpAddr, change: impl FnOnce(&mut Earned)) {
        let forgotten = state.access_list.earn(host, change);
        state.changed = true;
        let Some(kernel) = &self.kernel else { return };
        for host in forgotten.into_iter().chain([host]) {
            if let Err(error) = kernel.stand(host, state.access_list.of(host)) {
                tracing::warn!(%host, "the shield was not told: {error}");
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn new(policy: ShieldPolicy, access_list: AccessList) -> Self {
        let (conduct, tally) = (Conduct::default(), Tally::default());
        Self { policy, access_list, conduct, store: None, changed: false, tally }
    }

    /// Writes the list down when it has changed. One that cannot be written is tried again when it next changes.
    fn keep(&mut self) -> std::io::Result<()> {
        if !std::mem::take(&mut self.changed) {
            return Ok(());
        }
        self.store.as_ref().map_or(Ok(()), |store| store.write(&self.access_list))
    }
}

impl Kernel {
    fn list(&self, net: IpNet, Listing { decision, until }: Listing) -> Result<(), DatapathError> {
        let decision = match decision {
            Decision::Allow => LIST_ALLOW,
            Decision::Deny => LIST_DENY,
        };
        self.tables.list(net, decision, until.map_or(0, kernel_time))
    }

    fn stand(&self, host: IpAddr, earned: Earned) -> Result<(), DatapathError> {
        let until = |until: Option<SystemTime>| until.map_or(0, kernel_time);
        let standing = Standing {
            familiar_until_ns: until(earned.familiar_until),
            banned_until_ns: until(earned.banned_until),
            datagrams_banned_until_ns: until(earned.datagrams_banned_until),
        };
        self.tables.stand(host, standing)
    }
}

/// A time of the calendar by the kernel's clock; what is past is 1, because 0 is never.
fn kernel_time(until: SystemTime) -> u64 {
    let left = until.duration_since(clock::today()).unwrap_or_default();
    let left_ns = u64::try_from(left.as_nanos()).unwrap_or(u64::MAX);
    if left_ns == 0 { 1 } else { clock::monotonic_ns().saturating_add(left_ns) }
}
