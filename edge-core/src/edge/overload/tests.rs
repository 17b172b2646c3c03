//! The table of loads, and what holds for any sequence of waits and trunks.

use proptest::prelude::*;

use super::*;

#[expect(clippy::disallowed_methods, reason = "any instant will do, and only the clock makes them")]
fn start() -> Instant {
    Instant::now()
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

#[test]
fn the_whole_table() {
    let (now, before) = (start() + ms(1000), start());
    let (late, long_late) = (Load::Late(now - ms(99)), Load::Late(before));
    for (load, waited, next) in [
        (Load::Calm, 0, Load::Calm),
        (Load::Calm, 19, Load::Calm),
        (Load::Calm, 20, Load::Late(now)),
        (Load::Calm, 5000, Load::Late(now)),
        (late, 19, Load::Calm),
        (late, 20, late),
        (long_late, 19, Load::Calm),
        (long_late, 20, Load::Shedding),
        (Load::Shedding, 4, Load::Calm),
        (Load::Shedding, 5, Load::Shedding),
        (Load::Shedding, 20, Load::Shedding),
    ] {
        assert_eq!(load.after(ms(waited), now), next, "{load:?} after {waited} ms");
    }
}

#[test]
fn who_comes_late_to_a_queue_that_it_empties_is_not_overloaded() {
    let now = start();
    let mut overload = Overload::new(now);
    // Its processor is taken away for a moment, in each of ten seconds.
    for second in 0..10 {
        let at = now + WINDOW * second;
        assert!(!overload.note(ms(300), at) && !overload.note(ms(290), at + ms(1)));
        overload.emptied();
    }
    let mut overload = shedding(ms(900), now);
    overload.emptied();
    assert_eq!(admitted(&mut overload, 0, 100, now), 100);
}

/// A shard that turns calls away, with `waited` as its wait.
fn shedding(waited: Duration, now: Instant) -> Overload {
    let mut overload = Overload::new(now);
    assert!(!overload.note(TARGET, now));
    assert!(overload.note(TARGET, now + PATIENCE), "said once");
    assert!(!overload.note(waited.max(RELIEF), now + PATIENCE));
    overload
}

fn admitted(overload: &mut Overload, trunk: usize, calls: usize, now: Instant) -> usize {
    (0..calls).filter(|_| overload.judge(TrunkId::new(trunk), now) == Verdict::Admit).count()
}

#[test]
fn the_longer_the_wait_the_fewer_are_admitted() {
    let now = start();
    for (waited_ms, expected) in [(5, 1600), (6, 800), (10, 267), (20, 100), (900, 100)] {
        let mut overload = shedding(ms(waited_ms), now);
        let got = admitted(&mut overload, 0, 1600, now);
        assert!(got.abs_diff(expected) <= 1, "{got} of 1600 at {waited_ms} ms");
    }
    let mut calm = Overload::new(now);
    assert_eq!(admitted(&mut calm, 0, 1600, now), 1600);
}

#[test]
fn a_trunk_that_asks_for_little_is_not_turned_away_for_one_that_floods() {
    let now = start();
    let mut overload = shedding(ms(900), now);
    // A second in which both asked, and the flood got its part.
    admitted(&mut overload, 0, 16_000, now);
    admitted(&mut overload, 1, 10, now);
    let next = now + WINDOW;
    let flood = admitted(&mut overload, 0, 16_000, next);
    assert!(
        flood.abs_diff(250 + (16_000 - 250) / 16) <= 2,
        "a share of 1,010 / 2 / 2, and one in 16: {flood}"
    );
    assert_eq!(admitted(&mut overload, 1, 250, next), 250);
    assert_eq!(admitted(&mut overload, 2, 250, next), 250, "who is new as well");
}

proptest! {
    /// Whatever happens, no trunk hears sixteen refusals in a row, nobody is refused while the load is calm, and what is
    /// remembered is bounded by the trunks.
    #[test]
    fn no_trunk_starves(steps in prop::collection::vec((0_usize..5, 0_u64..60, 0_u64..200), 1..2000)) {
        let mut now = start();
        let mut overload = Overload::new(now);
        let mut refused = [0_u32; 5];
        for (trunk, waited, gap) in steps {
            now += ms(gap);
            overload.note(ms(waited), now);
            let calm = overload.load != Load::Shedding;
            match overload.judge(TrunkId::new(trunk), now) {
                Verdict::Admit => refused[trunk] = 0,
                Verdict::Refuse | Verdict::Ignore => refused[trunk] += 1,
            }
            prop_assert!(refused[trunk] < ONE_OF_MAX);
            prop_assert!(!calm || refused[trunk] == 0);
            prop_assert!(overload.trunks.len() <= 5);
        }
    }
}

#[test]
fn a_burst_is_refused_whole_and_a_flood_is_not_answered_to_its_end() {
    let now = start();
    let mut overload = shedding(ms(900), now);
    let mut seen = [0_u32; 3];
    for _ in 0..16_000 {
        match overload.judge(TrunkId::new(0), now) {
            Verdict::Admit => seen[0] += 1,
            Verdict::Refuse => seen[1] += 1,
            Verdict::Ignore => seen[2] += 1,
        }
    }
    let [admitted, refused, ignored] = seen;
    assert_eq!(admitted, 1000);
    assert!(refused.abs_diff(REFUSALS_MAX + admitted * REFUSALS_PER_CALL) < 32, "{refused} refused");
    assert_eq!(admitted + refused + ignored, 16_000);
}

#[test]
fn a_flood_that_is_no_calls_turns_away_nobody_elses_calls() {
    let now = start();
    let mut overload = shedding(ms(900), now);
    let second = |overload: &mut Overload, at: Instant| {
        // One trunk sends OPTIONS without end, another makes fifty calls.
        (0..10_000).for_each(|_| overload.count(TrunkId::new(0), at));
        (0..50)
            .filter(|_| {
                (0..3).for_each(|_| overload.count(TrunkId::new(1), at));
                overload.judge(TrunkId::new(1), at) == Verdict::Admit
            })
            .count()
    };
    assert!(second(&mut overload, now) < 50, "nothing is known yet");
    assert_eq!(second(&mut overload, now + WINDOW), 50);
    assert_eq!(second(&mut overload, now + 2 * WINDOW), 50);
    // Who floods is not spared when it makes calls.
    let flood = admitted(&mut overload, 0, 1600, now + 2 * WINDOW);
    assert!(flood < 200, "{flood} calls of 1600");
}
