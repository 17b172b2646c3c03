//! Several trunks at one address: whose a call is; and an encrypted trunk, which is nobody in clear.

use std::process::Command;

use anyhow::{Context, Result, ensure};
use edge_tests::drill::{PATIENCE, caller, start, with_edge};
use edge_tests::edge::wait_for_cdrs;
use edge_tests::lab::Side;
use edge_tests::process::{Process, wait_until};
use edge_tests::sipp::TLS_PORT;
use edge_tests::stream::StreamPeer;
use edge_tests::{EdgeConfig, Leg, Sipp, scenario};

/// A trunk at the PBX's address, whose calls are marked so, and its route.
fn tenant(config: EdgeConfig, name: &str, mark: &str) -> EdgeConfig {
    let (host, realm) = (Side::Pbx.peer_address(), Side::Pbx.edge_device());
    let trunk = format!(
        "[[trunk]]\nname = \"{name}\"\nrealm = \"{realm}\"\nhost = \"{host}\"\nauth = \"ip\"\nmatch = {{ {mark} }}"
    );
    let route = format!(
        "[[route]]\nname = \"{name}\"\nfrom = [\"{name}\"]\nto = {{ prefix = \"+\" }}\n\
         targets = [{{ trunk = \"carrier\" }}]"
    );
    config.section(&trunk).section(&route)
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn trunks_at_one_address_are_told_apart_by_port_and_header_and_one_has_the_rest() -> Result<()> {
    let config = tenant(EdgeConfig::default(), "by-port", "port = 5082");
    let config = tenant(config, "by-header", "port = 5084, header = \"X-Trunk: two\"");
    with_edge(config, |lab, edge| {
        let silent = |port: u16| {
            let calling = caller(Side::Pbx, scenario!("caller-hangs-up-in-silence")).seconds(0);
            calling.ports(port, port + 2000)
        };
        let marked = silent(5084).key("len", "[len]\nX-Trunk: two");
        let calls =
            [("pbx", silent(5080)), ("by-port", silent(5082)), ("by-header", marked), ("pbx", silent(5084))];
        for (index, (trunk, calling)) in calls.into_iter().enumerate() {
            let called = Sipp::called(Side::Carrier, scenario!("answers-in-silence")).seconds(0);
            start(lab, calling, called)?.succeed()?;
            let cdrs = wait_for_cdrs(lab, index + 1, PATIENCE)?;
            let cdr = cdrs.last().context("a record")?;
            ensure!((cdr.trunk(Leg::A), cdr.cause()) == (trunk, "hangup"), "call {index}: {cdr:?}");
        }
        edge.stop()
    })
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn who_is_to_be_reached_over_tls_is_a_stranger_in_clear() -> Result<()> {
    let (side, host) = (Side::Carrier, Side::Carrier.stranger_address());
    let config = EdgeConfig::default().over_tls(side).section(&format!(
        "[[trunk]]\nname = \"encrypted\"\nrealm = \"{}\"\nhost = \"{host}\"\ntransport = \"tls\"\nauth = \"ip\"\n\
         tls = {{ names = [\"sip.encrypted.example\"] }}",
        side.edge_device()
    ));
    with_edge(config, |lab, edge| {
        let asks = Sipp::caller(side, scenario!("asks-options")).from_address(host).start(lab)?;
        edge.wait_for_count("strangers", 1, PATIENCE)?;
        ensure!(asks.statistics()?.succeeded == 0, "nothing is answered in clear");
        drop(asks);
        ensure!(StreamPeer::is_turned_away(lab, side, host, PATIENCE)?, "not over TCP either");

        let mut command = Command::new("openssl");
        command.args(["s_client", "-ign_eof", "-bind", &format!("{host}:0"), "-connect"]);
        command.arg(format!("{}:{TLS_PORT}", side.edge_address()));
        let mut client = Process::start_obeying(command, lab.peer(side), &lab.directory().join("openssl"))?;
        client.tell(&format!(
            "OPTIONS sip:edge.example SIP/2.0\r\nVia: SIP/2.0/TLS {host}:{TLS_PORT};branch=z9hG4bKasks\r\n\
             From: <sip:a@{host}>;tag=1\r\nTo: <sip:edge.example>\r\nCall-ID: asks\r\nCSeq: 1 OPTIONS\r\n\
             Max-Forwards: 70\r\nContent-Length: 0\r\n\r"
        ))?;
        let answered = wait_until(PATIENCE, || client.output().contains("SIP/2.0 200").then_some(()));
        answered.with_context(|| format!("it is known over TLS: {}\n{}", client.output(), edge.log()))?;
        edge.stop()
    })
}
