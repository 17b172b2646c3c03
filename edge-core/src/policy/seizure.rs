//! One call to a trunk, as the trunk's statistics and its breaker see it.
//!
//! Invariant: a call whose INVITE has left is counted once: when it is answered, or when its room is given back without
//! that.

use std::sync::Arc;
use std::time::Duration;

use super::breaker::{Breaker, BreakerInput, BreakerRule};
use super::outcomes::{Tally, WINDOW};
use super::{Trunk, TrunkState};
use crate::sip::{StatusClass, StatusCode};

/// A call on its way to a trunk.
#[derive(Debug)]
pub(super) struct Seizure {
    watch: Watch,
    /// When the INVITE left.
    sent_at: Option<Duration>,
    /// When something was last heard of it.
    now: Duration,
    rung: bool,
    answered: bool,
    /// Whether it tries a trunk whose breaker is half open, and nothing has come of that yet.
    on_trial: bool,
}

/// What a trunk's calls are counted in, and judged by.
#[derive(Debug, Clone)]
struct Watch {
    state: Arc<TrunkState>,
    /// The rule and the trunk's name, where there is a rule.
    rule: Option<(BreakerRule, String)>,
}

impl Watch {
    fn of(trunk: &Trunk) -> Self {
        let rule = trunk.breaker.map(|rule| (rule, trunk.name.clone()));
        Self { state: Arc::clone(&trunk.state), rule }
    }

    fn window(&self) -> Duration {
        self.rule.as_ref().map_or(WINDOW, |(rule, _)| rule.window)
    }

    /// Tells the breaker; says it once when that changes it.
    fn tell(&self, input: BreakerInput, since_epoch: Duration) -> Option<Breaker> {
        let (rule, name) = self.rule.as_ref()?;
        let breaker = self.state.breaker.take(input, since_epoch, rule.rest)?;
        let rest_s = rule.rest.as_secs_f64();
        match breaker {
            Breaker::Closed => tracing::info!(trunk = name, "breaker closed: the trunk works again"),
            Breaker::HalfOpen { .. } => {
                tracing::info!(trunk = name, "breaker half open: one call tries the trunk")
            }
            Breaker::Open { .. } if input == BreakerInput::TrialFailed => {
                tracing::warn!(
                    trunk = name,
                    rest_s,
                    "breaker open again: the call that tried the trunk has failed"
                );
            }
            Breaker::Open { .. } => {}
        }
        Some(breaker)
    }

    /// Looks at how the trunk's calls fare.
    fn judge(&self, since_epoch: Duration) {
        let Some((rule, name)) = &self.rule else { return };
        let tally = self.state.outcomes.tally(rule.window, since_epoch);
        let Some(fault) = rule.fault(&tally) else { return };
        if self.tell(BreakerInput::Fault, since_epoch).is_some() {
            // What was bad before the rest shall not be held against what comes after it.
            self.state.outcomes.clear();
            let (calls, rest_s) = (tally.seizures, rule.rest.as_secs_f64());
            tracing::warn!(
                trunk = name,
                calls,
                rest_s,
                "breaker open, other trunks are tried first: {fault}"
            );
        }
    }
}

impl Seizure {
    pub(super) fn new(trunk: &Trunk) -> Self {
        let watch = Watch::of(trunk);
        Self { watch, sent_at: None, now: Duration::ZERO, rung: false, answered: false, on_trial: false }
    }

    /// Its INVITE leaves, for the first time or to another target.
    pub(super) fn sent(&mut self, since_epoch: Duration) {
        self.now = since_epoch;
        if self.sent_at.replace(self.sent_at.unwrap_or(since_epoch)).is_none() {
            let change = self.watch.tell(BreakerInput::Call, since_epoch);
            self.on_trial = matches!(change, Some(Breaker::HalfOpen { .. }));
        }
    }

    /// The trunk says something to it.
    pub(super) fn heard(&mut self, code: StatusCode, since_epoch: Duration) {
        let Some(sent_at) = self.sent_at.filter(|_| !self.answered) else { return };
        self.now = since_epoch;
        if (code != StatusCode::TRYING && code.is_provisional() || code.is_success()) && !self.rung {
            self.rung = true;
            let delay = since_epoch.saturating_sub(sent_at);
            self.watch.state.outcomes.rung(delay, self.watch.window(), since_epoch);
        }
        if works(code) && std::mem::take(&mut self.on_trial) {
            self.watch.tell(BreakerInput::TrialPassed, since_epoch);
        }
        if code.is_success() {
            self.answered = true;
            self.conclude();
        }
    }

    fn conclude(&self) {
        self.watch.state.outcomes.seized(self.answered, self.watch.window(), self.now);
        self.watch.judge(self.now);
    }
}

impl Drop for Seizure {
    fn drop(&mut self) {
        if self.sent_at.is_some() && !self.answered {
            self.conclude();
        }
        if self.on_trial {
            self.watch.tell(BreakerInput::TrialFailed, self.now);
        }
    }
}

/// Whether only a trunk that works says so: that it rings, an answer, or what is about the number rather than the trunk.
const fn works(code: StatusCode) -> bool {
    match code.class() {
        StatusClass::Provisional => code.as_u16() != StatusCode::TRYING.as_u16(),
        StatusClass::Success | StatusClass::Redirection | StatusClass::GlobalFailure => true,
        StatusClass::RequestFailure => code.as_u16() != StatusCode::REQUEST_TIMEOUT.as_u16(),
        StatusClass::ServerFailure => false,
    }
}

impl Trunk {
    /// RTP of the trunk came in a call that is over, and some was missing.
    pub fn note_media(&self, packets: u64, lost: u64, since_epoch: Duration) {
        if packets > 0 || lost > 0 {
            self.state.outcomes.media(packets, lost, self.window(), since_epoch);
            Watch::of(self).judge(since_epoch);
        }
    }

    /// How its calls have fared in its window.
    #[must_use]
    pub fn tally(&self, since_epoch: Duration) -> Tally {
        self.state.outcomes.tally(self.window(), since_epoch)
    }

    /// How far back [`Trunk::tally`] looks.
    #[must_use]
    pub fn window(&self) -> Duration {
        self.breaker.map_or(WINDOW, |rule| rule.window)
    }
}

#[cfg(test)]
mod tests;
