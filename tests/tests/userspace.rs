//! The userspace relay: what XDP does, where there is no XDP.

use std::net::UdpSocket;

use anyhow::{Context, Result, ensure};
use edge_tests::drill::{PATIENCE, Pair, caller, start, with_edge};
use edge_tests::edge::{ask, counters, wait_for_cdrs};
use edge_tests::lab::{Family, Lab, Side};
use edge_tests::process::wait_until;
use edge_tests::{EdgeConfig, EdgeProcess, Leg, Sipp, Witness, scenario};

fn off() -> EdgeConfig {
    EdgeConfig::default().mode("off")
}

/// A call of two seconds, with RTP both ways, to a PBX of this family.
fn call(lab: &Lab, pbx: Family) -> Result<Pair> {
    let called = Sipp::called(Side::Pbx, scenario!("answers")).over(pbx).seconds(2);
    start(lab, caller(Side::Carrier, scenario!("caller-hangs-up")).seconds(2), called)
}

/// ICMP messages "destination unreachable" that edge's host has sent.
fn unreachables(lab: &Lab) -> Result<u64> {
    let told = lab.edge().command("cat", &["/proc/net/snmp"])?;
    let mut lines = told.lines().filter(|line| line.starts_with("Icmp:"));
    let (names, values) = (lines.next().context("names")?, lines.next().context("values")?);
    let place = names.split(' ').position(|name| name == "OutDestUnreachs").context("the name")?;
    Ok(values.split(' ').nth(place).context("a value")?.parse()?)
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn the_process_relays_every_packet_and_says_so() -> Result<()> {
    for (config, pbx) in [(off(), Family::V4), (off().over_ipv6(Side::Pbx), Family::V6)] {
        with_edge(config, |lab, edge| {
            let witness = Witness::start(lab)?;
            call(lab, pbx)?.succeed()?;
            assert_eq!(edge.counters()?.relayed(), 200);
            assert!(edge.log().contains("relayed in userspace"), "{}", edge.log());
            for side in Side::BOTH {
                let link = lab.edge().command("ip", &["link", "show", "dev", side.edge_device()])?;
                assert!(!link.contains("xdp"), "there is no program: {link}");
            }
            edge.stop()?;
            let account = witness.finish()?;
            assert_eq!(account.faults(), [""; 0]);
            assert_eq!(account.received(), 200);
            assert_eq!(unreachables(lab)?, 0, "nobody was told that a media port is closed");
            assert!(!lab.directory().join("run/relay").exists(), "no table is left");
            let cdrs = wait_for_cdrs(lab, 1, PATIENCE)?;
            assert_eq!([Leg::A, Leg::B].map(|leg| cdrs[0].packets(leg)), [100, 100]);
            Ok(())
        })?;
    }
    Ok(())
}

/// A datagram to a media port that no call has.
fn knocks(lab: &Lab) -> Result<()> {
    let socket = lab.peer(Side::Carrier).run(|| UdpSocket::bind((Side::Carrier.peer_address(), 0)))??;
    socket.send_to(b"is anybody there", (Side::Carrier.edge_address(), 25_000))?;
    Ok(())
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn the_rule_that_doctor_names_keeps_closed_ports_silent_and_costs_no_packet() -> Result<()> {
    with_edge(off(), |lab, edge| {
        let answered = wait_until(PATIENCE, || {
            knocks(lab).ok()?;
            unreachables(lab).ok().filter(|told| *told > 0)
        });
        ensure!(answered.is_some(), "the host answers where there is no call");
        // Not all of this machine is as doctor wants it.
        let said = ask(lab, &["doctor"]).unwrap_or_else(|error| format!("{error:#}"));
        let rule = said
            .split("`nft '")
            .nth(1)
            .and_then(|rest| rest.split("'`").next())
            .with_context(|| said.clone())?;
        lab.edge().command("nft", &[rule])?;
        let before = unreachables(lab)?;
        let witness = Witness::start(lab)?;
        knocks(lab)?;
        call(lab, Family::V4)?.succeed()?;
        knocks(lab)?;
        let account = witness.finish()?;
        assert_eq!((account.faults(), account.received()), (vec![], 200));
        assert_eq!(unreachables(lab)?, before, "closed ports are silent");
        edge.stop()
    })
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn media_from_another_port_is_dropped_and_counted() -> Result<()> {
    with_edge(off(), |lab, edge| {
        let called = Sipp::called(Side::Pbx, scenario!("answers")).seconds(2);
        let caller = caller(Side::Carrier, scenario!("caller-hangs-up")).key("media_port", "7500").seconds(2);
        start(lab, caller, called)?.succeed()?;
        let cdrs = wait_for_cdrs(lab, 1, PATIENCE)?;
        assert_eq!(edge.counters()?.dropped("unexpected_source"), 100);
        assert_eq!(cdrs[0].dropped(Leg::A, "unexpected_source"), 100, "{cdrs:?}");
        assert_eq!((cdrs[0].packets(Leg::A), cdrs[0].packets(Leg::B)), (0, 100));
        edge.stop()
    })
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn after_kill_9_the_next_process_goes_on_with_calls_and_their_media() -> Result<()> {
    with_edge(off(), |lab, edge| {
        let witness = Witness::start(lab)?;
        let called = Sipp::called(Side::Pbx, scenario!("answers")).seconds(14);
        let pair = start(lab, caller(Side::Carrier, scenario!("caller-hangs-up")).seconds(14), called)?;
        // It is in the journal before its 200 leaves; it stands when both speak.
        let speaks = || edge.counters().ok().filter(|counted| counted.relayed() > 0);
        ensure!(wait_until(PATIENCE, speaks).is_some(), "no call stands: {}", edge.log());
        edge.kill()?;
        let relayed = counters(lab)?.relayed();
        let edge = EdgeProcess::start_again(lab)?;
        edge.wait_for_count("calls_adopted", 1, PATIENCE)?;
        pair.succeed()?;
        assert!(edge.counters()?.relayed() > relayed + 100, "media goes on, and is counted on");
        let lost = witness.finish()?;
        assert!(lost.received() < 1400, "it cannot go on with nobody there: {}", lost.received());
        let cdrs = wait_for_cdrs(lab, 1, PATIENCE)?;
        assert_eq!((cdrs[0].cause(), cdrs[0].ended_by()), ("hangup", "a"));
        edge.stop()
    })
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn where_the_kernel_takes_no_program_auto_relays_in_userspace_and_native_says_why_not() -> Result<()> {
    const BPF: [&str; 2] = ["bpf", "sys_admin"];
    Lab::drill(|lab| {
        let edge = EdgeProcess::start_without(lab, &EdgeConfig::default().mode("auto"), &BPF)?;
        assert!(edge.log().contains("media is relayed in USERSPACE"), "{}", edge.log());
        let witness = Witness::start(lab)?;
        call(lab, Family::V4)?.succeed()?;
        let account = witness.finish()?;
        assert_eq!((account.faults(), account.received()), (vec![], 200));
        edge.stop()?;
        let refused = EdgeProcess::start_without(lab, &EdgeConfig::default(), &BPF);
        let said = refused.err().context("native needs XDP")?.to_string();
        assert!(said.contains("edge needs root (or CAP_BPF"), "{said}");
        Ok(())
    })
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn nobody_is_denied_where_nobody_would_keep_him_out() -> Result<()> {
    with_edge(off(), |lab, edge| {
        assert!(edge.log().contains("there is no SIP shield"), "{}", edge.log());
        let denied = ask(lab, &["shield", "deny", "192.0.2.7"]);
        let said = format!("{:#}", denied.err().context("nobody keeps it out")?);
        assert!(said.contains("media is relayed in userspace"), "{said}");
        edge.stop()
    })
}
