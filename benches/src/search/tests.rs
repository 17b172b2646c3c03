//! A subject that does well up to a rate that the test knows.

use super::{Search, Tried};

const SEARCH: Search = Search { first: 200, least: 1, most: 6000, precision: 10 };

struct Try {
    rate: u64,
    good: bool,
}

impl Tried for Try {
    fn rate(&self) -> u64 {
        self.rate
    }

    fn is_good(&self) -> bool {
        self.good
    }
}

fn found(limit: u64, near: Option<u64>) -> Option<u64> {
    let mut tried = 0;
    let outcome = SEARCH.highest(near, |rate| {
        tried += 1;
        Ok(Try { rate, good: rate <= limit })
    });
    assert!(tried < 20, "{tried} tries");
    outcome.unwrap_or_else(|error| unreachable!("no try fails: {error}")).map(|best| best.rate)
}

#[test]
fn the_limit_is_found_from_below_and_from_above() {
    for limit in [3, 90, 200, 305, 999, 4321] {
        for near in [None, Some(200), Some(5000)] {
            let best = found(limit, near).unwrap_or_else(|| unreachable!("{limit} is above nothing"));
            assert!(best <= limit && limit - best <= limit / 9 + 1, "{best} of {limit} from {near:?}");
        }
    }
}

#[test]
fn nothing_above_the_highest_rate_is_tried() {
    assert_eq!(found(1_000_000, None), Some(6000));
}

#[test]
fn who_does_nothing_well_has_no_rate() {
    assert_eq!(found(0, None), None);
}

#[test]
fn nothing_below_the_lowest_rate_is_tried() {
    let search = Search { least: 50, ..SEARCH };
    let mut lowest = u64::MAX;
    let outcome = search.highest(None, |rate| {
        lowest = lowest.min(rate);
        Ok(Try { rate, good: false })
    });
    assert!(matches!(outcome, Ok(None)));
    assert_eq!(lowest, 50);
}
