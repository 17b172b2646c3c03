//! The whole table, and what a trunk makes of its targets.

use Health::{Down, Unknown, Up};
use Sign::{Alive, Silent};

use super::*;
use crate::policy::tests::trunk;

const RULE: Hysteresis = Hysteresis { fails: 3, oks: 2 };

#[test]
fn the_whole_table() {
    let table = [
        ((Unknown, 0), Alive, (Up, 0)),
        ((Unknown, 1), Alive, (Up, 0)),
        ((Unknown, 2), Alive, (Up, 0)),
        ((Unknown, 0), Silent, (Unknown, 1)),
        ((Unknown, 1), Silent, (Unknown, 2)),
        ((Unknown, 2), Silent, (Down, 0)),
        ((Up, 0), Alive, (Up, 0)),
        ((Up, 1), Alive, (Up, 0)),
        ((Up, 2), Alive, (Up, 0)),
        ((Up, 0), Silent, (Up, 1)),
        ((Up, 1), Silent, (Up, 2)),
        ((Up, 2), Silent, (Down, 0)),
        ((Down, 0), Silent, (Down, 0)),
        ((Down, 1), Silent, (Down, 0)),
        ((Down, 0), Alive, (Down, 1)),
        ((Down, 1), Alive, (Up, 0)),
    ];
    for ((health, against), sign, want) in table {
        let before = Pulse { health, against };
        let after = before.step(sign, RULE);
        assert_eq!((after.health, after.against), want, "{before:?} {sign:?}");
        assert_eq!(Pulse::of(after.word()), after);
        let shared = SharedPulse(AtomicU16::new(before.word()));
        assert_eq!(shared.note(sign, RULE), (want.0 != health).then_some(want.0), "{before:?} {sign:?}");
        assert_eq!(shared.health(), want.0);
    }
}

#[test]
fn who_flaps_faster_than_he_is_believed_stays_what_he_was() {
    let shared = SharedPulse::default();
    assert_eq!(shared.note(Alive, RULE), Some(Up));
    for _ in 0..100 {
        for sign in [Silent, Silent, Alive] {
            assert_eq!(shared.note(sign, RULE), None);
        }
    }
    let one = Hysteresis { fails: 1, oks: 1 };
    assert_eq!([Silent, Silent, Alive].map(|sign| shared.note(sign, one)), [Some(Down), None, Some(Up)]);
}

#[test]
fn who_comes_back_is_tried_at_once_unless_he_has_asked_to_be_left_alone() {
    let hysteresis = Hysteresis { fails: 1, oks: 2 };
    let keepalive = Some(Keepalive { interval: Duration::from_secs(30), hysteresis });
    let trunk = Trunk { keepalive, ..trunk("t", "192.0.2.2:5060", &[]) };
    let target = trunk.targets.iter().next().unwrap();
    let until = |seconds| Duration::from_secs(seconds);
    assert_eq!(trunk.note_sign(target, Alive), Some(Up));
    target.avoid(until(32));
    assert_eq!(trunk.note_sign(target, Alive), None);
    assert!(target.is_avoided(until(31)), "it answers OPTIONS and no INVITE");

    assert_eq!(trunk.note_sign(target, Silent), Some(Down));
    assert_eq!(trunk.note_sign(target, Alive), None);
    assert!(target.is_avoided(until(31)), "once is not enough");
    assert_eq!(trunk.note_sign(target, Alive), Some(Up));
    assert!(!target.is_avoided(until(0)));

    target.leave_alone(until(9));
    assert_eq!(
        [Silent, Alive, Alive].map(|sign| trunk.note_sign(target, sign)),
        [Some(Down), None, Some(Up)]
    );
    assert!(target.is_avoided(until(8)) && !target.is_avoided(until(9)));
}

#[test]
fn a_trunk_is_as_well_as_the_best_of_its_targets() {
    let keepalive =
        Some(Keepalive { interval: Duration::from_secs(30), hysteresis: Hysteresis { fails: 1, oks: 1 } });
    let two = |keepalive| {
        let mut trunk = Trunk { keepalive, ..trunk("t", "192.0.2.2:5060", &[]) };
        let family = ["192.0.2.2:5060", "192.0.2.3:5060"]
            .map(|at| Target::new(at.parse().unwrap(), crate::policy::Transport::Udp));
        let candidate = crate::policy::Candidate { rank: 0, weight: 0, families: vec![family.to_vec()] };
        trunk.targets = std::sync::Arc::new(crate::policy::Targets::new(vec![candidate]));
        trunk
    };
    let trunk = two(keepalive);
    let mut targets = trunk.targets.iter();
    let (first, second) = (targets.next().unwrap(), targets.next().unwrap());
    assert_eq!(trunk.health(), Unknown);
    assert_eq!(trunk.note_sign(first, Silent), Some(Down));
    assert_eq!(trunk.health(), Unknown, "of the other one nothing is known");
    assert_eq!(trunk.note_sign(second, Silent), Some(Down));
    assert_eq!(trunk.health(), Down);
    assert_eq!(trunk.note_sign(second, Alive), Some(Up));
    assert_eq!(trunk.health(), Up);

    let unasked = two(None);
    assert_eq!(unasked.note_sign(unasked.targets.iter().next().unwrap(), Silent), None);
    assert_eq!(unasked.health(), Unknown);
}
