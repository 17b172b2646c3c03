//! The only place of the process that reads clocks; everything else is told the time.

use std::time::{Instant, SystemTime};

use jiff::Timestamp;

/// The monotonic clock, by which calls live.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "the runtime is where time comes from")]
pub fn now() -> Instant {
    Instant::now()
}

/// The kernel's monotonic clock, in nanoseconds: what the XDP programs tell the time by.
#[must_use]
pub fn monotonic_ns() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the call writes a timespec, and `time` is one.
    let failed = unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut time) } != 0;
    debug_assert!(!failed, "every kernel has this clock");
    let (seconds, ns) = (time.tv_sec.cast_unsigned(), time.tv_nsec.cast_unsigned());
    seconds.saturating_mul(1_000_000_000).saturating_add(ns)
}

/// The calendar, for records that people read.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "the runtime is where time comes from")]
pub fn today() -> SystemTime {
    SystemTime::now()
}

/// The same, for routes with hours.
#[must_use]
pub fn calendar_now() -> Timestamp {
    Timestamp::try_from(today()).unwrap_or_default()
}

/// When `instant` was, by the calendar as it is set now.
#[must_use]
pub fn calendar(instant: Instant) -> SystemTime {
    let age = now().saturating_duration_since(instant);
    today().checked_sub(age).unwrap_or(SystemTime::UNIX_EPOCH)
}
