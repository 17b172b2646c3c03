//! Asterisk as the PBX, PJSUA2 (or SIPp) as the carrier.

use anyhow::{Context, Result, ensure};

use edge_tests::drill::{PATIENCE, caller, number, start};
use edge_tests::edge::{Cdr, ask, wait_for_cdrs};
use edge_tests::lab::Side;
use edge_tests::peers::{Account, Asterisk, Digit, Extension, Pjsua2, Transport};
use edge_tests::process::wait_until;
use edge_tests::{EdgeConfig, Sipp, scenario};

use crate::{Case, Configured, Scene, Try, plainly};

/// More than half a second of media.
const FLOWING: u64 = 30;

pub(crate) fn cases() -> Vec<Case> {
    let each: [(&str, Try); 9] = [
        ("the carrier calls, hears itself, hangs up", calls_the_pbx),
        ("the PBX calls, returns what it hears, carrier hangs up", called_by_the_pbx),
        ("the PBX hangs up", is_hung_up_on),
        ("hold and resume by the carrier", holds),
        ("another codec by re-INVITE", changes_the_codec),
        ("digits as telephone-event, there and back", dials),
        ("tones before the answer", hears_early_media),
        ("busy, then given up while it rings", is_busy_and_cancelled),
        ("a call that the PBX returns to the carrier", is_returned),
    ];
    let proving: [(&str, Configured, Try); 2] = [
        ("edge registers, and proves itself; calls both ways", registering, is_registered_with),
        ("the PBX proves itself; calls both ways", visited, proves_itself),
    ];
    let over = |transport| {
        let plain = each.map(|(what, run)| Case { peer: PEER, transport, what, configured: plainly, run });
        let proving =
            proving.map(|(what, configured, run)| Case { peer: PEER, transport, what, configured, run });
        plain.into_iter().chain(proving)
    };
    Transport::PLAIN.into_iter().flat_map(over).collect()
}

const PEER: &str = "Asterisk 22";

/// Edge is an account of the PBX, whose calls that name no number are for the carrier.
fn registering(config: EdgeConfig) -> EdgeConfig {
    let number = format!("virtual_number = \"{}\"", number(Side::Pbx));
    config.registering(Side::Pbx, "retry = \"1s\"").trunk(Side::Pbx, &number)
}

/// The PBX is an account of edge.
fn visited(config: EdgeConfig) -> EdgeConfig {
    config.visiting(Side::Pbx, &format!("host = \"{}\"", Side::Pbx.peer_address()))
}

impl Scene<'_> {
    fn pbx(&self) -> Result<Asterisk> {
        Asterisk::pbx(self.lab, self.debian, self.transport, Account::Nobody)
    }

    fn carrier(&self) -> Result<Pjsua2> {
        Pjsua2::start(self.lab, Side::Carrier, self.transport, "PCMA,PCMU")
    }

    /// A call of the carrier's to `extension`, up, and what `then` makes of it.
    fn during_a_call(
        &self,
        extension: Extension,
        then: impl FnOnce(&mut Pjsua2) -> Result<()>,
    ) -> Result<Cdr> {
        let (pbx, mut carrier) = (self.pbx()?, self.carrier()?);
        carrier.dial_number(&extension.number())?;
        let outcome = carrier.is_confirmed().and_then(|()| then(&mut carrier));
        outcome.with_context(|| pbx.log())?;
        self.record()
    }

    /// A call of the carrier's and one of the PBX's, one after the other.
    fn calls_both_ways(&self, pbx: &Asterisk) -> Result<()> {
        let mut carrier = self.carrier()?;
        carrier.dial_number(&Extension::Echo.number())?;
        carrier.is_confirmed().with_context(|| pbx.log())?;
        carrier.hears_a_tone(FLOWING)?;
        carrier.hang_up()?;
        carrier.has_ended()?;
        pbx.call()?;
        carrier.is_confirmed().with_context(|| pbx.log())?;
        carrier.hears_a_tone(FLOWING)?;
        carrier.hang_up()?;
        let cdrs = wait_for_cdrs(self.lab, 2, PATIENCE)?;
        ended(&cdrs[0], "hangup", "a")?;
        ended(&cdrs[1], "hangup", "b")
    }

    fn record(&self) -> Result<Cdr> {
        let cdr = wait_for_cdrs(self.lab, 1, PATIENCE)?.remove(0);
        ensure!(self.edge.counters()?.dropped("no_endpoint") < FLOWING, "media found its call");
        Ok(cdr)
    }
}

fn ended(cdr: &Cdr, cause: &str, by: &str) -> Result<()> {
    ensure!((cdr.cause(), cdr.ended_by()) == (cause, by), "{cdr:?}");
    Ok(())
}

fn calls_the_pbx(scene: &Scene<'_>) -> Result<()> {
    let cdr = scene.during_a_call(Extension::Echo, |carrier| {
        carrier.hears_a_tone(FLOWING)?;
        carrier.hang_up()
    })?;
    ended(&cdr, "hangup", "a")
}

