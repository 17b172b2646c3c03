//! Calls that are gone on with after the edge was killed.

use crate::media::MediaReport;
use std::collections::HashSet;

use super::standing::{CARRIER, PBX, Standing, answer, header, pbx_sdp, peers};
use super::*;
use crate::call::{Cause, JOURNAL_VERSION, Journaled, MediaFound, Unreadable};

/// How long nobody is there.
const DOWN: Duration = Duration::from_secs(7);

pub(super) fn written(bench: &Bench) -> Journaled {
    let entry = bench.journal.values().next().expect("a call that stands is written down");
    Journaled::parse(entry).unwrap()
}

/// What the successor of a killed edge says when it has found the call: `policy` is what it was started with.
pub(super) fn found_with(
    call: &mut Standing,
    policy: Policy,
    media: MediaFound,
) -> (Vec<(SocketAddr, String)>, Vec<CallRecord>) {
    let journaled = written(&call.bench);
    found(call, journaled, policy, media)
}

/// The same, of the call as it was read.
pub(super) fn found(
    call: &mut Standing,
    journaled: Journaled,
    policy: Policy,
    media: MediaFound,
) -> (Vec<(SocketAddr, String)>, Vec<CallRecord>) {
    let bench = &mut call.bench;
    let policy = policy.accommodating([&journaled].into_iter()).unwrap_or(policy);
    let since_epoch = DOWN + (bench.now - bench.began);
    bench.now += DOWN;
    bench.began = bench.now;
    bench.journal.clear();
    bench.edge = Edge::new(Arc::new(policy), Shard { index: 0, count: 1 }, bench.now, [9; 32]);
    if media == MediaFound::Relayed {
        let streams = journaled.plan().streams.iter();
        let ports: HashSet<_> = streams.flat_map(|stream| [stream.a.local, stream.b.local]).collect();
        bench.edge.withhold_ports(&ports);
    }
    bench.take(Input::CallFound { call: Box::new(journaled), since_epoch, media })
}

/// The call, gone on with by an edge with the same configuration.
fn killed(mut call: Standing) -> Standing {
    let found = found_with(&mut call, policy(|_, _| {}, |_| {}), MediaFound::Relayed);
    assert_eq!(found, (vec![], vec![]), "nobody notices");
    call
}

#[test]
fn either_side_hangs_up_and_the_record_says_all_of_the_call() {
    for by_carrier in [true, false] {
        let mut call = Standing::new();
        let started = call.bench.now;
        call.wait(20);
        let mut call = killed(call);
        call.wait(3);
        let (from, other, bye) = if by_carrier {
            (CARRIER, PBX, call.by_carrier("BYE", 2, ""))
        } else {
            (PBX, CARRIER, call.by_pbx("BYE", 1, ""))
        };
        let (sent, records) = call.bench.receive(from, &bye);
        assert_eq!(statuses(&sent)[0], "SIP/2.0 200 OK");
        assert!(statuses(&sent)[1].starts_with("BYE "), "{sent:?}");
        let [record] = &records[..] else { panic!("{records:?}") };
        assert_eq!((record.cause.name(), record.caller.as_str()), ("hangup", "+15550001"));
        assert_eq!(
            (record.number_sent.as_deref(), record.codec.as_deref()),
            (Some("02071838750"), Some("PCMA"))
        );
        assert_eq!((record.started, record.answered), (started, Some(started)));
        assert_eq!(record.ended - started, Duration::from_secs(30));
        assert!(record.a.media_local.is_some() && record.b.as_ref().unwrap().media_remote.is_some());
        let (_, bye) = &sent[1];
        call.bench.receive(other, &answer(bye, "200 OK", "", other, ""));
        assert!(call.bench.journal.is_empty(), "forgotten when everybody knows that it is over");
    }
}

#[test]
fn our_cseq_is_above_all_that_were_used_and_a_peer_goes_on_with_its_own() {
    let mut call = killed(Standing::new());
    let bye = call.by_carrier("BYE", 2, "");
    let (sent, _) = call.bench.receive(CARRIER, &bye);
    let sequence: u32 = header(&sent[1].1, "CSeq:").split(' ').next().unwrap().parse().unwrap();
    assert!(sequence > 64, "numbers that the former edge may have used are passed over: {sequence}");
}

