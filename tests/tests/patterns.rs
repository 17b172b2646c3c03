//! Patterns of calls that carriers and PBXs make of RFC 3261 and RFC 3264, each played whole.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use edge_tests::drill::{PATIENCE, caller, number, start, with_edge};
use edge_tests::edge::{Cdr, wait_for_cdrs};
use edge_tests::lab::{Lab, Side};
use edge_tests::process::wait_until;
use edge_tests::raw::{Dialog, RawPeer, header, is_response};
use edge_tests::sipp::{SIP_PORT, Scenario};
use edge_tests::{EdgeConfig, Sipp, Witness, scenario};

/// Packets of one stream in a call of a second.
const PACKETS: u64 = 50;

/// One call in each direction between two scenarios, with its media whole, hung up by the caller.
fn plays_both_ways(calling: Scenario, called: Scenario) -> Result<()> {
    for side in Side::BOTH {
        with_edge(EdgeConfig::default(), |lab, edge| {
            let witness = Witness::start(lab)?;
            start(lab, caller(side, calling), Sipp::called(side.other(), called))?.succeed()?;
            let cdrs = wait_for_cdrs(lab, 1, PATIENCE)?;
            edge.stop()?;
            ensure!((cdrs[0].cause(), cdrs[0].ended_by()) == ("hangup", "a"), "{cdrs:?}");
            let account = witness.finish()?;
            ensure!(account.faults().is_empty(), "{:?}", account.faults());
            ensure!(account.received() == 2 * PACKETS, "{:?}", account.streams);
            Ok(())
        })?;
    }
    Ok(())
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn every_provisional_response_is_heard_in_its_order() -> Result<()> {
    plays_both_ways(scenario!("caller-hears-much-progress"), scenario!("answers-after-much-progress"))
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn an_offer_may_come_with_the_answer() -> Result<()> {
    plays_both_ways(scenario!("caller-offers-late"), scenario!("answers-with-an-offer"))
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn an_update_holds_and_resumes() -> Result<()> {
    plays_both_ways(scenario!("caller-holds-by-update"), scenario!("answers-and-is-updated"))
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn calls_survive_a_network_that_loses_messages() -> Result<()> {
    with_edge(EdgeConfig::default(), |lab, edge| {
        let lossy = |sipp: Sipp| sipp.calls(20).rate(20.0).seconds(1).losing(10);
        let called = lossy(Sipp::called(Side::Pbx, scenario!("answers-at-once")));
        let caller = lossy(caller(Side::Carrier, scenario!("caller-hangs-up-in-silence")));
        let pair = start(lab, caller, called)?;
        let caller = pair.caller.wait_for_success(PATIENCE)?;
        ensure!(caller.retransmitted > 0, "nothing was lost");
        let cdrs = wait_for_cdrs(lab, 20, PATIENCE)?;
        ensure!(cdrs.iter().all(|cdr| cdr.cause() == "hangup"), "{cdrs:?}");
        edge.stop()
    })
}

/// A carrier and a PBX, made by hand, with a call between them that rings or not.
struct Rung {
    carrier: RawPeer,
    pbx: RawPeer,
    /// As the PBX got it.
    invite: String,
}

/// The name of the call.
const CALL: &str = "pattern";

impl Rung {
    fn begin(lab: &Lab) -> Result<Self> {
        let carrier = RawPeer::bind(lab, Side::Carrier, 5070)?;
        let pbx = RawPeer::bind(lab, Side::Pbx, SIP_PORT)?;
        carrier.send(carrier.invite(CALL, number(Side::Carrier), 7000).as_bytes())?;
        let invite = pbx.expect(PATIENCE, |message| message.starts_with("INVITE "))?;
        Ok(Self { carrier, pbx, invite })
    }

    /// The PBX answers the INVITE with this status.
    fn pbx_says(&self, status: &str) -> Result<()> {
        let media = status.starts_with("200").then_some(6000);
        self.pbx.send(self.pbx.answer(&self.invite, status, media)?.as_bytes())
    }

    fn carrier_hears(&self, code: u16, method: &str) -> Result<String> {
        self.carrier.expect(PATIENCE, |message| is_response(message, code, method))
    }

    fn pbx_gets(&self, method: &str) -> Result<String> {
        self.pbx.expect(PATIENCE, |message| message.starts_with(&format!("{method} ")))
    }

    /// The PBX agrees to a request that is no INVITE.
    fn pbx_agrees_to(&self, method: &str) -> Result<()> {
        let request = self.pbx_gets(method)?;
        self.pbx.send(self.pbx.answer(&request, "200 OK", None)?.as_bytes())
    }

    fn carrier_cancels(&self) -> Result<()> {
        self.carrier.send(self.carrier.cancel(CALL, number(Side::Carrier)).as_bytes())?;
        self.carrier_hears(200, "CANCEL").map(drop)
    }

    /// The PBX sends its change until it meets no other: edge may not have the carrier's ACK yet. Returns the CSeq that was
    /// taken.
    fn pbx_tries_again(&self, own: &Dialog) -> Result<u32> {
        let mut sequence = 1;
        let taken = wait_until(PATIENCE, || {
            sequence += 1;
            self.pbx_tries(own, sequence).map(|taken| taken.then_some(sequence)).transpose()
        });
        taken.context("it meets another change for ever")?
    }

    /// The PBX sends its change; says whether it meets no other.
    fn pbx_tries(&self, own: &Dialog, sequence: u32) -> Result<bool> {
        self.pbx.send(self.pbx.within(own, "INVITE", sequence, Some(6000)).as_bytes())?;
        let said = self.pbx.expect(PATIENCE, |message| {
            header(message, "CSeq").is_some_and(|value| value == format!("{sequence} INVITE"))
        })?;
        ensure!(said.starts_with("SIP/2.0 100") || is_response(&said, 491, "INVITE"), "{said}");
        Ok(said.starts_with("SIP/2.0 100"))
    }

    /// A call that is up.
    fn answered(&self) -> Result<String> {
        self.pbx_says("200 OK")?;
        let ok = self.carrier_hears(200, "INVITE")?;
        self.carrier.send(self.carrier.in_dialog("ACK", CALL, &ok)?.as_bytes())?;
        self.pbx_gets("ACK")?;
        Ok(ok)
    }
}

fn by_hand(drill: impl FnOnce(&Rung) -> Result<()>) -> Result<Cdr> {
    let mut record = None;
    with_edge(EdgeConfig::default(), |lab, edge| {
        drill(&Rung::begin(lab)?)?;
        record = Some(wait_for_cdrs(lab, 1, PATIENCE)?.remove(0));
        edge.stop()
    })?;
    record.context("no record")
}

fn cancelled(cdr: &Cdr) -> Result<()> {
    ensure!((cdr.cause(), cdr.ended_by()) == ("cancelled", "a"), "{cdr:?}");
    Ok(())
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn a_call_is_given_up_before_the_called_side_has_said_anything() -> Result<()> {
    let cdr = by_hand(|call| {
        call.carrier_cancels()?;
        // RFC 3261 section 9.1: no CANCEL before the first provisional response.
        let early = call.pbx.receive_for(Duration::from_millis(300))?;
        ensure!(!early.iter().any(|message| message.starts_with("CANCEL ")), "{early:#?}");
        call.pbx_says("100 Trying")?;
        call.pbx_agrees_to("CANCEL")?;
        call.pbx_says("487 Request Terminated")?;
        call.carrier_hears(487, "INVITE")?;
        call.pbx_gets("ACK").map(drop)
    })?;
    cancelled(&cdr)
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn an_answer_that_crosses_a_cancel_is_hung_up() -> Result<()> {
    let cdr = by_hand(|call| {
        call.pbx_says("180 Ringing")?;
        call.carrier_hears(180, "INVITE")?;
        call.carrier_cancels()?;
        call.pbx_gets("CANCEL")?;
        call.pbx_says("200 OK")?;
        call.pbx_gets("ACK")?;
        call.pbx_agrees_to("BYE")?;
        call.carrier_hears(487, "INVITE").map(drop)
    })?;
    cancelled(&cdr)
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn a_cancel_that_comes_after_the_answer_changes_nothing() -> Result<()> {
    let cdr = by_hand(|call| {
        let ok = call.answered()?;
        call.carrier.send(call.carrier.cancel(CALL, number(Side::Carrier)).as_bytes())?;
        let said = call.carrier.expect(PATIENCE, |message| {
            header(message, "CSeq").is_some_and(|sequence| sequence.ends_with("CANCEL"))
        })?;
        ensure!(said.starts_with("SIP/2.0 200") || said.starts_with("SIP/2.0 481"), "{said}");
        call.carrier.send(call.carrier.in_dialog("BYE", CALL, &ok)?.as_bytes())?;
        call.pbx_agrees_to("BYE")?;
        call.carrier_hears(200, "BYE").map(drop)
    })?;
    ensure!((cdr.cause(), cdr.ended_by()) == ("hangup", "a"), "{cdr:?}");
    Ok(())
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn a_caller_may_hang_up_before_the_answer() -> Result<()> {
    // RFC 3261 section 15: BYE in an early dialog ends that dialog; the INVITE is answered with 487.
    by_hand(|call| {
        call.pbx_says("180 Ringing")?;
        let ringing = call.carrier_hears(180, "INVITE")?;
        call.carrier.send(call.carrier.in_dialog("BYE", CALL, &ringing)?.as_bytes())?;
        let said = call.carrier.receive_until(PATIENCE, |message| is_response(message, 487, "INVITE"))?;
        ensure!(said.iter().any(|message| is_response(message, 200, "BYE")), "{said:#?}");
        ensure!(said.iter().any(|message| is_response(message, 487, "INVITE")), "{said:#?}");
        call.pbx_agrees_to("CANCEL")?;
        call.pbx_says("487 Request Terminated")?;
        call.pbx_gets("ACK").map(drop)
    })
    .map(drop)
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn changes_that_meet_are_tried_again() -> Result<()> {
    let cdr = by_hand(|call| {
        let carriers = Dialog::of_caller(&call.answered()?)?;
        let own = Dialog::of_called(&call.invite)?;
        call.carrier.send(call.carrier.within(&carriers, "INVITE", 2, Some(7000)).as_bytes())?;
        let invite = call.pbx_gets("INVITE")?;
        // The PBX has not answered yet, and wants a change of its own.
        call.pbx.send(call.pbx.within(&own, "INVITE", 1, Some(6000)).as_bytes())?;
        call.pbx.expect(PATIENCE, |message| is_response(message, 491, "INVITE"))?;
        call.pbx.send(call.pbx.answer(&invite, "200 OK", Some(6000))?.as_bytes())?;
        call.carrier_hears(200, "INVITE")?;
        call.carrier.send(call.carrier.within(&carriers, "ACK", 2, None).as_bytes())?;
        call.pbx_gets("ACK")?;
        let sequence = call.pbx_tries_again(&own)?;
        let invite = call.carrier.expect(PATIENCE, |message| message.starts_with("INVITE "))?;
        call.carrier.send(call.carrier.answer(&invite, "200 OK", Some(7000))?.as_bytes())?;
        call.pbx.expect(PATIENCE, |message| is_response(message, 200, "INVITE"))?;
        call.pbx.send(call.pbx.within(&own, "ACK", sequence, None).as_bytes())?;
        call.carrier.expect(PATIENCE, |message| message.starts_with("ACK "))?;
        call.carrier.send(call.carrier.within(&carriers, "BYE", 3, None).as_bytes())?;
        call.pbx_agrees_to("BYE")?;
        call.carrier_hears(200, "BYE").map(drop)
    })?;
    ensure!((cdr.cause(), cdr.ended_by()) == ("hangup", "a"), "{cdr:?}");
    Ok(())
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn a_session_that_is_too_short_is_422_and_then_taken() -> Result<()> {
    with_edge(EdgeConfig::default(), |lab, edge| {
        let carrier = RawPeer::bind(lab, Side::Carrier, 5070)?;
        let pbx = RawPeer::bind(lab, Side::Pbx, SIP_PORT)?;
        let invite = |call, interval: &str| {
            let timer = format!("Supported: timer\r\nSession-Expires: {interval}\r\nContact: ");
            carrier.invite(call, number(Side::Carrier), 7000).replacen("Contact: ", &timer, 1)
        };
        carrier.send(invite("short", "30").as_bytes())?;
        let refusal = carrier.expect(PATIENCE, |message| is_response(message, 422, "INVITE"))?;
        // RFC 4028 section 5: nobody is made to refresh more often than each minute and a half.
        ensure!(header(&refusal, "Min-SE") == Some("90"), "{refusal}");
        carrier.send(invite("long", "90").as_bytes())?;
        let invited = pbx.expect(PATIENCE, |message| message.starts_with("INVITE "))?;
        pbx.send(pbx.answer(&invited, "200 OK", Some(6000))?.as_bytes())?;
        let ok = carrier.expect(PATIENCE, |message| is_response(message, 200, "INVITE"))?;
        let agreed = header(&ok, "Session-Expires").unwrap_or_default();
        ensure!(agreed.starts_with("90;refresher="), "{ok}");
        carrier.send(carrier.in_dialog("ACK", "long", &ok)?.as_bytes())?;
        carrier.send(carrier.in_dialog("BYE", "long", &ok)?.as_bytes())?;
        let bye = pbx.expect(PATIENCE, |message| message.starts_with("BYE "))?;
        pbx.send(pbx.answer(&bye, "200 OK", None)?.as_bytes())?;
        let cdrs = wait_for_cdrs(lab, 2, PATIENCE)?;
        ensure!(cdrs.iter().map(Cdr::cause).eq(["session_interval", "hangup"]), "{cdrs:?}");
        edge.stop()
    })
}
