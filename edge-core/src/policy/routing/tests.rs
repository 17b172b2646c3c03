use jiff::Timestamp;
use jiff::civil::Weekday;
use jiff::tz::TimeZone;
use proptest::prelude::*;

use super::{Hours, Miss, NumberMatch, Pattern, Route, RouteQuery, Routes, TrunkId};

fn id(index: usize) -> TrunkId {
    TrunkId::new(index)
}

fn route(name: &str, to: NumberMatch) -> Route {
    Route::new(name, vec![id(0)], to, id(1))
}

fn prefix(text: &str) -> NumberMatch {
    NumberMatch::Prefix(text.to_owned())
}

fn exact(numbers: &[&str]) -> NumberMatch {
    NumberMatch::Exact(numbers.iter().map(|number| (*number).to_owned()).collect())
}

fn pattern(text: &str) -> NumberMatch {
    NumberMatch::Pattern(Pattern::new(text).unwrap())
}

fn query(number: &str) -> RouteQuery<'_> {
    RouteQuery { from: id(0), number, caller: "", time: None }
}

fn taken<'a>(routes: &'a Routes, query: RouteQuery<'_>) -> Option<&'a str> {
    routes.taker(query).map(|id| routes.route(id).name.as_str())
}

fn all_day(days: &[Weekday]) -> Option<Hours> {
    Hours::new(days, 0, 1440, TimeZone::UTC)
}

#[test]
fn the_most_specific_route_has_the_number() {
    let routes = Routes::new(vec![
        route("any", prefix("")),
        route("uk", prefix("+44")),
        route("london", prefix("+4420")),
        route("london landline", pattern(r"\+4420[378][0-9]{7}")),
        route("desk", exact(&["+442071838750", "112"])),
        route("shadowed", prefix("+44")),
        route("extension", pattern("[2-7][0-9]{2}")),
        route("long", prefix("+4420718387123456")),
    ]);
    for (number, expected) in [
        ("+442071838750", "desk"),
        ("112", "desk"),
        ("+442071838751", "london landline"),
        ("+44207183875", "london"),
        ("+4420718387", "london"),
        ("+4420718387123456", "long"),
        ("+44207183871234567", "long"),
        ("+4420", "london"),
        ("+442", "uk"),
        ("+1", "any"),
        ("750", "extension"),
        ("7500", "any"),
        ("", "any"),
        ("\u{0}", "any"),
        ("é", "any"),
    ] {
        assert_eq!(taken(&routes, query(number)), Some(expected), "{number}");
    }
    let another = RouteQuery { from: id(1), ..query("112") };
    assert_eq!(taken(&routes, another), None);
}

#[test]
fn a_text_of_several_kinds_is_tried_whole_then_as_a_pattern_then_as_a_prefix() {
    let routes = Routes::new(vec![
        route("prefix", prefix("+44")),
        route("pattern", pattern(r"\+44.?")),
        route("whole", exact(&["+44"])),
    ]);
    for (number, expected) in [("+44", "whole"), ("+441", "pattern"), ("+4411", "prefix")] {
        assert_eq!(taken(&routes, query(number)), Some(expected));
    }
    let tried: Vec<_> = routes.considered(query("+441")).collect();
    assert_eq!(tried, [(2, Err(Miss::Number)), (1, Ok(())), (0, Ok(()))]);
}

#[test]
fn more_conditions_come_first_and_one_that_fails_leaves_the_call_to_the_next_route() {
    let weekend = all_day(&[Weekday::Saturday, Weekday::Sunday]);
    let routes = Routes::new(vec![
        route("always", prefix("+44")),
        Route { caller: Some(prefix("+49")), ..route("from germany", prefix("+44")) },
        Route { caller: Some(prefix("+4930")), ..route("from berlin", prefix("+44")) },
        Route { caller: Some(exact(&["+493012"])), ..route("from a desk", prefix("+44")) },
        Route { when: weekend.clone(), ..route("weekend", prefix("+44")) },
        Route { when: weekend, caller: Some(prefix("+49")), ..route("germany, weekend", prefix("+44")) },
        route("fallback", prefix("+")),
    ]);
    let [sunday, monday] =
        ["2026-11-22T12:00Z", "2026-11-23T12:00Z"].map(|time| time.parse::<Timestamp>().ok());
    for (caller, time, expected) in [
        ("+493012", monday, "from a desk"),
        ("+493013", monday, "from berlin"),
        ("+4989", monday, "from germany"),
        ("+4989", sunday, "germany, weekend"),
        ("+1", sunday, "weekend"),
        ("+1", monday, "always"),
        ("", None, "always"),
    ] {
        let query = RouteQuery { caller, time, ..query("+441") };
        assert_eq!(taken(&routes, query), Some(expected), "{caller} {time:?}");
    }
    let closed = routes.considered(RouteQuery { caller: "+1", ..query("+441") });
    let misses: Vec<_> = closed.filter_map(|(id, verdict)| Some((id, verdict.err()?))).collect();
    let (caller, closed) = (Miss::Caller, Miss::Closed);
    assert_eq!(misses, [(5, caller), (3, caller), (2, caller), (1, caller), (4, closed)]);
}

