//! What is measured of one relay with one number of calls.

use std::fmt;
use std::time::Duration;

use anyhow::Result;
use edge_tests::traffic::{Instruments, streams};

use super::Plan;
use super::ground::Ground;
use super::profile::{self, Share};
use super::programs::{self, Runs};
use super::subject::{Kind, Relay};
use super::trial::{Load, Outcome, OwnCost, Rig, TRIES};
use crate::processor::{self, Cores};
use crate::search::{Search, Tried};

/// More than any generator makes.
const AS_FAST_AS_CAN_BE: u64 = 100_000_000;
const MILLION: u64 = 1_000_000;
/// No rate above this is tried: twice what the generator makes.
const RATE_MAX: u64 = 16_000_000;
/// Who does nothing well at this rate has no highest one.
const RATE_MIN: u64 = 1_000;
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
    /// Where the time of the kernel's core goes, at the highest rate.
    pub(super) functions: Vec<Share>,
    /// Tries that were dropped, and trials that were disturbed to the last of them.
    pub(super) dropped: u32,
    pub(super) disturbed: u32,
}

/// Nothing can be said of a rate, because all but one of the trials at it were disturbed.
#[derive(Debug, Clone, Copy)]
pub(super) struct NotQuiet {
    rate: u64,
}

impl fmt::Display for NotQuiet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rate } = self;
        write!(
            f,
            "the machine was not quiet: the hypervisor or somebody else had the core in almost each of {TRIES} trials at {rate} packets/s; \
             end what else runs here, or try --trial-ms 300"
        )
    }
}

impl std::error::Error for NotQuiet {}

/// Generator and sink without a relay.
#[derive(Debug, Clone)]
pub(super) struct Alone {
    pub(super) cost: OwnCost,
    pub(super) busiest: Outcome,
    /// At a million packets a second: what of any latency is theirs.
    pub(super) million: Outcome,
    /// Whether one of the trials was disturbed to the last, and with it what a relay in the kernel takes by itself.
    pub(super) is_disturbed: bool,
}

/// Measures what generator and sink take without a relay.
pub(super) fn alone(plan: &Plan, cores: Cores, calls: u32) -> Result<Alone> {
    let ground = Ground::new(cores)?;
    let relay = Relay::start(Kind::Nothing, &ground, calls)?;
    let mut rig = rig(Kind::Nothing, &ground, &relay)?;
    let load = |rate| Load { rate, duration: plan.trial, p99_max: None };
    let (idle, busiest) = (rig.run(load(0))?, rig.run(load(AS_FAST_AS_CAN_BE))?);
    let million = rig.run(load(MILLION))?;
    let is_disturbed = [&idle, &busiest, &million].iter().any(|outcome| outcome.is_disturbed);
    Ok(Alone { cost: OwnCost::of(&idle, &busiest), busiest, million, is_disturbed })
}

/// Measures a relay.
pub(super) fn figures(plan: &Plan, cores: Cores, kind: Kind, calls: u32) -> Result<Figures> {
    let place = Place { plan, cores, kind, calls };
    if kind.is_spoilt_by_floods() {
        return Course { place, stands: None, dropped: 0, disturbed: 0 }.go();
    }
    place.with_relay(|rig| Course { place, stands: Some(rig), dropped: 0, disturbed: 0 }.go())
}

fn rig<'a>(kind: Kind, ground: &'a Ground, relay: &'a Relay<'a>) -> Result<Rig<'a>> {
    let streams = streams(&ground.lab, &relay.calls, kind.rewriting())?;
    let core = ground.cores.generator;
    let first = move || {
        processor::bind_this_thread(core)?;
        processor::prefer_this_thread();
        Ok(())
    };
    let instruments = Instruments::start(&ground.lab, &streams, kind.sink(), first)?;
    Ok(Rig { ground, relay, instruments, streams: streams.len() as u64 })
}

/// What is measured.
#[derive(Debug, Clone, Copy)]
struct Place<'a> {
    plan: &'a Plan,
    cores: Cores,
    kind: Kind,
    calls: u32,
}

impl Place<'_> {
    /// Does something with a relay that was started for it.
    fn with_relay<T>(&self, work: impl FnOnce(&mut Rig<'_>) -> Result<T>) -> Result<T> {
        let ground = Ground::new(self.cores)?;
        let relay = Relay::start(self.kind, &ground, self.calls)?;
        let mut rig = rig(self.kind, &ground, &relay)?;
        rig.warm_up()?;
        work(&mut rig)
    }
}

/// All trials of a relay, one after the other.
struct Course<'a, 'rig> {
    place: Place<'a>,
    /// The relay, when it stands for all trials.
    stands: Option<&'a mut Rig<'rig>>,
    dropped: u32,
    disturbed: u32,
}

impl Course<'_, '_> {
    fn go(mut self) -> Result<Figures> {
        let highest = self.highest(RATE_MAX, None)?;
        let in_time = match &highest {
            Some(outcome) if !outcome.is_within(P99_MAX) => self.highest(outcome.rate(), Some(P99_MAX))?,
            Some(_) | None => highest.clone(),
        };
        let (mut at_loads, mut programs, mut functions) = (Vec::new(), Vec::new(), Vec::new());
        if let Some(best) = &in_time {
            for percent in LOADS {
                at_loads.push(self.run(best.rate() * percent / 100, None)?);
            }
            let half = best.rate() / 2;
            programs = programs::watched(|| self.run(half, None).map(|outcome| outcome.made))?;
            functions = self.functions(best.rate())?;
        }
        let Self { dropped, disturbed, .. } = self;
        Ok(Figures { highest, in_time, at_loads, programs, functions, dropped, disturbed })
    }

    /// Where the time of the core goes that edge's programs are on.
    fn functions(&mut self, rate: u64) -> Result<Vec<Share>> {
        let (Kind::Edge, Some(rig)) = (self.place.kind, &mut self.stands) else { return Ok(Vec::new()) };
        let Place { plan, cores, .. } = self.place;
        let file = super::directory()?.join("perf.data");
        profile::sampled(cores.generator, &file, plan.trial, |longer| {
            rig.run_once(Load { rate, duration: plan.trial + longer, p99_max: None }).map(drop)
        })
    }

    /// From below: what a relay does with many times what it can do is of no interest.
    fn highest(&mut self, most: u64, p99_max: Option<Duration>) -> Result<Option<Outcome>> {
        let first = self.place.kind.first_rate().min(most);
        let search = Search { first, least: RATE_MIN, most, precision: PRECISION };
        search.highest(None, |rate| {
            let mut outcome = self.run(rate, p99_max)?;
            // One that went badly may be chance, and two are not; what somebody else has disturbed says nothing.
            let (mut bad, mut tries) = (0, 1);
            while !outcome.is_good() {
                bad += u32::from(!outcome.is_disturbed);
                if bad == 2 {
                    break;
                }
                if tries == TRIES {
                    return Err(NotQuiet { rate }.into());
                }
                outcome = self.run(rate, p99_max)?;
                tries += 1;
            }
            Ok(outcome)
        })
    }

    fn run(&mut self, rate: u64, p99_max: Option<Duration>) -> Result<Outcome> {
        let load = Load { rate, duration: self.place.plan.trial, p99_max };
        let outcome = match &mut self.stands {
            Some(rig) => rig.run(load)?,
            None => self.place.with_relay(|rig| rig.run(load))?,
        };
        self.dropped += outcome.dropped;
        self.disturbed += u32::from(outcome.is_disturbed);
        if self.place.plan.tells_trials {
            println!("  {outcome}");
        }
        Ok(outcome)
    }
}
