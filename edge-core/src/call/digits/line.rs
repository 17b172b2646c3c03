//! Digits on their way to one side: one after the other.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::media::Digit;

/// Digits that wait for a side: more than anybody dials before the first ones are through.
const WAITING_MAX: usize = 32;

/// Silence between two digits, so that they are two (ITU-T Q.24 asks for 40 ms).
const PAUSE: Duration = Duration::from_millis(60);

/// How much longer than it is a digit may take that rides on speech: who is silent sends no packets for it.
const PATIENCE: Duration = Duration::from_secs(2);

/// What becomes of the digit that was sent last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Now {
    /// There is none.
    Idle,
    /// Its INFO has no answer yet.
    Asked,
    /// It rides on the speech of the other side, until then.
    Rides { until: Instant },
    /// It is over, and the next one waits until then.
    Pauses { until: Instant },
}

/// Digits on their way to one side.
#[derive(Debug)]
pub(super) struct Line {
    waiting: VecDeque<Digit>,
    now: Now,
}

/// What a line does because of the time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Due {
    /// A digit that was to ride found nothing to ride on.
    Lost,
    /// The next one may go.
    Next,
}

impl Default for Line {
    fn default() -> Self {
        Self { waiting: VecDeque::new(), now: Now::Idle }
    }
}

impl Line {
    /// Whether there is room for one more.
    pub(super) fn has_room(&self) -> bool {
        self.waiting.len() < WAITING_MAX
    }

    /// Puts a digit behind the others; says whether there was room.
    pub(super) fn push(&mut self, digit: Digit) -> bool {
        let room = self.has_room();
        if room {
            self.waiting.push_back(digit);
        }
        room
    }

    /// The next digit, when nothing is under way.
    pub(super) fn next(&mut self) -> Option<Digit> {
        if self.now == Now::Idle { self.waiting.pop_front() } else { None }
    }

    /// The digit that was taken is asked by INFO.
    pub(super) const fn asks(&mut self) {
        self.now = Now::Asked;
    }

    /// It rides on speech.
    pub(super) fn rides(&mut self, digit: Digit, now: Instant) {
        self.now = Now::Rides { until: now + digit.duration() + PATIENCE };
    }

    /// Its INFO was answered, or never will be; says whether there was one.
    pub(super) fn answered(&mut self) -> bool {
        let asked = self.now == Now::Asked;
        if asked {
            self.now = Now::Idle;
        }
        asked
    }

    /// It has left; says whether it was under way.
    pub(super) fn sent(&mut self, now: Instant) -> bool {
        let rides = matches!(self.now, Now::Rides { .. });
        if rides {
            self.now = Now::Pauses { until: now + PAUSE };
        }
        rides
    }

    /// When [`due`](Self::due) is wanted.
    pub(super) const fn next_deadline(&self) -> Option<Instant> {
        match self.now {
            Now::Idle | Now::Asked => None,
            Now::Rides { until } | Now::Pauses { until } => Some(until),
        }
    }

    /// What is due.
    pub(super) fn due(&mut self, now: Instant) -> Option<Due> {
        self.next_deadline().filter(|at| *at <= now)?;
        let lost = matches!(self.now, Now::Rides { .. });
        self.now = Now::Idle;
        Some(if lost { Due::Lost } else { Due::Next })
    }
}
