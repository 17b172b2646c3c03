//! How calls over a trunk have fared lately: a sliding window of counters, without a lock.
//!
//! Invariants: a counter knows the period that it counts, so what is old is never summed up and nobody has to clear it; the
//! memory of a window is fixed. What is told is the last [`PERIODS`] periods, the one that runs among them.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Periods of a window: it slides by a tenth of its length.
const PERIODS: u32 = 10;

/// Window of a trunk whose breaker asks for none.
pub(super) const WINDOW: Duration = Duration::from_secs(300);

/// Bits of a counter's word that count; those above say in which period.
const COUNT_BITS: u32 = 40;

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    /// New calls, either way.
    Begun,
    /// Calls to the trunk that are over or were answered.
    Seizures,
    /// Those of them that were answered.
    Answers,
    /// Those of them that rang or were answered.
    Rung,
    /// Milliseconds until they did.
    DelayMs,
    /// RTP packets that came from it.
    Packets,
    /// RTP packets that were missing.
    Lost,
}

/// A number of counters in periods.
const COUNTERS: usize = 7;

/// The counters of one trunk.
#[derive(Debug, Default)]
pub(super) struct Outcomes {
    words: [[AtomicU64; COUNTERS]; PERIODS as usize],
}

/// The sum of a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// New calls, either way.
    pub begun: u64,
    /// Calls to the trunk that are over or were answered.
    pub seizures: u64,
    /// Those of them that were answered.
    pub answers: u64,
    /// Those of them that rang or were answered.
    pub rung: u64,
    /// How long they took to, in milliseconds, all together.
    pub delay_ms: u64,
    /// RTP packets that came from the trunk, with those that were missing.
    pub packets: u64,
    /// RTP packets that were missing.
    pub lost: u64,
}

impl Tally {
    /// Answer-seizure ratio; `None` without a seizure.
    #[must_use]
    pub fn asr(&self) -> Option<f64> {
        ratio(self.answers, self.seizures)
    }

    /// Mean post-dial delay: from the INVITE to the first sign that it rings, or to the answer.
    #[must_use]
    pub fn pdd(&self) -> Option<Duration> {
        self.delay_ms.checked_div(self.rung).map(Duration::from_millis)
    }

    /// Part of the RTP packets that never came.
    #[must_use]
    pub fn loss(&self) -> Option<f64> {
        ratio(self.lost, self.packets)
    }
}

fn ratio(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

impl Outcomes {
    /// A call has begun, either way.
    pub(super) fn begun(&self, window: Duration, since_epoch: Duration) {
        self.add(What::Begun, 1, window, since_epoch);
    }

    /// A call to the trunk rings, or was answered without, after `delay`.
    pub(super) fn rung(&self, delay: Duration, window: Duration, since_epoch: Duration) {
        self.add(What::Rung, 1, window, since_epoch);
        self.add(What::DelayMs, u64::try_from(delay.as_millis()).unwrap_or(u64::MAX), window, since_epoch);
    }

    /// A call to the trunk was answered, or is over without.
    pub(super) fn seized(&self, answered: bool, window: Duration, since_epoch: Duration) {
        self.add(What::Seizures, 1, window, since_epoch);
        self.add(What::Answers, u64::from(answered), window, since_epoch);
    }

    /// RTP packets of the trunk came, and others did not.
    pub(super) fn media(&self, came: u64, lost: u64, window: Duration, since_epoch: Duration) {
        self.add(What::Packets, came.saturating_add(lost), window, since_epoch);
        self.add(What::Lost, lost, window, since_epoch);
    }

    /// The sum of the window until now.
    #[must_use]
    pub(super) fn tally(&self, window: Duration, since_epoch: Duration) -> Tally {
        let now = period(window, since_epoch);
        let sum = |what: What| {
            let counted =
                self.words.iter().map(|words| Counted::of(words[what as usize].load(Ordering::Relaxed)));
            counted.filter(|counted| is_recent(counted.period, now)).map(|counted| counted.count).sum()
        };
        Tally {
            begun: sum(What::Begun),
            seizures: sum(What::Seizures),
            answers: sum(What::Answers),
            rung: sum(What::Rung),
            delay_ms: sum(What::DelayMs),
            packets: sum(What::Packets),
            lost: sum(What::Lost),
        }
    }

    /// Forgets everything.
    pub(super) fn clear(&self) {
        self.words.iter().flatten().for_each(|word| word.store(0, Ordering::Relaxed));
    }

    fn add(&self, what: What, count: u64, window: Duration, since_epoch: Duration) {
        let now = period(window, since_epoch);
        let index = usize::try_from(now % u64::from(PERIODS)).unwrap_or(0);
        let next = |word| {
            let before = Counted::of(word);
            let kept = if before.period == tag(now) { before.count } else { 0 };
            Some(Counted { period: tag(now), count: kept.saturating_add(count) }.word())
        };
        // It always says what comes next.
        let _before =
            self.words[index][what as usize].fetch_update(Ordering::Relaxed, Ordering::Relaxed, next);
    }
}

/// A count and the period that it is of.
#[derive(Debug, Clone, Copy)]
struct Counted {
    period: u64,
    count: u64,
}

impl Counted {
    const fn of(word: u64) -> Self {
        Self { period: word >> COUNT_BITS, count: word & ((1 << COUNT_BITS) - 1) }
    }

    const fn word(self) -> u64 {
        let most = (1 << COUNT_BITS) - 1;
        let count = if self.count < most { self.count } else { most };
        self.period << COUNT_BITS | count
    }
}

/// The number of the period at a time, from one: zero is never.
fn period(window: Duration, since_epoch: Duration) -> u64 {
    let length = (window / PERIODS).max(Duration::from_millis(1));
    1 + u64::try_from(since_epoch.as_nanos() / length.as_nanos()).unwrap_or(u64::MAX - 1)
}

/// What a word keeps of a period's number.
const fn tag(period: u64) -> u64 {
    period & ((1 << (u64::BITS - COUNT_BITS)) - 1)
}

/// Whether a tag is of the window that ends with the period `now`.
fn is_recent(of: u64, now: u64) -> bool {
    of != 0 && (0..u64::from(PERIODS).min(now)).any(|ago| tag(now - ago) == of)
}

#[cfg(test)]
mod tests;
