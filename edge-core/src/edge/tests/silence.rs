//! Sides of a call that are not heard.

use std::collections::BTreeSet;

use super::journal::found_with;
use super::standing::{CARRIER, PBX, Standing, pbx_sdp};
use super::*;
use crate::call::{Cause, MediaFound, Side, Silent};
use crate::media::LastHeard;
use crate::policy::{Silence, SilenceEnds};

fn heard(seconds: u64) -> LastHeard {
    LastHeard { media: Some(Duration::from_secs(seconds)), control: None }
}

/// A call whose trunks end what is silent for 30 s, as `ends` says.
fn standing(ends: SilenceEnds) -> Standing {
    let rule = Silence { ends, end_after: Duration::from_secs(30), ..Silence::default() };
    Standing::with(Bench::new(|trunks, _| trunks.iter_mut().for_each(|trunk| trunk.media.silence = rule)))
}

/// Lets time go by in steps of a second; `last` says when each side was heard last.
fn pass(
    call: &mut Standing,
    seconds: u64,
    last: [LastHeard; 2],
) -> (Vec<(SocketAddr, String)>, Vec<CallRecord>) {
    let (mut sent, mut records) = (Vec::new(), Vec::new());
    call.bench.heard = last;
    for _ in 0..seconds {
        call.bench.now += Duration::from_secs(1);
        for heard in &mut call.bench.heard {
            heard.media = heard.media.map(|ago| ago + Duration::from_secs(1));
        }
        let (more, ended) = call.bench.take(Input::TimeElapsed);
        sent.extend(more);
        records.extend(ended);
    }
    (sent, records)
}

fn silent(call: &Standing) -> [bool; 2] {
    call.bench.edge.calls().next().unwrap().silent_since.map(|since| since.is_some())
}

#[test]
fn a_side_falls_silent_is_told_of_and_is_heard_again() {
    let mut call = standing(SilenceEnds::None);
    assert_eq!(pass(&mut call, 9, [heard(0), heard(0)]), (vec![], vec![]));
    pass(&mut call, 12, [LastHeard::default(), heard(0)]);
    assert_eq!(silent(&call), [true, true], "B was heard 12 s ago");
    let counters = call.bench.edge.counters();
    assert_eq!((counters.media_silences, counters.calls_dead, counters.calls_one_way), (2, 1, 0));
    call.bench.heard = [heard(0); 2];
    pass(&mut call, 5, [LastHeard::default(), heard(0)]);
    assert_eq!(silent(&call), [true, false]);
    let counters = call.bench.edge.counters();
    assert_eq!((counters.media_silences, counters.calls_dead, counters.calls_one_way), (2, 0, 1));
    let bye = call.by_carrier("BYE", 2, "");
    let (_, records) = call.bench.receive(CARRIER, &bye);
    assert_eq!(records[0].silences, [1, 1]);
    call.wait(40);
    let counters = call.bench.edge.counters();
    assert_eq!((counters.calls_one_way, counters.calls_dead), (0, 0), "a call that is over is not silent");
}

#[test]
fn a_dead_call_is_hung_up_on_both_sides_and_says_why() {
    let mut call = standing(SilenceEnds::Dead);
    let (sent, records) = pass(&mut call, 29, [LastHeard::default(); 2]);
    assert_eq!((sent, records), (vec![], vec![]));
    let (sent, records) = pass(&mut call, 3, [LastHeard::default(); 2]);
    let told: BTreeSet<SocketAddr> = sent.iter().map(|(peer, _)| *peer).collect();
    assert_eq!(told.len(), 2, "{sent:?}");
    for (_, bye) in &sent {
        assert!(
            bye.starts_with("BYE ") && bye.contains("Reason: Q.850;cause=102;text=\"Media timeout\""),
            "{bye}"
        );
    }
    assert_eq!(records[0].cause, Cause::MediaTimeout(Silent::Both));
    assert_eq!(records[0].cause.name(), "media_timeout");
    assert_eq!(call.bench.edge.counters().media_timeouts, 1);
}

