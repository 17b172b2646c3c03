//! Transfers and redirections: a side is referred to a number or to another call, another call takes its place, or who is called
//! sends the call on. Whatever is lost and whoever dies, in one shard or in two, each call ends once and nobody is left in one.

use std::time::Duration;

use edge_core::policy::{Refer, Transport};

use crate::network::{BAD, CLEAN, Dice, Quality};
use crate::patterns::Script;
use crate::peer::{Act, Peer, State};
use crate::policy::{Decided, shared_address, transferring};
use crate::world::{Pattern, Setting, World};

const SEEDS: u64 = 40;

const CALL: Act = Act::Invite { with_offer: true };
const CALL_WITHOUT_OFFER: Act = Act::Invite { with_offer: false };
const TARGET: &str = "sip:7001@elsewhere";
const HANGS_UP: Script = &[(0, CALL), (20_000, Act::Hangup)];
const ANSWERS: Script = &[(50, Act::Ring), (1000, Act::Answer)];
const REFERS: Script = &[(50, Act::Ring), (1000, Act::Answer), (3000, Act::Refer(TARGET))];
const NOBODY: Script = &[];

/// Places of peers among all: the second call of the trunk that is called, and its first one.
const CONSULTS: usize = 2;
const IS_CALLED: usize = 1;

/// What is played: by who calls and who is called, by another caller of the called trunk and who that calls, by a third one who
/// takes a place, and by the target.
struct Course {
    name: &'static str,
    refer: Refer,
    caller: Script,
    called: Script,
    second: [Script; 2],
    third: Script,
    target: Script,
    /// What comes of it on a clean network.
    comes_of_it: fn(&World) -> bool,
}

/// A call that is answered and hung up, and nothing else.
const CALLED: Course = Course {
    name: "nothing",
    refer: Refer::Consume,
    caller: HANGS_UP,
    called: ANSWERS,
    second: [NOBODY, NOBODY],
    third: NOBODY,
    target: ANSWERS,
    comes_of_it: |_| true,
};

const KNOWS_AND_REFERS: Script =
    &[(0, Act::Know(CONSULTS)), (50, Act::Ring), (1000, Act::Answer), (6000, Act::ReferToKnown)];

