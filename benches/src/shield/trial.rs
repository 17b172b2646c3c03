//! One load of calls, beside a flood or not.

use anyhow::Result;
use edge_tests::edge::Counters;
use edge_tests::flood::{Flood, Target};
use edge_tests::sipp::SIP_PORT;
use edge_tests::{EdgeProcess, Lab, RawPeer, Side};
use hdrhistogram::Histogram;

use super::Plan;
use crate::clock::{self, Ticks};
use crate::processor::{self, Cores};
use crate::sip::setup;

/// What is measured, and where.
pub(super) struct Trial<'a> {
    pub(super) lab: &'a Lab,
    pub(super) edge: &'a EdgeProcess<'a>,
    pub(super) plan: &'a Plan,
    pub(super) cores: Cores,
}

/// What came of it.
#[derive(Debug, Clone)]
pub(super) struct Outcome {
    /// Calls that were asked for, and those that were refused or never answered.
    pub(super) calls: u64,
    pub(super) lost: u64,
    /// From INVITE to 200 at the caller, in nanoseconds.
    pub(super) took: Histogram<u64>,
    /// Frames of the flood that were made, and those that reached the shield, a second.
    pub(super) made_a_second: f64,
    pub(super) flood_a_second: f64,
    /// Seconds that it lasted.
    pub(super) lasted: f64,
    /// The part of the machine's time that the hypervisor took.
    pub(super) stolen: f64,
}

impl Outcome {
    pub(super) fn calls_a_second(&self) -> f64 {
        (self.calls - self.lost) as f64 / self.lasted
    }
}

impl Trial<'_> {
    /// Places calls for so long, from this number on.
    pub(super) fn run(&self, flooded: Option<Target>, first: u32, seconds: u32) -> Result<Outcome> {
        let rate = self.plan.rate;
        let peer = |side| RawPeer::bind(self.lab, side, SIP_PORT);
        let peers = (peer(Side::Carrier)?, peer(Side::Pbx)?);
        let core = self.cores.generator;
        let start = |target| {
            let bind = move || processor::bind_this_thread(core);
            Flood::start(self.lab, Side::Carrier, target, self.plan.flood_rate, bind)
        };
        let flood = flooded.map(start).transpose()?;
        let made = || flood.as_ref().map_or(Ok(0), Flood::made);
        let (seen, ticks, began, made_before) = (self.strange()?, Ticks::now()?, clock::now(), made()?);
        let setup = setup::between(peers, first, rate, seconds)?;
        let lasted = clock::now().duration_since(began).as_secs_f64();
        let (seen, made) = (self.strange()? - seen, made()? - made_before);
        let (stolen, _) = Ticks::now()?.stolen_since(ticks);
        Ok(Outcome {
            calls: u64::from(rate) * u64::from(seconds),
            lost: setup.lost,
            took: setup.took,
            made_a_second: made as f64 / lasted,
            flood_a_second: seen as f64 / lasted,
            lasted,
            stolen,
        })
    }

    /// Packets for SIP that are no trunk's.
    fn strange(&self) -> Result<u64> {
        let Counters { shield, .. } = self.edge.counters()?;
        let all = shield.pass.iter().chain(&shield.drop);
        Ok(all.filter(|(reason, _)| *reason != "trusted").map(|(_, packets)| packets).sum())
    }
}
