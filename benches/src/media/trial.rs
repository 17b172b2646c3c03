//! One load of packets through a relay, and what became of it.
//!
//! A trial is made in parts. A part is dropped and made again when the hypervisor took time from the machine meanwhile, or
//! somebody else from the generator. How often that was so is told.

use std::fmt;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use edge_ebpf::traffic::{COUNTS_LEN, Count, longest};
use edge_tests::traffic::{Counted, Instruments};
use hdrhistogram::Histogram;

use super::ground::Ground;
use super::subject::Relay;
use crate::clock::{self, Ticks};
use crate::search::Tried;

/// What is lost at most.
const LOSS_MAX: f64 = 0.001;
/// The generator was slow when it made less than this part of what it was asked for.
const MADE_LEAST: f64 = 0.98;
/// More of the time than this may not have been stolen; one tick of the clock says nothing yet.
const STOLEN_MAX: f64 = 0.01;
/// The share of its time that the generator may have waited for its core.
const WAITED_MAX: f64 = 0.01;
/// Tries at a part of a trial until one is undisturbed.
pub(super) const TRIES: u32 = 5;
/// The longest part. The generator runs before everybody else and never rests, and the kernel takes the core from who does so for a
/// twentieth of each second (`sched(7)`, `sched_rt_runtime_us`): a part fits between two such takings, and is made again where it does
/// not.
const PART_MAX: Duration = Duration::from_millis(400);
/// The relay is empty when nothing has arrived for so long.
const QUIET: Duration = Duration::from_millis(40);
/// What is still in a queue after this is lost.
const QUEUES_MAX: Duration = Duration::from_secs(2);

/// How much, and for how long.
#[derive(Debug, Clone, Copy)]
pub(super) struct Load {
    /// Packets a second, both directions together.
    pub(super) rate: u64,
    pub(super) duration: Duration,
    /// A bound on the 99th percentile of latency that a good outcome keeps.
    pub(super) p99_max: Option<Duration>,
}

/// What became of it.
#[derive(Debug, Clone)]
pub(super) struct Outcome {
    pub(super) load: Load,
    /// Packets that the generator made.
    pub(super) made: u64,
    /// Frames that the kernel asked the generator for.
    pub(super) frames: u64,
    pub(super) packets: [u64; COUNTS_LEN as usize],
    /// Nanoseconds from the generator to the sink.
    pub(super) latency: Histogram<u64>,
    /// Packets that found no room in a ring: the relay's, and the sink's.
    pub(super) refused: (u64, u64),
    /// What generator, relay and sink have run for, and what of it the relay's processes have.
    pub(super) spent: Duration,
    pub(super) by_processes: Duration,
    /// How long the generator waited for its core.
    pub(super) waited: Duration,
    /// Tries that were dropped.
    pub(super) dropped: u32,
    /// Whether the last try of a part would have to be dropped, too.
    pub(super) is_disturbed: bool,
}

impl Outcome {
    pub(super) const fn count(&self, what: Count) -> u64 {
        self.packets[what as usize]
    }

    /// The part of the packets that did not arrive.
    pub(super) fn loss(&self) -> f64 {
        1.0 - self.count(Count::Received) as f64 / self.made.max(1) as f64
    }

    /// Packets a second that arrived.
    pub(super) fn delivered(&self) -> f64 {
        self.count(Count::Received) as f64 / self.load.duration.as_secs_f64()
    }

    /// Nanoseconds a packet that the relay's processes have run for. What softirqs did meanwhile on their core is in it; what
    /// they did while it was idle is not.
    pub(super) fn process_ns(&self) -> f64 {
        self.by_processes.as_nanos() as f64 / self.count(Count::Received).max(1) as f64
    }

    /// Nanoseconds a packet of a relay in the kernel: what was spent without what generator and sink take.
    pub(super) fn kernel_ns(&self, own: &OwnCost) -> f64 {
        let idle = self.frames.saturating_sub(self.made) as f64 * own.idle_ns;
        let others = idle + self.made as f64 * own.packet_ns;
        (self.spent.as_nanos() as f64 - others) / self.count(Count::Received).max(1) as f64
    }

