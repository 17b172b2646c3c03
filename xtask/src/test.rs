//! `cargo xtask test`: formatting, lints, and every test there is in one run of the test runner.
//!
//! The last line is the total over all test binaries. Without root the privileged tests are left out, and said so.

use std::collections::BTreeSet;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result};
use clap::Args;

use crate::{build, setup, shell, workspace};

/// Privileged tests mostly wait for timers and media, so more of them run than there are cores; not many more,
/// because they demand that no packet is lost.
const TEST_THREADS: &str = "4";

#[derive(Args)]
pub(crate) struct Options {
    /// Run only tests whose name contains this; leaves out formatting and lints
    filter: Option<String>,
}

pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    setup::ensure()?;
    build::ebpf()?;
    let mut clean = true;
    if options.filter.is_none() {
        shell::step("test: formatting");
        clean &= shell::status(cargo().args(["fmt", "--all", "--check"]))?.success();
        shell::step("test: lints");
        let lints = ["clippy", "--locked", "--workspace", "--all-targets", "--", "-D", "warnings"];
        clean &= shell::status(cargo().args(lints))?.success();
    }
    shell::step("test: building edge and the tests");
    // The lab runs the binaries themselves; building the workspace gives them the features that its tests have.
    shell::run(cargo().args(["build", "--locked", "--workspace", "--bins"]))?;
    let mut total = Total::default();
    let finished = shell::observed(&mut tests(options), |line| total.add(line))?;
    if !clean {
        println!("formatting or lints failed, see above");
    }
    total.not_proven.iter().for_each(|why| println!("{NOT_PROVEN}{why}"));
    println!("{} passed, {} failed", total.passed, total.failed);
    let good = clean && finished.success() && total.failed == 0 && total.passed > 0;
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn cargo() -> Command {
    let mut cargo = Command::new("cargo");
    cargo.current_dir(workspace::root());
    cargo
}

fn tests(options: &Options) -> Command {
    let mut cargo = cargo();
    cargo.args(["test", "--locked", "--workspace", "--no-fail-fast"]).env("RUST_TEST_THREADS", TEST_THREADS);
    cargo.arg("--").args(&options.filter);
    if setup::is_root() {
        shell::step("test: every test, privileged ones included");
        cargo.arg("--include-ignored");
    } else {
        shell::step("test: without root, so the tests marked `ignored, needs root` are left out");
    }
    cargo
}

/// How a drill says that this machine cannot have it.
const NOT_PROVEN: &str = "NOT PROVEN HERE: ";

/// Sums of the runner's `test result:` lines, of which there is one a test binary.
#[derive(Default)]
pub(crate) struct Total {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
    /// Why some of those that passed could not show what they are for; each reason once.
    pub(crate) not_proven: BTreeSet<String>,
}

impl Total {
    pub(crate) fn add(&mut self, line: &str) {
        if let Some(why) = line.strip_prefix(NOT_PROVEN) {
            self.not_proven.insert(why.to_owned());
        }
        if let Some(result) = line.strip_prefix("test result: ") {
            self.passed += count(result, "passed").unwrap_or(0);
            // A line we cannot read must not pass for a success.
            self.failed += count(result, "failed").unwrap_or(1);
        }
    }
}

/// The number before `word` in `ok. 3 passed; 0 failed; 1 ignored; ...`.
fn count(result: &str, word: &str) -> Option<u64> {
    let mut words = result.split([' ', ';', '.']).filter(|part| !part.is_empty());
    let mut before = words.next()?;
    for part in words {
        if part == word {
            return before.parse().with_context(|| format!("no number before {word}")).ok();
        }
        before = part;
    }
    None
}

#[cfg(test)]
mod tests;
