//! `kill -9` while calls are up: the next edge goes on with them.

use std::collections::BTreeSet;
use std::net::{SocketAddr, UdpSocket};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use edge_tests::drill::{PATIENCE, Pair, caller, number, start, with_edge};
use edge_tests::edge::{Cdr, ask, counters, pins, wait_for_cdrs};
use edge_tests::exchange::{Exchange, Step};
use edge_tests::lab::{Lab, Side};
use edge_tests::process::wait_until;
use edge_tests::raw::{Dialog, RawPeer, is_response};
use edge_tests::sipp::{SIP_PORT, Scenario};
use edge_tests::stream::{StreamPeer, accepted, listen};
use edge_tests::{EdgeConfig, EdgeProcess, Sipp, Witness, scenario, traffic};
use serde_json::Value;

/// Calls of each pair. Together with the others as many as two processors carry with a witness beside them.
const CALLS: u32 = 50;

/// Seconds of RTP: as long as all of it takes, killing and starting included.
const SECONDS: u32 = 14;

/// Calls from `from`, with ports of their own for each direction.
fn calls(lab: &Lab, from: Side, places: Scenario, takes: Scenario, count: u32, seconds: u32) -> Result<Pair> {
    let called = Sipp::called(from.other(), takes).calls(count).seconds(seconds);
    start(lab, caller(from, places).calls(count).rate(40.0).seconds(seconds), called)
}

/// Looks at the journal before it is taken for one that still grows.
const LOOKS: u32 = 10;

/// Longer than the second after which counters are published anew: two looks that far apart that see the same have seen all.
const BETWEEN_LOOKS: Duration = Duration::from_millis(1200);

/// Waits until so many calls stand, are in the journal, and the media of all of them flows.
fn up(edge: &EdgeProcess<'_>, witness: &Witness, count: u32) -> Result<()> {
    let established = || edge.log().matches("call established").count() >= count as usize;
    let enough = u64::from(count) * 2 * 10;
    let flowing = || established() && witness.progress().arrived >= enough;
    ensure!(
        wait_until(PATIENCE, || flowing().then_some(())).is_some(),
        "calls do not come up: {}",
        edge.log()
    );
    in_the_journal(edge, count)
}

/// Waits until the journal has all that there is to write of so many calls.
fn in_the_journal(edge: &EdgeProcess<'_>, count: u32) -> Result<()> {
    let mut before = 0;
    for _ in 0..LOOKS {
        let written = edge.counters()?.sip("journal_written");
        if written == before && written >= u64::from(count) {
            return Ok(());
        }
        before = written;
        thread::sleep(BETWEEN_LOOKS);
    }
    bail!("the journal grows and grows: {before} entries of {count} calls")
}

/// How long who calls waits before it calls again: so short that it is there before edge has done anything else.
const AT_ONCE: Duration = Duration::from_millis(5);

/// How often it calls at most.
const TRIES: u32 = 8000;