const COURSES: &[Course] = &[
    Course { name: "referred", called: REFERS, comes_of_it: is_transferred, ..CALLED },
    Course {
        name: "referred by who calls",
        caller: &[(0, CALL), (3000, Act::Refer(TARGET))],
        called: &[(50, Act::Ring), (1000, Act::Answer), (20_000, Act::Hangup)],
        comes_of_it: |world| target(world).was_up && world.caller().transfer.reported == Some(200),
        ..CALLED
    },
    Course {
        name: "referred, and the one who refers hangs up at once",
        called: &[(50, Act::Ring), (1000, Act::Answer), (3000, Act::Refer(TARGET)), (3030, Act::Hangup)],
        comes_of_it: |world| target(world).was_up,
        ..CALLED
    },
    Course {
        name: "the target is busy",
        called: REFERS,
        target: &[(50, Act::Ring), (900, Act::Reject(486))],
        comes_of_it: |world| world.called().transfer.reported == Some(486) && !target(world).was_up,
        ..CALLED
    },
    Course {
        name: "the target rings until the caller hangs up",
        called: REFERS,
        target: &[(50, Act::Ring)],
        comes_of_it: |world| !target(world).was_up,
        ..CALLED
    },
    Course {
        name: "the target sends the call back",
        called: REFERS,
        target: &[(50, Act::Redirect("sip:+441@elsewhere"))],
        comes_of_it: |world| !target(world).was_up,
        ..CALLED
    },
    Course {
        name: "hold while the target rings",
        caller: &[(0, CALL), (4000, Act::Hold), (4800, Act::Hold), (20_000, Act::Hangup)],
        called: REFERS,
        comes_of_it: is_transferred,
        ..CALLED
    },
    Course {
        name: "passed on to one who does not know REFER",
        refer: Refer::Pass,
        called: REFERS,
        comes_of_it: |world| world.called().transfer.accepted == 0,
        ..CALLED
    },
    Course {
        name: "referred to another call",
        called: KNOWS_AND_REFERS,
        second: [&[(2500, CALL)], ANSWERS],
        comes_of_it: |world| {
            let reported = world.called().transfer.reported == Some(200);
            reported && world.pairs[1].called.was_up && world.records.len() == 3
        },
        ..CALLED
    },
    Course {
        name: "referred to a call that ends just then",
        called: KNOWS_AND_REFERS,
        second: [&[(2500, CALL), (7040, Act::Hangup)], ANSWERS],
        ..CALLED
    },
    Course {
        name: "another call takes the place",
        third: &[(0, Act::Know(IS_CALLED)), (4000, Act::Replace { with_offer: true }), (25_000, Act::Hangup)],
        comes_of_it: takes_the_place,
        ..CALLED
    },
    Course {
        name: "another call takes the place, and leaves the offer to us",
        third: &[
            (0, Act::Know(IS_CALLED)),
            (4000, Act::Replace { with_offer: false }),
            (25_000, Act::Hangup),
        ],
        comes_of_it: takes_the_place,
        ..CALLED
    },
    Course {
        name: "another call takes the place of one that ends just then",
        called: &[(50, Act::Ring), (1000, Act::Answer), (3090, Act::Hangup)],
        third: &[(0, Act::Know(IS_CALLED)), (4000, Act::Replace { with_offer: true }), (9000, Act::Hangup)],
        ..CALLED
    },
    Course {
        name: "picked up by another call",
        called: &[(50, Act::Ring)],
        third: &[(0, Act::Know(IS_CALLED)), (2000, Act::Replace { with_offer: true }), (25_000, Act::Hangup)],
        comes_of_it: |world| takes_the_place(world) && world.caller().was_up,
        ..CALLED
    },
    Course {
        name: "picked up after an answer that was acknowledged, and the offer left to us",
        caller: &[(0, Act::Acknowledge), (0, CALL), (20_000, Act::Hangup)],
        called: &[(0, Act::Acknowledge), (50, Act::Progress)],
        third: &[
            (0, Act::Know(IS_CALLED)),
            (2000, Act::Replace { with_offer: false }),
            (25_000, Act::Hangup),
        ],
        comes_of_it: |world| takes_the_place(world) && world.caller().was_up,
        ..CALLED
    },
    Course {
        name: "picked up when it answers",
        called: &[(50, Act::Ring), (1960, Act::Answer)],
        third: &[(0, Act::Know(IS_CALLED)), (2000, Act::Replace { with_offer: true }), (25_000, Act::Hangup)],
        ..CALLED
    },
    Course {
        name: "picked up when it is given up",
        caller: &[(0, CALL), (2010, Act::Cancel), (20_000, Act::Hangup)],
        called: &[(50, Act::Ring)],
        third: &[(0, Act::Know(IS_CALLED)), (2000, Act::Replace { with_offer: true }), (9000, Act::Hangup)],
        ..CALLED
    },
    Course {
        name: "sent on",
        called: &[(50, Act::Redirect(TARGET))],
        comes_of_it: |world| target(world).was_up && world.records[0].redirects == 1,
        ..CALLED
    },
    Course {
        name: "sent on without an offer, after it rang",
        caller: &[(0, CALL_WITHOUT_OFFER), (20_000, Act::Hangup)],
        called: &[(50, Act::Ring), (900, Act::Redirect(TARGET))],
        comes_of_it: |world| target(world).was_up,
        ..CALLED
    },
    Course {
        name: "sent on after an answer that was acknowledged",
        caller: &[(0, Act::Acknowledge), (0, CALL), (20_000, Act::Hangup)],
        called: &[(0, Act::Acknowledge), (50, Act::Progress), (900, Act::Redirect(TARGET))],
        target: &[(0, Act::Acknowledge), (50, Act::Progress), (900, Act::Answer)],
        comes_of_it: |world| target(world).was_up,
        ..CALLED
    },
    Course {
        name: "sent on to and fro",
        called: &[(50, Act::Redirect(TARGET))],
        target: &[(50, Act::Redirect("sip:+441@elsewhere"))],
        comes_of_it: |world| !world.caller().was_up,
        ..CALLED
    },
    Course {
        name: "given up when it is sent on",
        caller: &[(0, CALL), (960, Act::Cancel), (20_000, Act::Hangup)],
        called: &[(50, Act::Ring), (940, Act::Redirect(TARGET))],
        ..CALLED
    },
];

fn target(world: &World) -> &Peer {
    &world.pairs[3].called
}

fn is_transferred(world: &World) -> bool {
    target(world).was_up && world.called().transfer.reported == Some(200) && world.records.len() == 2
}

fn takes_the_place(world: &World) -> bool {
    world.pairs[2].caller.was_up && world.records.len() == 2
}

