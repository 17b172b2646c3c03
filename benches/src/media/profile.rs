//! Where the time of a core goes, by function of the kernel and XDP program: sampled by perf, where it is installed.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use edge_tests::peers::installed;

/// Samples a second: odd, so that nothing periodic is met at each of its turns.
const FREQUENCY: &str = "1999";
/// Functions with less than this part of the time are not told.
const PERCENT_LEAST: f64 = 1.0;

/// A function and its percentage of the samples.
pub(super) type Share = (String, f64);

/// What perf takes at most until it begins.
const BEGINS_AFTER: Duration = Duration::from_secs(3);

/// Samples `core` for so long while something runs on it, which lasts longer by the time that it is given, and tells the
/// functions with the largest shares first; nothing when perf is missing.
pub(super) fn sampled(
    core: usize,
    file: &Path,
    lasts: Duration,
    run: impl FnOnce(Duration) -> Result<()>,
) -> Result<Vec<Share>> {
    let Ok(perf) = installed("perf", "linux-perf") else { return Ok(Vec::new()) };
    // perf would keep it beside the new one.
    let _ = std::fs::remove_file(file);
    let recording = record(&perf, core, file, lasts)?;
    run(BEGINS_AFTER)?;
    let output = recording.wait_with_output()?;
    ensure!(output.status.success(), "perf record: {}", String::from_utf8_lossy(&output.stderr));
    let mut report = Command::new(perf);
    report.args(["report", "--stdio", "--quiet", "--no-children", "--sort", "symbol", "--input"]).arg(file);
    let output = report.stdin(Stdio::null()).output().context("perf report")?;
    let _ = std::fs::remove_file(file);
    Ok(shares(&String::from_utf8_lossy(&output.stdout)))
}

fn record(perf: &Path, core: usize, file: &Path, lasts: Duration) -> Result<Child> {
    let mut command = Command::new(perf);
    command.args([
        "record",
        "--quiet",
        "--event",
        "cpu-clock",
        "--freq",
        FREQUENCY,
        "--cpu",
        &core.to_string(),
    ]);
    command.arg("--output").arg(file).args(["--", "sleep", &lasts.as_secs_f64().to_string()]);
    let command = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    command.spawn().context("perf record")
}

/// Lines like `12.34%  [k] veth_xdp_rcv`.
fn shares(report: &str) -> Vec<Share> {
    let share = |line: &str| {
        let (percent, symbol) = line.trim().split_once('%')?;
        let symbol = symbol.split(']').nth(1)?.split_whitespace().next()?;
        let percent: f64 = percent.trim().parse().ok()?;
        (percent >= PERCENT_LEAST).then(|| (symbol.to_owned(), percent))
    };
    report.lines().filter_map(share).collect()
}

#[cfg(test)]
mod tests {
    //! What perf writes.

    use super::shares;

    #[test]
    fn shares_are_read_and_small_ones_are_left_out() {
        let report = "\n    31.25%  [k] bpf_prog_0123456789abcdef_edge_media  -      -\n     7.50%  [k] veth_xdp_rcv\n     0.31%  [k] kfree\n";
        let expected =
            [("bpf_prog_0123456789abcdef_edge_media".to_owned(), 31.25), ("veth_xdp_rcv".to_owned(), 7.5)];
        assert_eq!(shares(report), expected);
    }
}
