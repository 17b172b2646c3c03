//! A route with two trunks: whichever fails, whenever and however, the call is up on at most one of them, and on the second one
//! when that answers.

use std::time::Duration;

use edge_core::call::Outcome;
use edge_core::policy::{Patience, Transport};

use crate::network::{BAD, CLEAN, Dice, Quality};
use crate::patterns::Script;
use crate::peer::Act;
use crate::policy::{Decided, failing_over};
use crate::world::{Pattern, Setting, World};

const SEEDS: u64 = 100;

const CALL: Act = Act::Invite { with_offer: true };
const HANGS_UP: Script = &[(0, CALL), (20_000, Act::Hangup)];
const ACKNOWLEDGES: Script = &[(0, Act::Acknowledge), (0, CALL), (20_000, Act::Hangup)];
const ANSWERS: Script = &[(50, Act::Ring), (1000, Act::Answer)];
const SAYS_MUCH: Script = &[(0, Act::Acknowledge), (50, Act::Progress), (1000, Act::Answer)];

/// Name, what the caller does, what the first and the second trunk do after their INVITE, and whether the call is up in the end
/// on a clean network; nothing, where that depends on what crosses what.
type Course = (&'static str, Script, Script, Script, Option<bool>);

const COURSES: &[Course] = &[
    ("the first refuses", HANGS_UP, &[(50, Act::Reject(503))], ANSWERS, Some(true)),
    (
        "the first refuses after it rang",
        HANGS_UP,
        &[(50, Act::Ring), (900, Act::Reject(500))],
        ANSWERS,
        Some(true),
    ),
    (
        "the first refuses after early media",
        HANGS_UP,
        &[(50, Act::Progress), (900, Act::Reject(500))],
        ANSWERS,
        Some(true),
    ),
    (
        "the first refuses after an acknowledged answer",
        ACKNOWLEDGES,
        &[(0, Act::Acknowledge), (50, Act::Progress), (900, Act::Reject(500))],
        SAYS_MUCH,
        Some(true),
    ),
    (
        "only the caller acknowledges",
        ACKNOWLEDGES,
        &[(50, Act::Progress), (900, Act::Reject(500))],
        SAYS_MUCH,
        Some(true),
    ),
    ("the first is dead", HANGS_UP, &[(0, Act::Die)], ANSWERS, Some(true)),
    ("the first rings for ever", HANGS_UP, &[(50, Act::Ring)], ANSWERS, Some(true)),
    (
        "the first rings for ever, reliably",
        ACKNOWLEDGES,
        &[(0, Act::Acknowledge), (50, Act::Progress)],
        SAYS_MUCH,
        Some(true),
    ),
    (
        "the first answers when it is given up",
        HANGS_UP,
        &[(50, Act::Ring), (2960, Act::Answer)],
        ANSWERS,
        Some(true),
    ),
    (
        "the first refuses when it is given up",
        HANGS_UP,
        &[(50, Act::Ring), (2960, Act::Reject(486))],
        ANSWERS,
        None,
    ),
    ("both refuse", HANGS_UP, &[(50, Act::Reject(500))], &[(50, Act::Reject(404))], Some(false)),
    ("both ring for ever", HANGS_UP, &[(50, Act::Ring)], &[(50, Act::Ring)], Some(false)),
    ("the first is busy", HANGS_UP, &[(50, Act::Reject(486))], ANSWERS, Some(false)),
    (
        "the caller gives up while the second rings",
        &[(0, CALL), (4000, Act::Cancel)],
        &[(50, Act::Ring)],
        &[(50, Act::Ring), (90_000, Act::Answer)],
        Some(false),
    ),
    (
        "the caller gives up when the first is given up",
        &[(0, CALL), (2990, Act::Cancel), (20_000, Act::Hangup)],
        &[(50, Act::Ring), (2970, Act::Answer)],
        ANSWERS,
        None,
    ),
];

/// Runs a course to its end and checks what must hold however it went.
fn settled(seed: u64, quality: Quality, caller: &[(u64, Act)], [first, second]: [&[(u64, Act)]; 2]) -> World {
    let seconds = |seconds| Some(Duration::from_secs(seconds));
    let patience = Patience { trying: seconds(1), ringing: seconds(2), answer: seconds(3) };
    let calls = &[
        Pattern { caller, called: first, outbound: false },
        // Its caller never calls: only the trunk of who is called here takes part.
        Pattern { caller: &[], called: second, outbound: false },
    ];
    let transport = if seed.is_multiple_of(4) { Transport::Tcp } else { Transport::Udp };
    let setting = Setting::plain(seed, quality, transport, calls);
    let mut world = World::under(&setting, failing_over(Decided::of(seed, transport), patience));
    world.settle();
    for record in &world.records {
        let answered: Vec<_> =
            record.attempts.iter().filter(|attempt| attempt.outcome == Outcome::Answered).collect();
        assert!(answered.len() <= 1, "two answered: {record:?}");
        assert_eq!(answered.is_empty(), record.answered.is_none(), "{record:?}");
        if let Some(answered) = answered.first() {
            assert_eq!(record.b.as_ref().map(|leg| &leg.trunk), Some(&answered.trunk), "{record:?}");
        }
        assert!(record.attempts.iter().all(|attempt| attempt.outcome != Outcome::Pending), "{record:?}");
    }
    world
}

fn each_seed(quality: Quality, check: impl Fn(&Course, &World)) {
    for course @ (name, caller, first, second, _) in COURSES {
        for seed in 0..SEEDS {
            println!("{name}, seed {seed}");
            check(course, &settled(seed, quality, caller, [first, second]));
        }
    }
}

#[test]
fn on_a_clean_network_no_call_is_lost_that_the_second_trunk_takes() {
    each_seed(CLEAN, |(name, .., up), world| {
        let was_up = world.records[0].answered.is_some();
        assert!(up.is_none_or(|up| up == was_up), "{name}: {:?}", world.records[0]);
        assert!(world.caller().was_up || !was_up || up.is_none(), "{name}: the caller has not heard of it");
    });
}

#[test]
fn on_a_bad_network_each_call_is_up_on_one_trunk_at_most() {
    each_seed(BAD, |_, _| {});
}

#[test]
fn whoever_dies_and_whenever_each_call_ends_once_and_leaves_nothing() {
    for (name, caller, first, second, _) in COURSES {
        for seed in 0..SEEDS {
            println!("{name}, seed {seed}");
            let mut dice = Dice::new(seed ^ 0xfa11);
            let mut scripts = [caller.to_vec(), first.to_vec(), second.to_vec()];
            let victim = usize::try_from(dice.below(3)).expect("one of three");
            scripts[victim].push((dice.below(10_000), Act::Die));
            let quality = if dice.percent(50) { CLEAN } else { BAD };
            let [caller, first, second] = &scripts;
            settled(seed, quality, caller, [first, second]);
        }
    }
}
