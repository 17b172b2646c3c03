//! The datapath bench: nanoseconds per packet by number of flows, for the product's tables and for a hash map.

mod measure;
mod object;
mod report;

use std::path::Path;

use anyhow::Result;

pub use measure::Plan;
pub use report::{Report, Row};

/// Runs the programs of the object at `object` as `plan` says.
///
/// # Errors
/// When the object cannot be loaded, or a program does not relay.
pub fn run(object: &Path, plan: &Plan) -> Result<Report> {
    let mut programs = object::Programs::load(object)?;
    let samples = measure::measure(&mut programs, plan)?;
    Ok(Report::new(&samples))
}
