//! What a packet of media costs, and how many a second there can be: edge beside the bare XDP redirect, which is the limit,
//! and beside other relays, at the same work.
//!
//! The work: calls of G.711, 20 ms a packet, both directions, from a carrier to a PBX and back, with sequence number,
//! timestamp and SSRC as RTP has them. A generator of our own makes the packets in the kernel; a sink of our own counts those
//! that arrive as they should, and when. Found by bisection is the highest rate with at most 0.1 % of loss, and with a bound
//! on latency beside it. Each relay has a lab of its own, one after the other.

mod ground;
mod measure;
mod picture;
mod profile;
mod programs;
mod report;
mod subject;
mod trial;

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use edge_tests::place;

pub use report::Report;
pub use subject::{Kind, relay};

use crate::histogram;
use crate::processor::{self, Cores};
use measure::{Figures, LOADS, NotQuiet};
use picture::{Line, Panel};
use report::{Group, Row};

/// What to measure.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Turns of each relay; medians are reported.
    pub rounds: u32,
    /// Numbers of calls.
    pub flows: Vec<u32>,
    /// Relays.
    pub kinds: Vec<Kind>,
    /// How long packets are sent in each trial.
    pub trial: Duration,
    /// Tell of each trial as it ends.
    pub tells_trials: bool,
}

/// Measures every relay that can be, and leaves files of latencies and a picture of them.
///
/// # Errors
/// When the machine has one core only, when a relay that should run does not, or when files cannot be written.
pub fn run(plan: &Plan) -> Result<Report> {
    let cores = Cores::of_this_process()?;
    processor::descriptors()?;
    // Files of an earlier run would be taken for this one's.
    let _ = fs::remove_dir_all(directory()?);
    let mut groups: Vec<Group> = plan.flows.iter().map(|calls| Group::new(*calls, &plan.kinds)).collect();
    for round in 1..=plan.rounds {
        for group in &mut groups {
            group.alone.push(measure::alone(plan, cores, group.calls)?);
            for row in &mut group.rows {
                measure_one(plan, cores, group.calls, round, row)?;
            }
        }
    }
    let report = Report { plan: plan.clone(), cores, groups, files: directory()? };
    draw(&report)?;
    Ok(report)
}

fn measure_one(plan: &Plan, cores: Cores, calls: u32, round: u32, row: &mut Row) -> Result<()> {
    if let Some(what) = row.kind.missing(calls) {
        row.gap = Some(what);
        return Ok(());
    }
    println!("round {round} of {}: {calls} calls, {}", plan.rounds, row.kind.name());
    match measure::figures(plan, cores, row.kind, calls) {
        Ok(figures) => row.figures.push(figures),
        // Without edge there is nothing to compare, which may be the machine's fault this once; any other is a gap.
        Err(error) if row.kind == Kind::Edge && !error.is::<NotQuiet>() => {
            return Err(error.context(format!("{calls} calls")));
        }
        Err(error) => row.gap = Some(format!("{error:#}").lines().collect::<Vec<_>>().join(" ")),
    }
    Ok(())
}

/// Where files go.
fn directory() -> Result<PathBuf> {
    let directory = place::target().join("bench/media");
    fs::create_dir_all(&directory).with_context(|| format!("cannot make {}", directory.display()))?;
    Ok(directory)
}

/// A file for each relay and load, and a picture for each number of calls.
fn draw(report: &Report) -> Result<()> {
    for group in &report.groups {
        let mut panels: Vec<Panel<'_>> = Vec::new();
        for (index, percent) in LOADS.into_iter().enumerate() {
            let title = format!("at {percent} % of each relay's highest rate");
            let mut panel = Panel { title, lines: Vec::new() };
            for row in &group.rows {
                let Some(latency) = row.latency(index) else { continue };
                let name = format!("{}-calls-{}-{percent}", group.calls, row.kind.file_name());
                histogram::write(&report.files, &name, &latency)?;
                panel.lines.push(Line { name: row.kind.name(), points: histogram::points(&latency) });
            }
            panels.push(panel);
        }
        let title = format!("Generator to sink, {} calls of G.711", group.calls);
        let file = report.files.join(format!("{}-calls.svg", group.calls));
        fs::write(&file, picture::svg(&title, &panels))?;
    }
    Ok(())
}
