//! Overload control: which new calls a shard turns away, so that those it takes are served in time.
//!
//! The measure is how long messages have waited when the shard comes to them: it holds on any machine and whatever the
//! calls cost. A short burst only waits; what has waited for [`TARGET`] all through [`PATIENCE`] is a queue that does not
//! drain (as in CoDel, RFC 8289). From then until a message has waited less than [`RELIEF`], new calls are turned away,
//! the more of them the longer the wait, and nothing else is. Who is turned away hears 503, as long as that takes a
//! small part of the shard's time: to refuse a call costs a tenth of serving it, so a shard that refused whatever comes
//! would do nothing else at ten times its capacity. Beyond that INVITEs are not read: over UDP they come again, over a
//! connection each is answered, because its window bounds how many come.
//!
//! A queue that has been emptied does drain, however late its messages were read (RFC 8289 section 5 leaves its dropping
//! state so, too): then the shard's processor was taken away for a while, by another process or by the hypervisor, and to
//! refuse calls afterwards would help nobody.
//!
//! Invariants:
//! - A trunk that asks for less than its share of half of what is admitted, in this second or the one before, is not
//!   turned away; nor one that sends less than its share of half of all messages: the load is not its own.
//! - Of any [`ONE_OF_MAX`] calls in a row of one trunk at least one is admitted: however many are refused, the shard
//!   goes on serving.
//! - Refusing takes at most [`REFUSALS_PER_CALL`] tenths of what serving takes.
//! - What a trunk is remembered by is bounded by the number of trunks.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use crate::policy::TrunkId;
use crate::transaction::T1;

/// A wait that is no sign of load while it passes: a twenty-fifth of T1, a disk or a neighbour on the same core.
const TARGET: Duration = Duration::from_millis(20);

/// How long every message has to wait for [`TARGET`] until calls are turned away.
const PATIENCE: Duration = Duration::from_millis(100);

/// A wait that says that the queue has drained.
const RELIEF: Duration = Duration::from_millis(5);

/// At [`TARGET`] and beyond one call of so many is admitted. The rest costs next to nothing, see above.
const ONE_OF_MAX: u32 = 16;

/// Calls that hear 503 for each one that is admitted, over time.
const REFUSALS_PER_CALL: u32 = 2;

/// Calls that may hear 503 before that bound counts: a burst is refused whole.
const REFUSALS_MAX: u32 = 512;

/// Calls to numbers of priority routes that are admitted in one window whatever the load: more emergencies than a town has. Whoever
/// calls such numbers faster than that shall not stop the shard by it.
const URGENT_MAX: u32 = 50;

/// A request for something new that has waited this long over UDP has been sent again, and is not read.
pub(super) const STALE: Duration = T1.saturating_mul(2);

/// What is counted together.
const WINDOW: Duration = Duration::from_secs(1);

/// How the queue of the shard does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Load {
    /// It drains.
    Calm,
    /// Everything has waited for [`TARGET`] since then.
    Late(Instant),
    /// It does not drain: calls are turned away.
    Shedding,
}

impl Load {
    /// The load once a message has waited for `waited` at `now`.
    fn after(self, waited: Duration, now: Instant) -> Self {
        match self {
            Self::Shedding if waited < RELIEF => Self::Calm,
            Self::Shedding => Self::Shedding,
            Self::Calm | Self::Late(_) if waited < TARGET => Self::Calm,
            Self::Calm => Self::Late(now),
            Self::Late(since) if now.saturating_duration_since(since) >= PATIENCE => Self::Shedding,
            Self::Late(since) => Self::Late(since),
        }
    }
}

/// What becomes of a new call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is served.
    Admit,
    /// It hears 503.
    Refuse,
    /// It is not read. Its sender will say it again.
    Ignore,
}

/// The load of one shard and who makes it.
#[derive(Debug)]
pub(super) struct Overload {
    load: Load,
    /// How long the newest message has waited.
    waited: Duration,
    trunks: HashMap<TrunkId, Asking>,
    /// Messages of each trunk in the window before.
    read_before: HashMap<TrunkId, u32>,
    /// Messages of a trunk in one window that are too few to be the load.
    read_share: u32,
    window_began: Instant,
    /// Calls admitted in this window.
    admitted: u32,
    /// Calls of each trunk that are admitted in this window whatever the load.
    share: u32,
    /// Of these, those to numbers of priority routes.
    urgent: u32,
    /// Calls that may hear 503 now.
    refusals: u32,
    /// What was decided about the message at hand.
    verdict: Verdict,
}

/// What one trunk has asked for in this window.
#[derive(Debug, Default)]
struct Asking {
    /// Messages of any kind.
    read: u32,
    asked: u32,
    /// Calls refused since the last one that was admitted.
    refused: u32,
}

