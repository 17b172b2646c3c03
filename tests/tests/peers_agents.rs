//! User agents that others have written, through edge: PJSUA2 on both sides, and baresip against it.

use anyhow::{Result, ensure};
use edge_tests::drill::{PATIENCE, with_edge};
use edge_tests::edge::wait_for_cdrs;
use edge_tests::lab::{Lab, Side};
use edge_tests::peers::{Baresip, Digit, Pjsua2, Transport};
use edge_tests::{EdgeConfig, EdgeProcess, Witness};

/// Packets that make it sure that media flows: more than half a second of it.
const FLOWING: u64 = 30;

/// An edge between two agents that speak `transport`; what they have heard of each other came through XDP.
fn through_edge(
    transport: Transport,
    ended_by: &str,
    drill: impl FnOnce(&Lab, &EdgeProcess<'_>) -> Result<()>,
) -> Result<()> {
    let config = EdgeConfig::default().over(Side::Carrier, transport).over(Side::Pbx, transport);
    with_edge(config, |lab, edge| {
        let witness = Witness::start(lab)?;
        drill(lab, &edge)?;
        let cdrs = wait_for_cdrs(lab, 1, PATIENCE)?;
        ensure!((cdrs[0].cause(), cdrs[0].ended_by()) == ("hangup", ended_by), "{cdrs:?}");
        let relayed = edge.counters()?.relayed();
        edge.stop()?;
        let account = witness.finish()?;
        ensure!(account.unmatched.is_empty() && account.wrong_checksums == 0, "{:?}", account.faults());
        for side in Side::BOTH {
            let received: u64 = account.streams_from(side).map(|stream| stream.received).sum();
            ensure!(received >= FLOWING / 2, "{received} packets of {side:?} arrived");
        }
        // RTCP is relayed too, and the witness does not look at it.
        ensure!(relayed >= account.received(), "every packet is relayed in XDP: {relayed} of {account:?}");
        Ok(())
    })
}

/// A call with everything that two user agents do to each other, begun by `from`, and ended by the other one.
fn a_call_with_everything(from: Side, transport: Transport) -> Result<()> {
    through_edge(transport, "b", |lab, _| {
        let mut caller = Pjsua2::start(lab, from, transport, "PCMA,PCMU")?;
        let mut called = Pjsua2::start(lab, from.other(), transport, "PCMA,PCMU")?;
        caller.call()?;
        caller.is_confirmed()?;
        called.is_confirmed()?;
        caller.hears_a_tone(FLOWING)?;
        called.hears_a_tone(FLOWING)?;
        holds_and_resumes(&mut caller, &mut called)?;
        holds_and_resumes(&mut called, &mut caller)?;
        called.change(&["PCMU", "PCMA"])?;
        caller.has_media("active", "PCMU")?;
        caller.hears_a_tone(FLOWING)?;
        called.hears_a_tone(FLOWING)?;
        for by in [Digit::InMedia, Digit::InInfo] {
            caller.dial('5', by)?;
            called.hears('5', by)?;
            called.dial('#', by)?;
            caller.hears('#', by)?;
        }
        called.hang_up()?;
        ensure!(caller.has_ended()? == Some(200));
        Ok(())
    })
}

/// Both sides are through with each change before the next one: one that meets another hears 491, and PJSUA2 leaves it at that.
fn holds_and_resumes(holder: &mut Pjsua2, held: &mut Pjsua2) -> Result<()> {
    holder.hold()?;
    held.has_media("remote_hold", "PCMA")?;
    holder.has_media("local_hold", "PCMA")?;
    holder.resume()?;
    held.has_media("active", "PCMA")?;
    holder.has_media("active", "PCMA")
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn pjsua2_calls_from_both_sides_over_udp() -> Result<()> {
    Side::BOTH.into_iter().try_for_each(|from| a_call_with_everything(from, Transport::Udp))
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn pjsua2_calls_from_both_sides_over_tcp() -> Result<()> {
    Side::BOTH.into_iter().try_for_each(|from| a_call_with_everything(from, Transport::Tcp))
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn one_side_wants_provisional_responses_acknowledged_and_the_other_does_not() -> Result<()> {
    for (from, reliable) in
        Side::BOTH.into_iter().flat_map(|from| Side::BOTH.map(|reliable| (from, reliable)))
    {
        let start = |lab: &Lab, side| match side == reliable {
            true => Pjsua2::start_reliable(lab, side, Transport::Udp, "PCMA,PCMU"),
            false => Pjsua2::start(lab, side, Transport::Udp, "PCMA,PCMU"),
        };
        through_edge(Transport::Udp, "a", |lab, _| {
            let (mut caller, mut called) = (start(lab, from)?, start(lab, from.other())?);
            caller.call()?;
            caller.hears_ringing()?;
            caller.is_confirmed()?;
            caller.hears_a_tone(FLOWING)?;
            called.hears_a_tone(FLOWING)?;
            caller.hang_up()?;
            called.has_ended().map(drop)
        })?;
    }
    Ok(())
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn pjsua2_calls_from_both_sides_over_tls() -> Result<()> {
    Side::BOTH.into_iter().try_for_each(|from| a_call_with_everything(from, Transport::Tls))
}

/// baresip calls, is called, and hangs up both times.
fn baresip_hangs_up(transport: Transport) -> Result<()> {
    for (from, ended_by) in [(Side::Pbx, "a"), (Side::Carrier, "b")] {
        through_edge(transport, ended_by, |lab, _| {
            let mut phone = Baresip::start(lab, Side::Pbx, transport)?;
            let mut carrier = Pjsua2::start(lab, Side::Carrier, transport, "PCMA,PCMU")?;
            if from == Side::Pbx {
                phone.call()?
            } else {
                carrier.call()?
            }
            phone.is_established()?;
            carrier.hears_a_tone(FLOWING)?;
            phone.hang_up()?;
            carrier.has_ended().map(drop)
        })?;
    }
    Ok(())
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn baresip_calls_and_is_called_over_udp() -> Result<()> {
    baresip_hangs_up(Transport::Udp)
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn baresip_calls_and_is_called_over_tcp() -> Result<()> {
    baresip_hangs_up(Transport::Tcp)
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn baresip_calls_and_is_called_over_tls() -> Result<()> {
    baresip_hangs_up(Transport::Tls)
}