fn called_by_the_pbx(scene: &Scene<'_>) -> Result<()> {
    let (pbx, mut carrier) = (scene.pbx()?, scene.carrier()?);
    pbx.call()?;
    carrier.is_confirmed().with_context(|| pbx.log())?;
    carrier.hears_a_tone(FLOWING)?;
    carrier.hang_up()?;
    ended(&scene.record()?, "hangup", "b")
}

fn is_hung_up_on(scene: &Scene<'_>) -> Result<()> {
    let cdr = scene.during_a_call(Extension::HangsUp, |carrier| carrier.has_ended().map(drop))?;
    ended(&cdr, "hangup", "b")
}

fn holds(scene: &Scene<'_>) -> Result<()> {
    let cdr = scene.during_a_call(Extension::Echo, |carrier| {
        carrier.hears_a_tone(FLOWING)?;
        carrier.hold()?;
        carrier.has_media("local_hold", "PCMA")?;
        carrier.resume()?;
        carrier.has_media("active", "PCMA")?;
        carrier.hears_a_tone(FLOWING)?;
        carrier.hang_up()
    })?;
    ended(&cdr, "hangup", "a")
}

fn changes_the_codec(scene: &Scene<'_>) -> Result<()> {
    let cdr = scene.during_a_call(Extension::Echo, |carrier| {
        carrier.hears_a_tone(FLOWING)?;
        carrier.change(&["PCMU"])?;
        carrier.has_media("active", "PCMU")?;
        carrier.hears_a_tone(FLOWING)?;
        carrier.hang_up()
    })?;
    ended(&cdr, "hangup", "a")
}

fn dials(scene: &Scene<'_>) -> Result<()> {
    let cdr = scene.during_a_call(Extension::Digits, |carrier| {
        carrier.dial('7', Digit::InMedia)?;
        carrier.hears('7', Digit::InMedia)?;
        carrier.hang_up()
    })?;
    ended(&cdr, "hangup", "a")
}

fn hears_early_media(scene: &Scene<'_>) -> Result<()> {
    let (pbx, mut carrier) = (scene.pbx()?, scene.carrier()?);
    carrier.dial_number(&Extension::EarlyMedia.number())?;
    carrier.hears_ringing().with_context(|| pbx.log())?;
    carrier.hears_a_tone(FLOWING)?;
    carrier.is_confirmed()?;
    carrier.hears_a_tone(FLOWING)?;
    carrier.hang_up()?;
    ended(&scene.record()?, "hangup", "a")
}

fn is_busy_and_cancelled(scene: &Scene<'_>) -> Result<()> {
    let (_pbx, mut carrier) = (scene.pbx()?, scene.carrier()?);
    carrier.dial_number(&Extension::Busy.number())?;
    ensure!(carrier.has_ended()? == Some(486));
    carrier.dial_number(&Extension::Rings.number())?;
    carrier.hears_ringing()?;
    carrier.hang_up()?;
    ensure!(carrier.has_ended()? == Some(487));
    let cdrs = wait_for_cdrs(scene.lab, 2, PATIENCE)?;
    ended(&cdrs[0], "rejected", "b")?;
    ended(&cdrs[1], "cancelled", "a")
}

/// Through edge twice, with Asterisk between: two calls to edge, which are one to those who speak.
fn is_returned(scene: &Scene<'_>) -> Result<()> {
    let pbx = scene.pbx()?;
    let over = |sipp: Sipp| match scene.transport {
        Transport::Udp => sipp,
        Transport::Tcp | Transport::Tls => sipp.over_tcp(),
    };
    let calling = caller(Side::Carrier, scenario!("caller-hangs-up")).number(&Extension::Outside.number());
    let called = Sipp::called(Side::Carrier, scenario!("answers"));
    start(scene.lab, over(calling), over(called))?.succeed().with_context(|| pbx.log())?;
    for cdr in wait_for_cdrs(scene.lab, 2, PATIENCE)? {
        ended(&cdr, "hangup", "a")?;
    }
    Ok(())
}

fn is_registered_with(scene: &Scene<'_>) -> Result<()> {
    let pbx = Asterisk::pbx(scene.lab, scene.debian, scene.transport, Account::Edge)?;
    let shown = || ask(scene.lab, &["trunk", "show", Side::Pbx.name()]).unwrap_or_default();
    let registered = wait_until(PATIENCE, || shown().contains("\"state\": \"registered\"").then_some(()));
    registered.with_context(|| format!("{}\n{}\n{}", shown(), pbx.log(), scene.edge.log()))?;
    scene.calls_both_ways(&pbx)
}

fn proves_itself(scene: &Scene<'_>) -> Result<()> {
    let pbx = Asterisk::pbx(scene.lab, scene.debian, scene.transport, Account::Asterisk)?;
    scene.calls_both_ways(&pbx)?;
    scene.edge.wait_for_count("challenges", 1, PATIENCE)
}
