//! A test that the operator orders: who is asked, what is found, and when it is over.

use super::attempt::{FIRST, SECOND, two_targets};
use super::control::{Control, Sent, bench};
use super::standing::{PBX, answer};
use super::*;
use crate::edge::{Heard, Tested};
use crate::policy::AdminState;
use crate::sip::StatusCode;

/// Begins a test of the PBX, and gives what was sent.
fn begin(bench: &mut Control, ticket: u64) -> (bool, Sent) {
    let now = bench.now;
    let begun = bench.edge.begin_test("pbx", ticket, now);
    bench.edge.handle(Input::TimeElapsed, now);
    (begun, bench.carry_out())
}

fn heard(tested: &Tested) -> Vec<(String, Heard)> {
    tested.targets.iter().map(|target| (target.address.to_string(), target.heard.clone())).collect()
}

#[test]
fn each_target_is_asked_at_once_and_who_is_silent_is_given_up() {
    let mut bench = two_targets(None);
    let (begun, sent) = begin(&mut bench, 7);
    assert!(begun);
    let asked: Vec<_> = sent.iter().map(|(to, _)| to.to_string()).collect();
    assert_eq!(asked, [FIRST, SECOND]);
    assert_eq!(begin(&mut bench, 8), (false, vec![]), "one at a time");
    bench.wait(1);
    let (to, options) = &sent[1];
    bench.receive(&to.to_string(), &answer(options, "404 Not Found", "o", SECOND, ""));
    assert_eq!(bench.edge.take_tested(), None, "the other one may answer yet");
    bench.wait(4);
    let (ticket, tested) = bench.edge.take_tested().unwrap();
    assert_eq!((ticket, tested.settled), (7, true));
    let said = Heard::Answer { code: StatusCode::NOT_FOUND, reason: "Not Found".to_owned(), server: None };
    assert_eq!(heard(&tested), [(FIRST.to_owned(), Heard::Silence), (SECOND.to_owned(), said)]);
    assert_eq!(tested.targets[1].took, Duration::from_secs(1));
    assert_eq!(tested.targets[0].took, Duration::from_secs(4));
    assert!(begin(&mut bench, 9).0, "and again");
    bench.wait(5);
    bench.settle();
}

#[test]
fn it_is_over_with_the_last_answer_and_what_was_not_delivered_is_told_so() {
    let mut bench = bench(|trunks| trunks[1].order(AdminState::Disabled));
    let (_, sent) = begin(&mut bench, 1);
    let (to, options) = sent[0].clone();
    assert_eq!(to.to_string(), PBX, "a disabled trunk is tested before it is enabled");
    let listener = ListenerId { realm: RealmId::new(1), index: 0, transport: Transport::Udp };
    let path = Path { listener, peer: to, proven: None };
    bench.edge.handle(Input::Undelivered { path, beginning: Bytes::from(options) }, bench.now);
    let (_, tested) = bench.edge.take_tested().unwrap();
    assert_eq!(heard(&tested), [(PBX.to_owned(), Heard::Undelivered)]);
    bench.settle();
}

#[test]
fn a_trunk_that_is_not_there_is_not_tested_and_one_that_leaves_ends_its_test() {
    let mut bench = bench(|_| {});
    assert!(!bench.edge.begin_test("nobody", 1, bench.now));
    assert!(begin(&mut bench, 2).0);
    bench.edge.handle(Input::DrainRequested { grace: Duration::ZERO }, bench.now);
    assert_eq!(bench.edge.take_tested(), Some((2, Tested::default())));
}
