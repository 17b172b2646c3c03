//! Transfers through edge with SIPp as the peers: REFER carried out, passed on, and with Replaces.

use anyhow::{Context, Result};
use edge_core::edge::Shard;
use edge_tests::drill::{PATIENCE, caller, number, start, with_edge};
use edge_tests::edge::wait_for_cdrs;
use edge_tests::lab::Side;
use edge_tests::process::wait_until;
use edge_tests::raw::{RawPeer, header, is_response};
use edge_tests::sipp::script::{BODY, Script, speech};
use edge_tests::witness::Crossing;
use edge_tests::{EdgeConfig, Leg, Sipp, Witness, scenario};

/// The PBX answers, and refers who called to a number of the carrier's.
fn refers() -> Sipp {
    Sipp::called(Side::Pbx, scenario!("answers-and-refers")).key("target", number(Side::Pbx))
}

/// The same, and hears that the target rings and answers.
fn refers_and_hears() -> Sipp {
    let refer_to = format!("Refer-To: <sip:{}@anywhere.example>", number(Side::Pbx));
    let script = Script::called("refers and hears of it")
        .is_asked("INVITE", &[])
        .answers("200 OK", &[], &speech(1, &[]))
        .is_asked("ACK", &[])
        .waits(1_200)
        .asks("REFER", &[&refer_to], "")
        .hears(202, &[]);
    let script = ["SIP/2.0 100", "SIP/2.0 180", "SIP/2.0 200"].iter().fold(script, |script, status| {
        script.is_asked("NOTIFY", &[(BODY, status)]).answers("200 OK", &[], "")
    });
    Sipp::called(Side::Pbx, script.is_asked("BYE", &[]).answers("200 OK", &[], "").scenario())
}

