//! The two modes in which SIPconnect joins a PBX and a provider, each end to end, in both directions: static, where each knows the
//! other's address, and registration, where the PBX registers all of its numbers at once (RFC 6140).

use anyhow::{Context, Result, ensure};
use edge_tests::drill::{PATIENCE, caller, start, with_edge};
use edge_tests::edge::{EdgeProcess, ask, wait_for_cdrs};
use edge_tests::lab::{Lab, Side};
use edge_tests::peers::kamailio::AGENT_PORT;
use edge_tests::peers::registrar::{PASSWORD, Registrar, USER, write_password};
use edge_tests::process::wait_until;
use edge_tests::sipp::{CALLED_MEDIA_PORT, CALLER_MEDIA_PORT, CALLER_PORT, SIP_PORT};
use edge_tests::witness::Account;
use edge_tests::{EdgeConfig, Leg, Sipp, Witness, scenario};

/// Two calls with media: one in, and then one out. Who was a stranger until it has registered is called at once: the shield hears what
/// it answers.
fn both_ways(lab: &Lab, [inwards, outwards]: [Sipp; 2], carrier_port: u16) -> Result<()> {
    start(lab, inwards, Sipp::called(Side::Pbx, scenario!("answers")))?.succeed()?;
    let carrier = Sipp::called(Side::Carrier, scenario!("answers"));
    let outwards = outwards.ports(CALLER_PORT + 10, CALLER_MEDIA_PORT + 100);
    start(lab, outwards, carrier.ports(carrier_port, CALLED_MEDIA_PORT + 100))?.succeed()?;
    for cdr in wait_for_cdrs(lab, 2, PATIENCE)? {
        ensure!(cdr.cause() == "hangup", "{cdr:?}");
        ensure!(Leg::BOTH.iter().all(|leg| cdr.packets(*leg) > 0), "{cdr:?}");
    }
    Ok(())
}

fn wait_until_shown(lab: &Lab, edge: &EdgeProcess<'_>, of: Side, text: &str) -> Result<()> {
    let shown = || ask(lab, &["trunk", "show", of.name()]).unwrap_or_default();
    let found = wait_until(PATIENCE, || shown().contains(text).then_some(()));
    found.with_context(|| format!("no {text} in {}:\n{}", shown(), edge.log()))
}

/// The first INVITE that went to a side.
fn invite_to(account: &Account, side: Side) -> Result<String> {
    let edge = side.edge_address();
    let mut invites = account.sip(side).iter().filter(|of| of.from.ip() == edge && of.is_request("INVITE"));
    Ok(invites.next().context("no INVITE")?.text.clone())
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn a_static_trunk_has_global_numbers_and_an_identity_both_ways() -> Result<()> {
    let provider = "identity = \"pai\"\ntrust_identity = true\n\
                    numbers = { out = { format = \"e164\", user_phone = true } }";
    let pbx = "identity = \"pai\"\nnumbers = { country = \"44\", national_prefix = \"0\", international_prefix = \"00\" }";
    let config = EdgeConfig::default().trunk(Side::Carrier, provider).trunk(Side::Pbx, pbx);
    with_edge(config, |lab, edge| {
        let witness = Witness::start(lab)?;
        let inwards = caller(Side::Carrier, scenario!("caller-hangs-up"));
        // A PBX dials as its users do.
        let outwards = Sipp::caller(Side::Pbx, scenario!("caller-hangs-up")).number("0033142685300");
        both_ways(lab, [inwards, outwards], SIP_PORT)?;
        edge.stop()?;
        let account = witness.finish()?;
        ensure!(account.faults().is_empty(), "{:?}", account.faults());
        let out = invite_to(&account, Side::Carrier)?;
        ensure!(out.starts_with("INVITE sip:+33142685300@203.0.113.10;user=phone "), "{out}");
        ensure!(out.contains("\r\nP-Asserted-Identity: <sip:+44"), "{out}");
        Ok(())
    })
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn edge_registers_all_numbers_with_a_provider() -> Result<()> {
    let config = EdgeConfig::default().registering(Side::Carrier, "gin = true");
    Lab::drill(|lab| {
        write_password(lab, PASSWORD)?;
        let kamailio = Registrar::of(Side::Carrier, "SHA-256").of_numbers().start(lab)?;
        let edge = EdgeProcess::start(lab, &config)?;
        let witness = Witness::start(lab)?;
        wait_until_shown(lab, &edge, Side::Carrier, "\"state\": \"registered\"")?;
        let inwards = caller(Side::Carrier, scenario!("caller-hangs-up")).towards(kamailio.address());
        let outwards = caller(Side::Pbx, scenario!("caller-hangs-up"));
        both_ways(lab, [inwards, outwards], AGENT_PORT).with_context(|| kamailio.log())?;
        edge.stop()?;
        let account = witness.finish()?;
        ensure!(account.faults().is_empty(), "{:?}", account.faults());
        let to_edge = |text: &str| {
            let said = account.sip(Side::Carrier).iter();
            said.filter(|of| of.is_request("INVITE") && of.start_line().contains(text)).count()
        };
        ensure!(
            to_edge("sip:+442071838750@203.0.113.1") > 0,
            "the provider asks for the number at the Contact"
        );
        Ok(())
    })
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn a_pbx_registers_all_of_its_numbers_with_edge() -> Result<()> {
    let lines = "registrar = true\nauth_algorithms = [\"MD5\"]";
    Lab::drill(|lab| {
        write_password(lab, PASSWORD)?;
        let edge = EdgeProcess::start(lab, &EdgeConfig::default().visiting(Side::Pbx, lines))?;
        let registers = Sipp::caller(Side::Pbx, scenario!("registers-all-numbers")).proving(USER, PASSWORD);
        registers.ports(SIP_PORT, CALLER_MEDIA_PORT).start(lab)?.wait_for_success(PATIENCE)?;
        wait_until_shown(lab, &edge, Side::Pbx, "10.0.0.20")?;
        let witness = Witness::start(lab)?;
        let inwards = caller(Side::Carrier, scenario!("caller-hangs-up"));
        let outwards = caller(Side::Pbx, scenario!("caller-proves-itself")).proving(USER, PASSWORD);
        both_ways(lab, [inwards, outwards], SIP_PORT)?;
        edge.stop()?;
        let account = witness.finish()?;
        ensure!(account.faults().is_empty(), "{:?}", account.faults());
        let asked = invite_to(&account, Side::Pbx)?;
        ensure!(asked.starts_with("INVITE sip:750@10.0.0.20:5060"), "{asked}");
        Ok(())
    })
}
