//! The shield bench: what a flood of strangers costs the calls of a trunk, with the shield and without.
//!
//! Two peers place calls through edge at a steady rate, each of which ends as soon as it is answered; a flood of INVITEs from a hundred thousand
//! sources comes beside them at a rate of its own, in live frames. The flood is made on a core of its own, where the kernel
//! also takes it in; edge and the peers have the other one. To make a flood, and to have it come in at all, costs the machine
//! something that no shield can save: so the same flood goes, in a trial of its own, to a program that drops everything, on another
//! link. What edge adds is the ratio to that.

mod report;
mod trial;

use anyhow::{Context, Result};
use edge_tests::flood::Target;
use edge_tests::{EdgeConfig, EdgeProcess, Lab};

pub use report::Report;

use crate::processor::{self, Cores};
use report::Row;
use trial::Trial;

/// What to measure.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// Turns of each trial; medians are reported.
    pub rounds: u32,
    /// Seconds of calls in each.
    pub seconds: u32,
    /// Calls a second.
    pub rate: u32,
    /// Packets of the flood in a second.
    pub flood_rate: u64,
}

/// The shield's mode, and where the flood goes.
const TRIALS: [(&str, Option<Target>); 4] =
    [("on", None), ("on", Some(Target::BareDrop)), ("on", Some(Target::Edge)), ("off", Some(Target::Edge))];

/// Measures all of them, in turns.
///
/// # Errors
/// When the machine has one core only, a lab cannot be made, or a call cannot be placed at all.
pub fn run(plan: &Plan) -> Result<Report> {
    let cores = Cores::of_this_process()?;
    processor::bind_this_thread(cores.subject)?;
    let mut rows: Vec<Row> = TRIALS.map(|(mode, flood)| Row::new(mode, flood)).into();
    for round in 1..=plan.rounds {
        for (row, (mode, flood)) in rows.iter_mut().zip(TRIALS) {
            println!("round {round} of {}: {}", plan.rounds, row.name());
            let lab = Lab::new()?;
            let config = EdgeConfig::default().shards(1).section(&format!("[shield]\nmode = \"{mode}\""));
            let edge = EdgeProcess::start(&lab, &config)?;
            processor::bind(edge.id(), cores.subject)?;
            let trial = Trial { lab: &lab, edge: &edge, plan, cores };
            // Caches are filled, and neighbours found, by calls that nobody counts.
            trial.run(None, 0, 1).context("calls without a flood")?;
            row.outcomes.push(trial.run(flood, plan.rate, plan.seconds)?);
            edge.stop()?;
        }
    }
    Ok(Report { plan: *plan, rows })
}
