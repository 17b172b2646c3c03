//! Several calls at once in one edge, each of a pattern, a direction and a fate of its own.

use std::time::Duration;

use edge_core::policy::Transport;

use crate::network::{BAD, CLEAN, Dice};
use crate::patterns::PATTERNS;
use crate::peer::Act;
use crate::world::{Pattern, Setting, World};

/// Worlds of one test.
const SEEDS: u64 = 500;

/// Calls of a world; as many as there are trunks of it on each side.
const CALLS: u64 = 4;

/// A side of a call, as it is played.
type Part = Vec<(u64, Act)>;

/// Both sides of a call that begins within some seconds of the others; now and then one side dies.
fn call(dice: &mut Dice) -> (Part, Part) {
    let pick = usize::try_from(dice.below(PATTERNS.len() as u64)).expect("few patterns");
    let (_, caller, called, _) = PATTERNS[pick];
    let begins = dice.below(5000);
    let mut caller: Part = caller.iter().map(|(at, act)| (at + begins, *act)).collect();
    let mut called = called.to_vec();
    if dice.percent(20) {
        let victim = if dice.percent(50) { &mut caller } else { &mut called };
        victim.push((dice.below(10_000), Act::Die));
    }
    (caller, called)
}

pub(crate) fn world(seed: u64, transport: Transport) -> World {
    let mut dice = Dice::new(seed ^ 0x5_3a12);
    let parts: Vec<(Part, Part)> = (0..CALLS).map(|_| call(&mut dice)).collect();
    let calls: Vec<Pattern<'_>> =
        parts.iter().map(|(caller, called)| Pattern { caller, called, outbound: dice.percent(50) }).collect();
    let quality = if dice.percent(30) { CLEAN } else { BAD };
    World::of(&Setting::plain(seed, quality, transport, &calls))
}

#[test]
fn calls_at_once_do_not_touch_one_another_over_datagrams() {
    for seed in 0..SEEDS {
        println!("seed {seed}");
        world(seed, Transport::Udp).settle();
    }
}

#[test]
fn calls_over_connections_that_break_end_once_and_leave_nothing() {
    for seed in 0..SEEDS {
        println!("seed {seed}");
        world(seed, Transport::Tcp).settle();
    }
}

#[test]
fn whenever_the_edge_is_drained_every_call_ends_once() {
    for seed in 0..SEEDS {
        println!("seed {seed}");
        let mut dice = Dice::new(seed ^ 0xd4a1);
        let transport = if dice.percent(50) { Transport::Udp } else { Transport::Tcp };
        let mut world = world(seed, transport);
        world.drain_after(dice.millis(20_000), dice.millis(10_000));
        world.settle();
        assert!(world.drained, "seed {seed}: the host never heard of it");
    }
}

#[test]
fn whenever_a_trunk_is_taken_out_its_calls_go_on_and_end_once() {
    for seed in 0..SEEDS {
        println!("seed {seed}");
        let mut dice = Dice::new(seed ^ 0x9e10);
        let mut world = world(seed, Transport::Udp);
        world.reload_after(Duration::ZERO + dice.millis(10_000));
        world.settle();
    }
}
