//! The configuration that operators are promised, as it stands: `edge.example.toml`, with the addresses, devices and files of the lab
//! in the place of its own. `srtp = "required"` is left out.
//!
//! carrier-a is SIPp, carrier-b a Kamailio that wants edge to register over TLS, the PBX SIPp.

use std::io::ErrorKind;
use std::net::UdpSocket;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use edge_tests::certificates::Certificates;
use edge_tests::drill::{PATIENCE, caller, offering, refused, start};
use edge_tests::edge::{EdgeProcess, ask, wait_for_cdrs};
use edge_tests::lab::{Lab, Side};
use edge_tests::peers::Kamailio;
use edge_tests::peers::kamailio::AGENT_PORT;
use edge_tests::peers::registrar::{PASSWORD, Registrar, password_file, write_password};
use edge_tests::process::wait_until;
use edge_tests::sipp::{CALLED_MEDIA_PORT, CALLER_MEDIA_PORT, CALLER_PORT, RunningSipp, Scenario};
use edge_tests::{Cdr, Sipp, scenario};

/// Files of carrier-b's certificate.
const CARRIER_B: &str = "carrier-b";

/// The contract; `None`, said aloud, where it is not.
fn contract(lab: &Lab) -> Result<Option<String>> {
    let path: PathBuf =
        [env!("CARGO_MANIFEST_DIR"), "..", "..", "shared", "edge.example.toml"].iter().collect();
    let Ok(text) = std::fs::read_to_string(&path) else {
        println!("LEFT OUT: no configuration contract on this machine: {} is not there", path.display());
        return Ok(None);
    };
    let certificates = Certificates::of(lab);
    let [certificate, key] = certificates.of_holder("edge").map(|file| file.display().to_string());
    let directory = lab.directory().display();
    let pins = format!("mode = \"auto\"\npin_dir = \"{}\"\n#", lab.bpffs().join("edge").display());
    // In this order: an address that is given is none that is still to be replaced.
    let adapted = [
        ("203.0.113.10", Side::Carrier.edge_address().to_string()),
        ("203.0.113.99", Side::Carrier.peer_address().to_string()),
        ("198.51.100.10", Side::Carrier.stranger_address().to_string()),
        ("198.51.100.0/28", "203.0.113.64/28".to_owned()),
        ("\"eth0\"", format!("\"{}\"", Side::Carrier.edge_device())),
        ("\"eth1\"", format!("\"{}\"", Side::Pbx.edge_device())),
        ("/etc/edge/edge.pem", certificate),
        ("/etc/edge/edge.key", key),
        ("/etc/edge/carriers.pem", certificates.authority().display().to_string()),
        ("/etc/edge/carrier-b.secret", password_file(lab).display().to_string()),
        ("/var/lib/edge/cdr", format!("{directory}/cdr")),
        ("/var/lib/edge", format!("{directory}/state")),
        ("/run/edge", format!("{directory}/run")),
        ("mode = \"auto\"", pins),
        ("srtp = \"required\"\n", String::new()),
    ];
    adapted.iter().try_fold(text, |text, (theirs, ours)| replaced(&text, theirs, ours)).map(Some)
}

/// The text with `ours` in the place of `theirs`, which has to be there.
fn replaced(text: &str, theirs: &str, ours: &str) -> Result<String> {
    ensure!(text.contains(theirs), "the contract has no {theirs:?} any more: the drill has to follow it");
    Ok(text.replace(theirs, ours))
}

