//! One load of calls, beside a flood or not.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use edge_tests::drill::number;
use edge_tests::edge::Counters;
use edge_tests::flood::Flood;
use edge_tests::process::wait_until;
use edge_tests::sipp::Scenario;
use edge_tests::{EdgeProcess, Lab, Side, Sipp};

use super::Plan;

/// Longer than a call that waits for nobody.
const PATIENCE: Duration = Duration::from_secs(10);

macro_rules! scenario {
    ($name:literal) => {
        Scenario { name: $name, xml: include_str!(concat!("../../scenarios/", $name, ".xml")) }
    };
}

/// What is measured, and where.
pub(super) struct Trial<'a> {
    pub(super) lab: &'a Lab,
    pub(super) edge: &'a EdgeProcess<'a>,
    pub(super) plan: &'a Plan,
}

/// What came of it.
#[derive(Debug, Clone, Default)]
pub(super) struct Outcome {
    pub(super) calls: u64,
    /// Calls that did not go from INVITE to the answered BYE.
    pub(super) failed: u64,
    pub(super) retransmitted: u64,
    pub(super) calls_a_second: f64,
    /// From INVITE to 200 at the caller, each call's, rising.
    pub(super) setup_ms: Vec<f64>,
    /// Frames of the flood that reached the shield, a second.
    pub(super) flood_a_second: f64,
}

impl Trial<'_> {
    pub(super) fn run(&self, flooded: bool, seconds: u32) -> Result<Outcome> {
        let pause = Duration::from_millis(self.plan.pause_ms.into());
        let calls = self.plan.rate * seconds;
        let many = |sipp: Sipp| sipp.calls(calls).rate(f64::from(self.plan.rate)).untraced();
        let called = many(Sipp::called(Side::Pbx, scenario!("rings-and-answers"))).start(self.lab)?;
        let caller =
            Sipp::caller(Side::Carrier, scenario!("calls-and-hangs-up")).number(number(Side::Carrier));
        let flood = if flooded { Some(Flood::start(self.lab, Side::Carrier, pause)?) } else { None };
        let (before, began) = (strange(&self.edge.counters()?), now());
        let mut caller = many(caller).timed().start(self.lab)?;
        let enough = Duration::from_secs(u64::from(seconds) * 2) + PATIENCE;
        wait_until(enough, || match caller.is_running() {
            Ok(true) => None,
            Ok(false) | Err(_) => Some(()),
        });
        let (seen, lasted) = (strange(&self.edge.counters()?) - before, now().duration_since(began));
        if let Some(flood) = flood {
            flood.stop()?;
        }
        let statistics = caller.statistics().context("SIPp has no statistics")?;
        let answering = called.statistics().unwrap_or_default();
        Ok(Outcome {
            calls: statistics.succeeded,
            failed: u64::from(calls) - statistics.succeeded,
            retransmitted: statistics.retransmitted + answering.retransmitted,
            calls_a_second: statistics.calls_a_second,
            setup_ms: caller.response_ms()?,
            flood_a_second: seen as f64 / lasted.as_secs_f64(),
        })
    }
}

/// Packets for SIP that are no trunk's.
fn strange(counters: &Counters) -> u64 {
    let all = counters.shield.pass.iter().chain(&counters.shield.drop);
    all.filter(|(reason, _)| *reason != "trusted").map(|(_, packets)| packets).sum()
}

#[expect(clippy::disallowed_methods, reason = "a bench measures real time")]
fn now() -> Instant {
    Instant::now()
}
