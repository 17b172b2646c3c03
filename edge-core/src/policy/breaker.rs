//! The circuit breaker of a trunk: takes it out when too few of its calls are answered, it takes too long to ring, or too
//! much media is lost; and tries it again with one call.
//!
//! Invariants: of all shards exactly one sees each change. An open breaker is a doubt ([`super::Doubt::Breaker`]): other trunks are
//! tried first, and a trunk that is the only one is used all the same.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::outcomes::Tally;

/// When a breaker opens. What is `None` is not looked at.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BreakerRule {
    /// Least part of the calls that has to be answered.
    pub asr_min: Option<f64>,
    /// Longest mean post-dial delay.
    pub pdd_max: Option<Duration>,
    /// Largest part of RTP that may be lost.
    pub loss_max: Option<f64>,
    /// How far back is looked.
    pub window: Duration,
    /// Calls that there have to be before anything is concluded.
    pub calls_min: u32,
    /// How long it stays open before one call tries the trunk.
    pub rest: Duration,
}

/// What is wrong with how calls fare.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Fault {
    /// Too few are answered.
    Asr(f64),
    /// They take too long to ring.
    Pdd(Duration),
    /// Too much media is lost.
    Loss(f64),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Asr(asr) => write!(f, "only {:.0} of 100 calls are answered", asr * 100.0),
            Self::Pdd(pdd) => write!(f, "it takes {:.1} s until a call rings", pdd.as_secs_f64()),
            Self::Loss(loss) => write!(f, "{:.1} of 100 RTP packets are lost", loss * 100.0),
        }
    }
}

impl BreakerRule {
    /// What is wrong, when there were calls enough to say.
    pub(super) fn fault(&self, tally: &Tally) -> Option<Fault> {
        if tally.seizures < u64::from(self.calls_min) {
            return None;
        }
        let below = |found: Option<f64>, least: Option<f64>| {
            found.filter(|found| least.is_some_and(|least| *found < least))
        };
        let above = |found: Option<f64>, most: Option<f64>| {
            found.filter(|found| most.is_some_and(|most| *found > most))
        };
        let late = tally.pdd().filter(|pdd| self.pdd_max.is_some_and(|most| *pdd > most));
        below(tally.asr(), self.asr_min).map(Fault::Asr).or(late.map(Fault::Pdd)).or(above(
            tally.loss(),
            self.loss_max,
        )
        .map(Fault::Loss))
    }
}

/// How a breaker stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Breaker {
    /// Calls go as usual.
    #[default]
    Closed,
    /// The trunk rests until this time since the instant that all shards share, in milliseconds.
    Open {
        /// Then one call may try it.
        until_ms: u64,
    },
    /// One call tries it. When nothing has come of that until then, another one may.
    HalfOpen {
        /// Milliseconds since the same instant.
        until_ms: u64,
    },
}

/// What a breaker hears.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BreakerInput {
    /// How calls fare was looked at, and is bad.
    Fault,
    /// A call goes out over the trunk.
    Call,
    /// The call that was to try it has rung, was answered, or heard something that only who works can say.
    TrialPassed,
    /// It has not.
    TrialFailed,
}

impl Breaker {
    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open { .. } => "open",
            Self::HalfOpen { .. } => "half-open",
        }
    }

    /// Whether other trunks come first now.
    #[must_use]
    pub(super) const fn is_in_doubt(self, now_ms: u64) -> bool {
        match self {
            Self::Closed => false,
            Self::Open { until_ms } | Self::HalfOpen { until_ms } => now_ms < until_ms,
        }
    }

    /// The table.
    #[must_use]
    pub(super) const fn step(self, input: BreakerInput, now_ms: u64, rest_ms: u64) -> Self {
        let until_ms = now_ms.saturating_add(rest_ms);
        match (self, input) {
            (Self::Closed, BreakerInput::Fault) | (Self::HalfOpen { .. }, BreakerInput::TrialFailed) => {
                Self::Open { until_ms }
            }
            (Self::Open { until_ms: at } | Self::HalfOpen { until_ms: at }, BreakerInput::Call)
                if now_ms >= at =>
            {
                Self::HalfOpen { until_ms }
            }
            (Self::HalfOpen { .. }, BreakerInput::TrialPassed) => Self::Closed,
            // A call that went out because there is no other trunk says nothing, and neither does a late trial.
            (Self::Closed, BreakerInput::Call | BreakerInput::TrialPassed | BreakerInput::TrialFailed)
            | (Self::Open { .. }, _)
            | (Self::HalfOpen { .. }, BreakerInput::Fault | BreakerInput::Call) => self,
        }
    }

    const fn of(word: u64) -> Self {
        let until_ms = word >> 2;
        match word & 3 {
            1 => Self::Open { until_ms },
            2 => Self::HalfOpen { until_ms },
            _ => Self::Closed,
        }
    }

    const fn word(self) -> u64 {
        match self {
            Self::Closed => 0,
            Self::Open { until_ms } => until_ms << 2 | 1,
            Self::HalfOpen { until_ms } => until_ms << 2 | 2,
        }
    }
}

/// A [`Breaker`] that all shards share, and how often it has opened.
#[derive(Debug, Default)]
pub(super) struct SharedBreaker {
    word: AtomicU64,
    opened: AtomicU64,
}

impl SharedBreaker {
    pub(super) fn now(&self) -> Breaker {
        Breaker::of(self.word.load(Ordering::Relaxed))
    }

    pub(super) fn opened(&self) -> u64 {
        self.opened.load(Ordering::Relaxed)
    }

    /// Takes an input; gives how it stands from now on, when that is something else.
    pub(super) fn take(&self, input: BreakerInput, since_epoch: Duration, rest: Duration) -> Option<Breaker> {
        let (now_ms, rest_ms) = (milliseconds(since_epoch), milliseconds(rest));
        let next = |word| {
            let next = Breaker::of(word).step(input, now_ms, rest_ms).word();
            (next != word).then_some(next)
        };
        let before = self.word.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next).ok()?;
        let after = Breaker::of(before).step(input, now_ms, rest_ms);
        self.opened.fetch_add(u64::from(matches!(after, Breaker::Open { .. })), Ordering::Relaxed);
        Some(after)
    }
}

pub(super) fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
