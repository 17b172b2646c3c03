//! `kill -9` with a thousand calls up and RTP in both directions of each: nothing is lost, neither of media nor of calls.
//!
//! Alone in its file, because the generator of the packets takes a core for itself.

use anyhow::Result;
use edge_tests::drill::{PATIENCE, with_edge};
use edge_tests::edge::{Cdr, ask, counters, pins, wait_for_cdrs};
use edge_tests::exchange::{BEFORE_NUMBER, Exchange, Step};
use edge_tests::traffic::{self, Media};
use edge_tests::{EdgeConfig, EdgeProcess};

const CALLS: u32 = 1000;
/// Packets of all calls in a second.
const RATE: u64 = CALLS as u64 * 100;
/// There is one record of each call, and it has all packets of both streams, those of the time without edge among them.
fn recorded(cdrs: &[Cdr], made: &[u64]) -> Result<()> {
    let mut sorted: Vec<&Cdr> = cdrs.iter().collect();
    sorted.sort_by_key(|cdr| cdr.text("/number_dialled"));
    for (call, (cdr, streams)) in sorted.into_iter().zip(made.as_chunks::<2>().0).enumerate() {
        assert_eq!(cdr.text("/number_dialled"), format!("{BEFORE_NUMBER}{call:05}"), "one for each");
        let ended_by = if call % 2 == 0 { "a" } else { "b" };
        assert_eq!((cdr.cause(), cdr.ended_by()), ("hangup", ended_by), "{cdr:?}");
        for (leg, made) in ["a", "b"].into_iter().zip(streams) {
            let told = ["packets", "lost", "duplicated", "reordered"]
                .map(|what| cdr.number(&format!("/{leg}/received/{what}")));
            assert_eq!(told, [i64::try_from(*made).ok(), Some(0), Some(0), Some(0)], "{cdr:?}");
        }
    }
    Ok(())
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn after_kill_9_a_thousand_calls_go_on_without_a_packet_lost() -> Result<()> {
    with_edge(EdgeConfig::default(), |lab, edge| {
        let mut exchange = Exchange::begin(lab, CALLS, traffic::port)?;
        let media = Media::begin(lab, &exchange.stand()?)?;
        media.arrive(RATE / 2)?;
        edge.wait_for_count("journal_written", CALLS.into(), PATIENCE)?;
        edge.kill()?;
        media.arrive(RATE)?;
        let edge = EdgeProcess::start_again(lab)?;
        edge.wait_for_count("calls_adopted", CALLS.into(), PATIENCE)?;
        exchange.take(Step::Refresh)?;
        exchange.take(Step::Offer)?;
        media.arrive(RATE / 2)?;
        let made = media.end()?;
        let counters = counters(lab)?;
        assert_eq!((counters.relayed(), counters.drop.values().sum::<u64>()), (made.iter().sum(), 0));
        exchange.take(Step::HangUp)?;
        recorded(&wait_for_cdrs(lab, CALLS as usize, PATIENCE)?, &made)?;
        let flows: Vec<serde_json::Value> = serde_json::from_str(&ask(lab, &["flow", "list", "--json"])?)?;
        assert_eq!(flows, [] as [serde_json::Value; 0], "no call has left any");
        edge.stop()?;
        assert!(pins(lab)?.is_empty());
        assert!(!lab.directory().join("state/lab/journal").exists(), "nothing is left to go on with");
        Ok(())
    })
}
