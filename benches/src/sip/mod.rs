//! What a call costs, and how many a second there can be: edge beside a proxy, a proxy with a media relay, another B2BUA
//! and nothing at all, at the same work.
//!
//! A call is INVITE, 180, 50 ms of ringing, 200, ACK, BYE, 200, with SDP both ways and without RTP, between two SIPp
//! processes. They share one core, who is measured has another. What a packet costs the kernel before it reaches a
//! process is in nobody's figure. All are up during the whole run, each in a lab of its own; a round gives each its turn, once
//! nobody is busy any more with what the last one left.
//!
//! After the rounds each sets calls up at half of its own highest rate, between two peers that answer at once, and edge at once after
//! it at the same rate; setup times go into histograms. Then calls stand in an edge of their own, and its memory is looked at.

mod load;
mod report;
pub(crate) mod setup;
mod standing;
mod subject;

use std::fs;

use anyhow::{Context, Result};
use edge_tests::{Lab, place};

pub use report::Report;

use load::Load;
use report::Row;
use subject::{Kind, Subject, settle};

use crate::histogram;
use crate::processor::Cores;
use crate::search::Search;

/// The first rate that is tried when nothing is known.
const FIRST_RATE: u64 = 200;
/// The highest rate is known to a part of this.
const PRECISION: u64 = 10;

/// What to measure.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Turns of each subject; medians are reported.
    pub rounds: u32,
    /// Seconds of calls in each measurement.
    pub seconds: u32,
    /// Calls a second at which the cost of a call is measured.
    pub rate: u32,
    /// No rate above this is tried: SIPp's own limit is a little higher.
    pub rate_max: u32,
    /// Calls that are to stand while edge's memory is looked at.
    pub standing: Vec<u32>,
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
            let load = |rate| {
                settle(&subjects)?;
                Load { rate, seconds: plan.seconds }.run(subject, cores)
            };
            // Caches, pools and interpreters are filled by calls that nobody counts.
            load(plan.rate)?;
            row.steady.push(load(plan.rate)?);
            let search =
                Search { first: FIRST_RATE, least: 1, most: plan.rate_max.into(), precision: PRECISION };
            let highest = search.highest(row.highest.last().map(|best| best.rate.into()), |rate| {
                load(u32::try_from(rate)?)
            })?;
            row.highest.extend(highest);
        }
    }
    let directory = place::target().join("bench/sip");
    fs::create_dir_all(&directory)?;
    let edge = subjects.iter().find(|subject| subject.kind == Kind::Edge).context("edge is not up")?;
    let mut first = 0;
    let mut setup = |subject: &Subject<'_>, rate, file: &str| {
        settle(&subjects)?;
        let setup = setup::measure(subject, cores, first, (rate, plan.seconds))?;
        first += rate * plan.seconds;
        histogram::write(&directory, &format!("setup-{file}"), &setup.took)?;
        anyhow::Ok(setup)
    };
    for (subject, row) in subjects.iter().zip(&mut rows) {
        let Some(highest) = row.highest_rate() else { continue };
        println!("setup: {}", subject.kind.name());
        let (rate, file) = ((highest / 2).max(1), subject.kind.file_name());
        row.setup = Some(setup(subject, rate, file)?);
        if subject.kind.is_peer() {
            row.edge_setup = Some(setup(edge, rate, &format!("edge-beside-{file}"))?);
        }
    }
    drop(subjects);
    let stand = |calls: &u32| {
        println!("standing: {calls} calls");
        standing::measure(*calls)
    };
    let standing = plan.standing.iter().map(stand).collect::<Result<Vec<_>>>()?;
    Ok(Report { plan: plan.clone(), rows, standing, missing })
}
