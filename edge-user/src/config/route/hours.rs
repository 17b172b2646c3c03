//! `when` of a route: days of the week, and a time of day, in one zone.

use edge_core::policy::Hours;
use jiff::civil::Weekday;
use jiff::tz::TimeZone;
use toml::de::DeValue;

use crate::config::document::{At, FromToml, Section};
use crate::config::fault::Fault;
use crate::config::keys;

use super::fault::RouteFault;
use crate::config::value::form;

/// Minutes of a day, up to and with its end.
const DAY_END: u16 = 24 * 60;

/// Reads the hours; `None` when there are none, or when something was noted.
pub(in crate::config) fn read(section: &Section<'_>) -> Option<Hours> {
    let when = section.table("when", keys::ROUTE_WHEN)?;
    if !["days", "from", "to"].iter().any(|key| when.has(key)) {
        when.refuse_absent("days", "days = [\"mon\", \"tue\"], or from = \"08:00\" and to = \"18:00\"");
    }
    when.refuse_empty("days", "remove the key for every day");
    let zone = when.require::<Zone>("zone", "zone = \"Europe/Berlin\", whose clocks are meant");
    let days: Option<Vec<At<Weekday>>> = when.list("days");
    let every = || Weekday::Monday.cycle_forward().take(7).collect();
    let days = days.map_or_else(every, |days| days.into_iter().map(|day| day.value).collect::<Vec<_>>());
    let minute = |key, default| when.get::<Minute>(key).map_or(default, |at| at.value.0);
    let (from, to) = (minute("from", 0), minute("to", DAY_END));
    let hours = Hours::new(&days, from, to, zone?.value.0);
    if hours.is_none() {
        when.note(when.line_of("from"), "from", RouteFault::NoHours.into());
    }
    hours
}

/// A time of day, `00:00` to `24:00`, in minutes.
#[derive(Debug, Clone, Copy)]
struct Minute(u16);

impl<'a> FromToml<'a> for Minute {
    fn from_toml(value: &'a DeValue<'a>) -> Result<Self, Fault> {
        let text = <&str>::from_toml(value)?;
        let number = |text: &str| text.parse().ok().filter(|_| text.len() == 2 && !text.starts_with('+'));
        let minutes = text.split_once(':').and_then(|(hours, minutes)| {
            let (hours, minutes): (u16, u16) = (number(hours)?, number(minutes)?);
            (minutes < 60).then_some(hours * 60 + minutes).filter(|minutes| *minutes <= DAY_END)
        });
        minutes.map(Self).ok_or_else(|| form(text, "a time from \"00:00\" to \"24:00\""))
    }
}

/// A zone of the IANA database: the host's, or where it has none, the one that came with this program.
#[derive(Debug, Clone)]
struct Zone(TimeZone);

impl<'a> FromToml<'a> for Zone {
    fn from_toml(value: &'a DeValue<'a>) -> Result<Self, Fault> {
        let text = <&str>::from_toml(value)?;
        let zone = TimeZone::get(text).ok();
        zone.map(Self).ok_or_else(|| form(text, "a time zone, such as \"Europe/Berlin\" or \"UTC\""))
    }
}
