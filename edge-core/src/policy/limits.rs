//! How much a trunk, or all trunks of a failover group, may do at once, and the room that a call takes on it.
//!
//! Invariants: a call exists only with an [`Admission`], which is given back when it is dropped, so a slot cannot leak; a
//! refusal takes nothing. Counting is lock-free: shards share one [`TrunkUsage`] a trunk. A priority call (an emergency) is
//! counted as any other and never refused.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use super::seizure::Seizure;
use super::{Held, Targets, Trunk};
use crate::sip::StatusCode;

/// Bounds of one trunk; `None` means no bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Limits {
    /// Calls at the same time, both directions together.
    pub calls_max: Option<u32>,
    /// Calls at the same time that it has placed.
    pub calls_in_max: Option<u32>,
    /// Calls at the same time that were placed to it.
    pub calls_out_max: Option<u32>,
    /// New calls a second, both directions together.
    pub calls_per_second_max: Option<u32>,
    /// New calls at one moment, after a time with none; by default a second's worth.
    pub burst_max: Option<u32>,
    /// What a caller hears above a bound.
    pub refuse_with: RefuseWith,
}

/// The status that a caller hears above a bound: carriers try another route on 503, PBXs play busy on 486.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RefuseWith {
    /// 503 Service Unavailable.
    #[default]
    ServiceUnavailable,
    /// 486 Busy Here.
    BusyHere,
}

/// What a trunk is in a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// It calls us.
    Caller,
    /// We call it.
    Called,
}

/// How much a call matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Importance {
    /// As much as the next one.
    #[default]
    Ordinary,
    /// More than any bound: an emergency.
    Priority,
}

/// Why a trunk may not have another call now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// `max_calls` calls are standing.
    #[error("max_calls = {max} reached")]
    Calls {
        /// The bound.
        max: u32,
    },
    /// `max_calls_in` calls of its are standing.
    #[error("max_calls_in = {max} reached")]
    CallsIn {
        /// The bound.
        max: u32,
    },
    /// `max_calls_out` calls to it are standing.
    #[error("max_calls_out = {max} reached")]
    CallsOut {
        /// The bound.
        max: u32,
    },
    /// `max_cps` calls were started in the last second.
    #[error("max_cps = {max} reached")]
    Rate {
        /// The bound.
        max: u32,
    },
    /// `max_calls` calls are standing in its failover group.
    #[error("max_calls = {max} of its group reached")]
    GroupCalls {
        /// The bound.
        max: u32,
    },
    /// `max_calls_in` calls of its group's are standing.
    #[error("max_calls_in = {max} of its group reached")]
    GroupCallsIn {
        /// The bound.
        max: u32,
    },
    /// `max_calls_out` calls to its group are standing.
    #[error("max_calls_out = {max} of its group reached")]
    GroupCallsOut {
        /// The bound.
        max: u32,
    },
    /// `max_cps` calls of its group were started in the last second.
    #[error("max_cps = {max} of its group reached")]
    GroupRate {
        /// The bound.
        max: u32,
    },
}

impl Refusal {
    /// A stable name for CDRs and counters.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Calls { .. } => "max_calls",
            Self::CallsIn { .. } => "max_calls_in",
            Self::CallsOut { .. } => "max_calls_out",
            Self::Rate { .. } => "max_cps",
            Self::GroupCalls { .. } => "group_max_calls",
            Self::GroupCallsIn { .. } => "group_max_calls_in",
            Self::GroupCallsOut { .. } => "group_max_calls_out",
            Self::GroupRate { .. } => "group_max_cps",
        }
    }
}

/// What a trunk is doing now.
#[derive(Debug, Default)]
pub struct TrunkUsage {
    load: Load,
    /// Messages that wait to be read.
    pub(super) waiting: AtomicU32,
}

impl std::ops::Deref for TrunkUsage {
    type Target = Load;

    fn deref(&self) -> &Load {
        &self.load
    }
}

/// The calls of a trunk, or of all trunks of a group: how many stand, and how fast they begin.
#[derive(Debug, Default)]
pub struct Load {
    calls: Arc<AtomicU32>,
    calls_in: Arc<AtomicU32>,
    calls_out: Arc<AtomicU32>,
    bucket: Bucket,
}

/// The rooms that one call takes: of all calls, and of those of its direction.
type Rooms = [Room; 2];

impl Load {
    /// Calls standing now.
    #[must_use]
    pub fn calls(&self) -> u32 {
        self.calls.load(Ordering::Relaxed)
    }

