//! An operator asks the running edge, and tells it.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;

use anyhow::{Context, Result, ensure};
use edge_tests::drill::{PATIENCE, caller, start, with_edge};
use edge_tests::edge::{ask, wait_for_cdrs};
use edge_tests::lab::{Lab, Side};
use edge_tests::process::wait_until;
use edge_tests::{EdgeConfig, Sipp, scenario};
use serde_json::Value;

const CALLS: usize = 3;
/// Seconds of calls that have to stand while they are asked about, and that nobody waits for.
const LONG_S: u32 = 60;

#[test]
#[ignore = "needs root: cargo xtask test"]
fn calls_are_shown_with_their_media_and_one_is_hung_up() -> Result<()> {
    with_edge(EdgeConfig::default(), |lab, edge| {
        let called = Sipp::called(Side::Pbx, scenario!("answers")).calls(CALLS as u32).seconds(LONG_S);
        let callers = caller(Side::Carrier, scenario!("caller-hangs-up"));
        let pair = start(lab, callers.calls(CALLS as u32).rate(20.0).seconds(LONG_S), called)?;
        let list =
            || -> Result<Vec<Value>> { Ok(serde_json::from_str(&ask(lab, &["call", "list", "--json"])?)?) };
        let flowing = |call: &Value| {
            ["a", "b"].iter().all(|side| call[side]["received"]["packets"].as_u64() > Some(25))
        };
        let calls = wait_until(PATIENCE, || {
            list().ok().filter(|calls| calls.len() == CALLS && calls.iter().all(flowing))
        });
        let calls = calls.with_context(|| format!("no calls with media: {:?}", list()))?;
        for call in &calls {
            assert_eq!((&call["phase"], &call["codec"]), (&"established".into(), &"PCMA".into()), "{call}");
        }
        let table = ask(lab, &["call", "list", "--trunk", Side::Pbx.name()])?;
        ensure!(table.lines().count() == CALLS + 1, "{table}");
        assert_eq!(ask(lab, &["call", "list", "--trunk", "nobody", "--json"])?, "[]\n");

        let id = calls[0]["id"].as_str().context("no id")?;
        let shown: Value = serde_json::from_str(&ask(lab, &["call", "show", id])?)?;
        assert_eq!(shown["id"], calls[0]["id"]);
        let trunk: Value = serde_json::from_str(&ask(lab, &["trunk", "show", Side::Carrier.name()])?)?;
        assert_eq!(trunk["calls"], CALLS, "{trunk}");

        ask(lab, &["call", "hangup", id])?;
        let records = wait_for_cdrs(lab, 1, PATIENCE)?;
        assert_eq!((records[0].cause(), records[0].id()), ("operator", id));
        let again = wait_until(PATIENCE, || ask(lab, &["call", "hangup", id]).err());
        let said = again.context("a call that has ended cannot be hung up")?.to_string();
        assert!(said.contains("no call"), "{said}");
        drop(pair);
        edge.stop()
    })
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn reload_says_what_it_makes_of_the_file() -> Result<()> {
    let config = EdgeConfig::default();
    with_edge(config.clone(), |lab, edge| {
        let file = lab.directory().join("edge.toml");
        std::fs::write(&file, config.toml(lab).replace("auth = \"ip\"", "auth = \"none\""))?;
        let wrong = ask(lab, &["reload"]).err().context("a wrong file was taken")?.to_string();
        assert!(wrong.contains("auth"), "{wrong}");
        let stopped = config.clone().trunk(Side::Pbx, "enabled = false");
        std::fs::write(&file, stopped.toml(lab))?;
        let change = "trunk pbx: enabled: (none) -> false\n";
        assert_eq!(
            ask(lab, &["reload", "--dry-run"])?,
            format!("{change}nothing changed: this was a dry run\n")
        );
        let against = ask(lab, &["check", "--no-host", "--against-running"])?;
        ensure!(against.ends_with(&format!("AGAINST THE RUNNING EDGE\n{change}")), "{against}");
        let trunk: Value = serde_json::from_str(&ask(lab, &["trunk", "show", Side::Pbx.name()])?)?;
        assert_eq!(trunk["state"], "enabled");
        assert_eq!(ask(lab, &["reload"])?, format!("{change}configuration reloaded\n"));
        edge.wait_for_log("configuration reloaded: trunk pbx: enabled: (none) -> false", PATIENCE)?;
        assert_eq!(ask(lab, &["reload"])?, "the file says nothing new\nconfiguration reloaded\n");
        let trunk: Value = serde_json::from_str(&ask(lab, &["trunk", "show", Side::Pbx.name()])?)?;
        assert_eq!(trunk["state"], "disabled");
        edge.stop()
    })
}

/// What a scraper, a load balancer and a browser see.
#[test]
#[ignore = "needs root: cargo xtask test"]
fn counters_readiness_and_the_page_are_served() -> Result<()> {
    with_edge(EdgeConfig::default(), |lab, edge| {
        let called = Sipp::called(Side::Pbx, scenario!("answers")).calls(1).seconds(LONG_S);
        let pair = caller(Side::Carrier, scenario!("caller-hangs-up")).calls(1).seconds(LONG_S);
        let pair = start(lab, pair, called)?;
        let counted = |line: &str| {
            wait_until(PATIENCE, || fetch(lab, "/metrics").ok().filter(|text| text.contains(line)))
        };
        for line in
            ["\nedge_calls_standing 1\n", &format!("edge_trunk_calls{{trunk=\"{}\"}} 1", Side::Pbx.name())]
        {
            counted(line).with_context(|| format!("{line:?} is not in {:?}", fetch(lab, "/metrics")))?;
        }
        let relayed = wait_until(PATIENCE, || fetch(lab, "/metrics").ok().filter(|text| relayed(text) > 25));
        let metrics = relayed.context("relayed packets are not counted")?;
        ensure!(metrics.contains("edge_xdp_attached{device="), "{metrics}");
        ensure!(fetch(lab, "/readyz")?.starts_with("HTTP/1.1 200"));
        let page = fetch(lab, "/")?;
        ensure!(page.contains("content-security-policy") && page.ends_with("</html>\n"), "{page}");
        let node: Value = serde_json::from_str(body(&fetch(lab, "/v1/node")?))?;
        assert_eq!((&node["name"], &node["draining"]), (&"lab".into(), &false.into()), "{node}");

        edge.drain()?;
        let drains = wait_until(PATIENCE, || {
            fetch(lab, "/readyz").ok().filter(|answer| answer.starts_with("HTTP/1.1 503"))
        });
        ensure!(drains.is_some(), "a load balancer has to hear of a drain while calls stand");
        drop(pair);
        edge.stop()
    })
}

/// What the edge itself adds to the time of a packet, whoever relays; and how the calls were that are over.
#[test]
#[ignore = "needs root: cargo xtask test"]
fn what_packets_take_here_and_how_calls_sounded_are_histograms() -> Result<()> {
    for mode in ["native", "off"] {
        with_edge(EdgeConfig::default().mode(mode), |lab, edge| {
            let called = Sipp::called(Side::Pbx, scenario!("answers")).calls(CALLS as u32).seconds(3);
            let callers = caller(Side::Carrier, scenario!("caller-hangs-up"));
            let pair = start(lab, callers.calls(CALLS as u32).rate(20.0).seconds(3), called)?;
            let count = |series: &str, text: &str| -> Option<u64> {
                text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' ')?.parse().ok())
            };
            let measured = wait_until(PATIENCE, || {
                let text = fetch(lab, "/metrics").ok()?;
                let of = |side: Side| {
                    let series =
                        format!("edge_added_latency_seconds_count{{device=\"{}\"}}", side.edge_device());
                    count(&series, &text)
                };
                Side::BOTH.into_iter().all(|side| of(side) > Some(0)).then_some(text)
            });
            measured
                .with_context(|| format!("{mode}: no packet is measured: {:?}", fetch(lab, "/metrics")))?;
            let said = ask(lab, &["counters"])?;
            let line = format!("ADDED LATENCY, packets that came by {}: p50 ", Side::Pbx.edge_device());
            ensure!(said.contains(&line), "{said}");
            pair.succeed()?;
            for name in ["edge_trunk_jitter_seconds", "edge_trunk_loss_ratio"] {
                let labels = format!("trunk=\"{}\",direction=\"received\"", Side::Pbx.name());
                let ended = wait_until(PATIENCE, || {
                    let text = fetch(lab, "/metrics").ok()?;
                    let all = count(&format!("{name}_count{{{labels}}}"), &text);
                    (all == Some(CALLS as u64)).then_some(text)
                });
                let text = ended.with_context(|| format!("{name}: {:?}", fetch(lab, "/metrics")))?;
                let bucket = format!("{name}_bucket{{{labels},le=\"+Inf\"}}");
                assert_eq!(count(&bucket, &text), Some(CALLS as u64), "{text}");
            }
            edge.stop()
        })?;
    }
    Ok(())
}

/// RTP packets that were relayed, by the metrics.
fn relayed(metrics: &str) -> u64 {
    let rtp = |line: &str| {
        let relayed = line.strip_prefix("edge_packets_total{verdict=\"relay\",reason=\"rtp")?;
        relayed.rsplit_once(' ')?.1.parse::<u64>().ok()
    };
    metrics.lines().filter_map(rtp).sum()
}

/// The whole answer to a GET over the admin socket.
fn fetch(lab: &Lab, path: &str) -> Result<String> {
    let mut stream = UnixStream::connect(lab.directory().join("run/admin/edge.sock"))?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

fn body(answer: &str) -> &str {
    answer.split_once("\r\n\r\n").map_or("", |(_, body)| body)
}
