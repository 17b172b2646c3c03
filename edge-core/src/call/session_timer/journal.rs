//! A session timer as it is written down for another process.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::super::journal::{At, Clock};
use super::{Agreed, MIN_SE, Refresher, SessionTimer};

/// What both ends agreed on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::call) struct TimerSnapshot {
    min_se_s: u32,
    agreed: Option<AgreedSnapshot>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct AgreedSnapshot {
    interval_s: u32,
    by_edge: bool,
    refresh_at: Option<At>,
    over_at: At,
}

impl SessionTimer {
    /// What another process has to know of it.
    pub(in crate::call) fn snapshot(&self, clock: Clock) -> TimerSnapshot {
        let seconds = |duration: Duration| u32::try_from(duration.as_secs()).unwrap_or(u32::MAX);
        let agreed = self.agreed.map(|Agreed { interval, refresher, refresh_at, over_at }| AgreedSnapshot {
            interval_s: seconds(interval),
            by_edge: refresher == Refresher::Edge,
            // One that is under way has gone with the process: it is due again at once.
            refresh_at: refresh_at.map(|at| clock.write(at)),
            over_at: clock.write(over_at),
        });
        TimerSnapshot { min_se_s: seconds(self.min_se), agreed }
    }

    /// A timer that goes on with what was agreed; `proposal` is what we propose from now on.
    pub(in crate::call) fn restore(
        snapshot: &TimerSnapshot,
        proposal: Option<Duration>,
        clock: Clock,
    ) -> Self {
        let interval = |seconds: u32| Duration::from_secs(u64::from(seconds)).max(MIN_SE);
        let agreed = snapshot.agreed.as_ref().map(|agreed| Agreed {
            interval: interval(agreed.interval_s),
            refresher: if agreed.by_edge { Refresher::Edge } else { Refresher::Peer },
            refresh_at: match agreed.refresh_at {
                Some(at) => Some(clock.read(at)),
                None => agreed.by_edge.then(|| clock.now()),
            },
            // Whoever was to refresh may have tried while nobody was there.
            over_at: clock.read(agreed.over_at).max(clock.now() + super::MARGIN_MAX),
        });
        Self { min_se: interval(snapshot.min_se_s), agreed, ..Self::new(proposal) }
    }
}