    /// Those of them that the trunk has placed.
    #[must_use]
    pub fn calls_in(&self) -> u32 {
        self.calls_in.load(Ordering::Relaxed)
    }

    /// Those of them that were placed to the trunk.
    #[must_use]
    pub fn calls_out(&self) -> u32 {
        self.calls_out.load(Ordering::Relaxed)
    }

    /// Takes the rooms of one call.
    fn take(&self, role: Role, limits: &Limits) -> Result<Rooms, Refusal> {
        let refused = |max: Option<u32>, refusal: fn(u32) -> Refusal| refusal(max.unwrap_or(u32::MAX));
        let all = Room::take(&self.calls, limits.calls_max)
            .ok_or_else(|| refused(limits.calls_max, |max| Refusal::Calls { max }))?;
        let one_way = match role {
            Role::Caller => Room::take(&self.calls_in, limits.calls_in_max)
                .ok_or_else(|| refused(limits.calls_in_max, |max| Refusal::CallsIn { max }))?,
            Role::Called => Room::take(&self.calls_out, limits.calls_out_max)
                .ok_or_else(|| refused(limits.calls_out_max, |max| Refusal::CallsOut { max }))?,
        };
        Ok([all, one_way])
    }

    /// Takes the rooms of one call more, however many there are.
    fn take_another(&self, role: Role) -> Rooms {
        let one_way = match role {
            Role::Caller => &self.calls_in,
            Role::Called => &self.calls_out,
        };
        [&self.calls, one_way].map(Room::take_another)
    }

    /// Takes the token of one call that begins.
    fn begin(&self, limits: &Limits, since_epoch: Duration) -> Result<(), Refusal> {
        let Some(max) = limits.calls_per_second_max else { return Ok(()) };
        let burst = limits.burst_max.unwrap_or(max);
        let taken = self.bucket.take((max, Duration::from_secs(1)), burst, since_epoch);
        taken.then_some(()).ok_or(Refusal::Rate { max })
    }
}

/// The bounds that all trunks of a failover group have together.
#[derive(Debug, Clone, Default)]
pub struct Group {
    /// Its name.
    pub name: Arc<str>,
    /// The bounds; what is heard above one is the caller's trunk's affair.
    pub limits: Limits,
    /// How much its trunks are doing now; a reload keeps it by the name.
    pub load: Arc<Load>,
}

impl Refusal {
    /// The same bound of a group.
    const fn of_group(self) -> Self {
        match self {
            Self::Calls { max } | Self::GroupCalls { max } => Self::GroupCalls { max },
            Self::CallsIn { max } | Self::GroupCallsIn { max } => Self::GroupCallsIn { max },
            Self::CallsOut { max } | Self::GroupCallsOut { max } => Self::GroupCallsOut { max },
            Self::Rate { max } | Self::GroupRate { max } => Self::GroupRate { max },
        }
    }
}

/// Lets the trunks of groups go on with what groups of the same names have counted in `previous`, all of one group together.
pub(super) fn keep_groups(trunks: &mut [Arc<Trunk>], previous: &[Arc<Trunk>]) {
    let groups = previous.iter().filter_map(|trunk| trunk.group.as_ref());
    let loads: HashMap<&str, &Arc<Load>> = groups.map(|group| (&*group.name, &group.load)).collect();
    for trunk in trunks {
        let Some(group) = &trunk.group else { continue };
        if let Some(load) = loads.get(&*group.name).filter(|load| !Arc::ptr_eq(load, &group.load)) {
            let group = Some(Group { load: Arc::clone(load), ..group.clone() });
            *trunk = Arc::new(Trunk { group, ..Trunk::clone(trunk) });
        }
    }
}

/// Proof that a trunk had room for one call; dropping it gives the room back.
#[derive(Debug)]
pub struct Admission {
    _rooms: Rooms,
    _rooms_of_group: Option<Rooms>,
    targets: Arc<Targets>,
    /// How it fares, when the trunk is called.
    seizure: Option<Seizure>,
    /// What it holds of the trunk's guards, when the trunk calls.
    guarded: Option<Held>,
}

impl Admission {
    /// Holds what a guard has counted for as long as the room.
    pub(super) fn hold(&mut self, guarded: Held) {
        self.guarded = Some(guarded);
    }

