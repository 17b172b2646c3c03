//! Answers that nobody waits for, made up by a trunk.

use super::standing::{CARRIER, PBX, answer, pbx_sdp};
use super::*;

#[test]
fn a_trunk_that_makes_up_answers_without_end_takes_no_room_from_calls() {
    let mut bench = Bench::new(|_, _| {});
    let (sent, _) = bench.receive(CARRIER, &invite(1));
    let invite = sent[1].1.clone();
    let mut after = Bench::new(|_, _| {});
    let ok = answer(&invite, "200 OK", "b", PBX, &pbx_sdp());
    let hung_up = |after: &mut Bench| {
        let made_up = |number: u32| ok.replace(";tag=b", &format!(";tag=b{number}"));
        (0..1_000).filter(|number| !after.receive(PBX, &made_up(*number)).0.is_empty()).count()
    };
    assert_eq!(hung_up(&mut after), 400);
    after.now += Duration::from_secs(1);
    assert_eq!(hung_up(&mut after), 200, "who is not heard is heard later");
}

#[test]
fn a_trunk_that_makes_up_answers_leaves_as_many_to_another_one() {
    let mut bench = Bench::new(|_, _| {});
    let (sent, _) = bench.receive(CARRIER, &invite(1));
    let ok = answer(&sent[1].1, "200 OK", "b", PBX, &pbx_sdp());
    let mut after = Bench::new(|_, _| {});
    let mut hung_up = |peer: &str, ok: &str| {
        let made_up = |number: u32| ok.replace(";tag=b", &format!(";tag=b{number}"));
        (0..1_000).filter(|number| !after.receive(peer, &made_up(*number)).0.is_empty()).count()
    };
    assert_eq!(hung_up(PBX, &ok), 400);
    assert_eq!(hung_up(CARRIER, &ok), 400);
    assert_eq!(hung_up(PBX, &ok), 0);
}
