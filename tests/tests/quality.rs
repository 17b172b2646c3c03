//! What is told of a call's media: figures that are those of what was sent, and words about what is wrong.

use std::net::{SocketAddr, UdpSocket};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use edge_tests::drill::{PATIENCE, caller, start, with_edge};
use edge_tests::edge::{ask, wait_for_cdrs};
use edge_tests::lab::{Family, Side};
use edge_tests::process::wait_until;
use edge_tests::sipp::CALLER_MEDIA_PORT;
use edge_tests::{EdgeConfig, Leg, Sipp, scenario};
use serde_json::Value;

/// The port that the caller's SDP names; its SIPp sends from another one.
const NAMED: u16 = 7500;
/// A network must not be faster than this, or it would reorder by itself.
const SPACING: Duration = Duration::from_millis(4);

/// The numbers of a stream that a bad network has had: one lost by itself, four in a burst, one that came twice, one overtaken, and
/// one that came 20 packets too late.
fn numbers() -> Vec<u16> {
    let mut numbers = Vec::new();
    for number in 65_500_u32..65_700 {
        match number - 65_500 {
            10 | 50 | 51 | 53 | 60 | 130 => {}
            100 => numbers.extend([number, number]),
            120 => numbers.extend([number + 1, number]),
            121 => {}
            150 => numbers.extend([number, number - 20]),
            _ => numbers.push(number),
        }
    }
    // They wrap on the way.
    numbers.into_iter().map(|number| (number & 0xffff) as u16).collect()
}

fn rtp(number: u16, tick: u32) -> Vec<u8> {
    let mut packet = vec![0x80, 8];
    packet.extend(number.to_be_bytes());
    packet.extend((tick * 160).to_be_bytes());
    packet.extend(0x0bad_cafe_u32.to_be_bytes());
    packet.resize(12 + 160, 0xd5);
    packet
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn a_record_has_the_figures_of_what_was_sent_and_explain_names_who_is_not_heard() -> Result<()> {
    let config = EdgeConfig::default().trunk(Side::Carrier, "policing = \"count\"");
    with_edge(config, |lab, edge| {
        let called = Sipp::called(Side::Pbx, scenario!("answers")).seconds(10);
        let caller = caller(Side::Carrier, scenario!("caller-hangs-up"));
        let pair = start(lab, caller.key("media_port", &NAMED.to_string()).seconds(10), called)?;
        let standing = || -> Option<Value> {
            let calls: Vec<Value> =
                serde_json::from_str(&ask(lab, &["call", "list", "--json"]).ok()?).ok()?;
            let dropped = &calls.first()?["a"]["received"]["drops"]["unexpected_source"];
            dropped.as_u64().filter(|dropped| *dropped > 0)?;
            // The other side may begin later.
            calls.first()?["b"]["received"]["packets"].as_u64().filter(|packets| *packets > 0)?;
            calls.into_iter().next()
        };
        let call = wait_until(PATIENCE, standing).context("no call whose media comes from elsewhere")?;
        let id = call["id"].as_str().context("no id")?;

        let said = ask(lab, &["call", "explain", id])?;
        let [sender, named] =
            [CALLER_MEDIA_PORT, NAMED].map(|port| SocketAddr::new(Side::Carrier.peer(Family::V4), port));
        let expected = format!("dropped, source {sender} is not the signalled {named}");
        ensure!(said.contains("A to B: ") && said.contains(&expected), "{said}");
        ensure!(said.contains("media_source = \"port\""), "{said}");

        let flows: Vec<Value> = serde_json::from_str(&ask(lab, &["flow", "list", "--call", id, "--json"])?)?;
        let [a, b] = &flows[..] else { bail!("a call has two flows: {flows:?}") };
        assert_eq!((&a["local"], &a["leaves_by"]), (&call["a"]["media_local"], &b["local"]), "{flows:?}");
        assert_eq!(
            (a["remote"].as_str(), a["packets"].as_u64()),
            (Some(named.to_string().as_str()), Some(0))
        );
        ensure!(a["dropped"].as_u64() > Some(0) && a["idle_ms"].is_null(), "{flows:?}");
        ensure!(b["packets"].as_u64() > Some(0) && b["idle_ms"].is_u64(), "{flows:?}");
        ensure!(ask(lab, &["flow", "list"])?.lines().count() == 3, "a line each, and the headings");

        let to: SocketAddr = call["a"]["media_local"].as_str().context("no media")?.parse()?;
        let socket = lab.peer(Side::Carrier).run(|| UdpSocket::bind(named))??;
        let sent = numbers();
        for (tick, number) in (0..).zip(&sent) {
            socket.send_to(&rtp(*number, tick), to)?;
            thread::sleep(SPACING);
        }
        pair.succeed()?;
        let cdrs = wait_for_cdrs(lab, 1, PATIENCE)?;
        edge.stop()?;
        let cdr = &cdrs[0];
        let received = |what: &str| cdr.number(&format!("/a/received/{what}"));
        assert_eq!(cdr.packets(Leg::A), i64::try_from(sent.len())?, "{cdr:?}");
        let figures = ["lost", "too_late", "duplicated", "reordered", "bursts"].map(received);
        assert_eq!(figures, [Some(6), Some(1), Some(1), Some(1), Some(1)], "{cdr:?}");
        let last_drop = cdr.text("/a/received/last_drop/source");
        assert_eq!(last_drop.parse(), Ok(sender), "{cdr:?}");
        assert_eq!(
            ["lost", "duplicated"].map(|what| cdr.number(&format!("/b/received/{what}"))),
            [Some(0); 2]
        );
        Ok(())
    })
}