fn config(refer: &str) -> EdgeConfig {
    EdgeConfig::default().trunk(Side::Pbx, &format!("refer = \"{refer}\""))
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn a_blind_transfer_is_carried_out() -> Result<()> {
    with_edge(config("consume"), |lab, edge| {
        let target = Sipp::called(Side::Carrier, scenario!("answers")).seconds(1).start(lab)?;
        let caller = caller(Side::Carrier, scenario!("caller-is-transferred")).seconds(1);
        start(lab, caller, refers_and_hears())?.succeed()?;
        target.wait_for_success(PATIENCE)?;
        let cdrs = wait_for_cdrs(lab, 2, PATIENCE)?;
        edge.stop()?;
        let first = cdrs.iter().find(|cdr| cdr.cause() == "transferred").context("a transferred call")?;
        let second = cdrs.iter().find(|cdr| cdr.cause() == "hangup").context("the call that came of it")?;
        assert_eq!((first.ended_by(), second.text("/from_call")), ("b", first.text("/id")), "{cdrs:#?}");
        assert_eq!([second.trunk(Leg::A), second.trunk(Leg::B)], ["carrier", "carrier"]);
        assert_eq!((second.text("/route"), second.packets(Leg::A)), ("outbound", 50), "{second:?}");
        assert!(second.packets(Leg::B) > 0, "{second:?}");
        Ok(())
    })
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn a_refer_is_passed_on_and_its_reports_come_back() -> Result<()> {
    with_edge(config("pass"), |lab, edge| {
        let witness = Witness::start(lab)?;
        start(lab, caller(Side::Carrier, scenario!("caller-is-referred")), refers())?.succeed()?;
        let cdrs = wait_for_cdrs(lab, 1, PATIENCE)?;
        edge.stop()?;
        assert_eq!((cdrs[0].cause(), cdrs[0].ended_by()), ("hangup", "a"), "{:?}", cdrs[0]);
        let account = witness.finish()?;
        let mut arrived =
            account.sip(Side::Carrier).iter().filter(|message| message.crossing == Crossing::Arrival);
        let refer = arrived.find(|message| message.is_request("REFER")).context("a REFER")?;
        let target = format!("<sip:{}@{}:5060>", number(Side::Pbx), Side::Carrier.edge_address());
        assert_eq!(refer.header("Refer-To"), Some(target.as_str()));
        assert!(!refer.text.contains(&Side::Pbx.peer_address().to_string()), "{}", refer.text);
        Ok(())
    })
}

/// Names of two calls of a peer's, on the same shard of two or on different ones.
fn two_calls(peer: &RawPeer, on_one_shard: bool) -> [String; 2] {
    let shard = |name: &str| Shard::of_call_id(peer.call_id(name).as_bytes(), 2);
    let first = "first".to_owned();
    let fits = |name: &String| (shard(name) == shard(&first)) == on_one_shard;
    let second = (0..).map(|number| format!("second-{number}")).find(fits).unwrap_or_default();
    [first, second]
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn two_calls_are_joined_by_a_refer_with_replaces() -> Result<()> {
    joined(true)
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn two_calls_on_different_shards_are_joined_by_a_refer_with_replaces() -> Result<()> {
    joined(false)
}

/// The PBX has two calls and refers the one to the other.
fn joined(on_one_shard: bool) -> Result<()> {
    with_edge(config("consume").shards(2), |lab, edge| {
        let called = Sipp::called(Side::Carrier, scenario!("answers-and-is-joined")).calls(2).start(lab)?;
        let pbx = RawPeer::bind(lab, Side::Pbx, 5070)?;
        let calls = two_calls(&pbx, on_one_shard);
        let mut answers = Vec::new();
        for call in &calls {
            pbx.send(pbx.invite(call, number(Side::Pbx), 7000).as_bytes())?;
            let answer = pbx.expect(PATIENCE, |message| {
                is_response(message, 200, "INVITE") && message.contains(call.as_str())
            })?;
            pbx.send(pbx.in_dialog("ACK", call, &answer)?.as_bytes())?;
            answers.push(answer);
        }
        let part = |name| header(&answers[1], name).context("a header of the second call");
        let tag = |name| part(name).map(|value| value.split(";tag=").nth(1).unwrap_or_default().to_owned());
        let named = format!("{};to-tag={};from-tag={}", part("Call-ID")?, tag("To")?, tag("From")?);
        let named = named.replace('@', "%40").replace(';', "%3B").replace('=', "%3D").replace(':', "%3A");
        let refer = pbx.in_dialog("REFER", &calls[0], &answers[0])?.replace(
            "Content-Length",
            &format!(
                "Contact: <sip:pbx@{}:5070>\r\nRefer-To: <sip:1@x?Replaces={named}>\r\nContent-Length",
                Side::Pbx.peer_address()
            ),
        );
        pbx.send(refer.as_bytes())?;
        pbx.expect(PATIENCE, |message| is_response(message, 202, "REFER"))?;
        pbx.expect(PATIENCE, |message| message.starts_with("NOTIFY ") && message.contains("SIP/2.0 200 OK"))?;
        pbx.expect(PATIENCE, |message| message.starts_with("BYE "))?;
        let cdrs = wait_for_cdrs(lab, 2, PATIENCE)?;
        let mut causes: Vec<_> = cdrs.iter().map(|cdr| cdr.cause()).collect();
        causes.sort_unstable();
        assert_eq!(causes, ["replaced", "transferred"]);
        edge.stop()?;
        called.wait_for_success(PATIENCE)?;
        let joined = wait_for_cdrs(lab, 3, PATIENCE)?.into_iter().find(|cdr| cdr.cause() == "drained");
        let joined = joined.context("the joined call")?;
        assert_eq!([joined.trunk(Leg::A), joined.trunk(Leg::B)], ["carrier", "carrier"]);
        Ok(())
    })
}

/// The PBX's dialog with edge, as its 200 names it: Replaces (RFC 3891), and its Call-ID.
fn dialog_of(answer: &str) -> Result<(String, String)> {
    let part = |name| header(answer, name).with_context(|| format!("no {name} in {answer}"));
    let tag = |name| part(name).map(|value| value.split(";tag=").nth(1).unwrap_or_default().to_owned());
    let call_id = part("Call-ID")?.to_owned();
    Ok((format!("{call_id};to-tag={};from-tag={}", tag("From")?, tag("To")?), call_id))
}

/// A Call-ID that leads to the shard of another one, of two, or to the other shard.
fn beside(call_id: &str, same: bool) -> String {
    let shard = |name: &str| Shard::of_call_id(name.as_bytes(), 2);
    let fits = |name: &String| (shard(name) == shard(call_id)) == same;
    (0..).map(|number| format!("takes-over-{number}")).find(fits).unwrap_or_default()
}

/// Who takes a place, with an offer or without one, and is hung up on.
fn takes_the_place(of: &str, offers: bool) -> Script {
    let replaces = format!("Replaces: {of}");
    let headers = ["Require: replaces", &replaces];
    let (offer, answer) =
        if offers { (speech(1, &[]), String::new()) } else { (String::new(), speech(1, &[])) };
    Script::caller("takes the place")
        .asks("INVITE", &headers, &offer)
        .may_hear(100)
        .hears(200, &[(BODY, "m=audio")])
        .acknowledges(&answer)
        .is_asked("BYE", &[])
        .answers("200 OK", &[], "")
}

/// The PBX has a call of the carrier's, and another one of its own takes its place.
fn replaced(same_shard: bool, offers: bool) -> Result<()> {
    with_edge(EdgeConfig::default().shards(2), |lab, edge| {
        let answers = Script::called("is replaced")
            .is_asked("INVITE", &[])
            .answers("200 OK", &[], &speech(1, &[]))
            .is_asked("ACK", &[])
            .is_asked("BYE", &[])
            .answers("200 OK", &[], "");
        let calls = Script::caller("hears of another one")
            .asks("INVITE", &[], &speech(1, &[]))
            .may_hear(100)
            .hears(200, &[])
            .acknowledges("")
            .is_asked("INVITE", &[(BODY, "m=audio")])
            .answers("200 OK", &[], &speech(2, &[]))
            .is_asked("ACK", &[])
            .waits(200)
            .asks("BYE", &[], "")
            .hears(200, &[]);
        let pair =
            start(lab, caller(Side::Carrier, calls.scenario()), Sipp::called(Side::Pbx, answers.scenario()))?;
        // Nothing is taken from a call that has not had its ACK.
        wait_until(PATIENCE, || pair.called.message("ACK ")).context("the call is up")?;
        let answer = pair.called.message("SIP/2.0 200").context("it has answered")?;
        let (named, call_id) = dialog_of(&answer)?;
        let taker = caller(Side::Pbx, takes_the_place(&named, offers).scenario());
        taker.call_id(&beside(&call_id, same_shard)).start(lab)?.wait_for_success(PATIENCE)?;
        pair.succeed()?;
        let cdrs = wait_for_cdrs(lab, 2, PATIENCE)?;
        edge.stop()?;
        let first = cdrs.iter().find(|cdr| cdr.cause() == "replaced").context("the one that was replaced")?;
        let second = cdrs.iter().find(|cdr| cdr.cause() == "hangup").context("the one in its place")?;
        assert_eq!(second.text("/from_call"), first.text("/id"), "{cdrs:#?}");
        Ok(())
    })
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn an_invite_takes_the_place_of_a_dialog_on_its_own_shard_and_on_another_one() -> Result<()> {
    replaced(true, true)?;
    replaced(false, true)
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn an_invite_that_takes_a_place_may_leave_the_offer_to_edge() -> Result<()> {
    replaced(true, false)?;
    replaced(false, false)
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn a_call_that_rings_is_picked_up_by_another_phone() -> Result<()> {
    for same_shard in [true, false] {
        with_edge(EdgeConfig::default().shards(2), |lab, edge| {
            let rings = Script::called("is picked up")
                .keeps_invite(&[])
                .answers("180 Ringing", &[], "")
                .is_asked("CANCEL", &[])
                .answers("200 OK", &[], "")
                .answers_kept("487 Request Terminated", &[], "")
                .is_asked("ACK", &[]);
            let calls = Script::caller("is answered by another one")
                .asks("INVITE", &[], &speech(1, &[]))
                .may_hear(100)
                .may_hear(180)
                .hears(200, &[(BODY, "m=audio")])
                .acknowledges("")
                .is_asked("INVITE", &[(BODY, "m=audio")])
                .answers("200 OK", &[], &speech(2, &[]))
                .is_asked("ACK", &[])
                .waits(200)
                .asks("BYE", &[], "")
                .hears(200, &[]);
            let called = Sipp::called(Side::Pbx, rings.scenario());
            let pair = start(lab, caller(Side::Carrier, calls.scenario()), called)?;
            let ringing = || pair.called.message("SIP/2.0 180");
            let (named, call_id) = dialog_of(&wait_until(PATIENCE, ringing).context("it rings")?)?;
            wait_until(PATIENCE, || pair.caller.message("SIP/2.0 180")).context("the caller hears it")?;
            let taker = caller(Side::Pbx, takes_the_place(&format!("{named};early-only"), true).scenario());
            taker.call_id(&beside(&call_id, same_shard)).start(lab)?.wait_for_success(PATIENCE)?;
            pair.succeed()?;
            let cdrs = wait_for_cdrs(lab, 2, PATIENCE)?;
            edge.stop()?;
            let mut causes: Vec<_> = cdrs.iter().map(|cdr| cdr.cause()).collect();
            causes.sort_unstable();
            assert_eq!(causes, ["hangup", "replaced"], "{cdrs:#?}");
            Ok(())
        })?;
    }
    Ok(())
}
