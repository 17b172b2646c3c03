//! What is measured of one relay with one number of calls.

use std::time::Duration;

use anyhow::Result;

use super::Plan;
use super::ground::Ground;
use super::instruments::Instruments;
use super::programs::{self, Runs};
use super::stream;
use super::subject::{Kind, Relay};
use super::trial::{Load, Outcome, OwnCost, Rig};
use crate::processor::Cores;
use crate::search::{Search, Tried};

/// More than any generator makes.
const AS_FAST_AS_CAN_BE: u64 = 100_000_000;
const MILLION: u64 = 1_000_000;
/// No rate above this is tried: twice what the generator makes.
const RATE_MAX: u64 = 16_000_000;
/// The highest rate is known to a part of this.
const PRECISION: u64 = 25;
/// What a queue may do to the slowest packet of a hundred. Without this bound a deep socket buffer passes for throughput.
const P99_MAX: Duration = Duration::from_millis(20);
/// Percents of the highest rate at which latency is told.
pub(super) const LOADS: [u64; 3] = [10, 50, 90];

/// A relay's figures.
#[derive(Debug, Clone)]
pub(super) struct Figures {
    /// At the highest rate with at most 0.1 % of loss.
    pub(super) highest: Option<Outcome>,
    /// The same with [`P99_MAX`].
    pub(super) in_time: Option<Outcome>,
    /// At [`LOADS`] of the latter.
    pub(super) at_loads: Vec<Outcome>,
    /// What each XDP program took a run, at half of it.
    pub(super) programs: Vec<Runs>,
    /// Trials that were dropped, and those that were disturbed to the last.
    pub(super) dropped: u32,
    pub(super) disturbed: u32,
}

/// Generator and sink without a relay.
#[derive(Debug, Clone)]
pub(super) struct Alone {
    pub(super) cost: OwnCost,
    pub(super) busiest: Outcome,
    /// At a million packets a second: what of any latency is theirs.
    pub(super) million: Outcome,
}

/// Measures what generator and sink take without a relay.
pub(super) fn alone(plan: &Plan, cores: Cores, calls: u32) -> Result<Alone> {
    let ground = Ground::new(cores)?;
    let relay = Relay::start(Kind::Nothing, &ground, calls)?;
    let mut rig = rig(Kind::Nothing, &ground, &relay)?;
    let load = |rate| Load { rate, duration: plan.trial, p99_max: None };
    let (idle, busiest) = (rig.run(load(0))?, rig.run(load(AS_FAST_AS_CAN_BE))?);
    let million = rig.run(load(MILLION))?;
    Ok(Alone { cost: OwnCost::of(&idle, &busiest), busiest, million })
}

/// Measures a relay.
pub(super) fn figures(plan: &Plan, cores: Cores, kind: Kind, calls: u32) -> Result<Figures> {
    let ground = Ground::new(cores)?;
    let relay = Relay::start(kind, &ground, calls)?;
    let mut rig = rig(kind, &ground, &relay)?;
    rig.warm_up()?;
    Course { plan, rig, dropped: 0, disturbed: 0 }.go()
}

fn rig<'a>(kind: Kind, ground: &'a Ground, relay: &'a Relay<'a>) -> Result<Rig<'a>> {
    let streams = stream::streams(&ground.lab, &relay.calls, kind.rewriting())?;
    let instruments = Instruments::start(&ground.lab, &streams, kind.sink(), ground.cores.generator)?;
    Ok(Rig { ground, relay, instruments, streams: streams.len() as u64 })
}

/// All trials of a relay, one after the other.
struct Course<'a> {
    plan: &'a Plan,
    rig: Rig<'a>,
    dropped: u32,
    disturbed: u32,
}

impl Course<'_> {
    fn go(mut self) -> Result<Figures> {
        let about = self.run(AS_FAST_AS_CAN_BE, None)?.delivered();
        let highest = self.highest(about, RATE_MAX, None)?;
        let in_time = match &highest {
            Some(outcome) if !outcome.is_within(P99_MAX) => {
                self.highest(about.min(outcome.rate() as f64), outcome.rate(), Some(P99_MAX))?
            }
            Some(_) | None => highest.clone(),
        };
        let (mut at_loads, mut programs) = (Vec::new(), Vec::new());
        if let Some(best) = &in_time {
            for percent in LOADS {
                at_loads.push(self.run(best.rate() * percent / 100, None)?);
            }
            let half = best.rate() / 2;
            programs = programs::watched(|| self.run(half, None).map(|outcome| outcome.made))?;
        }
        let Self { dropped, disturbed, .. } = self;
        Ok(Figures { highest, in_time, at_loads, programs, dropped, disturbed })
    }

    fn highest(&mut self, about: f64, most: u64, p99_max: Option<Duration>) -> Result<Option<Outcome>> {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "packets a second")]
        let about = (about as u64).clamp(1, most);
        let search = Search { first: about, most, precision: PRECISION };
        search.highest(Some(about), |rate| self.run(rate, p99_max))
    }

    fn run(&mut self, rate: u64, p99_max: Option<Duration>) -> Result<Outcome> {
        let outcome = self.rig.run(Load { rate, duration: self.plan.trial, p99_max })?;
        self.dropped += outcome.dropped;
        self.disturbed += u32::from(outcome.is_disturbed);
        Ok(outcome)
    }
}