/// The parts of a course: of who calls, is called, consults, is consulted, takes a place, and of the target.
fn parts(course: &Course) -> [Vec<(u64, Act)>; 6] {
    let [consults, consulted] = course.second;
    [course.caller, course.called, consults, consulted, course.third, course.target].map(<[_]>::to_vec)
}

/// How a course is run.
struct Run {
    seed: u64,
    quality: Quality,
    shards: usize,
}

fn world(course: &Course, parts: &[Vec<(u64, Act)>; 6], Run { seed, quality, shards }: Run) -> World {
    let [caller, called, consults, consulted, third, target] = parts;
    let calls = &[
        Pattern { caller, called, outbound: false },
        Pattern { caller: consults, called: consulted, outbound: true },
        Pattern { caller: third, called: &[], outbound: true },
        Pattern { caller: &[], called: target, outbound: false },
    ];
    let transport = if seed % 4 == 3 { Transport::Tcp } else { Transport::Udp };
    let setting =
        Setting { shards, address: shared_address, ..Setting::plain(seed, quality, transport, calls) };
    World::under(&setting, transferring(Decided::of(seed, transport), course.refer))
}

/// Runs all courses, in one shard and in two.
fn each_run(check: impl Fn(&Course, u64, usize)) {
    for course in COURSES {
        for seed in 0..SEEDS {
            for shards in [1, 2] {
                println!("{}, seed {seed}, {shards} shards", course.name);
                check(course, seed, shards);
            }
        }
    }
}

#[test]
fn on_a_clean_network_each_comes_about() {
    each_run(|course, seed, shards| {
        let mut world = world(course, &parts(course), Run { seed, quality: CLEAN, shards });
        world.settle();
        let records = &world.records;
        assert!((course.comes_of_it)(&world), "{}, seed {seed}, {shards} shards: {records:#?}", course.name);
    });
}

#[test]
fn on_a_bad_network_each_call_ends_once_and_nobody_is_left_in_one() {
    each_run(|course, seed, shards| {
        world(course, &parts(course), Run { seed, quality: BAD, shards }).settle();
    });
}

#[test]
fn whoever_dies_and_whenever_each_call_ends_once_and_nobody_is_left_in_one() {
    each_run(|course, seed, shards| {
        let mut dice = Dice::new(seed ^ 0x7e4a);
        let mut parts = parts(course);
        let victim = usize::try_from(dice.below(6)).expect("one of six");
        parts[victim].push((dice.below(12_000), Act::Die));
        let quality = if dice.percent(50) { CLEAN } else { BAD };
        world(course, &parts, Run { seed, quality, shards }).settle();
    });
}

#[test]
fn killed_at_any_step_no_call_has_two_records_and_nobody_is_left_in_one() {
    each_run(|course, seed, shards| {
        let mut dice = Dice::new(seed ^ 0x9c4a);
        let quality = if dice.percent(50) { CLEAN } else { BAD };
        let mut world = world(course, &parts(course), Run { seed, quality, shards });
        let at = usize::try_from(dice.below(150)).expect("few steps");
        let lost = if dice.percent(30) { usize::try_from(dice.below(4)).expect("few") } else { 0 };
        world.crash_at(&[at], lost, dice.millis(1500));
        world.settle();
    });
}

#[test]
fn killed_before_anything_it_does_nobody_is_left_in_a_call() {
    let mut reported = 0;
    for course in COURSES {
        for done in 0.. {
            println!("{}, after {done}", course.name);
            let mut world = world(course, &parts(course), Run { seed: 0, quality: CLEAN, shards: 1 });
            world.strike_after(done, Dice::new(done as u64).millis(1500));
            world.settle();
            if !world.crashes.any() {
                break;
            }
            // Whose REFER was accepted hears what has come of it.
            let transfer = &world.called().transfer;
            reported += usize::from(transfer.reported == Some(503));
            let heard = transfer.accepted == 0 || transfer.reported.is_some_and(|code| code >= 200);
            let left = world.called().state == State::Ended;
            assert!(heard || left, "nobody has said what has come of a REFER");
        }
    }
    assert!(reported > 20, "only {reported} heard that their transfer has failed");
}

#[test]
fn whenever_the_edge_is_drained_each_call_ends_once() {
    each_run(|course, seed, shards| {
        let mut dice = Dice::new(seed ^ 0xd4a1);
        let mut world = world(course, &parts(course), Run { seed, quality: BAD, shards });
        world.drain_after(dice.millis(10_000), Duration::from_secs(3));
        world.settle();
        assert!(world.drained, "the host never heard of it");
    });
}
