//! What is said before the answer: reliable provisional responses (RFC 3262), and the offers and answers that travel with them.

use anyhow::{Context, Result};
use edge_tests::drill::{PATIENCE, caller, number, start, with_edge};
use edge_tests::edge::wait_for_cdrs;
use edge_tests::lab::Side;
use edge_tests::raw::{RawPeer, is_response};
use edge_tests::sipp::Scenario;
use edge_tests::witness::{Account, Crossing, SipSighting};
use edge_tests::{EdgeConfig, Sipp, Witness, scenario};

/// Packets of one stream of two seconds.
const PACKETS: u64 = 2 * 50;

/// Plays one call through edge, and gives what the witness saw of it.
fn play(config: EdgeConfig, from: Side, calling: Sipp, called: Scenario) -> Result<Account> {
    let mut seen = None;
    with_edge(config, |lab, edge| {
        let witness = Witness::start(lab)?;
        let called = Sipp::called(from.other(), called).seconds(2);
        start(lab, calling.seconds(2), called)?.succeed()?;
        let cdrs = wait_for_cdrs(lab, 1, PATIENCE)?;
        edge.stop()?;
        assert_eq!((cdrs[0].cause(), cdrs[0].ended_by()), ("hangup", "a"));
        seen = Some(witness.finish()?);
        Ok(())
    })?;
    let account = seen.context("the drill has run")?;
    assert_eq!(account.faults(), [""; 0]);
    Ok(account)
}

/// How many requests of a method, or responses of a status line, arrived at a side.
fn arrived(account: &Account, side: Side, start: &str) -> usize {
    account.sip_once(side).filter(|message| is_arrival(message, start)).count()
}

fn is_arrival(message: &SipSighting, start: &str) -> bool {
    message.crossing == Crossing::Arrival && message.start_line().starts_with(start)
}

/// The extension header of the caller's INVITE.
fn extension(calling: Sipp, header: &str) -> Sipp {
    calling.key("extension", header)
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn on_both_sides_ringing_is_acknowledged_and_media_flows_before_the_answer() -> Result<()> {
    for side in Side::BOTH {
        let calling = extension(caller(side, scenario!("caller-acknowledges-progress")), "Supported");
        let account =
            play(EdgeConfig::default(), side, calling, scenario!("answers-after-reliable-progress"))?;
        assert_eq!(arrived(&account, side.other(), "PRACK "), 1);
        assert_eq!(arrived(&account, side, "SIP/2.0 183 "), 1);
        assert_eq!(account.received(), 2 * PACKETS);
    }
    Ok(())
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn a_caller_who_requires_it_reaches_one_who_knows_nothing_of_it() -> Result<()> {
    let calling = extension(caller(Side::Carrier, scenario!("caller-acknowledges-progress")), "Require");
    let account =
        play(EdgeConfig::default(), Side::Carrier, calling, scenario!("answers-after-early-media"))?;
    assert_eq!(arrived(&account, Side::Pbx, "PRACK "), 0);
    assert_eq!(account.received(), 2 * PACKETS);
    Ok(())
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn a_caller_who_knows_nothing_of_it_reaches_a_trunk_that_requires_it() -> Result<()> {
    let config = EdgeConfig::default().trunk(Side::Pbx, "reliable_provisional = \"required\"");
    let calling = caller(Side::Carrier, scenario!("caller-hears-early-media"));
    let account = play(config, Side::Carrier, calling, scenario!("answers-after-reliable-progress"))?;
    assert_eq!(arrived(&account, Side::Pbx, "PRACK "), 1);
    let required = account.sip_once(Side::Pbx).filter(|message| is_arrival(message, "INVITE "));
    assert_eq!(required.filter(|invite| invite.header("Require") == Some("100rel")).count(), 1);
    assert_eq!(account.received(), 2 * PACKETS);
    Ok(())
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn an_offer_in_a_reliable_response_is_answered_in_the_prack() -> Result<()> {
    for side in Side::BOTH {
        let calling = caller(side, scenario!("caller-answers-in-prack"));
        let account =
            play(EdgeConfig::default(), side, calling, scenario!("answers-after-reliable-progress"))?;
        let pracks = account.sip_once(side.other()).filter(|message| is_arrival(message, "PRACK "));
        assert!(pracks.map(|prack| prack.text.contains("m=audio")).eq([true]), "the answer is in the PRACK");
        assert_eq!(account.received(), 2 * PACKETS);
    }
    Ok(())
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn an_offer_before_the_answer_crosses_as_update() -> Result<()> {
    for calling in [scenario!("caller-updates-before-the-answer"), scenario!("caller-offers-in-prack")] {
        let calling = caller(Side::Carrier, calling);
        let account =
            play(EdgeConfig::default(), Side::Carrier, calling, scenario!("answers-after-an-update"))?;
        assert_eq!(arrived(&account, Side::Pbx, "UPDATE "), 1);
    }
    Ok(())
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn an_offer_that_media_cannot_be_sent_to_is_refused_before_it_crosses() -> Result<()> {
    with_edge(EdgeConfig::default(), |lab, edge| {
        let peer = RawPeer::bind(lab, Side::Carrier, 5070)?;
        let invite = peer.invite("nowhere", number(Side::Carrier), 7000);
        peer.send(with_media_at(&invite, "198.51.100.77").as_bytes())?;
        peer.expect(PATIENCE, |message| is_response(message, 488, "INVITE"))?;
        let cdrs = wait_for_cdrs(lab, 1, PATIENCE)?;
        edge.stop()?;
        assert_eq!(cdrs[0].cause(), "media_address");
        Ok(())
    })
}

/// A message whose SDP names another address for media.
fn with_media_at(message: &str, address: &str) -> String {
    let (head, body) = message.split_once("\r\n\r\n").unwrap_or((message, ""));
    let connection = format!("c=IN IP4 {address}");
    let lines = body.lines().map(|line| if line.starts_with("c=") { connection.as_str() } else { line });
    let body: String = lines.flat_map(|line| [line, "\r\n"]).collect();
    let head = head.lines().filter(|line| !line.starts_with("Content-Length:"));
    let head: String = head.flat_map(|line| [line, "\r\n"]).collect();
    format!("{head}Content-Length: {}\r\n\r\n{body}", body.len())
}
