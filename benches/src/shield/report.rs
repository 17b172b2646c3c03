//! What was measured, for people and for programs.

use std::fmt;

use edge_tests::flood::Target;
use serde_json::{Value, json};

use super::Plan;
use super::trial::Outcome;
use crate::tell::median;

const NS_PER_MS: f64 = 1e6;

/// All trials.
#[derive(Debug)]
pub struct Report {
    pub(super) plan: Plan,
    pub(super) rows: Vec<Row>,
}

/// One trial, in all its turns.
#[derive(Debug)]
pub(super) struct Row {
    mode: &'static str,
    flood: Option<Target>,
    pub(super) outcomes: Vec<Outcome>,
}

impl Row {
    pub(super) const fn new(mode: &'static str, flood: Option<Target>) -> Self {
        Self { mode, flood, outcomes: Vec::new() }
    }

    pub(super) const fn name(&self) -> &'static str {
        match (self.flood, self.mode.as_bytes()) {
            (None, _) => "no flood",
            (Some(Target::BareDrop), _) => "flood, bare drop",
            (Some(Target::Edge), b"off") => "flood, no shield",
            (Some(Target::Edge), _) => "flood, shield",
        }
    }

    fn median(&self, of: impl Fn(&Outcome) -> f64) -> f64 {
        median(self.outcomes.iter().map(of)).unwrap_or(0.0)
    }

    /// Milliseconds from INVITE to 200 at a quantile.
    fn setup_ms(&self, quantile: f64) -> f64 {
        self.median(|outcome| outcome.took.value_at_quantile(quantile) as f64 / NS_PER_MS)
    }

    fn json(&self) -> Value {
        let outcome = |outcome: &Outcome| {
            json!({
                "calls": outcome.calls,
                "lost": outcome.lost,
                "calls_a_second": outcome.calls_a_second(),
                "flood_made_a_second": outcome.made_a_second.round(),
                "flood_seen_a_second": outcome.flood_a_second.round(),
                "stolen": outcome.stolen,
            })
        };
        json!({
            "shield": self.mode,
            "trial": self.name(),
            "setup_ms_p50": self.setup_ms(0.5),
            "setup_ms_p99": self.setup_ms(0.99),
            "rounds": self.outcomes.iter().map(outcome).collect::<Vec<_>>(),
        })
    }
}

impl Report {
    /// The report as one JSON object.
    #[must_use]
    pub fn json(&self) -> Value {
        let rows: Vec<Value> = self.rows.iter().map(Row::json).collect();
        json!({ "bench": "shield", "calls_a_second": self.plan.rate, "flood_a_second": self.plan.flood_rate, "rows": rows })
    }
}

/// What the trunk may lose by a flood, of its calls a second and its setup times.
const AIM: f64 = 0.1;
/// More of the time than this may not have been stolen.
const STOLEN_MAX: f64 = 0.01;

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Plan { rounds, seconds, rate, flood_rate } = self.plan;
        writeln!(
            f,
            "{rate} calls a second for {seconds} s, a flood of {flood_rate} packets a second; medians of {rounds} rounds"
        )?;
        writeln!(
            f,
            "{:<18}{:>12}{:>12}{:>9}{:>8}{:>14}{:>14}",
            "", "made/s", "at edge/s", "calls/s", "lost", "setup p50", "setup p99"
        )?;
        self.rows.iter().try_for_each(|row| row.tell(f))?;
        let [quiet, bare, shielded, _] = &self.rows[..] else { return Ok(()) };
        for (beside, what) in [(quiet, "no flood"), (bare, "the same flood dropped by a bare program")] {
            let part = |quantile| shielded.setup_ms(quantile) / beside.setup_ms(quantile);
            let calls = shielded.calls_a_second() / beside.calls_a_second();
            let (p50, p99) = (part(0.5), part(0.99));
            let kept = calls >= 1.0 - AIM && p50 <= 1.0 + AIM && p99 <= 1.0 + AIM;
            writeln!(
                f,
                "beside {what}: calls/s {calls:.2}x, setup p50 {p50:.2}x, p99 {p99:.2}x; aim: within 10 %, {}",
                if kept { "kept" } else { "missed" }
            )?;
        }
        let outcomes = || self.rows.iter().flat_map(|row| &row.outcomes);
        let stolen = outcomes().filter(|outcome| outcome.stolen > STOLEN_MAX).count();
        if stolen > 0 {
            writeln!(
                f,
                "the hypervisor took time in {stolen} of {} trials: ratios may say nothing",
                outcomes().count()
            )?;
        }
        Ok(())
    }
}

impl Row {
    fn calls_a_second(&self) -> f64 {
        self.median(Outcome::calls_a_second)
    }

    fn tell(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (made, seen) = (|of: &Outcome| of.made_a_second, |of: &Outcome| of.flood_a_second);
        writeln!(
            f,
            "{:<18}{:>12.0}{:>12.0}{:>9.1}{:>8.0}{:>11.3} ms{:>11.3} ms",
            self.name(),
            self.median(made),
            self.median(seen),
            self.calls_a_second(),
            self.median(|outcome| outcome.lost as f64),
            self.setup_ms(0.5),
            self.setup_ms(0.99)
        )
    }
}
