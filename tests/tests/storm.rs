//! `kill -9` again and again in a storm of changes: hold, resume, offers in answers, UPDATE, from both sides of every call, while RTP
//! flows both ways through the relay.

use anyhow::{Result, ensure};
use edge_tests::drill::{PATIENCE, with_edge};
use edge_tests::edge::{counters, wait_for_cdrs};
use edge_tests::exchange::{Exchange, Step, Storm};
use edge_tests::traffic::{self, Media};
use edge_tests::{EdgeConfig, EdgeProcess};

const CALLS: u32 = 16;
/// Changes that come about before each kill: so many that every kind is among them, and never the same number twice.
const CHANGES: [u32; 6] = [40, 23, 57, 31, 44, 37];

#[test]
#[ignore = "needs root: cargo xtask test"]
fn killed_again_and_again_in_a_storm_of_changes_every_call_ends_once_and_no_packet_is_lost() -> Result<()> {
    with_edge(EdgeConfig::default().shards(2), |lab, edge| {
        let mut exchange = Exchange::begin(lab, CALLS, traffic::port)?;
        let media = Media::begin(lab, &exchange.stand()?)?;
        let mut storm = Storm::over(exchange)?;
        storm.rages(CHANGES[0])?;
        edge.kill()?;
        let mut edge = EdgeProcess::begin_again(lab)?;
        for changes in CHANGES {
            storm.rages(changes)?;
            edge.kill()?;
            edge = EdgeProcess::begin_again(lab)?;
        }
        storm.rages(CHANGES[0])?;
        edge.wait_for_count("calls_adopted", CALLS.into(), PATIENCE)?;
        let mut exchange = storm.abates()?;
        let made = media.end()?;
        let counters = counters(lab)?;
        ensure!(
            (counters.relayed(), counters.drop.values().sum::<u64>()) == (made.iter().sum(), 0),
            "{counters:?}"
        );
        exchange.take(Step::HangUp)?;
        let mut cdrs = wait_for_cdrs(lab, CALLS as usize, PATIENCE)?;
        cdrs.sort_by_key(|cdr| cdr.text("/number_dialled").to_owned());
        for (call, cdr) in cdrs.iter().enumerate() {
            let ended_by = if call % 2 == 0 { "a" } else { "b" };
            ensure!((cdr.cause(), cdr.ended_by()) == ("hangup", ended_by), "{cdr:?}");
        }
        edge.stop()
    })
}
