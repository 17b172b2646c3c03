//! Media whose keys are agreed on by DTLS, on its own path through edge: two ends that others have written shake hands, and then
//! hear each other; and what edge says where it cannot be.

use anyhow::{Context, Result, ensure};
use edge_tests::drill::{PATIENCE, caller, with_edge};
use edge_tests::edge::{ask, wait_for_cdrs};
use edge_tests::lab::{Lab, Side};
use edge_tests::peers::Baresip;
use edge_tests::process::wait_until;
use edge_tests::{EdgeConfig, EdgeProcess, Leg, Witness, scenario};

/// Packets of each side that make it sure that media flows: more than half a second of it.
const FLOWING: u64 = 30;

fn passing() -> EdgeConfig {
    Side::BOTH.into_iter().fold(EdgeConfig::default(), |config, side| config.trunk(side, "dtls = \"pass\""))
}

/// baresip calls baresip from one side, and both hear what the other one has encrypted.
fn two_ends_shake_hands(from: Side, config: EdgeConfig) -> Result<()> {
    with_edge(config, |lab, edge| {
        let witness = Witness::start(lab)?;
        let mut called = Baresip::start_shaking_hands(lab, from.other())?;
        let mut caller = Baresip::start_shaking_hands(lab, from)?;
        caller.call()?;
        for end in [&mut caller, &mut called] {
            end.is_established()?;
            end.says(&["fingerprint OK", "DTLS-SRTP complete"])?;
        }
        // Who is through with the handshake first is heard before the other one has the keys; from here on both have them.
        let unread = [&caller, &called].map(|end| end.said().matches("decrypt").count());
        let enough = edge.counters()?.relayed_as("rtp") + 4 * FLOWING;
        let flow = || {
            let counters = edge.counters().ok()?;
            (counters.relayed_as("rtp") >= enough).then_some(counters)
        };
        let counters = wait_until(PATIENCE, flow).context("no media behind the handshake")?;
        ensure!(counters.relayed_as("dtls") >= 4, "a handshake takes four flights: {counters:?}");
        ensure!(
            counters.dropped("payload_type") + counters.dropped("unexpected_source") == 0,
            "{counters:?}"
        );
        caller.hang_up()?;
        called.has_ended()?;
        for (end, before) in [&caller, &called].into_iter().zip(unread) {
            let unread = end.said().matches("decrypt").count() - before;
            ensure!(unread < 5, "{unread} packets could not be read: {}", end.said());
        }
        let cdrs = wait_for_cdrs(lab, 1, PATIENCE)?;
        edge.stop()?;
        ensure!(Leg::BOTH.iter().all(|leg| cdrs[0].packets(*leg) > 0), "{cdrs:?}");
        let account = witness.finish()?;
        ensure!(account.unmatched.is_empty() && account.wrong_checksums == 0, "{:?}", account.faults());
        for side in Side::BOTH {
            let received: u64 = account.streams_from(side).map(|stream| stream.received).sum();
            ensure!(received >= FLOWING, "{received} packets of {side:?} arrived");
        }
        Ok(())
    })
}

/// Waits until so many more packets of media have crossed.
fn flows(edge: &EdgeProcess<'_>) -> Result<()> {
    let before = edge.counters()?.relayed_as("rtp");
    let more = || edge.counters().ok().filter(|counters| counters.relayed_as("rtp") >= before + 4 * FLOWING);
    wait_until(PATIENCE, more).map(drop).context("no media flows any more")
}

/// Waits until an end has said something so often more than `before`.
fn says_more(end: &Baresip, what: &str, before: usize, more: usize) -> Result<()> {
    let said = || (end.said().matches(what).count() >= before + more).then_some(());
    wait_until(PATIENCE, said).with_context(|| format!("no {what:?}: {}", end.said()))
}

/// `holder` holds the call and goes on with it; edge is killed between.
fn holds_and_resumes<'lab>(
    lab: &'lab Lab,
    edge: EdgeProcess<'_>,
    holder: &mut Baresip,
) -> Result<EdgeProcess<'lab>> {
    let count = |holder: &Baresip, what| holder.said().matches(what).count();
    let held = count(holder, "a=recvonly");
    holder.hold()?;
    says_more(holder, "a=recvonly", held, 1)?;
    edge.kill()?;
    let edge = EdgeProcess::start_again(lab)?;
    edge.wait_for_count("calls_adopted", 1, PATIENCE)?;
    // It is said in the offer, and in the answer.
    let resumed = count(holder, "a=sendrecv");
    holder.resume()?;
    says_more(holder, "a=sendrecv", resumed, 2)?;
    flows(&edge)?;
    Ok(edge)
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn keys_that_were_agreed_on_outlive_hold_and_resume_by_either_end_and_a_kill_between() -> Result<()> {
    with_edge(passing(), |lab, edge| {
        let mut called = Baresip::start_shaking_hands(lab, Side::Pbx)?;
        let mut caller = Baresip::start_shaking_hands(lab, Side::Carrier)?;
        caller.call()?;
        for end in [&mut caller, &mut called] {
            end.is_established()?;
            end.says(&["fingerprint OK", "complete (audio/RTP)", "complete (audio/RTCP)"])?;
        }
        flows(&edge)?;
        let edge = holds_and_resumes(lab, edge, &mut caller)?;
        let edge = holds_and_resumes(lab, edge, &mut called)?;
        caller.hang_up()?;
        called.has_ended()?;
        for end in [&caller, &called] {
            let said = end.said();
            let (shaken, unread) =
                (said.matches("DTLS-SRTP complete").count(), said.matches("decrypt").count());
            ensure!((shaken, unread < FLOWING as usize / 2) == (2, true), "{shaken} times, {unread}: {said}");
        }
        ensure!(wait_for_cdrs(lab, 1, PATIENCE)?[0].cause() == "hangup", "it ends as any other");
        edge.stop()
    })
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn two_ends_shake_hands_through_edge_and_hear_each_other() -> Result<()> {
    Side::BOTH.into_iter().try_for_each(|from| two_ends_shake_hands(from, passing()))
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn two_ends_shake_hands_through_the_userspace_relay() -> Result<()> {
    two_ends_shake_hands(Side::Pbx, passing().mode("off"))
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn a_handshake_is_the_latch_of_who_is_behind_a_nat() -> Result<()> {
    two_ends_shake_hands(Side::Carrier, passing().trunk(Side::Pbx, "media_source = \"latch\""))
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn one_trunk_alone_is_offered_no_handshake_and_the_caller_hears_why_until_a_reload() -> Result<()> {
    let alone = EdgeConfig::default().trunk(Side::Carrier, "dtls = \"pass\"");
    with_edge(alone, |lab, edge| {
        let offers = |code| {
            let (offer, map) = ("audio 7000 UDP/TLS/RTP/SAVP 8", "a=fingerprint:sha-256 AA:BB");
            let sipp = caller(Side::Carrier, scenario!("caller-is-refused"));
            let sipp = sipp.key("code", code).key("offer", offer).key("map", map);
            sipp.start(lab)?.wait_for_success(PATIENCE)
        };
        offers("488")?;
        std::fs::write(lab.directory().join("edge.toml"), passing().toml(lab))?;
        ask(lab, &["reload"])?;
        // Nobody is there to take it.
        offers("408")?;
        let cdrs = wait_for_cdrs(lab, 2, PATIENCE)?;
        edge.stop()?;
        ensure!(cdrs[0].cause() == "offer" && cdrs[1].cause() != "offer", "{cdrs:?}");
        ensure!(format!("{:?}", cdrs[0]).contains("both say dtls"), "{cdrs:?}");
        Ok(())
    })
}