/// Runs `drill` with edge by the contract, registered with carrier-b.
fn by_the_contract(drill: impl FnOnce(&Lab, EdgeProcess<'_>, (&str, &Kamailio)) -> Result<()>) -> Result<()> {
    Lab::drill(|lab| {
        let Some(text) = contract(lab)? else { return Ok(()) };
        write_password(lab, PASSWORD)?;
        let certificates = Certificates::make(lab)?;
        certificates.issue_to_stranger(CARRIER_B, "sip.carrier-b.example", &certificates.believed()?)?;
        let registrar = Registrar::of(Side::Carrier, "SHA-256").of_numbers().over_tls(CARRIER_B);
        let kamailio = registrar.start(lab)?;
        std::fs::write(lab.directory().join("edge.toml"), &text)?;
        // As edge asks of a host whose ephemeral ports meet `media_ports`.
        lab.edge().sysctl("net/ipv4/ip_local_reserved_ports", "20000-39999")?;
        let edge = EdgeProcess::start_again(lab)?;
        wait_until_shown(lab, &edge, CARRIER_B, "\"state\": \"registered\"")
            .with_context(|| kamailio.log())?;
        drill(lab, edge, (&text, &kamailio)).with_context(|| kamailio.log())
    })
}

fn wait_until_shown(lab: &Lab, edge: &EdgeProcess<'_>, trunk: &str, text: &str) -> Result<()> {
    let shown = || ask(lab, &["trunk", "show", trunk]).unwrap_or_default();
    let found = wait_until(PATIENCE, || shown().contains(text).then_some(()));
    found.with_context(|| format!("no {text} in {}:\n{}", shown(), edge.log()))
}

/// carrier-a, which takes calls for ever; it may hear OPTIONS too, which it does not expect.
fn carrier_a(lab: &Lab, scenario: Scenario) -> Result<RunningSipp> {
    let sipp = Sipp::called(Side::Carrier, scenario).from_address(Side::Carrier.stranger_address());
    sipp.key("code", "503").calls(100).seconds(0).start(lab)
}

/// Who is behind carrier-b.
fn behind_carrier_b(lab: &Lab) -> Result<RunningSipp> {
    let sipp = Sipp::called(Side::Carrier, scenario!("answers-in-silence")).calls(100).seconds(0);
    sipp.ports(AGENT_PORT, CALLED_MEDIA_PORT + 100).start(lab)
}

/// A call of the PBX's that is answered.
fn pbx_calls(lab: &Lab, number: &str) -> Result<()> {
    let calls = caller(Side::Pbx, scenario!("caller-hangs-up-in-silence")).number(number).seconds(0);
    calls.start(lab)?.wait_for_success(PATIENCE)?;
    Ok(())
}

/// Trunk and outcome of each attempt of the newest call; there have been `count`.
fn attempts_of(lab: &Lab, count: usize) -> Result<Vec<(String, String)>> {
    let cdrs = wait_for_cdrs(lab, count, PATIENCE)?;
    let cdr: &Cdr = cdrs.last().context("a call")?;
    let attempt = |index: usize| {
        let text = |key| cdr.text(&format!("/attempts/{index}/{key}")).to_owned();
        Some((text("trunk"), text("outcome"))).filter(|(trunk, _)| !trunk.is_empty())
    };
    Ok((0..).map_while(attempt).collect())
}

fn attempts(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(trunk, outcome)| ((*trunk).to_owned(), (*outcome).to_owned())).collect()
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn calls_go_out_over_the_group_and_come_in_for_the_extension() -> Result<()> {
    by_the_contract(|lab, edge, (text, kamailio)| {
        let refuses = carrier_a(lab, scenario!("refuses"))?;
        let _agent = behind_carrier_b(lab)?;
        pbx_calls(lab, "+33142685300")?;
        ensure!(attempts_of(lab, 1)? == attempts(&[("carrier-a", "refused"), ("carrier-b", "answered")]));
        let invite = refuses.message("INVITE ").context("carrier-a was asked")?;
        ensure!(invite.contains("\r\nP-Asserted-Identity: <sip:+442079460000@"), "{invite}");
        drop(refuses);
        // 486 is never tried elsewhere.
        let busy = Sipp::called(Side::Carrier, scenario!("refuses")).key("code", "486");
        let busy = busy.from_address(Side::Carrier.stranger_address()).calls(100).start(lab)?;
        refused(Side::Pbx, 486).start(lab)?.wait_for_success(PATIENCE)?;
        ensure!(attempts_of(lab, 2)? == attempts(&[("carrier-a", "refused")]));
        drop(busy);
        for (count, from_b) in [(3, false), (4, true)] {
            let inwards = caller(Side::Carrier, scenario!("caller-hangs-up-in-silence")).seconds(0);
            let inwards = match from_b {
                true => inwards.towards(kamailio.address()),
                false => inwards.from_address(Side::Carrier.stranger_address()),
            };
            let pbx = Sipp::called(Side::Pbx, scenario!("answers-in-silence")).seconds(0);
            start(lab, inwards, pbx)?.succeed()?;
            let cdrs = wait_for_cdrs(lab, count, PATIENCE)?;
            let cdr = cdrs.last().context("a call")?;
            ensure!(cdr.text("/number_sent") == "750" && cdr.text("/b/trunk") == "pbx", "{cdr:?}");
            let from = if from_b { "carrier-b" } else { "carrier-a" };
            ensure!(cdr.text("/a/trunk") == from, "{cdr:?}");
        }
        is_silent_to_strangers(lab, &edge)?;
        // The cheaper one first.
        let answers = carrier_a(lab, scenario!("answers-in-silence"))?;
        edge.reload(&replaced(text, "strategy = \"priority\"", "strategy = \"least-cost\"")?)?;
        edge.wait_for_log("configuration reloaded", PATIENCE)?;
        pbx_calls(lab, "+33142685300")?;
        ensure!(attempts_of(lab, 5)? == attempts(&[("carrier-b", "answered")]));
        drop(answers);
        edge.stop()
    })
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn keys_beside_those_of_the_contract_change_what_they_say() -> Result<()> {
    by_the_contract(|lab, edge, (text, _)| {
        let passing = replaced(text, "srtp = \"off\"", "dtls = \"pass\"\nsrtp = \"off\"")?;
        let passing = replaced(&passing, "max_calls = 200", "dtls = \"pass\"\nmax_calls = 200")?;
        edge.reload(&passing)?;
        edge.wait_for_log("configuration reloaded", PATIENCE)?;
        let busy = Sipp::called(Side::Carrier, scenario!("refuses")).key("code", "486");
        let busy = busy.from_address(Side::Carrier.stranger_address()).calls(100).start(lab)?;
        let offer = "audio 7000 UDP/TLS/RTP/SAVP 8";
        let offers = offering(Side::Pbx, 486, offer, "a=fingerprint:sha-256 AA:BB").start(lab)?;
        offers.wait_for_success(PATIENCE)?;
        let invite = busy.message("INVITE ").context("carrier-a was asked")?;
        ensure!(invite.contains("UDP/TLS/RTP/SAVP 8") && invite.contains("a=fingerprint:"), "{invite}");
        edge.stop()?;

        let answered = replaced(text, "flows_max = 65536", "closed_ports = \"icmp\"\nflows_max = 65536")?;
        std::fs::write(lab.directory().join("edge.toml"), answered)?;
        let edge = EdgeProcess::start_again(lab)?;
        let own = (Side::Carrier.peer_address(), 0);
        let socket = lab.peer(Side::Carrier).run(|| UdpSocket::bind(own))??;
        socket.connect((Side::Carrier.edge_address(), 30_000))?;
        let refused = wait_until(PATIENCE, || {
            socket
                .send(&[0x80; 172])
                .is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused)
                .then_some(())
        });
        refused.context("a port without a call is silent")?;
        edge.stop()
    })
}

/// Whoever is no trunk hears nothing, and is counted.
fn is_silent_to_strangers(lab: &Lab, edge: &EdgeProcess<'_>) -> Result<()> {
    let stranger = caller(Side::Pbx, scenario!("caller-hears-nothing"));
    stranger.from_address(Side::Pbx.stranger_address()).start(lab)?.wait_for_success(PATIENCE)?;
    edge.wait_for_count("strangers", 1, PATIENCE)
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn an_emergency_call_goes_through_where_max_calls_stops_others_and_a_carrier_that_is_down_is_passed_over()
-> Result<()> {
    by_the_contract(|lab, edge, (text, _)| {
        let answers = carrier_a(lab, scenario!("answers-in-silence"))?;
        let _agent = behind_carrier_b(lab)?;
        edge.reload(&replaced(text, "max_calls = 200", "max_calls = 1")?)?;
        edge.wait_for_log("configuration reloaded", PATIENCE)?;
        let standing = caller(Side::Pbx, scenario!("caller-hangs-up-in-silence")).seconds(30).start(lab)?;
        wait_until_shown(lab, &edge, "pbx", "\"calls_in\": 1")?;
        let another = |sipp: Sipp| sipp.ports(CALLER_PORT + 10, CALLER_MEDIA_PORT + 100);
        another(refused(Side::Pbx, 503)).start(lab)?.wait_for_success(PATIENCE)?;
        for (count, number) in [(2, "112"), (3, "999"), (4, "911")] {
            let calls = caller(Side::Pbx, scenario!("caller-hangs-up-in-silence")).number(number).seconds(0);
            another(calls).start(lab)?.wait_for_success(PATIENCE)?;
            ensure!(attempts_of(lab, count)? == attempts(&[("carrier-a", "answered")]));
        }
        drop((answers, standing));
        // Nobody answers there any more.
        let impatient = replaced(text, "keepalive = \"30s\"", "keepalive_fails = 1\nkeepalive = \"2s\"")?;
        edge.reload(&impatient)?;
        wait_until_shown(lab, &edge, "carrier-a", "\"state\": \"down\"")?;
        edge.kill()
    })
}