#[test]
fn one_way_is_not_dead() {
    let mut call = standing(SilenceEnds::Dead);
    let (sent, _) = pass(&mut call, 20, [LastHeard::default(), heard(0)]);
    let (more, _) = pass(&mut call, 20, [LastHeard::default(), heard(0)]);
    assert_eq!((sent, more), (vec![], vec![]));
    assert!(silent(&call)[0]);
    let mut call = standing(SilenceEnds::OneWay);
    pass(&mut call, 20, [LastHeard::default(), heard(0)]);
    let (_, records) = pass(&mut call, 20, [LastHeard::default(), heard(0)]);
    assert_eq!(records[0].cause, Cause::MediaTimeout(Silent::Side(Side::A)));
}

#[test]
fn who_is_held_need_not_be_heard_and_has_time_when_it_is_taken_back() {
    let mut call = standing(SilenceEnds::OneWay);
    let held = call.by_pbx("INVITE", 1, &pbx_sdp().replace("m=audio", "a=inactive\r\nm=audio"));
    let (sent, _) = call.bench.receive(PBX, &held);
    let reinvite = &sent.iter().find(|(_, text)| text.starts_with("INVITE ")).unwrap().1;
    assert!(reinvite.contains("a=inactive"), "{reinvite}");
    let hold = SDP.replace("m=audio", "a=inactive\r\nm=audio");
    call.bench.receive(CARRIER, &standing::answer(reinvite, "200 OK", "a", CARRIER, &hold));
    let ack = call.by_pbx("ACK", 1, "");
    call.bench.receive(PBX, &ack);
    let talks = |call: &Standing| {
        let plan = call.bench.plan.clone().unwrap();
        [plan.streams[0].a.talks, plan.streams[0].b.talks]
    };
    assert_eq!(talks(&call), [false, false]);
    assert_eq!(pass(&mut call, 200, [LastHeard::default(); 2]).1, vec![], "on hold");
    assert_eq!(silent(&call), [false, false]);
    let back = call.by_pbx("INVITE", 2, &pbx_sdp());
    let (sent, _) = call.bench.receive(PBX, &back);
    let reinvite = &sent.iter().find(|(_, text)| text.starts_with("INVITE ")).unwrap().1;
    call.bench.receive(CARRIER, &standing::answer(reinvite, "200 OK", "a", CARRIER, SDP));
    let ack = call.by_pbx("ACK", 2, "");
    call.bench.receive(PBX, &ack);
    assert_eq!(talks(&call), [true, true]);
    assert_eq!(pass(&mut call, 25, [LastHeard::default(); 2]).1, vec![], "it has only just been taken back");
    assert_eq!(pass(&mut call, 10, [LastHeard::default(); 2]).1.len(), 1);
}

#[test]
fn nobody_listens_before_the_answer_or_where_nothing_follows() {
    let mut bench = Bench::new(|_, _| {});
    bench.receive(CARRIER, &invite(1));
    bench.now += Duration::from_secs(50);
    bench.take(Input::TimeElapsed);
    assert_eq!(bench.edge.counters().media_silences, 0, "it rings");
    let never = Silence { after: None, ..Silence::default() };
    let mut call = Standing::with(Bench::new(|trunks, _| {
        trunks.iter_mut().for_each(|trunk| trunk.media.silence = never)
    }));
    pass(&mut call, 200, [LastHeard::default(); 2]);
    assert_eq!(silent(&call), [false, false]);
}

#[test]
fn a_call_that_is_gone_on_with_is_listened_to_anew() {
    let rule = Silence { ends: SilenceEnds::Dead, end_after: Duration::from_secs(30), ..Silence::default() };
    let mut call = standing(SilenceEnds::Dead);
    pass(&mut call, 25, [LastHeard::default(); 2]);
    let policy = policy(|trunks, _| trunks.iter_mut().for_each(|trunk| trunk.media.silence = rule), |_| {});
    found_with(&mut call, policy, MediaFound::Relayed);
    assert_eq!(pass(&mut call, 25, [LastHeard::default(); 2]).1, vec![], "both may have lost no word");
    assert_eq!(silent(&call), [true, true]);
    let (_, records) = pass(&mut call, 10, [LastHeard::default(); 2]);
    assert_eq!(records[0].cause, Cause::MediaTimeout(Silent::Both));
}
