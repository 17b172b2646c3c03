//! `kill -9` at any step of any pattern.

use edge_core::call::Cause;
use edge_core::policy::Transport;

use crate::network::{BAD, CLEAN, Dice, Quality};
use crate::patterns::PATTERNS;
use crate::peer::Act;
use crate::swarm;
use crate::world::{Pattern, Setting, World};

/// Runs of each pattern.
const SEEDS: u64 = 60;

/// Steps within which the edge is killed: a quiet call has about thirty, one that rings and refreshes about a hundred.
const STEPS: u64 = 90;

/// The steps at which one run's edge dies: mostly one, now and then two.
fn steps(dice: &mut Dice) -> Vec<usize> {
    let mut step = || usize::try_from(dice.below(STEPS)).expect("few steps");
    let first = step();
    let second = step();
    if dice.percent(20) { vec![first, second] } else { vec![first] }
}

#[test]
fn killed_at_any_step_an_answered_call_goes_on_and_ends_with_one_record() {
    let mut went_on = 0_u64;
    for (name, caller, called, _) in PATTERNS {
        for seed in 0..SEEDS {
            println!("{name}, seed {seed}");
            let mut dice = Dice::new(seed ^ 0xc4a5);
            let mut world = World::new(seed, CLEAN, caller, called);
            world.crash_at(&steps(&mut dice), 0, dice.millis(1500));
            world.settle();
            let hung_up = |record: &edge_core::call::CallRecord| matches!(record.cause, Cause::Hangup(_));
            went_on += world
                .records
                .iter()
                .filter(|record| world.crashes.found.contains(&record.id) && hung_up(record))
                .count() as u64;
        }
    }
    // So that the test cannot pass by finding nothing.
    assert!(went_on > SEEDS * 5, "only {went_on} calls went on and were hung up by a side");
}

#[test]
fn killed_on_a_bad_network_with_the_newest_writes_lost_no_call_has_two_records() {
    for (name, caller, called, _) in PATTERNS {
        for seed in 0..SEEDS {
            println!("{name}, seed {seed}");
            let mut dice = Dice::new(seed ^ 0xbad_c4a5);
            let mut world = World::new(seed, BAD, caller, called);
            let lost = usize::try_from(dice.below(4)).expect("few");
            world.crash_at(&steps(&mut dice), lost, dice.millis(1500));
            world.settle();
        }
    }
}

#[test]
fn calls_at_once_survive_a_kill_each_by_itself() {
    for seed in 0..250 {
        println!("seed {seed}");
        let mut dice = Dice::new(seed ^ 0x5_c4a5);
        let transport = if dice.percent(70) { Transport::Udp } else { Transport::Tcp };
        let mut world = swarm::world(seed, transport);
        let at: Vec<usize> = steps(&mut dice).into_iter().map(|step| step * 3).collect();
        world.crash_at(&at, usize::try_from(dice.below(3)).expect("few"), dice.millis(1000));
        world.settle();
    }
}

/// Patterns of which each thing that the edge does is one before which it may be killed.
const STRUCK: &[&str] = &[
    "caller hangs up",
    "called hangs up",
    "early media",
    "no offer",
    "both acknowledge",
    "offer in a reliable response",
    "caller cancels",
    "busy",
    "hold",
    "offer left to the called side in a call",
    "offer left to the caller in a call",
    "fax on the line of the speech",
    "hold by UPDATE",
    "UPDATE meets re-INVITE",
];

/// One message of ten is lost, so that an end may have to be said again.
const LOSSY: Quality = Quality { loss_percent: 10, ..CLEAN };

/// The same part, but who hangs up does so long after the edge is back.
fn lasting(script: &[(u64, Act)]) -> Vec<(u64, Act)> {
    let later = |(at, act): &(u64, Act)| (at + if *act == Act::Hangup { 25_000 } else { 0 }, *act);
    script.iter().map(later).collect()
}

/// Kills the edge before each thing that it does in a pattern, one after the other. Says how many calls went on and were hung up
/// by a side, and how many were never answered.
fn strike(name: &str, quality: Quality) -> (usize, usize) {
    let (mut stood, mut lost) = (0, 0);
    let (_, caller, called, _) = PATTERNS.iter().find(|pattern| pattern.0 == name).expect("a pattern");
    for done in 0.. {
        println!("{name}, after {done}, {quality:?}");
        let calls = &[Pattern { caller: &lasting(caller), called: &lasting(called), outbound: false }];
        let mut world = World::of(&Setting::plain(7, quality, Transport::Udp, calls));
        world.strike_after(done, Dice::new(done as u64).millis(1500));
        world.settle();
        if !world.crashes.any() {
            break;
        }
        let (up, records) = (world.caller().was_up, world.records.len());
        assert!(records == 1 || (records == 0 && !up), "{records} records of a call");
        stood += usize::from(up && world.records[0].cause.name() == "hangup");
        lost += usize::from(!up);
    }
    (stood, lost)
}

#[test]
fn killed_before_anything_it_does_both_sides_believe_the_same_within_seconds() {
    let mut all = (0, 0);
    for name in STRUCK {
        for quality in [CLEAN, LOSSY] {
            let (stood, lost) = strike(name, quality);
            all = (all.0 + stood, all.1 + lost);
        }
    }
    // So that the test cannot pass by finding nothing.
    assert!(all.0 > 20 * STRUCK.len() && all.1 > 2 * STRUCK.len(), "went on, and never answered: {all:?}");
}
