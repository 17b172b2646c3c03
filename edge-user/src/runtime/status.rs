//! What the process counts, published once a second as a file in its run directory.
//!
//! A file and not a socket: it can be read by anything, also while the process is busy, and costs no one a wait.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use edge_core::edge::Counters;
use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::cdr;

use super::clock;
use crate::journal::Journal;

use super::listener::Reception;
use super::shard::ShardStatus;
use super::stream::StreamCounters;
use super::tones::TonesPlayed;

/// Name of the file in the run directory.
const FILE: &str = "status.json";

/// Counters of signalling and records, summed over the shards.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ToSchema)]
pub struct Status {
    /// Counters and gauges by name.
    pub sip: BTreeMap<String, u64>,
    /// From a datagram's arrival until everything that follows from it was sent, in microseconds.
    pub handling_us: Quantiles,
    /// Call records: `written` and `lost`.
    pub records: BTreeMap<String, u64>,
}

/// Quantiles of a latency.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize, ToSchema)]
pub struct Quantiles {
    /// Half of all are below.
    pub p50: f64,
    /// 99 of 100 are below.
    pub p99: f64,
    /// 999 of 1,000 are below.
    pub p999: f64,
}

impl Quantiles {
    fn of_nanoseconds(histogram: &Histogram<u64>) -> Self {
        let microseconds = |quantile| histogram.value_at_quantile(quantile) as f64 / 1000.0;
        Self { p50: microseconds(0.5), p99: microseconds(0.99), p999: microseconds(0.999) }
    }
}

impl Status {
    pub(super) fn gather(
        reception: &Reception,
        (streams, tones): (&StreamCounters, &TonesPlayed),
        shards: &[Arc<ShardStatus>],
        records: &cdr::Writer,
        journal: &Journal,
    ) -> Self {
        let mut sip = BTreeMap::new();
        let mut handling: Option<Histogram<u64>> = None;
        let (mut lost, mut refused) = (0, 0);
        for shard in shards {
            let counters: Counters = *shard.counters.lock().unwrap_or_else(PoisonError::into_inner);
            for (name, value) in counters.named() {
                *sip.entry(name.to_owned()).or_insert(0) += value;
            }
            let own = shard.handling.lock().unwrap_or_else(PoisonError::into_inner);
            match &mut handling {
                Some(all) => *all += &*own,
                None => handling = Some(own.clone()),
            }
            lost += shard.records_lost.load(Ordering::Relaxed);
            refused += shard.sends_refused.load(Ordering::Relaxed);
        }
        *sip.entry("strangers".to_owned()).or_insert(0) += reception.strangers.load(Ordering::Relaxed);
        sip.insert("datagrams_unread".to_owned(), reception.unread.load(Ordering::Relaxed));
        sip.insert("queue_overflows".to_owned(), reception.overflowed.load(Ordering::Relaxed));
        let tally = reception.shield.tally();
        let shield = [
            ("shield_bans", tally.bans),
            ("shield_demotions", tally.demotions),
            ("shield_promotions", tally.promotions),
        ];
        sip.extend(shield.map(|(name, value)| (name.to_owned(), value)));
        sip.insert("sends_refused".to_owned(), refused);
        for (name, count) in tones.named() {
            sip.insert(name.to_owned(), count);
        }
        sip.insert("journal_written".to_owned(), journal.written());
        sip.insert("journal_lost".to_owned(), journal.lost());
        sip.extend(streams.named().map(|(name, value)| (name.to_owned(), value)));
        let records = [("written", records.written()), ("lost", lost + records.failed())];
        Self {
            sip,
            handling_us: handling.map_or_else(Quantiles::default, |all| Quantiles::of_nanoseconds(&all)),
            records: records.map(|(name, value)| (name.to_owned(), value)).into(),
        }
    }

    /// Replaces the file in one step, so that a reader never sees half of it.
    pub(super) fn write(&self, run_dir: &Path) -> io::Result<()> {
        std::fs::create_dir_all(run_dir)?;
        let fresh = run_dir.join(".status.json.new");
        std::fs::write(&fresh, serde_json::to_vec(self)?)?;
        std::fs::rename(fresh, path(run_dir))
    }
}

/// Age at which what was published is a dead process's: a live one publishes each second.
const STALE: Duration = Duration::from_secs(5);

/// What a running process last published; `None` when none runs, or the one that did was killed.
///
/// # Errors
/// When the file is there and cannot be read.
pub fn read_status(run_dir: &Path) -> io::Result<Option<Status>> {
    let file = path(run_dir);
    let published = match std::fs::metadata(&file).and_then(|about| about.modified()) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        published => published?,
    };
    if clock::today().duration_since(published).is_ok_and(|age| age > STALE) {
        return Ok(None);
    }
    Ok(Some(serde_json::from_slice(&std::fs::read(file)?)?))
}

/// Takes the file away: nobody runs.
pub(super) fn remove(run_dir: &Path) {
    if let Err(error) = std::fs::remove_file(path(run_dir)) {
        tracing::debug!("status file not removed: {error}");
    }
}

fn path(run_dir: &Path) -> PathBuf {
    run_dir.join(FILE)
}
