//! What was measured, for people and for programs.

use std::fmt;

use serde_json::{Value, json};

use super::Plan;
use super::trial::Outcome;
use crate::tell::median;

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
    flooded: bool,
    pub(super) outcomes: Vec<Outcome>,
}

impl Row {
    pub(super) const fn new(mode: &'static str, flooded: bool) -> Self {
        Self { mode, flooded, outcomes: Vec::new() }
    }

    pub(super) fn name(&self) -> String {
        format!("shield {}, {}", self.mode, if self.flooded { "flood" } else { "quiet" })
    }

    fn median(&self, of: impl Fn(&Outcome) -> f64) -> f64 {
        median(self.outcomes.iter().map(of)).unwrap_or(0.0)
    }

    fn setup_ms(&self, quantile: f64) -> f64 {
        self.median(|outcome| {
            let last = outcome.setup_ms.len().saturating_sub(1);
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "an index of a short list"
            )]
            let index = (last as f64 * quantile).round() as usize;
            outcome.setup_ms.get(index).copied().unwrap_or(f64::NAN)
        })
    }

    fn json(&self) -> Value {
        let outcome = |outcome: &Outcome| {
            json!({
                "calls": outcome.calls,
                "failed": outcome.failed,
                "retransmitted": outcome.retransmitted,
                "calls_a_second": outcome.calls_a_second,
                "flood_packets_a_second": outcome.flood_a_second.round(),
            })
        };
        json!({
            "shield": self.mode,
            "flood": self.flooded,
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
        json!({ "bench": "shield", "calls_a_second": self.plan.rate, "rows": rows })
    }
}

impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Plan { rounds, seconds, rate, pause_ms: _ } = self.plan;
        writeln!(formatter, "{rate} calls a second for {seconds} s; medians of {rounds} rounds")?;
        writeln!(
            formatter,
            "{:<20} {:>12} {:>9} {:>7} {:>11} {:>11} {:>11} {:>9}",
            "", "flood pkt/s", "calls/s", "failed", "sent again", "set-up p50", "set-up p99", "p50 ratio"
        )?;
        let quiet = self.rows.first().map_or(f64::NAN, |row| row.setup_ms(0.5));
        for row in &self.rows {
            let flood = row.median(|outcome| outcome.flood_a_second);
            let calls = row.median(|outcome| outcome.calls_a_second);
            let failed = row.median(|outcome| outcome.failed as f64);
            let again = row.median(|outcome| outcome.retransmitted as f64);
            let (p50, p99) = (row.setup_ms(0.5), row.setup_ms(0.99));
            writeln!(
                formatter,
                "{:<20} {flood:>12.0} {calls:>9.1} {failed:>7.0} {again:>11.0} {p50:>8.2} ms {p99:>8.2} ms {:>8.2}x",
                row.name(),
                p50 / quiet
            )?;
        }
        Ok(())
    }
}
