//! Callers who make no offer, and a trunk that wants one in every INVITE: `delayed_offer = "convert"`.

use anyhow::{Context, Result, ensure};
use edge_tests::drill::{PATIENCE, caller, start, with_edge};
use edge_tests::edge::wait_for_cdrs;
use edge_tests::lab::Side;
use edge_tests::sipp::Scenario;
use edge_tests::witness::{Account, Crossing};
use edge_tests::{EdgeConfig, Sipp, Witness, scenario};

/// Seconds of media, and packets of both streams.
const SECONDS: u32 = 2;
const PACKETS: u64 = 2 * 2 * 50;

/// Plays one call without an offer from `from` through edge, to a trunk that wants one; gives what the witness saw.
fn play(from: Side, calling: Scenario, called: Scenario) -> Result<Account> {
    let mut seen = None;
    let config = EdgeConfig::default().trunk(from.other(), "delayed_offer = \"convert\"");
    with_edge(config, |lab, edge| {
        let witness = Witness::start(lab)?;
        let called = Sipp::called(from.other(), called).seconds(SECONDS);
        start(lab, caller(from, calling).seconds(SECONDS), called)?.succeed()?;
        let cdrs = wait_for_cdrs(lab, 1, PATIENCE)?;
        edge.stop()?;
        ensure!((cdrs[0].cause(), cdrs[0].ended_by()) == ("hangup", "a"), "{cdrs:?}");
        seen = Some(witness.finish()?);
        Ok(())
    })?;
    let account = seen.context("the drill has run")?;
    ensure!(account.faults().is_empty(), "{:?}", account.faults());
    ensure!(account.received() == PACKETS, "{:?}", account.streams);
    let own = invites(&account, from);
    ensure!(own.len() == 1 && !own[0].contains("m=audio"), "the caller makes an offer: {own:?}");
    Ok(account)
}

/// The INVITEs that `side` sent, or that reached it.
fn invites(account: &Account, side: Side) -> Vec<&str> {
    account
        .sip_once(side)
        .filter(|message| message.is_request("INVITE"))
        .map(|message| message.text.as_str())
        .collect()
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn what_it_answers_to_our_offer_is_the_offer_of_the_200() -> Result<()> {
    for side in Side::BOTH {
        let account = play(side, scenario!("caller-offers-late"), scenario!("answers"))?;
        let [invite] = invites(&account, side.other())[..] else { anyhow::bail!("one INVITE is enough") };
        ensure!(invite.contains("RTP/AVP 8 0 101"), "{invite}");
    }
    Ok(())
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn its_reliable_answer_is_offered_before_the_200_and_media_flows() -> Result<()> {
    for side in Side::BOTH {
        let account =
            play(side, scenario!("caller-answers-in-prack"), scenario!("answers-after-reliable-progress"))?;
        let arrived = account.sip_once(side.other()).filter(|message| message.crossing == Crossing::Arrival);
        let pracks =
            arrived.filter(|message| message.is_request("PRACK")).map(|prack| prack.text.contains("m=audio"));
        ensure!(pracks.eq([false]), "its answer is acknowledged at once");
    }
    Ok(())
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn it_hears_what_the_caller_has_left_out() -> Result<()> {
    play(Side::Carrier, scenario!("caller-offers-late"), scenario!("answers-with-more-and-is-told")).map(drop)
}
