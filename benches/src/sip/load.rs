//! Calls at a rate between two SIPp processes, and what they cost who is between.

use std::net::SocketAddrV4;
use std::time::Duration;

use anyhow::{Context, Result};
use edge_tests::drill::number;
use edge_tests::process::wait_until;
use edge_tests::sipp::{SIP_PORT, Scenario, Statistics};
use edge_tests::{Side, Sipp};

use super::subject::Subject;
use crate::processor::{self, Cores};
use crate::search::Tried;

/// SIPp is slower than it should be when it comes below this part of the rate; less is the error of its own figure.
const RATE_REACHED: f64 = 0.9;
/// Calls that may be up at once, in seconds of the rate: ten times what they last.
const UP_AT_ONCE_S: u32 = 1;
/// Longer than a call that waits for nobody.
const PATIENCE: Duration = Duration::from_secs(5);

macro_rules! scenario {
    ($name:literal) => {
        Scenario { name: $name, xml: include_str!(concat!("../../scenarios/", $name, ".xml")) }
    };
}

/// Calls a second, for how long.
#[derive(Debug, Clone, Copy)]
pub(super) struct Load {
    pub(super) rate: u32,
    pub(super) seconds: u32,
}

/// What came of a load.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Outcome {
    /// Calls a second that were asked for.
    pub(super) rate: u32,
    pub(super) calls: u64,
    /// Calls that did not go from INVITE to the answered BYE, or that were never placed.
    pub(super) failed: u64,
    /// Messages that either SIPp sent twice.
    pub(super) retransmitted: u64,
    /// SIPp could not place the calls as fast as asked for.
    pub(super) slow: bool,
    /// Milliseconds of processor a call.
    pub(super) cpu_ms: f64,
}

impl Tried for Outcome {
    fn rate(&self) -> u64 {
        self.rate.into()
    }

    fn is_good(&self) -> bool {
        self.failed == 0 && self.retransmitted == 0 && !self.slow
    }
}

impl Load {
    /// Places the calls through `subject`. One that is in difficulties is not waited for.
    pub(super) fn run(self, subject: &Subject<'_>, cores: Cores) -> Result<Outcome> {
        let Self { rate, seconds } = self;
        let calls = rate * seconds;
        let many =
            |sipp: Sipp| sipp.calls(calls).rate(f64::from(rate)).at_once(rate * UP_AT_ONCE_S).untraced();
        let called = many(Sipp::called(Side::Pbx, scenario!("rings-and-answers"))).start(subject.lab)?;
        let caller =
            Sipp::caller(Side::Carrier, scenario!("calls-and-hangs-up")).number(number(Side::Carrier));
        let before = subject.spent()?;
        let mut caller =
            many(caller.towards(SocketAddrV4::new(subject.address(), SIP_PORT))).start(subject.lab)?;
        for sipp in [&called, &caller] {
            processor::bind(sipp.id(), cores.generator)?;
        }
        let worse = |statistics: &Statistics| statistics.failed > 0 || statistics.retransmitted > 0;
        let enough = Duration::from_secs(u64::from(seconds) * 2) + PATIENCE;
        wait_until(enough, || match caller.is_running() {
            Ok(true) => caller.statistics().ok().filter(worse).map(drop),
            Ok(false) | Err(_) => Some(()),
        });
        let spent = subject.spent()? - before;
        let statistics = caller.statistics().context("SIPp has no statistics")?;
        let answering = called.statistics().unwrap_or_default();
        let calls_placed = statistics.succeeded.max(1);
        Ok(Outcome {
            rate,
            calls: statistics.succeeded,
            failed: u64::from(calls) - statistics.succeeded,
            retransmitted: statistics.retransmitted + answering.retransmitted,
            slow: statistics.calls_a_second < RATE_REACHED * f64::from(rate),
            cpu_ms: spent.as_secs_f64() * 1000.0 / calls_placed as f64,
        })
    }
}
