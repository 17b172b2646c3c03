//! Sides that fall silent: their calls end, whatever the network does, and those of others do not.

use std::time::Duration;

use edge_core::call::{Cause, Side, Silent};

use crate::network::{BAD, CLEAN, Quality};
use crate::patterns::CALL;
use crate::peer::Act;
use crate::world::World;

const SEEDS: u64 = 60;

/// A call that nobody hangs up, whose sides fall silent so many seconds after it was begun.
fn world(seed: u64, quality: Quality, silent_s: [Option<u64>; 2], more: &[(u64, Act)]) -> World {
    let caller = [&[(0, CALL)], more].concat();
    let called = [(50, Act::Ring), (1000, Act::Answer)];
    let mut world = World::new(seed, quality, &caller, &called);
    world.silent_from = silent_s.map(|after| after.map(|after| world.now + Duration::from_secs(after)));
    world
}

#[test]
fn a_call_ends_when_a_side_or_both_fall_silent() {
    let table = [
        ([Some(20), Some(20)], Silent::Both),
        ([Some(20), None], Silent::Side(Side::A)),
        ([None, Some(20)], Silent::Side(Side::B)),
        // Never heard at all.
        ([Some(0), Some(0)], Silent::Both),
    ];
    let mut ended = 0;
    for (silent_s, who) in table {
        for seed in 0..SEEDS {
            println!("{silent_s:?}, seed {seed}");
            let mut world = world(seed, CLEAN, silent_s, &[]);
            world.settle();
            let record = &world.records[0];
            let cause = if record.direct_media { Cause::TooLong } else { Cause::MediaTimeout(who) };
            assert_eq!(record.cause, cause);
            ended += u32::from(!record.direct_media);
            let silences = silent_s.map(|side| u32::from(side.is_some() && !record.direct_media));
            assert_eq!(record.silences, silences);
        }
    }
    assert!(ended > 100, "silence would prove nothing where no media passes");
}

#[test]
fn on_a_bad_network_too_nothing_is_left() {
    for seed in 0..SEEDS {
        world(seed, BAD, [Some(seed % 30), Some(20)], &[]).settle();
    }
}

#[test]
fn who_is_on_hold_is_not_silent() {
    for seed in 0..SEEDS {
        let mut world = world(seed, CLEAN, [None, Some(3)], &[(2000, Act::Hold), (120_000, Act::Hangup)]);
        world.settle();
        assert_eq!(world.records[0].cause, Cause::Hangup(Side::A), "seed {seed}");
        assert_eq!(world.records[0].silences, [0, 0]);
    }
}
