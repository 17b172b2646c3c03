//! How much of something leaves in a second, however much is asked for: one instant tells it, at which all that has left will have
//! rested.

use std::time::Duration;

/// When it will have rested after one more; `None` when that is more than `burst` away.
pub(super) fn after_one(
    rested_at: Duration,
    each: Duration,
    burst: Duration,
    now: Duration,
) -> Option<Duration> {
    let rested_at = rested_at.max(now) + each;
    (rested_at <= now + burst).then_some(rested_at)
}