#[test]
fn a_hold_crosses_and_its_description_is_one_version_on() {
    let mut call = killed(Standing::new());
    let hold = call.by_pbx("INVITE", 1, &format!("{}a=sendonly\r\n", pbx_sdp()));
    let (sent, _) = call.bench.receive(PBX, &hold);
    let (_, reinvite) = sent.iter().find(|(_, text)| text.starts_with("INVITE ")).unwrap();
    assert!(reinvite.contains("a=sendonly\r\n") && reinvite.contains("m=audio 20000 "), "{reinvite}");
    let version = |text: &str| -> u64 { header(text, "o=-").split(' ').nth(1).unwrap().parse().unwrap() };
    assert_eq!(version(reinvite), version(&call.ok) + 1);
    let held = answer(reinvite, "200 OK", "a", CARRIER, &format!("{SDP}a=recvonly\r\n"));
    let (sent, _) = call.bench.receive(CARRIER, &held);
    assert_eq!(peers(&sent), [CARRIER, PBX]);
    assert!(sent[1].1.contains("a=recvonly\r\n"), "{}", sent[1].1);
}

#[test]
fn sessions_are_refreshed_when_they_are_due() {
    let mut call = Standing::new();
    // The PBX has said nothing of timers, nor the carrier: only what a 200 agrees to runs.
    let timed = call
        .by_pbx("UPDATE", 1, "")
        .replace("Max-Forwards", "Supported: timer\r\nSession-Expires: 200;refresher=uas\r\nMax-Forwards");
    let (sent, _) = call.bench.receive(PBX, &timed);
    assert_eq!(header(&sent[0].1, "Session-Expires:"), "200;refresher=uas");
    let mut call = killed(call);
    assert_eq!(call.wait(92), []);
    let sent = call.wait(1);
    assert_eq!(peers(&sent), [PBX]);
    assert!(sent[0].1.starts_with("INVITE ") || sent[0].1.starts_with("UPDATE "), "{sent:?}");
}

#[test]
fn an_answer_that_was_not_acknowledged_is_said_again_until_it_is() {
    let mut bench = Bench::new(|_, _| {});
    let (sent, _) = bench.receive(CARRIER, &invite(1));
    let invite = sent[1].1.clone();
    let (sent, _) = bench.receive(PBX, &answer(&invite, "200 OK", "b", PBX, &pbx_sdp()));
    let ok = sent.iter().find(|(_, text)| text.starts_with("SIP/2.0 200")).unwrap().1.clone();
    let mut call = Standing { bench, invite, ok };
    let (sent, _) = found_with(&mut call, policy(|_, _| {}, |_| {}), MediaFound::Relayed);
    assert_eq!(sent, [(CARRIER.parse().unwrap(), call.ok.clone())]);
    assert_eq!(call.wait(1), [(CARRIER.parse().unwrap(), call.ok.clone())]);
    let mut call = call.acknowledged();
    assert_eq!(call.wait(60), [], "and no more");
    // Killed again, it stands as any other.
    call = killed(call);
    assert_eq!(call.wait(60), []);
}

#[test]
fn an_answer_that_is_never_acknowledged_ends_the_call() {
    let mut bench = Bench::new(|_, _| {});
    let (sent, _) = bench.receive(CARRIER, &invite(1));
    let invite = sent[1].1.clone();
    bench.receive(PBX, &answer(&invite, "200 OK", "b", PBX, &pbx_sdp()));
    let mut call = Standing { bench, invite, ok: String::new() };
    found_with(&mut call, policy(|_, _| {}, |_| {}), MediaFound::Relayed);
    let sent = call.wait(33);
    let byes = sent.iter().filter(|(_, text)| text.starts_with("BYE "));
    let mut told: Vec<_> = byes.map(|(peer, _)| peer.to_string()).collect();
    told.dedup();
    assert!(told.contains(&CARRIER.to_owned()) && told.contains(&PBX.to_owned()), "{sent:?}");
}

