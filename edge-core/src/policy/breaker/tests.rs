//! The whole table, and what counts as a fault.

use Breaker::{Closed, HalfOpen, Open};
use BreakerInput::{Call, Fault as Faulty, TrialFailed, TrialPassed};

use super::*;

#[test]
fn the_whole_table() {
    let (now, rest) = (1_000, 60);
    let (due, early) = (1_000, 1_001);
    let again = now + rest;
    let table = [
        (Closed, Faulty, Open { until_ms: again }),
        (Closed, Call, Closed),
        (Closed, TrialPassed, Closed),
        (Closed, TrialFailed, Closed),
        (Open { until_ms: early }, Faulty, Open { until_ms: early }),
        (Open { until_ms: early }, Call, Open { until_ms: early }),
        (Open { until_ms: due }, Call, HalfOpen { until_ms: again }),
        (Open { until_ms: due }, Faulty, Open { until_ms: due }),
        (Open { until_ms: due }, TrialPassed, Open { until_ms: due }),
        (Open { until_ms: due }, TrialFailed, Open { until_ms: due }),
        (HalfOpen { until_ms: early }, Call, HalfOpen { until_ms: early }),
        (HalfOpen { until_ms: due }, Call, HalfOpen { until_ms: again }),
        (HalfOpen { until_ms: early }, TrialPassed, Closed),
        (HalfOpen { until_ms: early }, TrialFailed, Open { until_ms: again }),
        (HalfOpen { until_ms: early }, Faulty, HalfOpen { until_ms: early }),
    ];
    for (before, input, after) in table {
        assert_eq!(before.step(input, now, rest), after, "{before:?} {input:?}");
        assert_eq!(Breaker::of(after.word()), after);
        let shared = SharedBreaker { word: AtomicU64::new(before.word()), opened: AtomicU64::new(0) };
        let change = shared.take(input, Duration::from_millis(now), Duration::from_millis(rest));
        assert_eq!(change, (before != after).then_some(after), "{before:?} {input:?}");
        let opened = before != after && matches!(after, Open { .. });
        assert_eq!((shared.now(), shared.opened()), (after, u64::from(opened)));
    }
}

#[test]
fn one_call_tries_a_trunk_that_has_rested() {
    let shared =
        SharedBreaker { word: AtomicU64::new(Open { until_ms: 10 }.word()), opened: AtomicU64::new(0) };
    let tries: Vec<_> = std::thread::scope(|scope| {
        let call = || shared.take(Call, Duration::from_millis(10), Duration::from_secs(60)).is_some();
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(call)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(tries.iter().filter(|first| **first).count(), 1);
    assert!(shared.now().is_in_doubt(11) && !shared.now().is_in_doubt(60_010));
}

#[test]
fn a_fault_needs_calls_enough_and_a_bound_that_is_passed() {
    let rule = BreakerRule {
        asr_min: Some(0.2),
        pdd_max: Some(Duration::from_secs(8)),
        loss_max: Some(0.1),
        window: Duration::from_secs(300),
        calls_min: 20,
        rest: Duration::from_secs(60),
    };
    let good =
        Tally { begun: 20, seizures: 20, answers: 4, rung: 10, delay_ms: 80_000, packets: 1000, lost: 100 };
    let none = BreakerRule { asr_min: None, pdd_max: None, loss_max: None, ..rule };
    let table = [
        (rule, good, None),
        (rule, Tally { answers: 3, ..good }, Some(Fault::Asr(0.15))),
        (rule, Tally { answers: 0, seizures: 19, ..good }, None),
        (rule, Tally { delay_ms: 80_010, ..good }, Some(Fault::Pdd(Duration::from_millis(8001)))),
        (rule, Tally { lost: 101, ..good }, Some(Fault::Loss(0.101))),
        (rule, Tally { rung: 0, delay_ms: 0, packets: 0, lost: 0, ..good }, None),
        (none, Tally { answers: 0, delay_ms: 1 << 30, lost: 1000, ..good }, None),
    ];
    for (rule, tally, fault) in table {
        assert_eq!(rule.fault(&tally), fault, "{tally:?}");
    }
    let said = [Fault::Asr(0.154), Fault::Pdd(Duration::from_millis(8040)), Fault::Loss(0.1014)]
        .map(|f| f.to_string());
    assert_eq!(
        said,
        [
            "only 15 of 100 calls are answered",
            "it takes 8.0 s until a call rings",
            "10.1 of 100 RTP packets are lost",
        ]
    );
}
