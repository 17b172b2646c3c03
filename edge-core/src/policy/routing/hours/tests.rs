use super::*;

const WEEK: [Weekday; 7] = [
    Weekday::Monday,
    Weekday::Tuesday,
    Weekday::Wednesday,
    Weekday::Thursday,
    Weekday::Friday,
    Weekday::Saturday,
    Weekday::Sunday,
];

/// Central European time, by its rule alone.
fn berlin() -> TimeZone {
    TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap()
}

fn hold(hours: &Hours, time: &str) -> bool {
    hours.hold(time.parse().unwrap())
}

#[test]
fn hours_follow_the_clocks_of_their_zone() {
    let office = Hours::new(&WEEK[..5], 8 * 60, 18 * 60, berlin()).unwrap();
    for (time, open) in [
        ("2026-11-20T07:00Z", true),
        ("2026-11-20T06:59:59Z", false),
        ("2026-11-20T16:59:59Z", true),
        ("2026-11-20T17:00Z", false),
        ("2026-11-21T12:00Z", false),
        // Summer time: an hour earlier.
        ("2026-07-20T06:00Z", true),
        ("2026-07-20T16:00Z", false),
    ] {
        assert_eq!(hold(&office, time), open, "{time}");
    }
}

#[test]
fn hours_over_midnight_belong_to_the_day_that_they_begin_on() {
    let night = Hours::new(&[Weekday::Friday], 22 * 60, 6 * 60, TimeZone::UTC).unwrap();
    for (time, open) in [
        ("2026-11-20T21:59Z", false),
        ("2026-11-20T22:00Z", true),
        ("2026-11-21T05:59Z", true),
        ("2026-11-21T06:00Z", false),
        ("2026-11-20T05:00Z", false),
        ("2026-11-21T22:00Z", false),
    ] {
        assert_eq!(hold(&night, time), open, "{time}");
    }
}

#[test]
fn a_day_ends_at_midnight_and_no_hours_are_none() {
    let sunday = Hours::new(&[Weekday::Sunday], 0, 1440, berlin()).unwrap();
    for (time, open) in [
        ("2026-11-21T22:59Z", false),
        ("2026-11-21T23:00Z", true),
        ("2026-11-22T22:59Z", true),
        ("2026-11-22T23:00Z", false),
    ] {
        assert_eq!(hold(&sunday, time), open, "{time}");
    }
    assert_eq!(sunday.days().collect::<Vec<_>>(), [Weekday::Sunday]);
    for (from, to) in [(60, 60), (1440, 60), (0, 1441)] {
        assert_eq!(Hours::new(&WEEK, from, to, TimeZone::UTC), None);
    }
}
