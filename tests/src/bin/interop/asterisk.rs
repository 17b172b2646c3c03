//! Asterisk as the PBX, PJSUA2 (or SIPp) as the carrier.

use anyhow::{Context, Result, ensure};

use edge_tests::drill::{PATIENCE, caller, start};
use edge_tests::edge::{Cdr, wait_for_cdrs};
use edge_tests::lab::Side;
use edge_tests::peers::{Asterisk, Digit, Extension, Pjsua2, Transport};
use edge_tests::{Sipp, scenario};

use crate::{Case, Scene, Try};

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
    let over = |transport| each.map(|(what, run)| Case { peer: "Asterisk 22", transport, what, run });
    Transport::PLAIN.into_iter().flat_map(over).collect()
}

impl Scene<'_> {
    fn pbx(&self) -> Result<Asterisk> {
        Asterisk::pbx(self.lab, self.debian, self.transport)
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