impl Overload {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            load: Load::Calm,
            waited: Duration::ZERO,
            trunks: HashMap::new(),
            read_before: HashMap::new(),
            read_share: 0,
            window_began: now,
            admitted: 0,
            share: 1,
            urgent: 0,
            refusals: REFUSALS_MAX,
            verdict: Verdict::Admit,
        }
    }

    /// Takes note that the message at hand has waited. Says whether calls are turned away from now on that were not
    /// before.
    pub(super) fn note(&mut self, waited: Duration, now: Instant) -> bool {
        let before = self.load;
        self.waited = waited;
        self.load = before.after(waited, now);
        before != Load::Shedding && self.load == Load::Shedding
    }

    /// Takes note that nothing waits any more.
    pub(super) const fn emptied(&mut self) {
        self.load = Load::Calm;
    }

    /// The message at hand has been dealt with; the next one has not waited unless that is said.
    pub(super) const fn taken(&mut self) {
        self.waited = Duration::ZERO;
        self.verdict = Verdict::Admit;
    }

    /// How long the message at hand has waited.
    pub(super) const fn waited(&self) -> Duration {
        self.waited
    }

    /// What was decided about the message at hand.
    pub(super) const fn verdict(&self) -> Verdict {
        self.verdict
    }

    /// Whether the message at hand may be passed over or turned away.
    pub(super) fn is_late(&self) -> bool {
        self.load == Load::Shedding || self.waited >= STALE
    }

    /// Admits the call at hand for its number, unless too many such calls were.
    pub(super) fn admits_urgent(&mut self, now: Instant) -> bool {
        self.turn(now);
        let admits = self.urgent < URGENT_MAX;
        if admits {
            self.urgent += 1;
            self.admitted = self.admitted.saturating_add(1);
            self.verdict = Verdict::Admit;
        }
        admits
    }

    /// Takes note that the message at hand is from `trunk`.
    pub(super) fn count(&mut self, trunk: TrunkId, now: Instant) {
        self.turn(now);
        let asking = self.trunks.entry(trunk).or_default();
        asking.read = asking.read.saturating_add(1);
    }

    /// Decides about a new call of `trunk`, which is at hand.
    pub(super) fn judge(&mut self, trunk: TrunkId, now: Instant) -> Verdict {
        self.turn(now);
        self.verdict = if self.admits(trunk) {
            self.admitted = self.admitted.saturating_add(1);
            self.refusals = (self.refusals + REFUSALS_PER_CALL).min(REFUSALS_MAX);
            Verdict::Admit
        } else if self.refusals > 0 {
            self.refusals -= 1;
            Verdict::Refuse
        } else {
            Verdict::Ignore
        };
        self.verdict
    }

    fn admits(&mut self, trunk: TrunkId) -> bool {
        let one_of = self.one_of();
        let share = self.share.max(self.share_of(self.admitted));
        let read_before = self.read_before.get(&trunk).copied().unwrap_or(0);
        let asking = self.trunks.entry(trunk).or_default();
        asking.asked = asking.asked.saturating_add(1);
        let makes_no_load = read_before.max(asking.read) < self.read_share;
        let admits = makes_no_load || asking.asked <= share || asking.refused + 1 >= one_of;
        asking.refused = if admits { 0 } else { asking.refused + 1 };
        admits
    }

    /// Trunks have other numbers from now on.
    pub(super) fn forget_trunks(&mut self) {
        self.trunks.clear();
        self.read_before.clear();
    }

    /// The part of each trunk that sends of half of `all`.
    fn share_of(&self, all: u32) -> u32 {
        let asking = u32::try_from(self.trunks.len().max(1)).unwrap_or(u32::MAX);
        all / 2 / asking
    }

    /// Of how many calls one is admitted now: all at [`RELIEF`], one of [`ONE_OF_MAX`] at [`TARGET`], and in between in
    /// proportion.
    fn one_of(&self) -> u32 {
        if self.load != Load::Shedding {
            return 1;
        }
        let over = self.waited.min(TARGET).saturating_sub(RELIEF).as_micros();
        let range = (TARGET - RELIEF).as_micros();
        1 + u32::try_from(over * u128::from(ONE_OF_MAX - 1) / range).unwrap_or(ONE_OF_MAX - 1)
    }

    /// Begins the next window once this one is over.
    fn turn(&mut self, now: Instant) {
        let age = now.saturating_duration_since(self.window_began);
        if age < WINDOW {
            return;
        }
        // After a pause nothing is known of what can be admitted.
        let lately = age < WINDOW * 2;
        let read = self.trunks.values().fold(0_u32, |all, asking| all.saturating_add(asking.read));
        self.share = if lately { self.share_of(self.admitted).max(1) } else { 1 };
        self.read_share = if lately { self.share_of(read) } else { 0 };
        self.read_before = self.trunks.drain().map(|(trunk, asking)| (trunk, asking.read)).collect();
        (self.admitted, self.urgent) = (0, 0);
        self.window_began = now;
    }
}

#[cfg(test)]
mod tests;
