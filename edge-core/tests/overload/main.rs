//! More calls than one shard can serve, on a virtual clock: what is served stays close to what can be, whatever is asked
//! for, and a trunk that asks for little gets it.
//!
//! The shard is one server with a queue. What its work costs is a model: so much for each message read, sent and so on,
//! in the ratio that was measured (see SPECIFICATION.md), ten times slower so that a run is short.

#![expect(clippy::unwrap_used, reason = "a test that meets the unexpected has failed")]

mod caller;
mod world;

use std::time::Duration;

use world::World;

/// Calls a second that one shard of the model can serve.
const CAPACITY: u64 = 500;

const RUN: Duration = Duration::from_secs(2);

/// Calls a second that are completed when `flood` are asked for by one trunk, and the part of a second trunk's calls
/// that are, which asks for a twentieth of the capacity.
fn goodput(flood: u64) -> (u64, f64) {
    let light = CAPACITY / 20;
    let mut world = World::new(&[flood, light]);
    world.run(RUN);
    let completed = (world.completed(0) + world.completed(1)) / RUN.as_secs();
    // What the small trunk has begun may end after the flood has; nothing may wait long.
    world.go_on(Duration::from_secs(1));
    let (modest, asked) = (world.completed(1), light * RUN.as_secs());
    println!("{flood} asked: {completed} a second, {modest} of {asked} completed; {:?}", world.counters());
    (completed, modest as f64 / asked as f64)
}

#[test]
fn below_capacity_nothing_is_turned_away() {
    let (completed, _) = goodput(CAPACITY * 3 / 4);
    assert!(completed >= CAPACITY * 3 / 4, "{completed} completed");
}

#[test]
fn at_many_times_the_capacity_goodput_stays_and_nobody_starves() {
    for times in [2, 10, 30] {
        let (completed, modest) = goodput(CAPACITY * times);
        assert!(
            completed * 4 >= CAPACITY * 3,
            "{completed} a second completed at {times} times the capacity"
        );
        assert!(modest >= 0.9, "the small trunk got {modest} of its calls at {times} times the capacity");
    }
}
