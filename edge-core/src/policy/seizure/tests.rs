//! What calls make of a trunk's breaker.

use super::*;
use crate::policy::tests::trunk;
use crate::policy::{Admission, Doubt, Importance, Readiness, Role};

fn watched() -> Trunk {
    let breaker = BreakerRule {
        asr_min: Some(0.5),
        pdd_max: Some(Duration::from_secs(5)),
        loss_max: Some(0.1),
        window: Duration::from_secs(100),
        calls_min: 4,
        rest: Duration::from_secs(60),
    };
    Trunk { breaker: Some(breaker), ..trunk("t", "192.0.2.2:5060", &[]) }
}

fn at(second: u64) -> Duration {
    Duration::from_secs(second)
}

/// A call whose INVITE has left.
fn call(trunk: &Trunk, now: Duration) -> Admission {
    let mut admission = trunk.admit(Role::Called, Importance::Ordinary, now).unwrap();
    admission.sent(now);
    admission
}

/// A call that hears these, a second apart each.
fn hears(trunk: &Trunk, second: u64, codes: &[u16]) {
    let mut admission = call(trunk, at(second));
    for (code, later) in codes.iter().zip(1..) {
        admission.heard(StatusCode::new(*code).unwrap(), at(second + later));
    }
}

fn breaker(trunk: &Trunk) -> Breaker {
    trunk.state.breaker.now()
}

#[test]
fn too_few_answers_open_it_and_one_call_that_rings_closes_it() {
    let trunk = watched();
    for second in 0..3 {
        hears(&trunk, second, &[100, 503]);
    }
    assert_eq!(breaker(&trunk), Breaker::Closed, "three calls say nothing");
    hears(&trunk, 10, &[100, 180, 486]);
    assert_eq!(breaker(&trunk), Breaker::Open { until_ms: 73_000 });
    assert_eq!(trunk.outbound(at(72)), Readiness::Doubtful(Doubt::Breaker));
    assert_eq!(trunk.inbound(), Ok(()));
    hears(&trunk, 20, &[180, 200]);
    assert_eq!(
        breaker(&trunk),
        Breaker::Open { until_ms: 73_000 },
        "it was the last way left, and proves nothing"
    );

    assert_eq!(trunk.outbound(at(73)), Readiness::Ready);
    let mut trial = call(&trunk, at(73));
    assert_eq!(trunk.outbound(at(73)), Readiness::Doubtful(Doubt::Breaker), "one call tries it");
    trial.heard(StatusCode::TRYING, at(74));
    assert_eq!(breaker(&trunk), Breaker::HalfOpen { until_ms: 133_000 });
    trial.heard(StatusCode::RINGING, at(75));
    assert_eq!((breaker(&trunk), trunk.outbound(at(75))), (Breaker::Closed, Readiness::Ready));
    drop(trial);
    assert_eq!((breaker(&trunk), trunk.state.breaker.opened()), (Breaker::Closed, 1));
}

#[test]
fn a_trial_passes_by_what_only_a_trunk_that_works_says() {
    for (codes, passes) in [
        (&[100, 183][..], true),
        (&[200], true),
        (&[302], true),
        (&[404], true),
        (&[486], true),
        (&[603], true),
        (&[100], false),
        (&[408], false),
        (&[500], false),
        (&[503], false),
        (&[], false),
    ] {
        let trunk = watched();
        (0..4).for_each(|second| hears(&trunk, second, &[500]));
        assert_eq!(breaker(&trunk), Breaker::Open { until_ms: 64_000 });
        hears(&trunk, 100, codes);
        assert_eq!(breaker(&trunk) == Breaker::Closed, passes, "{codes:?} {:?}", breaker(&trunk));
        assert_eq!(trunk.state.breaker.opened(), if passes { 1 } else { 2 });
    }
}

#[test]
fn late_ringing_and_lost_media_open_it_too() {
    let trunk = watched();
    (0..4).for_each(|second| hears(&trunk, second, &[100, 100, 100, 100, 100, 180, 200]));
    assert!(matches!(breaker(&trunk), Breaker::Open { .. }), "6 s until it rings");

    let trunk = watched();
    (0..4).for_each(|second| hears(&trunk, second, &[200]));
    trunk.note_media(900, 0, at(20));
    trunk.note_media(0, 0, at(20));
    assert_eq!(breaker(&trunk), Breaker::Closed);
    trunk.note_media(900, 300, at(21));
    assert!(matches!(breaker(&trunk), Breaker::Open { .. }), "300 of 2,100 lost");
}

#[test]
fn a_call_that_never_left_is_no_seizure_and_each_other_is_one() {
    let trunk = trunk("t", "192.0.2.2:5060", &[]);
    drop(trunk.admit(Role::Called, Importance::Ordinary, at(1)).unwrap());
    drop(trunk.admit(Role::Caller, Importance::Ordinary, at(1)).unwrap());
    assert_eq!((trunk.tally(at(2)).begun, trunk.tally(at(2)).seizures), (2, 0));
    hears(&trunk, 2, &[100, 180, 180, 200, 200]);
    hears(&trunk, 3, &[100, 404]);
    hears(&trunk, 4, &[]);
    let tally = trunk.tally(at(10));
    assert_eq!((tally.begun, tally.seizures, tally.answers, tally.rung, tally.delay_ms), (5, 3, 1, 1, 2_000));
    assert_eq!(breaker(&trunk), Breaker::Closed, "without a rule it never opens");
}
