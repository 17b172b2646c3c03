//! What makes an outcome a bad one, and whose fault it was.

use std::time::Duration;

use edge_ebpf::traffic::Count;
use hdrhistogram::Histogram;

use super::{Load, Outcome, OwnCost};
use crate::search::Tried;

/// A million packets in a second, all of which arrived in 5 us.
fn good() -> Outcome {
    let mut latency = Histogram::new(3).unwrap_or_else(|error| unreachable!("{error}"));
    latency.record_n(5_000, 1_000_000).unwrap_or_else(|error| unreachable!("{error}"));
    Outcome {
        load: Load { rate: 1_000_000, duration: Duration::from_secs(1), p99_max: None },
        made: 1_000_000,
        frames: 3_000_000,
        packets: [1_000_000, 0, 0, 0, 0],
        latency,
        refused: (0, 0),
        spent: Duration::from_millis(500),
        by_processes: Duration::ZERO,
        waited: Duration::ZERO,
        dropped: 0,
        is_disturbed: false,
    }
}

fn with(change: impl FnOnce(&mut Outcome)) -> Outcome {
    let mut outcome = good();
    change(&mut outcome);
    outcome
}

#[test]
fn a_thousandth_may_be_lost_and_no_more() {
    assert!(good().is_good());
    assert!(with(|outcome| outcome.packets[0] = 999_001).is_good());
    assert!(!with(|outcome| outcome.packets[0] = 998_900).is_good());
}

#[test]
fn a_packet_on_a_wrong_way_spoils_an_outcome() {
    for what in [Count::Misrouted, Count::Unknown] {
        assert!(!with(|outcome| outcome.packets[what as usize] = 1).is_good());
    }
}

#[test]
fn who_was_asked_for_more_than_was_made_has_not_reached_the_rate() {
    assert!(!with(|outcome| (outcome.made, outcome.packets[0]) = (970_000, 970_000)).is_good());
}

#[test]
fn a_queue_is_not_throughput() {
    let bound = |ms| with(|outcome| outcome.load.p99_max = Some(Duration::from_millis(ms)));
    assert!(bound(20).is_good());
    let queued = with(|outcome| {
        outcome.load.p99_max = Some(Duration::from_millis(20));
        outcome.latency.record_n(25_000_000, 20_000).unwrap_or_else(|error| unreachable!("{error}"));
    });
    assert!(!queued.is_good());
}

#[test]
fn what_the_sink_loses_is_known_to_be_the_sinks() {
    assert!(!with(|outcome| outcome.refused = (5_000, 900)).is_sink_short());
    assert!(with(|outcome| outcome.refused = (0, 1_100)).is_sink_short());
}

#[test]
fn a_relay_is_charged_with_what_the_generator_and_the_sink_do_not_take() {
    let idle = with(|outcome| {
        (outcome.made, outcome.frames, outcome.spent) = (0, 10_000_000, Duration::from_millis(200));
    });
    let busiest = with(|outcome| {
        (outcome.made, outcome.frames, outcome.spent) = (4_000_000, 5_000_000, Duration::from_millis(420));
    });
    let own = OwnCost::of(&idle, &busiest);
    assert!((own.idle_ns - 20.0).abs() < 0.01 && (own.packet_ns - 100.0).abs() < 0.01, "{own:?}");
    // Two million idle frames of 20 ns, a million packets of 100 ns: the rest of half a second is the relay's.
    assert!((good().kernel_ns(&own) - 360.0).abs() < 0.01);
}

#[test]
fn parts_are_one_trial() -> anyhow::Result<()> {
    let slow = with(|outcome| {
        outcome.packets[0] = 998_500;
        outcome.latency.reset();
        outcome.latency.record_n(9_000, 998_500).unwrap_or_else(|error| unreachable!("{error}"));
        (outcome.dropped, outcome.is_disturbed) = (4, true);
    });
    let whole = good().and(&slow)?;
    // 0.15 % of one half is less than a thousandth of both.
    assert!(whole.is_good() && whole.loss() > 0.0007, "{whole}");
    assert!((whole.delivered() - 999_250.0).abs() < 1.0, "{whole}");
    assert_eq!(whole.latency.len(), 1_998_500);
    assert_eq!((whole.dropped, whole.is_disturbed), (4, true));
    // What a packet takes stays what it was.
    assert!((whole.kernel_ns(&OwnCost::default()) - 500.0).abs() < 1.0);
    Ok(())
}