    /// Whether 99 of 100 packets took no longer.
    pub(super) fn is_within(&self, bound: Duration) -> bool {
        u128::from(self.latency.value_at_quantile(0.99)) <= bound.as_nanos()
    }

    /// Whether the generator made what it was asked for.
    fn is_made(&self) -> bool {
        let asked = self.load.rate as f64 * self.load.duration.as_secs_f64();
        self.made as f64 >= MADE_LEAST * asked
    }

    /// With another part of the same trial.
    fn and(mut self, part: &Self) -> Result<Self> {
        self.load.duration += part.load.duration;
        self.made += part.made;
        self.frames += part.frames;
        self.packets.iter_mut().zip(part.packets).for_each(|(sum, more)| *sum += more);
        self.latency.add(&part.latency).context("parts have the same bounds of latency")?;
        self.refused = (self.refused.0 + part.refused.0, self.refused.1 + part.refused.1);
        self.spent += part.spent;
        self.by_processes += part.by_processes;
        self.waited += part.waited;
        self.dropped += part.dropped;
        self.is_disturbed |= part.is_disturbed;
        Ok(self)
    }

    /// Whether the sink, or its ring, lost more than the relay may lose altogether.
    pub(super) fn is_sink_short(&self) -> bool {
        self.refused.1 as f64 > LOSS_MAX * self.made as f64
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let us = |quantile| self.latency.value_at_quantile(quantile) as f64 / 1000.0;
        write!(f, "{} a second: {} made, {:.3} % lost", self.rate(), self.made, self.loss() * 100.0)?;
        let [_, twice, late, misrouted, unknown] = self.packets;
        write!(f, ", {twice} twice, {late} late, {misrouted} misrouted, {unknown} unknown")?;
        write!(f, ", {} and {} found the relay's and the sink's ring full", self.refused.0, self.refused.1)?;
        write!(f, ", p50 {:.1} p99 {:.1} p99.9 {:.1} us", us(0.5), us(0.99), us(0.999))?;
        let verdict = if self.is_good() { "good" } else { "bad" };
        write!(
            f,
            ": {verdict}, {} tries dropped{}",
            self.dropped,
            if self.is_disturbed { ", disturbed" } else { "" }
        )
    }
}

/// What generator and sink take by themselves: nanoseconds for a frame that is not due, and for a packet, both ends of it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct OwnCost {
    pub(super) idle_ns: f64,
    pub(super) packet_ns: f64,
}

impl OwnCost {
    /// From a trial without packets and one with as many as there can be, both without a relay.
    pub(super) fn of(idle: &Outcome, busiest: &Outcome) -> Self {
        let idle_ns = idle.spent.as_nanos() as f64 / idle.frames.max(1) as f64;
        let unused = busiest.frames.saturating_sub(busiest.made) as f64 * idle_ns;
        let packet_ns = (busiest.spent.as_nanos() as f64 - unused) / busiest.made.max(1) as f64;
        Self { idle_ns, packet_ns }
    }
}

impl Tried for Outcome {
    fn rate(&self) -> u64 {
        self.load.rate
    }

    fn is_good(&self) -> bool {
        let wrong = self.count(Count::Misrouted) + self.count(Count::Unknown);
        self.is_made()
            && self.loss() <= LOSS_MAX
            && wrong == 0
            && self.load.p99_max.is_none_or(|bound| self.is_within(bound))
    }
}

/// Everything that a trial needs.
pub(super) struct Rig<'a> {
    pub(super) ground: &'a Ground,
    pub(super) relay: &'a Relay<'a>,
    pub(super) instruments: Instruments,
    pub(super) streams: u64,
}

