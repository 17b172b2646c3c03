use jiff::civil::Weekday;
use jiff::tz::TimeZone;

use super::*;

fn prefix(text: &str) -> Option<NumberMatch> {
    Some(NumberMatch::Prefix(text.to_owned()))
}

/// From eight to six, on Mondays, in UTC.
fn mondays() -> Option<Hours> {
    Hours::new(&[Weekday::Monday], 8 * 60, 18 * 60, TimeZone::UTC)
}

#[test]
fn one_rule_has_to_take_the_call_whole_and_the_nearest_one_says_why_not() {
    let incoming = Incoming(vec![
        IncomingRule { to: prefix("+4420"), caller: prefix("+44"), when: mondays() },
        IncomingRule { to: prefix("+4430"), caller: None, when: None },
    ]);
    let monday = "2026-11-23T09:00:00Z".parse().ok();
    let sunday = "2026-11-22T09:00:00Z".parse().ok();
    let table = [
        (("+441", "+44201"), monday, Ok(())),
        (("+331", "+44301"), sunday, Ok(())),
        (("+331", "+44301"), None, Ok(())),
        (("+331", "+44201"), monday, Err(NotTaken::Caller)),
        (("", "+44201"), monday, Err(NotTaken::Caller)),
        (("+441", "+44201"), sunday, Err(NotTaken::Hours)),
        (("+441", "+44201"), None, Err(NotTaken::Hours)),
        (("+441", "+44401"), monday, Err(NotTaken::Number)),
    ];
    for (numbers, time, want) in table {
        assert_eq!(incoming.takes(numbers, time), want, "{numbers:?} {time:?}");
    }
}