    /// The INVITE to the trunk leaves.
    pub fn sent(&mut self, since_epoch: Duration) {
        self.seizure.iter_mut().for_each(|seizure| seizure.sent(since_epoch));
    }

    /// The trunk says something to the INVITE.
    pub fn heard(&mut self, code: StatusCode, since_epoch: Duration) {
        self.seizure.iter_mut().for_each(|seizure| seizure.heard(code, since_epoch));
    }
}

impl Drop for Admission {
    fn drop(&mut self) {
        self.targets.call_ended();
    }
}

/// One of a bounded number; dropping it gives it back.
#[derive(Debug)]
pub(super) struct Room(Arc<AtomicU32>);

impl Room {
    /// Takes one unless `max` are taken; `None` bounds nothing.
    pub(super) fn take(counter: &Arc<AtomicU32>, max: Option<u32>) -> Option<Self> {
        let max = max.unwrap_or(u32::MAX);
        let next = |taken| (taken < max).then_some(taken + 1);
        counter.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next).ok()?;
        Some(Self(Arc::clone(counter)))
    }

    /// Takes one more, however many are taken.
    fn take_another(counter: &Arc<AtomicU32>) -> Self {
        counter.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(counter))
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A bucket of tokens by the generic cell rate algorithm: one atomic word instead of a lock.
#[derive(Debug, Default)]
pub(super) struct Bucket {
    /// When it will be full again, in nanoseconds since the instant that all shards share.
    full_at_ns: AtomicU64,
}

impl Bucket {
    /// Takes a token of a bucket that holds `burst` and gets `rate` each `period`; says whether there was one.
    pub(super) fn take(&self, (rate, period): (u32, Duration), burst: u32, since_epoch: Duration) -> bool {
        let nanoseconds = |duration: Duration| u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        let cost_ns = nanoseconds(period) / u64::from(rate.max(1));
        let (now_ns, depth_ns) = (nanoseconds(since_epoch), cost_ns.saturating_mul(burst.into()));
        let next = |full_at_ns: u64| {
            let next = full_at_ns.max(now_ns).saturating_add(cost_ns);
            (next - now_ns <= depth_ns).then_some(next)
        };
        self.full_at_ns.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next).is_ok()
    }
}

impl Trunk {
    /// Takes one call's room on this trunk. `since_epoch` is the time since any fixed instant that all
    /// shards share.
    ///
    /// # Errors
    /// [`Refusal`] names the bound that is reached; nothing is taken then, but a token where a bound of the calls that stand
    /// is checked after it.
    pub fn admit(
        &self,
        role: Role,
        importance: Importance,
        since_epoch: Duration,
    ) -> Result<Admission, Refusal> {
        let admission = self.take_room(role, importance, since_epoch);
        admission.inspect_err(|refusal| self.state.refused.count_refusal(*refusal))
    }

    fn take_room(
        &self,
        role: Role,
        importance: Importance,
        since_epoch: Duration,
    ) -> Result<Admission, Refusal> {
        let limits = match importance {
            Importance::Ordinary => self.limits,
            Importance::Priority => Limits::default(),
        };
        let group = self.group.as_ref().map(|group| match importance {
            Importance::Ordinary => (&group.load, group.limits),
            Importance::Priority => (&group.load, Limits::default()),
        });
        let rooms = self.usage.take(role, &limits)?;
        let of_group = group.map(|(load, limits)| load.take(role, &limits)).transpose();
        let of_group = of_group.map_err(Refusal::of_group)?;
        self.usage.begin(&limits, since_epoch)?;
        let begun = group.map_or(Ok(()), |(load, limits)| load.begin(&limits, since_epoch));
        begun.map_err(Refusal::of_group)?;
        self.targets.call_began();
        self.state.outcomes.begun(self.window(), since_epoch);
        let seizure = (role == Role::Called).then(|| Seizure::new(self));
        let targets = Arc::clone(&self.targets);
        Ok(Admission { _rooms: rooms, _rooms_of_group: of_group, targets, seizure, guarded: None })
    }

    /// Takes the room of a call that has it already, whatever the bounds: it was admitted, and answered, by another process.
    #[must_use]
    pub fn readmit(&self, role: Role) -> Admission {
        self.targets.call_began();
        Admission {
            _rooms: self.usage.take_another(role),
            _rooms_of_group: self.group.as_ref().map(|group| group.load.take_another(role)),
            targets: Arc::clone(&self.targets),
            seizure: None,
            guarded: None,
        }
    }
}

#[cfg(test)]
mod tests;
