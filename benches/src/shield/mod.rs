//! The shield bench: what a flood of strangers costs the calls of a trunk, with the shield and without.
//!
//! Two SIPp processes place calls through edge at a steady rate, INVITE to BYE; a flood of INVITEs from a hundred thousand
//! sources comes to the same port as fast as the machine makes it, in live frames. All of it shares the machine's cores: the
//! flood's own work is in every figure with a flood, shielded or not.

mod report;
mod trial;

use anyhow::{Context, Result};
use edge_tests::{EdgeConfig, EdgeProcess, Lab};

pub use report::Report;

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
    /// Milliseconds that the flood rests after each 200,000 frames.
    pub pause_ms: u32,
}

/// The shield's mode, and whether there is a flood.
const TRIALS: [(&str, bool); 4] = [("on", false), ("off", false), ("on", true), ("off", true)];

/// Measures all of them, in turns.
///
/// # Errors
/// When a lab cannot be made, or a call cannot be placed at all.
pub fn run(plan: &Plan) -> Result<Report> {
    let mut rows: Vec<Row> = TRIALS.map(|(mode, flooded)| Row::new(mode, flooded)).into();
    for round in 1..=plan.rounds {
        for (row, (mode, flooded)) in rows.iter_mut().zip(TRIALS) {
            println!("round {round} of {}: {}", plan.rounds, row.name());
            let lab = Lab::new()?;
            let edge = EdgeProcess::start(
                &lab,
                &EdgeConfig::default().section(&format!("[shield]\nmode = \"{mode}\"")),
            )?;
            let trial = Trial { lab: &lab, edge: &edge, plan };
            // Caches are filled, and neighbours found, by calls that nobody counts.
            trial.run(false, 1).context("calls without a flood")?;
            row.outcomes.push(trial.run(flooded, plan.seconds)?);
            edge.stop()?;
        }
    }
    Ok(Report { plan: *plan, rows })
}
