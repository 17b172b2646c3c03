//! Processes on cores of their own, and the time that they have spent there.

use std::collections::HashMap;
use std::fs;
use std::mem::{size_of, zeroed};
use std::time::Duration;

use anyhow::{Context, Result, ensure};

/// One core for who makes the work, another for who is measured.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cores {
    pub(crate) generator: usize,
    pub(crate) subject: usize,
}

impl Cores {
    /// The first two that this process may use.
    pub(crate) fn of_this_process() -> Result<Self> {
        // SAFETY: a cpu_set_t is an array of words; all zeroes is the empty set.
        let mut set: libc::cpu_set_t = unsafe { zeroed() };
        // SAFETY: the kernel writes at most the size that it is told.
        let outcome = unsafe { libc::sched_getaffinity(0, size_of::<libc::cpu_set_t>(), &raw mut set) };
        ensure!(outcome == 0, "cannot read the cores of this process");
        // SAFETY: every index is below the number of bits of the set.
        let allowed = |core: &usize| unsafe { libc::CPU_ISSET(*core, &set) };
        let mut cores = (0..libc::CPU_SETSIZE as usize).filter(allowed);
        let both = cores.next().zip(cores.next());
        let (generator, subject) = both.context("a bench needs two cores; this machine has one")?;
        Ok(Self { generator, subject })
    }
}

/// A set of one core.
fn only(core: usize) -> libc::cpu_set_t {
    // SAFETY: as above.
    let mut set: libc::cpu_set_t = unsafe { zeroed() };
    // SAFETY: the core came from a set of this size.
    unsafe { libc::CPU_SET(core, &mut set) };
    set
}

/// Binds the calling thread to `core`.
pub(crate) fn bind_this_thread(core: usize) -> Result<()> {
    let set = only(core);
    // SAFETY: the set lives through the call.
    let outcome = unsafe { libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &raw const set) };
    ensure!(outcome == 0, "cannot bind a thread to core {core}");
    Ok(())
}

/// Lets the calling thread run before all that have no such priority. Nobody else's work is meant to be in a figure.
pub(crate) fn prefer_this_thread() {
    // SAFETY: gettid takes nothing.
    prefer_thread(unsafe { libc::gettid() });
}

/// Lets every thread of `process`, and of what descends from it, run before all that have no such priority. Niceness would not
/// do: it counts within a session only, where the kernel groups them.
pub(crate) fn prefer(process: u32) -> Result<()> {
    for member in family(process)? {
        for task in fs::read_dir(format!("/proc/{member}/task"))?.flatten() {
            task.file_name().to_string_lossy().parse().map(prefer_thread).unwrap_or_default();
        }
    }
    Ok(())
}

/// Those that are nice stay behind those that are not, as they are without such a priority.
fn prefer_thread(id: libc::pid_t) {
    // SAFETY: it takes plain integers. A niceness of -1 cannot be told from an error, and is none.
    let niceness = unsafe { libc::getpriority(libc::PRIO_PROCESS, id.cast_unsigned()) };
    let priority = libc::sched_param { sched_priority: if niceness > 0 { 1 } else { 2 } };
    // SAFETY: the parameters live through the call. A thread that has ended meanwhile needs no priority.
    let _ = unsafe { libc::sched_setscheduler(id, libc::SCHED_FIFO, &raw const priority) };
}

/// Lets this process, and those that it starts, have as many descriptors as they may, and tells how many these are.
pub(crate) fn descriptors() -> Result<u64> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the limit has room for what the call writes.
    let outcome = unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) };
    ensure!(outcome == 0, "cannot read the limit of descriptors");
    limit.rlim_cur = limit.rlim_max;
    // SAFETY: the limit lives through the call.
    let outcome = unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) };
    ensure!(outcome == 0, "cannot raise the limit of descriptors to what is allowed");
    Ok(limit.rlim_max)
}

/// Binds every thread of `process` and of what descends from it to `core`.
pub(crate) fn bind(process: u32, core: usize) -> Result<()> {
    let set = only(core);
    for member in family(process)? {
        for task in fs::read_dir(format!("/proc/{member}/task"))?.flatten() {
            let Ok(id) = task.file_name().to_string_lossy().parse() else { continue };
            // SAFETY: the set lives through the call. A thread that has ended meanwhile needs no core.
            let _ = unsafe { libc::sched_setaffinity(id, size_of::<libc::cpu_set_t>(), &raw const set) };
        }
    }
    Ok(())
}

/// What `process` and what descends from it have spent in user and kernel mode.
pub(crate) fn spent(process: u32) -> Result<Duration> {
    let fields = |id: &u32| fs::read_to_string(format!("/proc/{id}/stat")).ok().and_then(|line| times(&line));
    let ticks: u64 = family(process)?.iter().filter_map(fields).sum();
    // SAFETY: sysconf takes a plain integer.
    let a_second = u64::try_from(unsafe { libc::sysconf(libc::_SC_CLK_TCK) })?;
    Ok(Duration::from_secs_f64(ticks as f64 / a_second as f64))
}

/// `utime` and `stime` of a line of `/proc/PID/stat`; the name before them may contain anything.
fn times(line: &str) -> Option<u64> {
    let mut fields = line.rsplit_once(')')?.1.split_whitespace().skip(11);
    Some(fields.next()?.parse::<u64>().ok()? + fields.next()?.parse::<u64>().ok()?)
}

fn parent(line: &str) -> Option<u32> {
    line.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}

/// `process` and all that descend from it.
pub(crate) fn family(process: u32) -> Result<Vec<u32>> {
    let mut children: HashMap<u32, Vec<u32>> = HashMap::new();
    for entry in fs::read_dir("/proc")?.flatten() {
        let Ok(id) = entry.file_name().to_string_lossy().parse::<u32>() else { continue };
        let line = fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
        if let Some(parent) = parent(&line) {
            children.entry(parent).or_default().push(id);
        }
    }
    let mut family = vec![process];
    let mut next = 0;
    while let Some(member) = family.get(next) {
        family.extend(children.remove(member).unwrap_or_default());
        next += 1;
    }
    Ok(family)
}

#[cfg(test)]
mod tests;
