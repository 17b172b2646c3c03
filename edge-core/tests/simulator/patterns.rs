//! The call patterns.

use edge_core::call::{Cause, Side};

use crate::network::{BAD, CLEAN, Dice, Quality};
use crate::peer::{Act, State};
use crate::world::World;

const SEEDS: u64 = 300;

pub(crate) type Script = &'static [(u64, Act)];
pub(crate) type Pattern = (&'static str, Script, Script, fn(&Cause) -> bool);

pub(crate) const CALL: Act = Act::Invite { with_offer: true };
const CALL_WITHOUT_OFFER: Act = Act::Invite { with_offer: false };

/// Name, what the caller does, what the called side does after its INVITE, and how the call ends on a clean network.
pub(crate) const PATTERNS: &[Pattern] = &[
    (
        "caller hangs up",
        &[(0, CALL), (5000, Act::Hangup)],
        &[(50, Act::Ring), (1000, Act::Answer)],
        is_hangup_a,
    ),
    (
        "called hangs up",
        &[(0, CALL)],
        &[(50, Act::Ring), (1000, Act::Answer), (5000, Act::Hangup)],
        is_hangup_b,
    ),
    (
        "early media",
        &[(0, CALL), (5000, Act::Hangup)],
        &[(50, Act::Progress), (900, Act::Answer)],
        is_hangup_a,
    ),
    (
        "no offer",
        &[(0, CALL_WITHOUT_OFFER), (5000, Act::Hangup)],
        &[(50, Act::Ring), (1000, Act::Answer)],
        is_hangup_a,
    ),
    (
        "caller cancels",
        &[(0, CALL), (3000, Act::Cancel)],
        &[(50, Act::Ring), (90_000, Act::Answer)],
        is_cancelled,
    ),
    (
        "both acknowledge",
        &[(0, Act::Acknowledge), (0, CALL), (5000, Act::Hangup)],
        &[(0, Act::Acknowledge), (50, Act::Ring), (300, Act::Progress), (900, Act::Answer)],
        is_hangup_a,
    ),
    (
        "the caller acknowledges",
        &[(0, Act::Acknowledge), (0, CALL), (5000, Act::Hangup)],
        &[(50, Act::Ring), (300, Act::Progress), (900, Act::Answer)],
        is_hangup_a,
    ),
    (
        "the called side acknowledges",
        &[(0, CALL), (5000, Act::Hangup)],
        &[(0, Act::Acknowledge), (50, Act::Ring), (300, Act::Progress), (900, Act::Answer)],
        is_hangup_a,
    ),
    (
        "offer in a reliable response",
        &[(0, Act::Acknowledge), (0, CALL_WITHOUT_OFFER), (5000, Act::Hangup)],
        &[(0, Act::Acknowledge), (50, Act::Progress), (900, Act::Answer)],
        is_hangup_a,
    ),
    (
        "no offer, and a caller who cannot answer before the 2xx",
        &[(0, CALL_WITHOUT_OFFER), (5000, Act::Hangup)],
        &[(0, Act::Acknowledge), (50, Act::Ring), (300, Act::Progress), (900, Act::Answer)],
        is_hangup_a,
    ),
    (
        "two places ring",
        &[(0, Act::Acknowledge), (0, CALL), (5000, Act::Hangup)],
        &[
            (0, Act::Acknowledge),
            (50, Act::RingElsewhere),
            (60, Act::Progress),
            (900, Act::RingElsewhere),
            (1500, Act::Answer),
        ],
        is_hangup_a,
    ),
    (
        "two places offer",
        &[(0, Act::Acknowledge), (0, CALL_WITHOUT_OFFER), (5000, Act::Hangup)],
        &[(0, Act::Acknowledge), (50, Act::RingElsewhere), (60, Act::Progress), (1500, Act::Answer)],
        is_hangup_a,
    ),
    (
        "offer left to the called side in a call",
        &[(0, CALL), (2500, Act::AskForOffer), (5000, Act::Hangup)],
        &[(50, Act::Ring), (1000, Act::Answer)],
        is_hangup_a,
    ),
    (
        "offer left to the caller in a call",
        &[(0, CALL), (5000, Act::Hangup)],
        &[(50, Act::Ring), (1000, Act::Answer), (2500, Act::AskForOffer)],
        is_hangup_a,
    ),
    (
        "hold before the answer",
        &[(0, Act::Acknowledge), (0, CALL), (500, Act::HoldByUpdate), (5000, Act::Hangup)],
        &[(0, Act::Acknowledge), (50, Act::Progress), (900, Act::HoldByUpdate), (1500, Act::Answer)],
        is_hangup_a,
    ),
    (
        "holds before the answer meet",
        &[(0, Act::Acknowledge), (0, CALL), (500, Act::HoldByUpdate), (5000, Act::Hangup)],
        &[(0, Act::Acknowledge), (50, Act::Progress), (450, Act::HoldByUpdate), (452, Act::Answer)],
        is_hangup_a,
    ),
    (
        "cancel meets a reliable response",
        &[(0, Act::Acknowledge), (0, CALL), (3000, Act::Cancel)],
        &[(0, Act::Acknowledge), (50, Act::Ring), (2960, Act::Progress), (90_000, Act::Answer)],
        is_cancelled,
    ),
    (
        "busy after a reliable response",
        &[(0, Act::Acknowledge), (0, CALL)],
        &[(0, Act::Acknowledge), (50, Act::Progress), (60, Act::Reject(486))],
        is_rejected,
    ),
    ("busy", &[(0, CALL)], &[(50, Act::Ring), (1000, Act::Reject(486))], is_rejected),
    ("nobody answers", &[(0, CALL)], &[(50, Act::Ring)], is_no_answer),
    (
        "hold",
        &[(0, CALL), (3000, Act::Hold), (9000, Act::Hangup)],
        &[(50, Act::Ring), (1000, Act::Answer), (5000, Act::Hold)],
        is_hangup_a,
    ),
    (
        "fax on the line of the speech",
        &[(0, CALL), (3000, Act::Fax { own_line: false }), (7000, Act::Speak), (9000, Act::Hangup)],
        &[(50, Act::Ring), (1000, Act::Answer), (5000, Act::Fax { own_line: false })],
        is_hangup_a,
    ),
    (
        "fax on a line of its own",
        &[(0, CALL), (3000, Act::Fax { own_line: true }), (5000, Act::Hold), (12_000, Act::Hangup)],
        &[(1000, Act::Answer), (3000, Act::Speak), (6000, Act::Fax { own_line: true }), (8000, Act::Speak)],
        is_hangup_a,
    ),
    (
        "faxes meet",
        &[(0, CALL), (3000, Act::Fax { own_line: true }), (6000, Act::Speak), (9000, Act::Hangup)],
        &[(1000, Act::Answer), (2001, Act::Fax { own_line: false }), (5000, Act::Speak)],
        is_hangup_a,
    ),
    (
        "hold by UPDATE",
        &[(0, CALL), (3000, Act::HoldByUpdate), (9000, Act::Hangup)],
        &[(50, Act::Ring), (1000, Act::Answer), (5000, Act::HoldByUpdate)],
        is_hangup_a,
    ),
    (
        "UPDATE meets re-INVITE",
        &[(0, CALL), (3000, Act::HoldByUpdate), (9000, Act::Hangup)],
        &[(50, Act::Ring), (1000, Act::Answer), (2049, Act::Hold)],
        is_hangup_a,
    ),
    (
        "the edge refreshes both sides",
        &[(0, Act::KeepTime("90;refresher=uas")), (0, CALL), (300_000, Act::Hangup)],
        &[(0, Act::KeepTime("90;refresher=uac")), (1000, Act::Answer)],
        is_hangup_a,
    ),
    (
        "the caller should refresh and does not",
        &[(0, Act::KeepTime("90;refresher=uac")), (0, CALL), (300_000, Act::Hangup)],
        &[(0, Act::KeepTime("90;refresher=uac")), (1000, Act::Answer), (20_000, Act::HoldByUpdate)],
        |cause| *cause == Cause::Expired(Side::A),
    ),
    (
        "the called side should refresh and does not",
        &[(0, CALL), (300_000, Act::Hangup)],
        &[(0, Act::KeepTime("90;refresher=uas")), (1000, Act::Answer)],
        |cause| *cause == Cause::Expired(Side::B),
    ),
    (
        "changes and digits meet refreshes",
        &[
            (0, Act::KeepTime("90;refresher=uas")),
            (0, CALL),
            (46_000, Act::Digit),
            (46_005, Act::HoldByUpdate),
            (91_010, Act::Hold),
            (150_000, Act::Hangup),
        ],
        &[
            (0, Act::KeepTime("90;refresher=uac")),
            (1000, Act::Answer),
            (45_990, Act::Hold),
            (46_001, Act::Digit),
            (91_000, Act::HoldByUpdate),
        ],
        is_hangup_a,
    ),
    (
        "digits",
        &[(0, CALL), (3000, Act::Digit), (3001, Act::Digit), (4000, Act::Digit), (9000, Act::Hangup)],
        &[(50, Act::Ring), (1000, Act::Answer), (3000, Act::Digit)],
        is_hangup_a,
    ),
    (
        "both hang up at once",
        &[(0, CALL), (5000, Act::Hangup)],
        &[(1000, Act::Answer), (4990, Act::Hangup)],
        is_any_hangup,
    ),
    (
        "both hold at once",
        &[(0, CALL), (3000, Act::Hold), (9000, Act::Hangup)],
        &[(1000, Act::Answer), (2990, Act::Hold)],
        is_hangup_a,
    ),
    (
        "answer crosses cancel",
        &[(0, CALL), (1000, Act::Cancel), (3000, Act::Hangup)],
        &[(990, Act::Answer)],
        is_either,
    ),
];

fn is_hangup_a(cause: &Cause) -> bool {
    *cause == Cause::Hangup(Side::A)
}

fn is_hangup_b(cause: &Cause) -> bool {
    *cause == Cause::Hangup(Side::B)
}

fn is_any_hangup(cause: &Cause) -> bool {
    is_hangup_a(cause) || is_hangup_b(cause)
}

fn is_cancelled(cause: &Cause) -> bool {
    *cause == Cause::Cancelled
}

fn is_either(cause: &Cause) -> bool {
    is_cancelled(cause) || is_hangup_a(cause)
}

fn is_rejected(cause: &Cause) -> bool {
    matches!(cause, Cause::Rejected(code) if code.as_u16() == 486)
}

fn is_no_answer(cause: &Cause) -> bool {
    *cause == Cause::NoAnswer
}

fn each_seed(quality: Quality, check: impl Fn(&str, u64, &World, fn(&Cause) -> bool)) {
    for (name, caller, called, expected) in PATTERNS {
        for seed in 0..SEEDS {
            // So that a failure names its run.
            println!("{name}, seed {seed}");
            let mut world = World::new(seed, quality, caller, called);
            world.settle();
            check(name, seed, &world, *expected);
        }
    }
}

#[test]
fn on_a_clean_network_each_pattern_ends_as_it_should() {
    each_seed(CLEAN, |name, seed, world, expected| {
        let cause = &world.records[0].cause;
        assert!(expected(cause), "{name}, seed {seed}: ended by {cause:?}");
        // An answer that crosses a CANCEL is heard by the edge alone.
        let agree =
            world.caller().was_up == world.called().was_up || (is_cancelled(cause) && !world.caller().was_up);
        if matches!(name, "fax on the line of the speech" | "fax on a line of its own") {
            assert!(world.caller().was_faxed && world.called().was_faxed, "{name}: fax did not cross");
        }
        if matches!(name, "hold" | "hold by UPDATE") {
            assert!(world.caller().was_held && world.called().was_held, "{name}: hold did not cross");
        }
        if *name == *"the edge refreshes both sides" {
            assert_eq!((world.caller().refreshed, world.called().refreshed), (6, 6), "seed {seed}");
        }
        if *name == *"both acknowledge" {
            let taken = (world.caller().reliable.taken, world.called().reliable.acknowledged);
            assert_eq!(taken, (1, 2), "seed {seed}");
        }
        if *name == *"hold before the answer" {
            assert!(world.caller().was_held || !world.caller().allows_update, "seed {seed}");
            assert!(world.called().was_held || !world.called().allows_update, "seed {seed}");
        }
        if *name == *"digits" {
            assert_eq!((world.caller().digits_taken, world.called().digits_heard), (3, 3), "seed {seed}");
            assert_eq!((world.called().digits_taken, world.caller().digits_heard), (1, 1), "seed {seed}");
        }
        assert!(agree, "{name}, seed {seed}: the peers disagree on whether the call was up");
        if world.records[0].direct_media && world.caller().was_up && world.called().was_up {
            let (a, b) = (world.caller(), world.called());
            assert_eq!((a.told, b.told), (Some(b.media()), Some(a.media())), "{name}, seed {seed}");
        }
    });
}

/// So that what is said of media that is left out, and of tones, cannot hold by there being none.
#[test]
fn media_is_left_out_in_some_worlds_and_a_tone_is_heard_in_others() {
    let (_, caller, called, _) = PATTERNS[0];
    let record = |seed| {
        let mut world = World::new(seed, CLEAN, caller, called);
        world.settle();
        (world.records[0].direct_media, world.records[0].ringback)
    };
    let (relayed, rings, direct) = ((false, false), (false, true), (true, false));
    assert_eq!((0..6).map(record).collect::<Vec<_>>(), [relayed, relayed, rings, rings, direct, direct]);
}

#[test]
fn on_a_bad_network_every_call_ends_once_and_leaves_nothing() {
    each_seed(BAD, |_, _, _, _| {});
}

#[test]
fn whichever_side_dies_and_whenever_every_call_ends_once_and_leaves_nothing() {
    for (name, caller, called, _) in PATTERNS {
        for seed in 0..SEEDS {
            println!("{name}, seed {seed}");
            let mut dice = Dice::new(seed ^ 0xdead);
            let (mut caller, mut called) = (caller.to_vec(), called.to_vec());
            let victim = if dice.percent(50) { &mut caller } else { &mut called };
            victim.push((dice.below(10_000), Act::Die));
            let quality = if dice.percent(50) { CLEAN } else { BAD };
            let mut world = World::new(seed, quality, &caller, &called);
            world.settle();
        }
    }
}

#[test]
fn a_datapath_that_refuses_costs_the_call_and_nothing_else() {
    for seed in 0..SEEDS {
        let (_, caller, called, _) = PATTERNS[0];
        let mut world = World::new(seed, CLEAN, caller, called);
        world.media_refused = true;
        world.settle();
        assert_eq!(world.records[0].cause.name(), "datapath");
        assert_eq!((world.caller().state, world.called().state), (State::Ended, State::Idle));
    }
}

#[test]
fn an_answer_that_the_datapath_refuses_is_never_told() {
    for (name, caller, called, _) in PATTERNS {
        for seed in 0..SEEDS / 10 {
            println!("{name}, seed {seed}");
            let mut world = World::new(seed, CLEAN, caller, called);
            world.update_refused = true;
            world.settle();
            let answered = matches!(*name, "caller hangs up" | "early media" | "digits");
            let asked = answered && !world.records[0].direct_media;
            assert!(!asked || world.records[0].cause.name() == "datapath", "{:?}", world.records[0]);
        }
    }
}
