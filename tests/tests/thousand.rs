//! `kill -9` with a thousand calls up and RTP in both directions of each: nothing is lost, neither of media nor of calls.
//!
//! Alone in its file, because the generator of the packets takes a core for itself.

use std::time::Duration;

use anyhow::{Result, ensure};
use edge_tests::drill::{PATIENCE, with_edge};
use edge_tests::edge::{Cdr, ask, counters, pins, wait_for_cdrs};
use edge_tests::exchange::{BEFORE_NUMBER, Exchange, Step};
use edge_tests::lab::Lab;
use edge_tests::process::wait_until;
use edge_tests::traffic::{self, Count, Instruments, Rewriting, Sink};
use edge_tests::{EdgeConfig, EdgeProcess};

const CALLS: u32 = 1000;
/// Both directions of each.
const STREAMS: u32 = CALLS * 2;
/// A packet of each stream in 20 ms.
const RATE: u64 = STREAMS as u64 * 50;
/// Longer than all of it takes; the generator is stopped when that is through.
const LONG: Duration = Duration::from_secs(60);

/// RTP of all calls, which began when this was made.
struct Media(Instruments);

impl Media {
    fn begin(lab: &Lab, exchange: &mut Exchange) -> Result<Self> {
        let streams = traffic::streams(lab, &exchange.stand()?, Rewriting::Addresses)?;
        let mut instruments = Instruments::start(lab, &streams, Sink::Peers, || Ok(()))?;
        instruments.order(RATE, LONG, u64::from(STREAMS), 1)?;
        Ok(Self(instruments))
    }

    /// Waits until so many more packets have arrived.
    fn arrive(&self, more: u64) -> Result<()> {
        let enough = self.received()? + more;
        let arrived = || self.received().ok().filter(|received| *received >= enough);
        ensure!(
            wait_until(PATIENCE, arrived).is_some(),
            "media does not flow: {:?}",
            self.0.counted()?.packets
        );
        Ok(())
    }

    fn received(&self) -> Result<u64> {
        Ok(self.0.counted()?.packets[Count::Received as usize])
    }

    /// Ends it, and tells how many packets of each stream were made, all of which have arrived once and where they should.
    fn end(mut self) -> Result<Vec<u64>> {
        self.0.order(0, Duration::ZERO, u64::from(STREAMS), 1)?;
        let made = self.0.made_of(STREAMS)?;
        let sum: u64 = made.iter().sum();
        let arrived = || self.received().ok().filter(|received| *received == sum);
        wait_until(Duration::from_secs(2), arrived);
        // Received, twice, so late that nobody can tell, misrouted, unknown.
        assert_eq!(self.0.counted()?.packets, [sum, 0, 0, 0, 0]);
        Ok(made)
    }
}

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
        let media = Media::begin(lab, &mut exchange)?;
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