#[test]
fn a_call_whose_media_is_gone_is_hung_up_on_both_sides_with_what_came_in() {
    let mut call = Standing::new();
    let report = |packets| MediaReport { packets, ..MediaReport::default() };
    let gone = MediaFound::Gone(Box::new([report(3), report(4)]));
    let (sent, records) = found_with(&mut call, policy(|_, _| {}, |_| {}), gone);
    assert_eq!(peers(&sent), [CARRIER, PBX]);
    assert!(sent.iter().all(|(_, text)| text.starts_with("BYE ")), "{sent:?}");
    let [record] = &records[..] else { panic!("{records:?}") };
    assert_eq!(record.cause.name(), "interrupted");
    assert_eq!((record.a.media.packets, record.b.as_ref().unwrap().media.packets), (3, 4));
    assert_eq!(call.bench.edge.media_ports_at_rest(), 4, "it has no ports here");
}

#[test]
fn a_trunk_that_is_gone_from_the_file_is_known_until_its_call_ends() {
    let mut call = Standing::new();
    let mut smaller = policy(|trunks, _| trunks[1].name = "another".to_owned(), |_| {});
    let moved = smaller.trunks[1].as_ref().clone();
    smaller.trunks[1] = Arc::new(Trunk::new(&moved.name, moved.realm, "10.0.0.99:5060".parse().unwrap()));
    let (sent, records) = found_with(&mut call, smaller, MediaFound::Relayed);
    assert_eq!((sent, records), (vec![], vec![]));
    let bye = call.by_pbx("BYE", 1, "");
    let (sent, records) = call.bench.receive(PBX, &bye);
    assert_eq!(peers(&sent), [PBX, CARRIER]);
    assert_eq!(records[0].b.as_ref().unwrap().trunk, "pbx");
    let fresh = request("INVITE", "sip:+441@10.0.0.1", 9, "", "").replace("192.0.2.10", "10.0.0.20");
    let (sent, records) = call.bench.receive(PBX, &fresh);
    assert_eq!(statuses(&sent).last(), Some(&"SIP/2.0 503 Service Unavailable"), "it starts none");
    assert!(matches!(records[0].cause, Cause::Refused(_)));
}

#[test]
fn rooms_and_ports_are_taken_again() {
    let limited = |trunks: &mut [Trunk; 2], _: &mut Strangers| trunks[0].limits.calls_max = Some(1);
    let mut call = Standing::new();
    found_with(&mut call, policy(limited, |_| {}), MediaFound::Relayed);
    let usage: Vec<u32> = call.bench.edge.policy.trunks.iter().map(|trunk| trunk.usage.calls()).collect();
    assert_eq!((usage, call.bench.edge.media_ports_at_rest()), (vec![1, 1], 2));
    let (sent, records) = call.bench.receive(CARRIER, &invite(2));
    assert_eq!(statuses(&sent).last(), Some(&"SIP/2.0 503 Service Unavailable"));
    assert_eq!(records[0].cause.name(), "max_calls");
}

#[test]
fn a_call_whose_listener_is_gone_has_its_record() {
    let mut call = Standing::new();
    let elsewhere = |realms: &mut [Realm; 2]| realms[1].sip[0].address = "10.0.0.1:5070".parse().unwrap();
    let (sent, records) = found_with(&mut call, policy(|_, _| {}, elsewhere), MediaFound::Relayed);
    assert_eq!((sent.len(), records.len()), (0, 1));
    assert_eq!((records[0].cause.name(), records[0].a.call_id.as_str()), ("interrupted", "1@192.0.2.10"));
    assert!(call.bench.edge.is_empty());
}

#[test]
fn an_end_that_was_not_recorded_is_recorded_as_it_was() {
    let mut call = Standing::new();
    call.wait(5);
    let bye = call.by_carrier("BYE", 2, "");
    let path = Path {
        listener: ListenerId { realm: RealmId::new(0), index: 0, transport: Transport::Udp },
        peer: CARRIER.parse().unwrap(),
        proven: None,
    };
    // Killed before the record is written: the host has heard nothing yet of what follows from the BYE but the journal.
    call.bench.edge.handle(Input::Received { path, bytes: bye.into() }, call.bench.now);
    let ended = call.bench.now;
    while let Some(command) = call.bench.edge.poll() {
        if let Command::Journal { call: key, entry } = command {
            call.bench.journal.insert(key, entry);
        }
    }
    let gone = MediaFound::Gone(Default::default());
    let (sent, records) = found_with(&mut call, policy(|_, _| {}, |_| {}), gone);
    assert_eq!(peers(&sent), [PBX], "the side that did not hang up is told again");
    assert_eq!((records[0].cause.name(), records[0].ended), ("hangup", ended));
}