impl Rig<'_> {
    /// Lets neighbours be found, latches close and connections be tracked: one packet after the other of one direction, then of
    /// both. Nobody counts them.
    pub(super) fn warm_up(&mut self) -> Result<()> {
        let gently = (self.streams * 2).clamp(1_000, 20_000);
        let duration = Duration::from_secs_f64(self.streams as f64 * 1.5 / gently as f64 + 0.1);
        for stride in [2, 1] {
            self.instruments.order(gently, duration, self.streams, stride)?;
            thread::sleep(duration);
        }
        self.settle()?;
        Ok(())
    }

    /// Runs a load in parts of the same length, until one is disturbed at each try.
    pub(super) fn run(&mut self, load: Load) -> Result<Outcome> {
        let parts = u32::try_from(load.duration.as_millis().div_ceil(PART_MAX.as_millis()))?.max(1);
        let part = Load { duration: load.duration / parts, ..load };
        let mut outcome = self.run_part(part)?;
        for _ in 1..parts {
            if outcome.is_disturbed {
                break;
            }
            outcome = outcome.and(&self.run_part(part)?)?;
        }
        Ok(outcome)
    }

    /// Runs a part, again when it is disturbed.
    fn run_part(&mut self, load: Load) -> Result<Outcome> {
        let mut dropped = 0;
        loop {
            let before = Ticks::now()?;
            let outcome = self.run_once(load)?;
            let (part, ticks) = Ticks::now()?.stolen_since(before);
            let is_stolen = part > STOLEN_MAX && ticks > 1;
            let is_held_up = outcome.waited.as_secs_f64() > WAITED_MAX * load.duration.as_secs_f64();
            let is_disturbed = is_stolen || is_held_up;
            if !is_disturbed || dropped + 1 == TRIES {
                return Ok(Outcome { dropped, is_disturbed, ..outcome });
            }
            dropped += 1;
        }
    }

    /// Runs a load, disturbed or not.
    pub(super) fn run_once(&mut self, load: Load) -> Result<Outcome> {
        let Load { rate, duration, .. } = load;
        let (counted, refused) = (self.instruments.counted()?, self.ground.refused()?);
        let (frames, spent, processes) = (self.instruments.made()?.frames, self.spent()?, self.processes()?);
        let waited = self.waited()?;
        self.instruments.order(rate, duration, self.streams, 1)?;
        thread::sleep(duration);
        let after = self.settle()?;
        // A wait is known once it is over.
        let waited = self.waited()? - waited;
        let (made, spent) = (self.instruments.made()?, self.spent()? - spent);
        let by_processes = self.processes()? - processes;
        let (before_relay, behind_relay) = self.ground.refused()?;
        let mut packets = after.packets;
        packets.iter_mut().zip(counted.packets).for_each(|(now, then)| *now -= then);
        Ok(Outcome {
            load,
            made: made.packets,
            frames: made.frames - frames,
            packets,
            latency: histogram(&counted, &after)?,
            refused: (before_relay - refused.0, behind_relay - refused.1),
            spent,
            by_processes,
            waited,
            dropped: 0,
            is_disturbed: false,
        })
    }

    /// Waits until nothing is under way any more.
    fn settle(&self) -> Result<Counted> {
        let began = clock::now();
        let mut seen = self.instruments.counted()?;
        loop {
            thread::sleep(QUIET);
            let now = self.instruments.counted()?;
            if now.packets == seen.packets || clock::now().duration_since(began) > QUEUES_MAX {
                return Ok(now);
            }
            seen = now;
        }
    }

    fn processes(&self) -> Result<Duration> {
        self.relay.processes().into_iter().map(clock::process_time).sum()
    }

    /// How long the generator has waited for its core.
    fn waited(&self) -> Result<Duration> {
        clock::thread_wait(self.instruments.thread())
    }

    /// Of the generator's thread: in it is all that the kernel has done for its packets there.
    fn spent(&self) -> Result<Duration> {
        Ok(self.processes()? + self.ground.spent()? + clock::thread_time(self.instruments.thread())?)
    }
}

fn histogram(before: &Counted, after: &Counted) -> Result<Histogram<u64>> {
    let mut histogram = Histogram::new_with_bounds(1, 1 << 37, 3)?;
    for (bucket, (then, now)) in (0..).zip(before.latencies.iter().zip(&after.latencies)) {
        histogram.record_n(longest(bucket).max(1), now - then)?;
    }
    Ok(histogram)
}

#[cfg(test)]
mod tests;
