//! Each guard alone; what a refusal takes; and that no number gets past the bound of callers.

use super::super::{Number, NumberPlan};
use super::*;

const NOW: Duration = Duration::from_secs(600);

fn guard(prefix: &str, calls_max: Option<u32>, calls_per_minute_max: Option<u32>) -> PrefixGuard {
    PrefixGuard { prefix: prefix.to_owned(), calls_max, calls_per_minute_max, usage: Arc::default() }
}

fn pass(guards: &Guards, caller: &str, number: &str) -> Result<Held, Guarded> {
    guards.pass((caller, &to(number)), NOW, || 7)
}

fn to(number: &str) -> Destinations {
    Destinations::of(&Number::new(number), &NumberPlan::default())
}

#[test]
fn a_denied_beginning_is_never_called() {
    let guards = Guards { deny: vec!["+882".to_owned(), "+37".to_owned()], ..Guards::default() };
    for (number, stopped) in [("+8821", true), ("+37", true), ("+3", false), ("882", false), ("", false)] {
        assert_eq!(pass(&guards, "1", number).is_err(), stopped, "{number}");
    }
    let said = pass(&guards, "1", "+37129").unwrap_err();
    assert_eq!(
        (said.name(), said.to_string().as_str()),
        ("guard_denied", "numbers that begin with +37 are denied")
    );
}

#[test]
fn what_cannot_be_compared_is_stopped_where_there_is_something_to_compare_with() {
    let deny = Guards { deny: vec!["+882".to_owned()], ..Guards::default() };
    let prefix = Guards { prefixes: vec![guard("+37", Some(1), None)], ..Guards::default() };
    let all = Guards { prefixes: vec![guard("", Some(1), None)], ..Guards::default() };
    for (guards, stopped) in [(deny, true), (prefix, true), (all, false), (Guards::default(), false)] {
        let outcome = pass(&guards, "1", "+\u{ff18}\u{ff18}\u{ff12}1").err();
        assert_eq!(outcome, stopped.then_some(Guarded::Spelling));
    }
}

#[test]
fn calls_to_a_prefix_are_bounded_at_once_and_a_minute() {
    let prefixes =
        vec![guard("+37", Some(2), Some(3)), guard("+371", None, Some(1)), guard("", Some(100), None)];
    let guards = Guards { prefixes, ..Guards::default() };
    let first = pass(&guards, "1", "+3711").unwrap();
    let again = pass(&guards, "1", "+3711").unwrap_err();
    assert_eq!(again, Guarded::Rate { prefix: "+371".to_owned(), max: 1 }, "the narrower one, too");
    let _second = pass(&guards, "1", "+372").unwrap();
    let third = pass(&guards, "1", "+373").unwrap_err();
    assert_eq!(third, Guarded::Calls { prefix: "+37".to_owned(), max: 2 });
    drop(first);
    let late = pass(&guards, "1", "+373").unwrap_err();
    assert_eq!(
        late,
        Guarded::Rate { prefix: "+37".to_owned(), max: 3 },
        "two calls, and one that another guard stopped"
    );
    assert!(pass(&guards, "1", "+44").is_ok());
    assert!(
        guards.pass(("1", &to("+373")), NOW + Duration::from_secs(20), || 7).is_ok(),
        "a token each 20 s"
    );
}

#[test]
fn nobody_gets_past_the_bound_of_callers_by_the_numbers_of_others() {
    let guards = Guards { calls_per_caller_max: Some(2), ..Guards::default() };
    let _own = [pass(&guards, "victim", "1").unwrap(), pass(&guards, "victim", "2").unwrap()];
    assert_eq!(pass(&guards, "victim", "3").unwrap_err(), Guarded::Caller { max: 2 });
    let mut others = Vec::new();
    let mut refused = 0;
    for number in 0..2_000 {
        match pass(&guards, &format!("+1555{number}"), "1") {
            Ok(held) => others.push(held),
            Err(_) => refused += 1,
        }
    }
    assert!(refused <= 2, "{refused} of 2,000 were counted too high");
    assert!(pass(&guards, "victim", "3").is_err(), "whatever others do");
    drop(others);
    drop(_own);
    assert!(pass(&guards, "victim", "3").is_ok());
    assert!(guards.callers.rows.iter().flatten().all(|counter| counter.load(Ordering::Relaxed) == 0));
}

#[test]
fn a_reload_goes_on_with_what_was_counted() {
    let before = Guards {
        prefixes: vec![guard("+37", Some(1), None)],
        calls_per_caller_max: Some(1),
        ..Guards::default()
    };
    let _held = pass(&before, "1", "+371").unwrap();
    let new = Guards {
        prefixes: vec![guard("+4", Some(1), None), guard("+37", Some(1), None)],
        calls_per_caller_max: Some(1),
        ..Guards::default()
    };
    let after = new.following(&before);
    assert_eq!(pass(&after, "2", "+371").unwrap_err(), Guarded::Calls { prefix: "+37".to_owned(), max: 1 });
    assert_eq!(pass(&after, "1", "+4").unwrap_err(), Guarded::Caller { max: 1 });
    assert!(pass(&after, "2", "+4").is_ok());
}
