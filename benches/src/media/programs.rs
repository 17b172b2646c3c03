//! What the XDP programs of a run take, as the kernel tells while somebody asks it to count (`BPF_ENABLE_STATS`).

use std::collections::HashMap;

use anyhow::Result;
use aya::programs::loaded_programs;
use aya::sys::{Stats, enable_stats};

/// What one program did meanwhile.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Runs {
    pub(super) name: String,
    pub(super) count: u64,
    /// Nanoseconds a run; reading the clock twice is in it.
    pub(super) ns: f64,
}

/// Programs that ran for at least this part of the packets; others have nothing to do with them.
const PART_LEAST: f64 = 0.2;

/// Runs something that makes so many packets, and tells what programs took for them, the longest first. Counting makes each
/// run slower, so nothing else is to be measured meanwhile.
pub(super) fn watched(run: impl FnOnce() -> Result<u64>) -> Result<Vec<Runs>> {
    let counting = enable_stats(Stats::RunTime)?;
    let before = all();
    let packets = run()?;
    let after = all();
    drop(counting);
    let runs = after.into_iter().filter_map(|(id, (name, count, ns))| {
        let (count_before, ns_before) = before.get(&id).map_or((0, 0), |(_, count, ns)| (*count, *ns));
        let count = count - count_before;
        let runs = Runs { name, count, ns: (ns - ns_before) as f64 / count.max(1) as f64 };
        (count as f64 > PART_LEAST * packets as f64).then_some(runs)
    });
    let mut runs: Vec<Runs> = runs.collect();
    runs.sort_by(|one, other| other.ns.total_cmp(&one.ns));
    Ok(runs)
}

/// Name, runs and nanoseconds of each program by its number. One that goes meanwhile is none of ours.
fn all() -> HashMap<u32, (String, u64, u64)> {
    let told = loaded_programs().flatten().map(|program| {
        let name = program.name_as_str().unwrap_or_default().to_owned();
        let ns = u64::try_from(program.run_time().as_nanos()).unwrap_or(u64::MAX);
        (program.id(), (name, program.run_count(), ns))
    });
    told.collect()
}
