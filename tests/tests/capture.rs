//! `edge capture`: what the datapath saw of a call, read by tshark.

use std::path::Path;
use std::process::Command;
use std::thread;

use anyhow::{Context, Result, anyhow, ensure};
use edge_tests::drill::{PATIENCE, caller, start, with_edge};
use edge_tests::edge::ask;
use edge_tests::lab::{Lab, Side};
use edge_tests::process::wait_until;
use edge_tests::{EdgeConfig, Sipp, Witness, scenario};

/// One line for each frame of the file: source, its port, destination, interface, comment.
fn read(file: &Path) -> Result<Vec<String>> {
    let fields = ["ip.src", "udp.srcport", "ip.dst", "frame.interface_name", "frame.comment"];
    let fields = fields.iter().flat_map(|field| ["-e", field]);
    let mut tshark = Command::new("tshark");
    tshark.arg("-r").arg(file).args(["-T", "fields", "-E", "separator=|"]).args(fields);
    let told = tshark.output().context("tshark (Debian package tshark)")?;
    ensure!(told.status.success(), "tshark: {}", String::from_utf8_lossy(&told.stderr));
    Ok(String::from_utf8(told.stdout)?.lines().map(str::to_owned).collect())
}

/// The id of the only call, once it is answered.
fn only_call(lab: &Lab) -> Result<String> {
    let answered = || {
        let calls: Vec<serde_json::Value> =
            serde_json::from_str(&ask(lab, &["call", "list", "--json"]).ok()?).ok()?;
        let call = calls.first().filter(|call| call["phase"] == "established")?;
        Some(call["id"].as_str()?.to_owned())
    };
    wait_until(PATIENCE, answered).context("no call is answered")
}

/// Captures a call of so many seconds, twice.
fn captured(mode: &str, seconds: u32) -> Result<()> {
    with_edge(EdgeConfig::default().mode(mode), |lab, edge| {
        let witness = Witness::start(lab)?;
        let called = Sipp::called(Side::Pbx, scenario!("answers")).seconds(seconds);
        // The SDP names 7500; SIPp sends from 7000.
        let caller =
            caller(Side::Carrier, scenario!("caller-hangs-up")).key("media_port", "7500").seconds(seconds);
        let pair = start(lab, caller, called)?;
        let call = only_call(lab)?;
        let file = lab.directory().join("call.pcapng");
        let path = file.display().to_string();
        ask(lab, &["capture", "--call", &call, "--seconds", "2", "-w", &path])?;
        // Another one finds the tap free again, and ends with the call.
        let more = lab.directory().join("more.pcapng");
        let path_of_more = more.display().to_string();
        let again = ["capture", "--call", &call, "-w", &path_of_more];
        let ended = thread::scope(|scope| {
            let second = scope.spawn(|| wait_until(PATIENCE, || ask(lab, &again).ok()).is_some());
            pair.succeed()?;
            second.join().map_err(|_panic| anyhow!("the second capture panicked"))
        });
        ensure!(ended?, "the second capture is refused");
        let none = ask(lab, &["capture", "--call", &call, "-w", &path]).err().context("it has ended")?;
        ensure!(format!("{none:#}").contains("no call"), "{none:#}");
        edge.stop()?;
        let account = witness.finish()?;
        let frames = read(&file)?;
        let (carrier, pbx) = (Side::Carrier.peer_address(), Side::Pbx.peer_address());
        let count = |beginning: &str, comment: &str| {
            frames.iter().filter(|line| line.starts_with(beginning) && line.ends_with(comment)).count()
        };
        let dropped = count(&format!("{carrier}|7000|"), "|outside|dropped: unexpected_source");
        let came = frames
            .iter()
            .filter(|line| line.starts_with(&format!("{pbx}|")) && line.contains("|inside|relayed: "))
            .count();
        let left = frames
            .iter()
            .filter(|line| line.ends_with("|leaving|") && line.contains(&format!("|{carrier}|")))
            .count();
        // Of a hundred of each: what is late by a pause of the machine comes after the end.
        ensure!(dropped >= 60, "{dropped} dropped: {:?}", frames.first());
        ensure!(came >= 60 && came == left, "{came} came, {left} left");
        ensure!(frames.len() == dropped + came + left, "{frames:#?}");
        ensure!(read(&more)?.len() > 50);
        // The tap took the program's place and gave it back while packets ran.
        let received: u64 = account.streams_from(Side::Pbx).map(|stream| stream.received).sum();
        ensure!(received == u64::from(seconds) * 50, "{received} arrived");
        Ok(())
    })
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn a_capture_has_both_directions_with_what_was_decided_and_costs_no_packet() -> Result<()> {
    // The kernel verifies a program for each.
    captured("native", 30)
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn a_capture_of_the_userspace_relay_is_the_same() -> Result<()> {
    captured("off", 10)
}
