//! The only place of the process that reads clocks; everything else is told the time.

use std::time::{Instant, SystemTime};

use jiff::Timestamp;

/// The monotonic clock, by which calls live.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "the runtime is where time comes from")]
pub fn now() -> Instant {
    Instant::now()
}

/// The calendar, for records that people read.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "the runtime is where time comes from")]
pub fn today() -> SystemTime {
    SystemTime::now()
}

/// The same, for routes with hours.
#[must_use]
pub(super) fn calendar_now() -> Timestamp {
    Timestamp::try_from(today()).unwrap_or_default()
}

/// When `instant` was, by the calendar as it is set now.
#[must_use]
pub fn calendar(instant: Instant) -> SystemTime {
    let age = now().saturating_duration_since(instant);
    today().checked_sub(age).unwrap_or(SystemTime::UNIX_EPOCH)
}
