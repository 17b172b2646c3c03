//! The four SIPp processes: a caller and a called party on each side.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use edge_tests::sipp::{RunningSipp, Statistics};
use edge_tests::{Lab, Side, Sipp, Witness, scenario};

/// What to place.
#[derive(Clone, Copy)]
pub(crate) struct Load {
    /// Calls of both directions.
    pub(crate) calls: u32,
    /// Calls a second of both directions.
    pub(crate) rate: u32,
    /// Seconds of RTP in each direction of a call.
    pub(crate) seconds: u32,
}

/// What came of it, as the callers count.
#[derive(Clone, Copy)]
pub(crate) struct Calls {
    /// Calls that were to be placed.
    pub(crate) attempted: u64,
    /// Calls that went from INVITE to the answered BYE.
    pub(crate) succeeded: u64,
}

/// Beyond what the load itself takes: a call that fails may wait half a minute for SIP's timers.
const PATIENCE: Duration = Duration::from_secs(45);
const PROGRESS_PERIOD: Duration = Duration::from_secs(1);
const POLL_PERIOD: Duration = Duration::from_millis(50);
const CALLED_PATIENCE: Duration = Duration::from_secs(5);

impl Load {
    /// Places all calls and waits for their end, showing progress.
    pub(crate) fn run(self, lab: &Lab, witness: &Witness) -> Result<Calls> {
        let mut called = Vec::new();
        let mut callers = Vec::new();
        for (side, number, calls) in self.directions() {
            if calls > 0 {
                called.push(self.share(Sipp::called(side.other(), scenario!("answers")), calls).start(lab)?);
                let caller = Sipp::caller(side, scenario!("caller-hangs-up")).number(number);
                callers.push(self.share(caller, calls).start(lab)?);
            }
        }
        self.watch(&mut callers, witness)?;
        let mut succeeded = 0;
        for caller in callers {
            succeeded += caller.wait(CALLED_PATIENCE)?.succeeded;
        }
        for party in called {
            // A failed call is the callers' to tell; here only the process has to end.
            drop(party.wait(CALLED_PATIENCE));
        }
        Ok(Calls { attempted: u64::from(self.calls), succeeded })
    }

    /// Who calls, which number, how often.
    fn directions(self) -> [(Side, &'static str, u32); 2] {
        let outbound = self.calls / 2;
        [(Side::Carrier, "+442071838750", self.calls - outbound), (Side::Pbx, "+33142685300", outbound)]
    }

    fn share(self, sipp: Sipp, calls: u32) -> Sipp {
        let rate = f64::from(self.rate) * f64::from(calls) / f64::from(self.calls);
        sipp.calls(calls).rate(rate).seconds(self.seconds)
    }

    fn watch(self, callers: &mut [RunningSipp], witness: &Witness) -> Result<()> {
        let started = Instant::now();
        let own_time = Duration::from_secs(u64::from(self.calls.div_ceil(self.rate) + self.seconds));
        let mut shown = started;
        loop {
            let mut running = false;
            for caller in callers.iter_mut() {
                running |= caller.is_running()?;
            }
            if !running || shown.elapsed() >= PROGRESS_PERIOD {
                shown = Instant::now();
                self.show(started.elapsed(), callers, witness);
            }
            if !running {
                return Ok(());
            }
            ensure!(started.elapsed() < own_time + PATIENCE, "the calls do not end");
            thread::sleep(POLL_PERIOD);
        }
    }

    fn show(self, elapsed: Duration, callers: &[RunningSipp], witness: &Witness) {
        let statistics: Vec<Statistics> =
            callers.iter().filter_map(|caller| caller.statistics().ok()).collect();
        let sum = |of: fn(&Statistics) -> u64| statistics.iter().map(of).sum::<u64>();
        let packets = witness.progress();
        println!(
            "{:>5.1} s  calls: {} of {} placed, {} up, {} done, {} failed   RTP: {} sent, {} arrived",
            elapsed.as_secs_f32(),
            sum(|s| s.attempted),
            self.calls,
            sum(|s| s.current),
            sum(|s| s.succeeded),
            sum(|s| s.failed),
            packets.departed,
            packets.arrived,
        );
    }
}
