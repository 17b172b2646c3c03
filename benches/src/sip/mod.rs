//! What a call costs, and how many a second there can be: edge beside a proxy, a proxy with a media relay, another B2BUA
//! and nothing at all, at the same work.
//!
//! A call is INVITE, 180, 50 ms of ringing, 200, ACK, BYE, 200, with SDP both ways and without RTP, between two SIPp
//! processes. They share one core, who is measured has another. What a packet costs the kernel before it reaches a
//! process is in nobody's figure. All are up during the whole run, each in a lab of its own; a round gives each its turn.

mod load;
mod report;
mod subject;

use anyhow::{Context, Result};
use edge_tests::Lab;

pub use report::Report;

use load::Load;
use report::Row;
use subject::{Kind, Subject};

use crate::processor::Cores;
use crate::search::Search;

/// The first rate that is tried when nothing is known.
const FIRST_RATE: u64 = 200;
/// The highest rate is known to a part of this.
const PRECISION: u64 = 10;

/// What to measure.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// Turns of each subject; medians are reported.
    pub rounds: u32,
    /// Seconds of calls in each measurement.
    pub seconds: u32,
    /// Calls a second at which the cost of a call is measured.
    pub rate: u32,
    /// No rate above this is tried: SIPp's own limit is a little higher.
    pub rate_max: u32,
}

/// Measures everything that is installed.
///
/// # Errors
/// When the machine has one core only, or when a subject that is installed does not start or fails calls at `plan.rate`.
pub fn run(plan: &Plan) -> Result<Report> {
    let cores = Cores::of_this_process()?;
    let (mut labs, mut missing) = (Vec::new(), Vec::new());
    for kind in Kind::ALL {
        match kind.missing() {
            Some(what) => missing.push((kind.name(), what)),
            None => labs.push((kind, Lab::new()?)),
        }
    }
    let mut subjects = Vec::new();
    for (kind, lab) in &labs {
        subjects.push(Subject::start(*kind, lab, cores).with_context(|| kind.name())?);
    }
    let mut rows: Vec<Row> = subjects.iter().map(|subject| Row::new(subject.kind.name())).collect();
    for round in 1..=plan.rounds {
        for (subject, row) in subjects.iter().zip(&mut rows) {
            println!("round {round} of {}: {}", plan.rounds, subject.kind.name());
            let load = Load { rate: plan.rate, seconds: plan.seconds };
            // Caches, pools and interpreters are filled by calls that nobody counts.
            load.run(subject, cores)?;
            row.steady.push(load.run(subject, cores)?);
            let search =
                Search { first: FIRST_RATE, least: 1, most: plan.rate_max.into(), precision: PRECISION };
            let highest = search.highest(row.highest.last().map(|best| best.rate.into()), |rate| {
                Load { rate: u32::try_from(rate)?, seconds: plan.seconds }.run(subject, cores)
            })?;
            row.highest.extend(highest);
        }
    }
    Ok(Report { plan: *plan, rows, missing })
}
