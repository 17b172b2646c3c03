//! The SIP shield in front of a running edge: strangers are dropped in XDP, and calls of trunks never notice.

use std::net::UdpSocket;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use edge_tests::drill::{PATIENCE, caller, start, with_edge};
use edge_tests::edge::{EdgeProcess, ask};
use edge_tests::flood::{Flood, SOURCES, Target};
use edge_tests::lab::{Lab, Side};
use edge_tests::process::wait_until;
use edge_tests::{EdgeConfig, Sipp, scenario};

/// A request as scanners send them, in capitals enough to be SIP.
const OPTIONS: &[u8] =
    b"OPTIONS sip:100@10.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 10.9.9.9;branch=z9hG4bK1\r\n\r\n";

/// Packets of a flood in a second, or as many of them as the machine makes.
const FLOOD_RATE: u64 = 300_000;

/// A socket of somebody on the carrier's side who is no trunk.
fn stranger(lab: &Lab) -> Result<UdpSocket> {
    let address = Side::Carrier.stranger_address();
    let socket = lab.peer(Side::Carrier).run(|| UdpSocket::bind((address, 0)))??;
    socket.connect((Side::Carrier.edge_address(), 5060))?;
    Ok(socket)
}

/// Sends `count` requests, slowly enough for the ring of a veth.
fn send(socket: &UdpSocket, count: u64) -> Result<()> {
    for _ in 0..count {
        socket.send(OPTIONS)?;
        std::thread::sleep(Duration::from_micros(50));
    }
    Ok(())
}

/// Waits until the shield has dropped so many for `reason`.
fn dropped(edge: &EdgeProcess<'_>, reason: &str, count: u64) -> Result<()> {
    let counted = || edge.counters().ok().filter(|counters| counters.shield.dropped(reason) >= count);
    wait_until(PATIENCE, counted).with_context(|| format!("{count} {reason}: {:?}", edge.counters()))?;
    Ok(())
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn who_is_denied_stays_out_while_edge_is_dead_and_after_it_came_back() -> Result<()> {
    with_edge(EdgeConfig::default(), |lab, edge| {
        let socket = stranger(lab)?;
        let address = Side::Carrier.stranger_address().to_string();
        send(&socket, 3)?;
        let passed =
            || edge.counters().ok().filter(|counters| counters.shield.passed("stranger_options") == 3);
        wait_until(PATIENCE, passed).context("a few questions of a stranger pass")?;
        ask(lab, &["shield", "deny", &address])?;
        send(&socket, 5)?;
        dropped(&edge, "denied", 5)?;
        let refused = ask(lab, &["shield", "deny", "0.0.0.0/0"]);
        ensure!(refused.is_err_and(|error| format!("{error:#}").contains("holds an address of trunk")));
        edge.kill()?;
        send(&socket, 5)?;
        let edge = EdgeProcess::start_again(lab)?;
        dropped(&edge, "denied", 10).context("the kernel goes on without the process")?;
        send(&socket, 5)?;
        dropped(&edge, "denied", 15).context("and so does the next process")?;
        ask(lab, &["shield", "forget", &address])?;
        send(&socket, 2)?;
        let passed =
            || edge.counters().ok().filter(|counters| counters.shield.passed("stranger_options") == 5);
        wait_until(PATIENCE, passed).context("who is forgotten is a stranger again")?;
        edge.stop()
    })
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn whoever_keeps_asking_is_banned_until_the_operator_forgives() -> Result<()> {
    let config =
        EdgeConfig::default().section("[shield]\nsource_rate = 10000\nunknown_rate = 10000\nban_after = 20");
    with_edge(config, |lab, edge| {
        let socket = stranger(lab)?;
        let address = Side::Carrier.stranger_address().to_string();
        send(&socket, 20)?;
        let banned = || ask(lab, &["shield", "list"]).ok().filter(|list| list.contains("datagrams banned"));
        wait_until(PATIENCE, banned).context("twenty messages are a ban")?;
        send(&socket, 5)?;
        dropped(&edge, "banned", 5)?;
        // The trunk on the same network is not concerned.
        let called = Sipp::called(Side::Pbx, scenario!("answers"));
        start(lab, caller(Side::Carrier, scenario!("caller-hangs-up")), called)?.succeed()?;
        ask(lab, &["shield", "forget", &address])?;
        ensure!(!ask(lab, &["shield", "list"])?.contains(&address));
        edge.stop()
    })
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn a_shadow_counts_and_a_reload_makes_it_real() -> Result<()> {
    let shadow = EdgeConfig::default().section("[shield]\nmode = \"shadow\"\nunknown = \"drop\"");
    with_edge(shadow, |lab, edge| {
        let socket = stranger(lab)?;
        send(&socket, 4)?;
        let spared = || edge.counters().ok().filter(|counters| counters.shield.spared("unknown") == 4);
        wait_until(PATIENCE, spared).context("a shadow counts")?;
        let heard = || edge.counters().ok().filter(|counters| counters.sip("strangers") == 4);
        wait_until(PATIENCE, heard).context("and lets pass")?;
        let real = EdgeConfig::default().section("[shield]\nunknown = \"drop\"");
        edge.reload(&real.toml(lab))?;
        edge.wait_for_log("configuration reloaded", PATIENCE)?;
        send(&socket, 4)?;
        dropped(&edge, "unknown", 4)?;
        edge.stop()
    })
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn a_flood_from_a_hundred_thousand_sources_costs_no_call() -> Result<()> {
    with_edge(EdgeConfig::default(), |lab, edge| {
        let flood = Flood::start(lab, Side::Carrier, Target::Edge, FLOOD_RATE, || Ok(()))?;
        let called = Sipp::called(Side::Pbx, scenario!("answers")).calls(30).seconds(1);
        let calls = caller(Side::Carrier, scenario!("caller-hangs-up")).calls(30).seconds(1);
        start(lab, calls, called)?.succeed()?;
        let sent = flood.made()?;
        drop(flood);
        ensure!(sent > u64::from(SOURCES), "each source sent once and more: {sent}");
        let counters = edge.counters()?;
        let (rate, trusted) = (counters.shield.dropped("unknown_rate"), counters.shield.passed("trusted"));
        let strangers = counters.shield.passed("stranger_invite");
        ensure!(rate > sent / 2 && strangers > 0, "most of {sent} are dropped: {counters:?}");
        ensure!(trusted > 30 * 4, "the trunks' messages pass: {counters:?}");
        ensure!(counters.sip("calls_refused") == 0, "no call was refused: {counters:?}");
        edge.stop()
    })
}
