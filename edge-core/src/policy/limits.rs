//! How much a trunk may do at once, and the room that a call takes on it.
//!
//! Invariants: a call exists only with an [`Admission`], which is given back when it is dropped, so a slot cannot leak; a
//! refusal takes nothing. Counting is lock-free: shards share one [`TrunkUsage`] a trunk. A priority call (an emergency) is
//! counted as any other and never refused.

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
        }
    }
}

/// What a trunk is doing now.
#[derive(Debug, Default)]
pub struct TrunkUsage {
    calls: Arc<AtomicU32>,
    calls_in: Arc<AtomicU32>,
    calls_out: Arc<AtomicU32>,
    /// Messages that wait to be read.
    pub(super) waiting: AtomicU32,
    bucket: Bucket,
}

impl TrunkUsage {
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
}

/// Proof that a trunk had room for one call; dropping it gives the room back.
#[derive(Debug)]
pub struct Admission {
    _rooms: [Room; 2],
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
        let refused = |max: Option<u32>, refusal: fn(u32) -> Refusal| refusal(max.unwrap_or(u32::MAX));
        let all = Room::take(&self.usage.calls, limits.calls_max)
            .ok_or_else(|| refused(limits.calls_max, |max| Refusal::Calls { max }))?;
        let one_way = match role {
            Role::Caller => Room::take(&self.usage.calls_in, limits.calls_in_max)
                .ok_or_else(|| refused(limits.calls_in_max, |max| Refusal::CallsIn { max }))?,
            Role::Called => Room::take(&self.usage.calls_out, limits.calls_out_max)
                .ok_or_else(|| refused(limits.calls_out_max, |max| Refusal::CallsOut { max }))?,
        };
        if let Some(max) = limits.calls_per_second_max {
            let burst = limits.burst_max.unwrap_or(max);
            if !self.usage.bucket.take((max, Duration::from_secs(1)), burst, since_epoch) {
                return Err(Refusal::Rate { max });
            }
        }
        self.targets.call_began();
        self.state.outcomes.begun(self.window(), since_epoch);
        let seizure = (role == Role::Called).then(|| Seizure::new(self));
        Ok(Admission { _rooms: [all, one_way], targets: Arc::clone(&self.targets), seizure, guarded: None })
    }

    /// Takes the room of a call that has it already, whatever the bounds: it was admitted, and answered, by another process.
    #[must_use]
    pub fn readmit(&self, role: Role) -> Admission {
        let one_way = match role {
            Role::Caller => &self.usage.calls_in,
            Role::Called => &self.usage.calls_out,
        };
        self.targets.call_began();
        let rooms = [&self.usage.calls, one_way].map(Room::take_another);
        Admission { _rooms: rooms, targets: Arc::clone(&self.targets), seizure: None, guarded: None }
    }
}

#[cfg(test)]
mod tests;
