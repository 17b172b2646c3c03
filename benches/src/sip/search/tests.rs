//! A subject that does well up to a rate that the test knows.

use super::{Plan, highest};
use crate::sip::load::Outcome;

const PLAN: Plan = Plan { rounds: 1, seconds: 1, rate: 100, rate_max: 6000 };

fn found(limit: u32, near: Option<u32>) -> Option<u32> {
    let mut tried = 0;
    let outcome = highest(&PLAN, near, |rate| {
        tried += 1;
        Ok(Outcome { rate, calls: 1, failed: u64::from(rate > limit), ..Outcome::default() })
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
