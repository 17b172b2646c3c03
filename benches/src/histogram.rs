//! Latencies as files that HDR histogram plotters read.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use hdrhistogram::Histogram;

/// Lines of the file for each halving of what is above a percentile.
const TICKS_PER_HALF: u32 = 5;
const NS_PER_US: f64 = 1000.0;

/// A percentile between 0 and 1, and its latency in microseconds.
pub(crate) type Point = (f64, f64);

/// The points of a curve, by rising percentile.
pub(crate) fn points(latency: &Histogram<u64>) -> Vec<Point> {
    let steps = latency.iter_quantiles(TICKS_PER_HALF);
    steps.map(|step| (step.quantile_iterated_to(), micros(step.value_iterated_to()))).collect()
}

pub(crate) fn micros(ns: u64) -> f64 {
    ns as f64 / NS_PER_US
}

/// Writes the percentile distribution, in microseconds, as HdrHistogram's own `outputPercentileDistribution` does.
pub(crate) fn write(directory: &Path, name: &str, latency: &Histogram<u64>) -> Result<PathBuf> {
    let mut text =
        format!("{:>12} {:>14} {:>10} {:>14}\n\n", "Value", "Percentile", "TotalCount", "1/(1-Percentile)");
    for step in latency.iter_quantiles(TICKS_PER_HALF) {
        let (quantile, value) = (step.quantile_iterated_to(), micros(step.value_iterated_to()));
        let count = latency.count_between(0, step.value_iterated_to());
        let _ = write!(text, "{value:>12.3} {quantile:>2.12} {count:>10}");
        let _ =
            if quantile < 1.0 { writeln!(text, " {:>14.2}", 1.0 / (1.0 - quantile)) } else { writeln!(text) };
    }
    let (mean, deviation) = (latency.mean() / NS_PER_US, latency.stdev() / NS_PER_US);
    let _ = writeln!(text, "#[Mean    = {mean:>12.3}, StdDeviation   = {deviation:>12.3}]");
    let (max, count) = (micros(latency.max()), latency.len());
    let _ = writeln!(text, "#[Max     = {max:>12.3}, Total count    = {count:>12}]");
    let _ = writeln!(
        text,
        "#[Buckets = {:>12}, SubBuckets     = {:>12}]",
        latency.buckets(),
        latency.distinct_values()
    );
    let file = directory.join(format!("{name}.hgrm"));
    fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))?;
    Ok(file)
}

#[cfg(test)]
mod tests;