#[test]
fn a_caller_finds_his_own_route_among_many_of_the_same_number() {
    let own = |caller: usize| Route { from: vec![id(caller)], ..route(&format!("of {caller}"), prefix("+")) };
    let mut all: Vec<Route> = (0..1000).map(own).collect();
    all.push(Route { from: (0..1000).map(id).collect(), ..route("of all", prefix("+")) });
    let routes = Routes::new(all);
    for caller in [0, 1, 500, 999] {
        let name = format!("of {caller}");
        assert_eq!(taken(&routes, RouteQuery { from: id(caller), ..query("+1") }), Some(name.as_str()));
    }
    assert_eq!(taken(&routes, RouteQuery { from: id(1000), ..query("+1") }), None);
    assert_eq!(routes.considered(query("+1")).count(), 1001);
}

/// What the index says in other words: all routes, sorted by the order of the module's documentation.
fn by_definition<'a>(routes: &'a [Route], query: RouteQuery<'_>) -> Option<&'a str> {
    let begins = |route: &Route| match &route.to {
        NumberMatch::Exact(numbers) => {
            numbers.iter().any(|number| number == query.number).then_some((0, 0, 0))
        }
        NumberMatch::Pattern(pattern) => {
            pattern.takes(query.number).then(|| (1, usize::MAX - pattern.beginning().len(), 0))
        }
        NumberMatch::Prefix(prefix) => {
            query.number.starts_with(prefix.as_str()).then(|| (1, usize::MAX - prefix.len(), 1))
        }
    };
    let own = routes.iter().filter(|route| route.from.contains(&query.from));
    let caller = |route: &Route| route.caller.as_ref().is_none_or(|caller| caller.takes(query.caller));
    let open = own.filter(|route| caller(route)).filter_map(|route| Some((begins(route)?, route)));
    // `min_by_key` gives the first of several equal ones.
    open.min_by_key(|(place, route)| (*place, route.caller.is_none())).map(|(_, route)| route.name.as_str())
}

fn any_match() -> impl Strategy<Value = NumberMatch> {
    prop_oneof![
        "[+]?[0-2]{0,10}".prop_map(NumberMatch::Prefix),
        prop::collection::vec("[0-2]{1,9}", 1..3).prop_map(NumberMatch::Exact),
        "[0-2]{0,3}(\\[01\\]\\*|2\\?)".prop_map(|text| NumberMatch::Pattern(Pattern::new(&text).unwrap())),
    ]
}

proptest! {
    #[test]
    fn the_index_finds_what_the_definition_says(
        routes in prop::collection::vec((any_match(), prop::collection::vec(0_usize..4, 1..3), any::<bool>()), 0..40),
        number in "[+]?[0-2]{0,11}",
        from in 0_usize..4,
    ) {
        let routes: Vec<Route> = routes
            .into_iter()
            .enumerate()
            .map(|(position, (to, from, germany))| Route {
                caller: germany.then(|| prefix("+49")),
                ..Route::new(&position.to_string(), from.into_iter().map(id).collect(), to, id(9))
            })
            .collect();
        let table = Routes::new(routes.clone());
        for caller in ["+4930", "+1"] {
            let query = RouteQuery { from: id(from), number: &number, caller, time: None };
            prop_assert_eq!(taken(&table, query), by_definition(&routes, query));
            let first = table.considered(query).find(|(_, verdict)| verdict.is_ok()).map(|(id, _)| id);
            prop_assert_eq!(first, table.taker(query));
        }
    }
}
