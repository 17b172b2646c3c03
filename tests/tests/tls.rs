//! A carrier over TLS that is known by its certificate: calls with it, who is nobody, and new certificates meanwhile.

use std::net::{SocketAddr, TcpListener};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use edge_tests::certificates::Certificates;
use edge_tests::drill::{PATIENCE, caller, refused, with_edge};
use edge_tests::edge::wait_for_cdrs;
use edge_tests::lab::{Family, Lab, Side};
use edge_tests::peers::{Pjsua2, Transport};
use edge_tests::process::{Process, wait_until};
use edge_tests::sipp::TLS_PORT;
use edge_tests::{EdgeConfig, EdgeProcess, scenario};

/// Packets that make it sure that media flows: more than half a second of it.
const FLOWING: u64 = 30;

/// What an answer begins with.
const ANSWER: &str = "SIP/2.0 ";

/// Edge with a carrier over TLS; the PBX keeps to UDP.
fn with_tls_carrier(drill: impl FnOnce(&Lab, EdgeProcess<'_>, &Certificates) -> Result<()>) -> Result<()> {
    let config = EdgeConfig::default().over_tls(Side::Carrier);
    with_edge(config, |lab, edge| drill(lab, edge, &Certificates::of(lab)))
}

/// The carrier over TLS, and the PBX over UDP.
fn agents(lab: &Lab) -> Result<[Pjsua2; 2]> {
    let start = |side, transport| Pjsua2::start(lab, side, transport, "PCMA,PCMU");
    Ok([start(Side::Carrier, Transport::Tls)?, start(Side::Pbx, Transport::Udp)?])
}

/// `openssl s_client` at the carrier with the certificate of `shown`: it asks with OPTIONS, and does not wait until edge
/// has decided who it is. It says to listen, and `more` behind that.
fn asks(lab: &Lab, certificates: &Certificates, shown: Option<&str>, more: &str) -> Result<Process> {
    asks_over(Family::V4, lab, certificates, shown, more)
}

/// The same over this version of IP.
fn asks_over(
    family: Family,
    lab: &Lab,
    certificates: &Certificates,
    shown: Option<&str>,
    more: &str,
) -> Result<Process> {
    let side = Side::Carrier;
    let mut command = Command::new("openssl");
    command.args(["s_client", "-ign_eof", "-showcerts", "-connect"]);
    command.arg(SocketAddr::new(side.edge(family), TLS_PORT).to_string());
    if let Some(name) = shown {
        let [certificate, key] = certificates.of_holder(name);
        command.arg("-cert").arg(certificate).arg("-key").arg(key);
    }
    let log = lab.directory().join("openssl");
    // Only what this run sees is looked at.
    std::fs::write(&log, "")?;
    let mut client = Process::start_obeying(command, lab.peer(side), &log)?;
    let peer = SocketAddr::new(side.peer(family), TLS_PORT);
    client.tell(&format!(
        "OPTIONS sip:edge.example SIP/2.0\r\nVia: SIP/2.0/TLS {peer};branch=z9hG4bKasks{more}\r\n\
         From: <sip:a@{peer}>;tag=1\r\nTo: <sip:edge.example>\r\nCall-ID: asks\r\nCSeq: 1 OPTIONS\r\n\
         Max-Forwards: 70\r\nContent-Length: 0\r\n\r"
    ))?;
    Ok(client)
}

/// Waits until it has seen `text`, and returns all that it has seen.
fn sees(client: &Process, text: &str) -> Result<String> {
    let seen = wait_until(PATIENCE, || Some(client.output()).filter(|output| output.contains(text)));
    seen.with_context(|| format!("no {text:?}:\n{}", client.output()))
}

/// What who shows the certificate of `shown` sees until edge closes the connection; no answer.
fn is_refused(lab: &Lab, certificates: &Certificates, shown: Option<&str>) -> Result<String> {
    let mut client = asks(lab, certificates, shown, "")?;
    client.wait(PATIENCE)?;
    let seen = client.output();
    ensure!(!seen.contains(ANSWER), "an answer to {shown:?}:\n{seen}");
    Ok(seen)
}

/// Fails unless edge has had this many connections over TLS.
fn had_connections(edge: &EdgeProcess<'_>, expected: u64) -> Result<()> {
    edge.wait_for_count("tls_handshakes", expected, PATIENCE)?;
    let handshakes = edge.counters()?.sip("tls_handshakes");
    ensure!(handshakes == expected, "{handshakes} connections instead of {expected}");
    Ok(())
}

fn a_call(caller: &mut Pjsua2, called: &mut Pjsua2, caller_hangs_up: bool) -> Result<()> {
    caller.call()?;
    caller.is_confirmed()?;
    called.is_confirmed()?;
    caller.hears_a_tone(FLOWING)?;
    called.hears_a_tone(FLOWING)?;
    let (ends, hears) = if caller_hangs_up { (caller, called) } else { (called, caller) };
    ends.hang_up()?;
    hears.has_ended()?;
    ends.has_ended().map(drop)
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn calls_both_ways_keep_to_the_connections_that_are_there() -> Result<()> {
    with_tls_carrier(|lab, edge, _certificates| {
        let [mut carrier, mut pbx] = agents(lab)?;
        for caller_hangs_up in [true, false] {
            a_call(&mut carrier, &mut pbx, caller_hangs_up)?;
            a_call(&mut pbx, &mut carrier, caller_hangs_up)?;
        }
        let cdrs = wait_for_cdrs(lab, 4, PATIENCE)?;
        ensure!(cdrs.iter().all(|cdr| cdr.cause() == "hangup"), "{cdrs:?}");
        // One each way: in its Via, PJSIP says to listen where it has connected from, so nothing is known of its real port.
        had_connections(&edge, 2)?;
        edge.stop()
    })
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn a_carrier_that_says_alias_is_called_over_the_connection_that_it_has_opened() -> Result<()> {
    with_tls_carrier(|lab, edge, certificates| {
        let carrier = asks(lab, certificates, Some(Side::Carrier.name()), ";alias")?;
        sees(&carrier, ANSWER)?;
        let mut pbx = Pjsua2::start(lab, Side::Pbx, Transport::Udp, "PCMA,PCMU")?;
        pbx.call()?;
        // Nobody listens at the carrier.
        sees(&carrier, "INVITE sip:")?;
        had_connections(&edge, 1)?;
        pbx.hang_up()?;
        pbx.has_ended()?;
        edge.stop()
    })
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn whoever_proves_nothing_is_refused_and_counted_by_reason() -> Result<()> {
    with_tls_carrier(|lab, edge, certificates| {
        let (side, believed) = (Side::Carrier, certificates.believed()?);
        certificates.issue_to_peer("forged", side, &certificates.found("forger")?)?;
        certificates.issue_to_stranger("stranger", "not.carrier.example", &believed)?;
        certificates.issue_to_peer_until(2021, "expired", side, &believed)?;
        let refused = [
            (None, "tls_without_certificate", "certificate required"),
            (Some("forged"), "tls_wrong_authority", "unknown ca"),
            (Some("stranger"), "tls_wrong_name", "access denied"),
            (Some("expired"), "tls_wrong_time", "certificate expired"),
        ];
        for (shown, counter, alert) in refused {
            let seen = is_refused(lab, certificates, shown)?;
            ensure!(seen.contains(alert), "{counter}: {seen}");
            edge.wait_for_count(counter, 1, PATIENCE)?;
        }
        edge.wait_for_log("it shows no certificate, and no trunk is known by its address", PATIENCE)?;
        sees(&asks(lab, certificates, Some(side.name()), "")?, ANSWER)?;
        edge.stop()
    })
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn a_carrier_that_has_proven_itself_is_no_stranger_to_the_shield() -> Result<()> {
    let config = EdgeConfig::default().over_tls(Side::Carrier).section("[shield]\nunknown = \"drop\"");
    with_edge(config, |lab, edge| {
        let (certificates, name) = (Certificates::of(lab), Some(Side::Carrier.name()));
        sees(&asks(lab, &certificates, name, "")?, ANSWER)?;
        edge.wait_for_count("shield_promotions", 1, PATIENCE)?;
        let before = edge.counters()?.shield;
        ensure!(before.passed("stranger_connection") > 0, "anybody may begin to prove who it is: {before:?}");
        sees(&asks(lab, &certificates, name, "")?, ANSWER)?;
        let after = edge.counters()?.shield;
        ensure!(after.passed("familiar") > before.passed("familiar"), "{after:?}");
        ensure!(after.passed("stranger_connection") == before.passed("stranger_connection"), "{after:?}");
        edge.stop()
    })
}

/// Makes edge a new certificate, but leaves the key; returns the certificate, and what writes the key.
fn renew(certificates: &Certificates) -> Result<(String, impl FnOnce() -> std::io::Result<()>)> {
    let [file, key_file] = certificates.of_holder("edge");
    let old_key = std::fs::read(&key_file)?;
    certificates.issue_to_edge(&certificates.believed()?)?;
    let new_key = std::fs::read(&key_file)?;
    std::fs::write(&key_file, old_key)?;
    Ok((std::fs::read_to_string(file)?, move || std::fs::write(key_file, new_key)))
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn a_new_certificate_is_taken_during_a_call_and_one_without_its_key_is_not() -> Result<()> {
    with_tls_carrier(|lab, edge, certificates| {
        let toml = std::fs::read_to_string(lab.directory().join("edge.toml"))?;
        let [mut carrier, mut pbx] = agents(lab)?;
        pbx.call()?;
        carrier.is_confirmed()?;
        pbx.is_confirmed()?;
        let seen = || sees(&asks(lab, certificates, Some(Side::Carrier.name()), "")?, ANSWER);

        let (new, write_its_key) = renew(certificates)?;
        edge.reload(&toml)?;
        edge.wait_for_log("is not the key of the certificate in", PATIENCE)?;
        edge.wait_for_log("nothing changed", PATIENCE)?;
        ensure!(!seen()?.contains(new.trim()), "a certificate without its key");
        write_its_key()?;
        edge.reload(&toml)?;
        edge.wait_for_log("configuration reloaded", PATIENCE)?;
        ensure!(seen()?.contains(new.trim()), "who comes now sees the new one");

        carrier.hears_a_tone(FLOWING)?;
        pbx.hears_a_tone(FLOWING)?;
        pbx.hang_up()?;
        carrier.has_ended()?;
        let cdrs = wait_for_cdrs(lab, 1, PATIENCE)?;
        ensure!((cdrs[0].cause(), cdrs[0].ended_by()) == ("hangup", "a"), "{cdrs:?}");
        // The call's own, one that PJSIP opens beside it to learn its own address, and one for each look.
        had_connections(&edge, 4)?;
        edge.stop()
    })
}

/// `openssl s_server` as the carrier over IPv6: it shows its certificate, wants one, and writes down what comes.
fn listens_over_ipv6(lab: &Lab, certificates: &Certificates) -> Result<Process> {
    let side = Side::Carrier;
    let [certificate, key] = certificates.of_holder(side.name());
    let mut command = Command::new("openssl");
    command.args(["s_server", "-6", "-quiet", "-naccept", "1", "-Verify", "1", "-accept"]);
    command.arg(SocketAddr::new(side.peer(Family::V6), TLS_PORT).to_string());
    command.arg("-cert").arg(certificate).arg("-key").arg(key).arg("-CAfile").arg(certificates.authority());
    let server = Process::start_obeying(command, lab.peer(side), &lab.directory().join("openssl-server"))?;
    let listening = || lab.peer(side).command("ss", &["-Hltn6", "sport", "=", &format!(":{TLS_PORT}")]).ok();
    wait_until(PATIENCE, || listening().filter(|sockets| !sockets.is_empty()))
        .context("it does not listen")?;
    Ok(server)
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn over_ipv6_too_connections_are_taken_and_opened() -> Result<()> {
    let config = EdgeConfig::default().over_tls(Side::Carrier).over_ipv6(Side::Carrier);
    with_edge(config, |lab, edge| {
        let certificates = Certificates::of(lab);
        sees(&asks_over(Family::V6, lab, &certificates, Some(Side::Carrier.name()), "")?, ANSWER)?;
        let carrier = listens_over_ipv6(lab, &certificates)?;
        let pbx = caller(Side::Pbx, scenario!("caller-cancels")).start(lab)?;
        let invite = sees(&carrier, "INVITE sip:")?;
        let edge_address = SocketAddr::new(Side::Carrier.edge(Family::V6), TLS_PORT);
        ensure!(invite.contains(&format!("Via: SIP/2.0/TLS {edge_address};")), "{invite}");
        had_connections(&edge, 2)?;
        drop(pbx);
        edge.stop()
    })
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn a_carrier_that_takes_a_connection_and_says_nothing_is_given_up() -> Result<()> {
    let config = EdgeConfig::default().over_tls(Side::Carrier);
    with_edge(config, |lab, edge| {
        let address = (Side::Carrier.peer_address(), TLS_PORT);
        let dead = lab.peer(Side::Carrier).run(|| TcpListener::bind(address))??;
        // Nobody waits for the end of a transaction, which is 32 s: a handshake has five.
        refused(Side::Pbx, 408).start(lab)?.wait_for_success(Duration::from_secs(16))?;
        let cdrs = wait_for_cdrs(lab, 1, PATIENCE)?;
        ensure!(cdrs[0].cause() == "unreachable", "{cdrs:?}");
        edge.wait_for_log("no TLS handshake within 5 s", PATIENCE)?;
        drop(dead);
        edge.stop()
    })
}
