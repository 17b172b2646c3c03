//! What came of it: a table of programs and of drills for each kernel.

use std::fmt::{self, Display, Formatter};
use std::fs;
use std::path::Path;

use super::debian::Kernel;
use super::plan::{Expected, Line, Plan};
use crate::test::Total;

/// All kernels that were booted.
#[derive(Default)]
pub(super) struct Report {
    kernels: Vec<Examined>,
}

struct Examined {
    kernel: String,
    /// What the verifier said, as it said it.
    programs: String,
    lines: Vec<Outcome>,
}

struct Outcome {
    name: String,
    passed: u64,
    failed: u64,
    /// Where to read more, when it failed.
    details: Option<String>,
}

impl Report {
    /// Reads what a machine has left in `results`. A line that was not come to has failed.
    pub(super) fn read(&mut self, kernel: &Kernel, release: &str, plan: &Plan, results: &Path) {
        let programs = fs::read_to_string(results.join("verify.txt")).unwrap_or_default();
        self.kernels.push(Examined {
            kernel: format!("Linux {release} ({})", kernel.of),
            programs: programs.lines().filter(|line| is_row(line)).map(|line| format!("{line}\n")).collect(),
            lines: plan.lines.iter().map(|line| outcome(line, results)).collect(),
        });
    }

    /// Whether all went well, everywhere.
    pub(super) fn is_clean(&self) -> bool {
        let clean = |kernel: &Examined| kernel.lines.iter().all(|line| line.failed == 0 && line.passed > 0);
        !self.kernels.is_empty() && self.kernels.iter().all(clean)
    }
}

/// Whether a line is of the table, and not of the verifier's log of what it refuses.
fn is_row(line: &str) -> bool {
    ["object ", "edge-xdp.o ", "edge-xdp-bench.o "].iter().any(|start| line.starts_with(start))
}

fn outcome(line: &Line, results: &Path) -> Outcome {
    let file = results.join(format!("{}.txt", line.name));
    let said = fs::read_to_string(&file).unwrap_or_default();
    let code = fs::read_to_string(results.join(format!("{}.exit", line.name))).unwrap_or_default();
    let (passed, failed) = judge(&line.expected, &said, code.trim());
    let details = (failed > 0 || passed == 0).then(|| file.display().to_string());
    Outcome { name: line.name.clone(), passed, failed, details }
}

/// How many things went well, and how many did not. No code: it did not end.
fn judge(expected: &Expected, said: &str, code: &str) -> (u64, u64) {
    let good = match expected {
        Expected::Drills => {
            let mut total = Total::default();
            said.lines().for_each(|line| total.add(line));
            // Drills that were broken off have no sum.
            let broken_off = u64::from(code != "0" && total.failed == 0);
            return (total.passed, total.failed + broken_off + total.not_proven.len() as u64);
        }
        Expected::Success => code == "0",
        Expected::Refusal(words) => !matches!(code, "" | "0") && said.contains(words),
    };
    (u64::from(good), u64::from(!good))
}

impl Display for Report {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.kernels.iter().try_for_each(|kernel| kernel.fmt(f))
    }
}

impl Display for Examined {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "\n{}\n{}", self.kernel, self.programs)?;
        writeln!(f, "{:<28} {:>6} {:>6}", "drills", "passed", "failed")?;
        for Outcome { name, passed, failed, details } in &self.lines {
            let details = details.as_deref().unwrap_or_default();
            writeln!(f, "{}", format!("{name:<28} {passed:>6} {failed:>6}   {details}").trim_end())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
