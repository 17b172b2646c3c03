//! The CDRs that edge wrote of the demo's calls, kept under `target/demo`.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};

use edge_tests::edge::{cdr_directory, cdrs};
use edge_tests::process::wait_until;
use edge_tests::{Cdr, Lab, place};

/// edge writes a CDR when a call is over, a moment after the BYE was answered.
const PATIENCE: Duration = Duration::from_secs(5);

/// CDRs, and where they lie now.
pub(crate) struct Records {
    /// One object a call.
    pub(crate) cdrs: Vec<Cdr>,
    /// The directory.
    pub(crate) path: PathBuf,
}

/// Waits for the CDRs of all calls and copies them to where they survive the lab.
pub(crate) fn collect(lab: &Lab, calls: u64) -> Result<Records> {
    wait_until(PATIENCE, || cdrs(lab).ok().filter(|records| records.len() as u64 >= calls));
    let cdrs = cdrs(lab)?;
    let path = place::target().join("demo/cdr");
    let _ = fs::remove_dir_all(&path);
    fs::create_dir_all(&path).with_context(|| format!("cannot make {}", path.display()))?;
    for entry in fs::read_dir(cdr_directory(lab)).context("edge has written no CDR")? {
        let entry = entry?;
        fs::copy(entry.path(), path.join(entry.file_name()))?;
    }
    Ok(Records { cdrs, path })
}