fn ended<'a>(cdrs: &'a [Cdr], by: &'a str) -> usize {
    cdrs.iter().filter(|cdr| (cdr.cause(), cdr.ended_by()) == ("hangup", by)).count()
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn after_kill_9_calls_go_on_without_a_packet_lost_and_end_from_either_side() -> Result<()> {
    with_edge(EdgeConfig::default(), |lab, edge| {
        let witness = Witness::start(lab)?;
        let hang_up =
            calls(lab, Side::Carrier, scenario!("caller-hangs-up"), scenario!("answers"), CALLS, SECONDS)?;
        let (takes, places) = (scenario!("answers-and-hangs-up"), scenario!("caller-is-hung-up-on"));
        let hung_up = calls(lab, Side::Pbx, places, takes, CALLS, SECONDS)?;
        up(&edge, &witness, 2 * CALLS)?;
        edge.kill()?;
        let edge = EdgeProcess::start_again(lab)?;
        edge.wait_for_count("calls_adopted", u64::from(2 * CALLS), PATIENCE)?;
        hang_up.succeed()?;
        hung_up.succeed()?;
        let account = witness.finish()?;
        assert_eq!(account.faults(), [""; 0]);
        assert_eq!(account.received(), u64::from(2 * CALLS * 2 * SECONDS) * 50);
        let cdrs = wait_for_cdrs(lab, 2 * CALLS as usize, PATIENCE)?;
        assert_eq!((ended(&cdrs, "a"), ended(&cdrs, "b")), (CALLS as usize, CALLS as usize), "{cdrs:?}");
        assert!(
            cdrs.iter().all(|cdr| cdr.number("/duration_ms") >= Some(i64::from(SECONDS) * 1000)),
            "{cdrs:?}"
        );
        assert_eq!(counters(lab)?.dropped("unexpected_source"), 0);
        edge.stop()?;
        assert!(pins(lab)?.is_empty());
        assert!(!lab.directory().join("state/lab/journal").exists(), "nothing is left to go on with");
        Ok(())
    })
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn after_kill_9_and_with_other_shards_a_call_is_held_and_resumed() -> Result<()> {
    with_edge(EdgeConfig::default().shards(2), |lab, edge| {
        let witness = Witness::start(lab)?;
        let pair = calls(
            lab,
            Side::Carrier,
            scenario!("caller-holds-later"),
            scenario!("answers-and-is-held"),
            8,
            14,
        )?;
        up(&edge, &witness, 8)?;
        edge.kill()?;
        std::fs::write(lab.directory().join("edge.toml"), EdgeConfig::default().shards(3).toml(lab))?;
        let edge = EdgeProcess::start_again(lab)?;
        edge.wait_for_count("calls_adopted", 8, PATIENCE)?;
        pair.succeed()?;
        assert_eq!(witness.finish()?.faults(), [""; 0]);
        let cdrs = wait_for_cdrs(lab, 8, PATIENCE)?;
        assert_eq!(ended(&cdrs, "a"), 8, "{cdrs:?}");
        edge.stop()
    })
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn calls_that_ring_when_edge_is_killed_leave_nothing_and_new_ones_are_taken() -> Result<()> {
    with_edge(EdgeConfig::default(), |lab, edge| {
        let ringing = Sipp::called(Side::Pbx, scenario!("rings-until-cancelled")).calls(2).start(lab)?;
        let calling = caller(Side::Carrier, scenario!("caller-hangs-up")).calls(2).start(lab)?;
        edge.wait_for_count("calls_started", 2, PATIENCE)?;
        edge.kill()?;
        drop((ringing, calling));
        let edge = EdgeProcess::start_again(lab)?;
        edge.wait_for_log("belongs to no answered call", PATIENCE)?;
        assert_eq!(edge.counters()?.sip("calls_adopted"), 0);
        let witness = Witness::start(lab)?;
        calls(lab, Side::Carrier, scenario!("caller-hangs-up"), scenario!("answers"), 2, 1)?.succeed()?;
        assert_eq!(witness.finish()?.faults(), [""; 0]);
        wait_for_cdrs(lab, 2, PATIENCE)?;
        edge.stop()
    })
}

/// The answer to a call that is placed again and again until somebody takes it; the PBX answers at once.
fn answered(carrier: &RawPeer, pbx: &RawPeer, call: &str) -> Result<String> {
    let invite = carrier.invite(call, number(Side::Carrier), 7000);
    for _ in 0..TRIES {
        carrier.send(invite.as_bytes())?;
        RawPeer::wait_for_any(&[carrier, pbx], AT_ONCE)?;
        for request in pbx.receive_waiting()?.iter().filter(|message| message.starts_with("INVITE ")) {
            pbx.send(pbx.answer(request, "200 OK", Some(6000))?.as_bytes())?;
        }
        let of_call = |message: &String| is_response(message, 200, "INVITE") && message.contains(call);
        if let Some(answer) = carrier.receive_waiting()?.into_iter().find(of_call) {
            return Ok(answer);
        }
    }
    bail!("nobody takes {call}")
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn a_call_that_is_answered_the_moment_edge_is_there_outlives_its_kill_in_that_moment() -> Result<()> {
    with_edge(EdgeConfig::default(), |lab, edge| {
        let (carrier, pbx) =
            (RawPeer::bind(lab, Side::Carrier, 5070)?, RawPeer::bind(lab, Side::Pbx, SIP_PORT)?);
        edge.kill()?;
        let mut answers = Vec::new();
        for call in ["first", "second", "third"] {
            let edge = EdgeProcess::begin_again(lab)?;
            answers.push(answered(&carrier, &pbx, call)?);
            edge.kill()?;
        }
        let edge = EdgeProcess::start_again(lab)?;
        edge.wait_for_count("calls_adopted", 3, PATIENCE)?;
        for answer in &answers {
            let dialog = Dialog::of_caller(answer)?;
            carrier.send(carrier.within(&dialog, "ACK", 1, None).as_bytes())?;
            carrier.send(carrier.within(&dialog, "BYE", 2, None).as_bytes())?;
            let bye = pbx.expect(PATIENCE, |message| message.starts_with("BYE "))?;
            pbx.send(pbx.answer(&bye, "200 OK", None)?.as_bytes())?;
            carrier.expect(PATIENCE, |message| is_response(message, 200, "BYE"))?;
        }
        assert_eq!(ended(&wait_for_cdrs(lab, 3, PATIENCE)?, "a"), 3);
        edge.stop()
    })
}

/// The head of a journal, and what is before an entry: its length, and a checksum.
const HEAD: usize = 27;
const FRAME: usize = 8;

/// Takes everything that a dead edge has written of one of its calls out of its journal, as if that had never been.
fn lose_one_call(lab: &Lab) -> Result<()> {
    // The journal has all of that by now.
    std::fs::remove_dir_all(lab.directory().join("run/ahead"))?;
    let path = lab.directory().join("state/lab/journal");
    let whole = std::fs::read(&path)?;
    let (head, mut rest) = whole.split_at(HEAD);
    let (mut kept, mut lost) = (head.to_vec(), None);
    while let Some((length, _)) = rest.split_first_chunk::<4>() {
        let (entry, behind) = rest.split_at(FRAME + u32::from_le_bytes(*length) as usize);
        let call = &entry[FRAME + 1..FRAME + 9];
        if *lost.get_or_insert(call) != call {
            kept.extend_from_slice(entry);
        }
        rest = behind;
    }
    ensure!(kept.len() < whole.len(), "nothing is in it");
    Ok(std::fs::write(path, kept)?)
}

/// What `edge` lists of this kind: these members of each.
fn listed(lab: &Lab, kind: &str, member: &str) -> Result<Vec<String>> {
    let all: Vec<Value> = serde_json::from_str(&ask(lab, &[kind, "list", "--json"])?)?;
    let text = |one: &Value| one[member].as_str().map(str::to_owned);
    all.iter().map(|one| text(one).with_context(|| format!("no {member} in {one}"))).collect()
}

/// RTP to a port of edge's is dropped, because no call has it.
fn is_nobodys(lab: &Lab, edge: &EdgeProcess<'_>, port: &str) -> Result<()> {
    let port: SocketAddr = port.parse()?;
    let side = Side::BOTH.into_iter().find(|side| port.ip() == side.edge_address()).context("no side")?;
    let socket = lab.peer(side).run(|| UdpSocket::bind((side.peer_address(), 7000)))??;
    let dropped = |counters: edge_tests::edge::Counters| counters.dropped("no_endpoint");
    let before = dropped(edge.counters()?);
    socket.send_to(&[[0x80, 8].as_slice(), &[0; 170]].concat(), port)?;
    let more = || edge.counters().ok().filter(|counters| counters.dropped("no_endpoint") > before);
    wait_until(PATIENCE, more).map(drop).with_context(|| format!("{port} is somebody's"))
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn a_call_that_the_journal_lacks_leaves_no_media_behind() -> Result<()> {
    with_edge(EdgeConfig::default(), |lab, edge| {
        Exchange::begin(lab, 8, traffic::port)?.stand()?;
        in_the_journal(&edge, 8)?;
        let before: BTreeSet<String> = listed(lab, "flow", "local")?.into_iter().collect();
        edge.kill()?;
        lose_one_call(lab)?;
        let edge = EdgeProcess::start_again(lab)?;
        edge.wait_for_count("calls_adopted", 7, PATIENCE)?;
        edge.wait_for_log("belongs to no answered call endpoints=2", PATIENCE)?;
        let (calls, owners) = (listed(lab, "call", "id")?, listed(lab, "flow", "call")?);
        ensure!(
            (calls.len(), owners.len()) == (7, 14) && owners.iter().all(|owner| calls.contains(owner)),
            "{owners:?} of {calls:?}"
        );
        let after: BTreeSet<String> = listed(lab, "flow", "local")?.into_iter().collect();
        ensure!((before.len(), after.is_subset(&before)) == (16, true), "{before:?}, then {after:?}");
        before.difference(&after).try_for_each(|port| is_nobodys(lab, &edge, port))?;
        edge.stop()
    })
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn calls_that_end_in_the_moment_of_a_kill_leave_a_record_and_no_media() -> Result<()> {
    with_edge(EdgeConfig::default(), |lab, edge| {
        let mut exchange = Exchange::begin(lab, 8, traffic::port)?;
        exchange.stand()?;
        let ports = listed(lab, "flow", "local")?;
        exchange.take(Step::HangUp)?;
        edge.kill()?;
        let edge = EdgeProcess::start_again(lab)?;
        wait_for_cdrs(lab, 8, PATIENCE)?;
        ensure!(listed(lab, "flow", "call")?.is_empty(), "flows of nobody's");
        ports.iter().try_for_each(|port| is_nobodys(lab, &edge, port))?;
        edge.stop()
    })
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn an_upgrade_leaves_calls_to_its_successor_without_a_packet_lost() -> Result<()> {
    with_edge(EdgeConfig::default(), |lab, edge| {
        let witness = Witness::start(lab)?;
        let pair = calls(lab, Side::Carrier, scenario!("caller-hangs-up"), scenario!("answers"), 8, 14)?;
        up(&edge, &witness, 8)?;
        edge.leave()?;
        assert!(!pins(lab)?.is_empty(), "media goes on");
        let edge = EdgeProcess::start_again(lab)?;
        edge.wait_for_count("calls_adopted", 8, PATIENCE)?;
        pair.succeed()?;
        assert_eq!(witness.finish()?.faults(), [""; 0]);
        assert_eq!(ended(&wait_for_cdrs(lab, 8, PATIENCE)?, "a"), 8);
        edge.stop()
    })
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn a_peer_over_tcp_is_connected_to_anew() -> Result<()> {
    with_edge(EdgeConfig::default().over_tcp(Side::Pbx), |lab, edge| {
        let pbx = listen(lab, Side::Pbx)?;
        let carrier =
            caller(Side::Carrier, scenario!("caller-hangs-up-in-silence")).seconds(14).start(lab)?;
        let first = StreamPeer::accept(&pbx, PATIENCE)?;
        let invite = first.expect(PATIENCE, "INVITE ")?;
        first.send(&accepted(&invite, Side::Pbx, 6000)?)?;
        first.expect(PATIENCE, "ACK ")?;
        in_the_journal(&edge, 1)?;
        edge.kill()?;
        let edge = EdgeProcess::start_again(lab)?;
        edge.wait_for_count("calls_adopted", 1, PATIENCE)?;
        let second = StreamPeer::accept(&pbx, PATIENCE)?;
        let bye = second.expect(PATIENCE, "BYE ")?;
        second.send(&accepted(&bye, Side::Pbx, 6000)?)?;
        carrier.wait_for_success(PATIENCE)?;
        let cdrs = wait_for_cdrs(lab, 1, PATIENCE)?;
        assert_eq!((cdrs[0].cause(), cdrs[0].ended_by()), ("hangup", "a"));
        edge.stop()
    })
}
