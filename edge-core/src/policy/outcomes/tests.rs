//! What is in a window, and what has slid out of it.

use super::*;

const TEN: Duration = Duration::from_secs(10);

fn at(second: u64) -> Duration {
    Duration::from_secs(second)
}

#[test]
fn ratios_are_of_what_was_counted() {
    let outcomes = Outcomes::default();
    assert_eq!(outcomes.tally(TEN, at(0)), Tally::default());
    let nothing = Tally::default();
    assert_eq!((nothing.asr(), nothing.pdd(), nothing.loss()), (None, None, None));
    for (answered, delay) in [(true, Some(1000)), (false, Some(3000)), (false, None), (true, Some(2000))] {
        outcomes.begun(TEN, at(100));
        if let Some(ms) = delay {
            outcomes.rung(Duration::from_millis(ms), TEN, at(101));
        }
        outcomes.seized(answered, TEN, at(102));
    }
    outcomes.media(900, 100, TEN, at(103));
    let tally = outcomes.tally(TEN, at(104));
    assert_eq!((tally.begun, tally.seizures, tally.answers, tally.rung), (4, 4, 2, 3));
    assert_eq!(
        (tally.asr(), tally.pdd(), tally.loss()),
        (Some(0.5), Some(Duration::from_secs(2)), Some(0.1))
    );
    outcomes.clear();
    assert_eq!(outcomes.tally(TEN, at(104)), Tally::default());
}

#[test]
fn a_window_slides_by_a_tenth() {
    let outcomes = Outcomes::default();
    for second in 0..100 {
        outcomes.seized(true, TEN, at(second));
        let in_window = outcomes.tally(TEN, at(second)).seizures;
        assert_eq!(in_window, (second + 1).min(10), "{second}");
    }
    assert_eq!(outcomes.tally(TEN, at(104)).seizures, 5);
    assert_eq!(outcomes.tally(TEN, at(109)).seizures, 0, "nothing was counted since, and nobody cleared it");
}

#[test]
fn a_period_that_comes_again_after_the_tag_has_wrapped_counts_anew() {
    let outcomes = Outcomes::default();
    let wraps = at(1 << (u64::BITS - COUNT_BITS));
    outcomes.seized(true, TEN, at(5));
    outcomes.seized(true, TEN, wraps + at(7));
    assert!(
        outcomes.tally(TEN, wraps + at(7)).seizures <= 2,
        "a window of once in half a year, at most two too many"
    );
    assert_eq!(outcomes.tally(TEN, wraps + at(20)).seizures, 0);
}
