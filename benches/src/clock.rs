//! Time that passes, time that threads spend, and time that the machine does not get.

use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::processor;

#[expect(clippy::disallowed_methods, reason = "a bench measures real time")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// What a thread has run for, exactly.
pub(crate) fn thread_time(thread: u32) -> Result<Duration> {
    Ok(schedule(thread)?[0])
}

/// How long a thread could have run and did not, because its core ran something else.
pub(crate) fn thread_wait(thread: u32) -> Result<Duration> {
    Ok(schedule(thread)?[1])
}

fn schedule(thread: u32) -> Result<[Duration; 2]> {
    let text = fs::read_to_string(format!("/proc/{thread}/schedstat"))?;
    let mut fields = text.split(' ').map_while(|ns| ns.parse().ok()).map(Duration::from_nanos);
    fields.next().zip(fields.next()).map(<[Duration; 2]>::from).context("no schedstat")
}

/// Processes, the kernel's threads among them, whose name is wanted.
pub(crate) fn threads_of_kernel(wanted: impl Fn(&str) -> bool) -> Result<Vec<u32>> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc")?.flatten() {
        let name = fs::read_to_string(entry.path().join("comm")).unwrap_or_default();
        if wanted(name.trim()) {
            found.extend(entry.file_name().to_str().and_then(|id| id.parse::<u32>().ok()));
        }
    }
    Ok(found)
}

/// What all threads of a process, and of what descends from it, have run for; those that have ended are not in it.
pub(crate) fn process_time(process: u32) -> Result<Duration> {
    let mut time = Duration::ZERO;
    for member in processor::family(process)? {
        for task in fs::read_dir(format!("/proc/{member}/task"))?.flatten() {
            let id = task.file_name().to_string_lossy().parse().context("a thread has a number")?;
            time += thread_time(id).unwrap_or_default();
        }
    }
    Ok(time)
}

/// Ticks of all cores: that have passed, and that the hypervisor gave to somebody else.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Ticks {
    passed: u64,
    stolen: u64,
}

impl Ticks {
    pub(crate) fn now() -> Result<Self> {
        let text = fs::read_to_string("/proc/stat")?;
        let line = text.lines().next().and_then(|line| line.strip_prefix("cpu "));
        let line = line.context("no line of all cores in /proc/stat")?;
        // user nice system idle iowait irq softirq steal; guests' time is in user's.
        let fields: Vec<u64> =
            line.split_whitespace().take(8).filter_map(|field| field.parse().ok()).collect();
        Ok(Self { passed: fields.iter().sum(), stolen: fields.get(7).copied().unwrap_or(0) })
    }

    /// The part of the time since `before` that was stolen, and how many ticks.
    pub(crate) fn stolen_since(self, before: Self) -> (f64, u64) {
        let (passed, stolen) = (self.passed - before.passed, self.stolen - before.stolen);
        (stolen as f64 / passed.max(1) as f64, stolen)
    }
}
