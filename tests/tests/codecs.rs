//! Legs that differ in what their packets carry: one law of G.711 each, other payload type numbers, and payload types that
//! nobody agreed on.

use std::collections::BTreeSet;
use std::fs;

use anyhow::{Result, ensure};
use edge_ebpf::payload::{in_alaw, in_ulaw};
use edge_tests::drill::{PATIENCE, caller, refused, start, with_edge};
use edge_tests::edge::wait_for_cdrs;
use edge_tests::lab::{Lab, Side};
use edge_tests::peers::{Digit, Pjsua2, Transport};
use edge_tests::sipp::{CALLED_TONE_HZ, CALLER_TONE_HZ};
use edge_tests::tone::{PACKET_OCTETS, write_alaw};
use edge_tests::witness::{Account, Crossing, audio_hash};
use edge_tests::{EdgeConfig, Leg, Scenario, Sipp, Witness, scenario};

/// Packets that make it sure that media flows: more than half a second of it.
const FLOWING: u64 = 30;
/// Packets of a second.
const SECOND: i64 = 50;

/// The hashes of a second of a scenario's tone, packet by packet, after `change`.
fn tone(lab: &Lab, start_hz: f64, change: fn(&mut [u8])) -> Result<BTreeSet<u64>> {
    let file = lab.directory().join("tone.alaw");
    write_alaw(&file, start_hz, 1)?;
    let mut octets = fs::read(file)?;
    change(&mut octets);
    Ok(octets.chunks(PACKET_OCTETS).map(audio_hash).collect())
}

/// Payload types and hashes of what arrived at a side.
fn arrived(account: &Account, side: Side) -> (BTreeSet<u8>, BTreeSet<u64>) {
    let packets = account.rtp(side).iter().filter(|packet| packet.crossing == Crossing::Arrival);
    packets.map(|packet| (packet.payload_type, packet.payload)).unzip()
}

/// A call from the carrier, which has A-law only, to who answers so: the record and what was seen.
fn call(
    config: EdgeConfig,
    answers: Scenario,
    look: impl FnOnce(&Lab, &edge_tests::edge::Cdr, &Account) -> Result<()>,
) -> Result<()> {
    with_edge(config, |lab, edge| {
        let witness = Witness::start(lab)?;
        let caller = caller(Side::Carrier, scenario!("caller-hangs-up"));
        start(lab, caller, Sipp::called(Side::Pbx, answers))?.succeed()?;
        let cdrs = wait_for_cdrs(lab, 1, PATIENCE)?;
        edge.stop()?;
        let account = witness.finish()?;
        ensure!(account.wrong_checksums == 0, "{:?}", account.faults());
        look(lab, &cdrs[0], &account)
    })
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn every_octet_of_a_tone_arrives_in_the_other_law() -> Result<()> {
    let config = EdgeConfig::default()
        .trunk(Side::Pbx, "allow = [\"PCMU\", \"telephone-event\"]")
        .trunk(Side::Pbx, "transcode = [\"PCMA\", \"PCMU\"]");
    call(config, scenario!("answers-in-mulaw"), |lab, cdr, account| {
        ensure!(cdr.text("/codec") == "PCMA" && cdr.text("/transcoded") == "PCMU", "{cdr:?}");
        ensure!(cdr.packets(Leg::A) >= SECOND && cdr.packets(Leg::B) >= SECOND, "{cdr:?}");
        let at_pbx = arrived(account, Side::Pbx);
        ensure!(at_pbx == ([0].into(), tone(lab, CALLER_TONE_HZ, in_ulaw)?), "at the PBX");
        let at_carrier = arrived(account, Side::Carrier);
        ensure!(at_carrier == ([8].into(), tone(lab, CALLED_TONE_HZ, in_alaw)?), "at the carrier");
        Ok(())
    })
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn without_a_conversion_they_have_no_common_codec() -> Result<()> {
    with_edge(EdgeConfig::default().trunk(Side::Pbx, "allow = [\"PCMU\"]"), |lab, edge| {
        refused(Side::Carrier, 488).start(lab)?.wait_for_success(PATIENCE)?;
        edge.stop()
    })
}

/// Agents that know one law each hear each other's tone and digits.
#[test]
#[ignore = "needs root: cargo xtask test"]
fn agents_of_one_law_each_hear_each_other() -> Result<()> {
    let config = EdgeConfig::default().trunk(Side::Carrier, "transcode = [\"PCMU\", \"PCMA\"]");
    with_edge(config, |lab, edge| {
        let mut caller = Pjsua2::start(lab, Side::Pbx, Transport::Udp, "PCMA")?;
        let mut called = Pjsua2::start(lab, Side::Carrier, Transport::Udp, "PCMU")?;
        caller.call()?;
        caller.has_media("active", "PCMA")?;
        called.has_media("active", "PCMU")?;
        caller.hears_a_tone(FLOWING)?;
        called.hears_a_tone(FLOWING)?;
        caller.dial('5', Digit::InMedia)?;
        called.hears('5', Digit::InMedia)?;
        called.dial('#', Digit::InMedia)?;
        caller.hears('#', Digit::InMedia)?;
        called.hang_up()?;
        caller.has_ended()?;
        let cdrs = wait_for_cdrs(lab, 1, PATIENCE)?;
        ensure!(cdrs[0].text("/transcoded") == "PCMU", "{cdrs:?}");
        edge.stop()
    })
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn each_side_hears_its_own_payload_type_number() -> Result<()> {
    call(EdgeConfig::default(), scenario!("answers-by-another-number"), |lab, cdr, account| {
        ensure!(cdr.text("/transcoded").is_empty() && cdr.packets(Leg::B) > 0, "{cdr:?}");
        let sent = tone(lab, CALLER_TONE_HZ, |_: &mut [u8]| {})?;
        ensure!(arrived(account, Side::Pbx) == ([98].into(), sent), "at the PBX");
        // SIPp makes short packets of what it sends by this number.
        let (types, payloads) = arrived(account, Side::Carrier);
        ensure!(types == [8].into() && !payloads.is_empty(), "{types:?} at the carrier");
        Ok(())
    })
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn a_payload_type_that_was_not_agreed_on_is_dropped_or_counted() -> Result<()> {
    for (policing, crosses) in [("drop", 0), ("count", SECOND), ("off", SECOND)] {
        let config = EdgeConfig::default().trunk(Side::Pbx, &format!("policing = \"{policing}\""));
        call(config, scenario!("answers-and-plays-something-else"), |_, cdr, account| {
            let streams: u64 = account.streams_from(Side::Pbx).map(|stream| stream.received).sum();
            ensure!(i64::try_from(streams)? == crosses, "{policing}: {streams} arrived");
            let let_pass = cdr.number("/b/received/let_pass/payload_type").unwrap_or(0);
            let counted = (cdr.dropped(Leg::B, "payload_type"), let_pass);
            let expected = match policing {
                "drop" => (SECOND, 0),
                "count" => (0, SECOND),
                _ => (0, 0),
            };
            ensure!(counted == expected, "{policing}: {counted:?} in {cdr:?}");
            ensure!(cdr.packets(Leg::A) >= SECOND, "the other side is not touched: {cdr:?}");
            Ok(())
        })?;
    }
    Ok(())
}
