//! When a route is open: days of the week and a time of day, where the operator says that clocks stand.
//!
//! Invariants: a pure function of the time that it is asked about; the rules of the zone came in with the configuration.
//! Hours that end before they begin go over midnight, and belong to the day that they begin on.

use jiff::Timestamp;
use jiff::civil::Weekday;
use jiff::tz::TimeZone;

/// Minutes of a day.
const DAY_MINUTES: u16 = 24 * 60;

/// Days and hours of one zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hours {
    /// Bit `n`: the day `n` days after Monday.
    days: u8,
    from_minute: u16,
    to_minute: u16,
    zone: TimeZone,
}

impl Hours {
    /// From `from_minute` of a day of `days` up to, and without, `to_minute`: of the same day, or of the next one when it
    /// is not behind it. `None` for minutes that no day has.
    #[must_use]
    pub fn new(days: &[Weekday], from_minute: u16, to_minute: u16, zone: TimeZone) -> Option<Self> {
        let days = days.iter().fold(0, |days, day| days | bit(*day));
        let right = from_minute < DAY_MINUTES && to_minute <= DAY_MINUTES && from_minute != to_minute;
        right.then_some(Self { days, from_minute, to_minute, zone })
    }

    /// Whether they are open at `time`.
    #[must_use]
    pub fn hold(&self, time: Timestamp) -> bool {
        let local = self.zone.to_datetime(time);
        let minute = u16::from(local.hour().unsigned_abs()) * 60 + u16::from(local.minute().unsigned_abs());
        let today = self.days & bit(local.weekday()) != 0;
        let yesterday = self.days & bit(local.weekday().previous()) != 0;
        if self.from_minute < self.to_minute {
            today && (self.from_minute..self.to_minute).contains(&minute)
        } else {
            today && minute >= self.from_minute || yesterday && minute < self.to_minute
        }
    }

    /// The days that they begin on, from Monday on.
    pub fn days(&self) -> impl Iterator<Item = Weekday> {
        Weekday::Monday.cycle_forward().take(7).filter(|day| self.days & bit(*day) != 0)
    }

    /// First minute of the day, and the first one after them.
    #[must_use]
    pub const fn minutes(&self) -> [u16; 2] {
        [self.from_minute, self.to_minute]
    }

    /// Where.
    #[must_use]
    pub const fn zone(&self) -> &TimeZone {
        &self.zone
    }
}

const fn bit(day: Weekday) -> u8 {
    1 << day.to_monday_zero_offset()
}

#[cfg(test)]
mod tests;
