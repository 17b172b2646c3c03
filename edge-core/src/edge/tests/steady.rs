//! Trunks that are sent one RTP stream for the life of a call.

use super::journal::found_with;
use super::standing::{CARRIER, PBX, Standing, answer, pbx_sdp};
use super::*;
use crate::call::{Journaled, MediaFound};
use crate::media::{MediaPlan, Steady};
use crate::policy::Rtp;

/// The carrier's trunk is sent one stream, the PBX's what comes.
fn steady(trunks: &mut [Trunk; 2], _: &mut Strangers) {
    trunks[0].media.rtp = Rtp::Steady;
}

fn of(plan: &MediaPlan) -> [Option<Steady>; 2] {
    let [stream] = &plan.streams[..] else { panic!("{plan:?}") };
    [stream.a.steady, stream.b.steady]
}

/// What is written down of the call's streams.
fn written(call: &Standing) -> [Option<Steady>; 2] {
    let entry = call.bench.journal.values().next().expect("a call that stands is written down");
    of(Journaled::parse(entry).unwrap().plan())
}

/// The PBX moves to another port, and is followed.
fn moves(call: &mut Standing, sequence: u32, port: &str) {
    let moved = call.by_pbx("INVITE", sequence, &pbx_sdp().replace("6000", port));
    let (sent, _) = call.bench.receive(PBX, &moved);
    let (_, reinvite) = sent.iter().find(|(_, text)| text.starts_with("INVITE ")).unwrap();
    call.bench.receive(CARRIER, &answer(reinvite, "200 OK", "a", CARRIER, SDP));
    let ack = call.by_pbx("ACK", sequence, "");
    call.bench.receive(PBX, &ack);
}

#[test]
fn what_a_trunk_is_sent_keeps_its_ssrc_over_changes_and_the_edges_death() {
    let mut call = Standing::with(Bench::new(steady));
    let begun = written(&call);
    assert!(matches!(begun, [Some(Steady { ssrc: _, follows: None }), None]), "{begun:?}");
    let before = call.bench.journal.clone();
    moves(&mut call, 1, "6010");
    assert_ne!(call.bench.journal, before, "the PBX has moved");
    assert_eq!(written(&call), begun);
    found_with(&mut call, policy(steady, |_| {}), MediaFound::Relayed);
    moves(&mut call, 2, "6020");
    assert_eq!(written(&call), begun);
}

#[test]
fn calls_have_ssrcs_of_their_own_and_none_without_the_key() {
    assert_eq!(written(&Standing::new()), [None, None]);
    let mut call = Standing::with(Bench::new(steady));
    let first = written(&call)[0];
    let (sent, _) = call.bench.receive(CARRIER, &invite(2));
    let second = sent.iter().find(|(_, text)| text.starts_with("INVITE ")).unwrap().1.clone();
    call.bench.receive(PBX, &answer(&second, "200 OK", "c", PBX, &pbx_sdp()));
    let all: Vec<_> =
        call.bench.journal.values().map(|entry| of(Journaled::parse(entry).unwrap().plan())[0]).collect();
    assert!(all.len() == 2 && all[0] != all[1] && all.contains(&first), "{all:?}");
}
