//! Sequence numbers and jitter, against the numbers that RFC 3550 leads to.

use super::*;

#[test]
fn steps_follow_appendix_a1() {
    let table: &[(u16, u16, Step, u32)] = &[
        (10, 11, Step::Ahead(1), 11),
        (10, 10, Step::Behind(0), 10),
        (10, 2000, Step::Ahead(1990), 2000),
        (10, 3010, Step::Stray, 10),
        (10, 65_535, Step::Behind(11), 10),
        (200, 101, Step::Behind(99), 200),
        (200, 99, Step::Stray, 200),
        (65_535, 0, Step::Ahead(1), 65_536),
        (65_000, 20, Step::Ahead(556), 65_556),
    ];
    for (last, next, step, extended) in table {
        let mut run = Run::starting_at(*last);
        assert_eq!((run.step(*next), run.last), (*step, *extended), "{last} then {next}");
    }
}

#[test]
fn two_strays_in_a_row_are_a_restart() {
    let mut run = Run::starting_at(10);
    assert_eq!([run.step(30_000), run.step(30_001)], [Step::Stray, Step::Restarted]);
    let mut run = Run::starting_at(10);
    assert_eq!(
        [run.step(30_000), run.step(11), run.step(40_000)],
        [Step::Stray, Step::Ahead(1), Step::Stray]
    );
}

#[test]
fn jitter_of_a_steady_stream_is_zero() {
    let mut jitter = Jitter::default();
    (0..100).for_each(|_| jitter.observe(20_000_000, 160, 125_000));
    assert_eq!(jitter.ns(), 0);
}

#[test]
fn jitter_approaches_a_constant_deviation() {
    let mut jitter = Jitter::default();
    jitter.observe(21_600_000, 160, 125_000);
    assert_eq!(jitter.ns(), 100_000, "one sixteenth of 1.6 ms");
    (0..200)
        .for_each(|step| jitter.observe(if step % 2 == 0 { 18_400_000 } else { 21_600_000 }, 160, 125_000));
    assert!((1_599_000..=1_600_000).contains(&jitter.ns()), "{}", jitter.ns());
}

#[test]
fn jitter_survives_any_jump() {
    let mut jitter = Jitter::default();
    for (elapsed, ticks) in [(u64::MAX, u32::MAX), (0, 0x8000_0000), (u64::MAX / 2, 0x7fff_ffff)] {
        jitter.observe(elapsed, ticks, u32::MAX);
    }
    assert!(jitter.ns() <= u64::MAX >> 4);
}