#[test]
fn an_edge_that_hands_over_refuses_who_is_not_answered_and_leaves_the_others() {
    let mut call = Standing::new();
    call.bench.receive(CARRIER, &invite(2));
    let (sent, records) = call.bench.take(Input::HandedOver);
    assert_eq!(statuses(&sent), ["SIP/2.0 503 Service Unavailable"]);
    assert_eq!(records.iter().map(|record| record.cause.name()).collect::<Vec<_>>(), ["drained"]);
    assert_eq!(
        (call.bench.journal.len(), call.bench.edge.calls().filter(|view| view.answered.is_some()).count()),
        (1, 1)
    );
}

#[test]
fn nothing_is_written_for_what_changes_nothing() {
    let mut call = Standing::new();
    let before = call.bench.journal.clone();
    for sequence in 2..20 {
        let options = call.by_carrier("OPTIONS", sequence, "");
        call.bench.receive(CARRIER, &options);
        call.wait(1);
    }
    assert_eq!(call.bench.journal, before);
}

#[test]
fn what_is_torn_or_foreign_is_refused_and_never_guessed() {
    let call = Standing::new();
    let entry = call.bench.journal.values().next().unwrap().clone();
    for end in 0..entry.len() {
        assert!(Journaled::parse(&entry[..end]).is_err(), "cut at {end}");
    }
    let mut foreign = entry.to_vec();
    foreign[0] = JOURNAL_VERSION + 1;
    assert_eq!(Journaled::parse(&foreign), Err(Unreadable::Version { found: JOURNAL_VERSION + 1 }));
    let longer = [&entry[..], b"x"].concat();
    assert!(matches!(Journaled::parse(&longer), Err(Unreadable::Damaged { .. })));
}

#[test]
fn whatever_bits_are_wrong_nothing_panics() {
    let call = Standing::new();
    let entry = call.bench.journal.values().next().unwrap().clone();
    for at in 1..entry.len() {
        let mut bytes = entry.to_vec();
        bytes[at] ^= 1 << (at % 8);
        let Ok(journaled) = Journaled::parse(&bytes) else { continue };
        let mut bench = Bench::new(|_, _| {});
        let streams = journaled.plan().streams.iter();
        let ports: HashSet<_> = streams.flat_map(|stream| [stream.a.local, stream.b.local]).collect();
        bench.edge.withhold_ports(&ports);
        let found = |call| Input::CallFound { call, since_epoch: DOWN, media: MediaFound::Relayed };
        bench.take(found(Box::new(journaled)));
        bench.take(Input::TimeElapsed);
        bench.receive(CARRIER, &call.by_carrier("INVITE", 2, SDP));
        bench.receive(PBX, &call.by_pbx("BYE", 1, ""));
    }
}

#[test]
fn a_call_is_written_down_once_for_all_that_follows_from_a_message() {
    let mut call = Standing::new();
    assert_eq!(call.bench.writes, 2, "when it was answered and relayed, and when that was acknowledged");
    let bye = call.by_carrier("BYE", 2, "");
    let (_, records) = call.bench.receive(CARRIER, &bye);
    assert_eq!((call.bench.writes, records.len()), (3, 1), "that it is over, before its record");
}

/// What version 5 has written is read, and written in the same way: whoever changes that raises [`JOURNAL_VERSION`], and puts
/// what the new one writes in the place of this.
#[test]
fn the_layout_is_that_of_its_version() {
    let entry = include_bytes!("journal/entry.bin");
    let journaled = Journaled::parse(entry).unwrap();
    assert_eq!(journaled.id(), "t-bc150b6a10cde4a3");
    assert_eq!(journaled.encoded(), entry);
}
