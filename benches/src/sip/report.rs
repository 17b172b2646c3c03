//! What a run found: medians for people, everything for machines.

use std::fmt;

use serde_json::{Value, json};

use super::Plan;
use super::load::Outcome;
use crate::search::Tried;
use crate::tell::{median, shown};

/// What one subject did, a value a round.
#[derive(Debug, Clone)]
pub(super) struct Row {
    name: &'static str,
    /// At the rate of the plan.
    pub(super) steady: Vec<Outcome>,
    /// At the highest rate that went well.
    pub(super) highest: Vec<Outcome>,
}

impl Row {
    pub(super) const fn new(name: &'static str) -> Self {
        Self { name, steady: Vec::new(), highest: Vec::new() }
    }

    fn json(&self) -> Value {
        let values = |outcomes: &[Outcome]| outcomes.iter().map(Outcome::json).collect::<Vec<_>>();
        json!({ "name": self.name, "steady": values(&self.steady), "highest": values(&self.highest) })
    }
}

impl Outcome {
    fn json(&self) -> Value {
        let Self { rate, calls, failed, retransmitted, slow, cpu_ms } = self;
        json!({
            "rate": rate, "calls": calls, "failed": failed, "retransmitted": retransmitted, "slow": slow,
            "cpu_ms": cpu_ms
        })
    }
}

/// What a run found.
#[derive(Debug, Clone)]
pub struct Report {
    pub(super) plan: Plan,
    pub(super) rows: Vec<Row>,
    /// Who was not measured, and what it would take.
    pub(super) missing: Vec<(&'static str, String)>,
}

impl Report {
    /// Every value of every round, as one JSON object.
    #[must_use]
    pub fn json(&self) -> String {
        let rows: Vec<_> = self.rows.iter().map(Row::json).collect();
        let missing: Vec<_> =
            self.missing.iter().map(|(name, what)| json!({"name": name, "what": what})).collect();
        json!({ "seconds": self.plan.seconds, "rows": rows, "missing": missing }).to_string()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let steady = format!("at {} calls/s", self.plan.rate);
        writeln!(
            f,
            "\nCPU milliseconds a call{steady:>22}{:>16}{:>20}",
            "at its maximum", "highest calls/s"
        )?;
        for row in &self.rows {
            let cost = |outcomes: &[Outcome]| median(outcomes.iter().map(|outcome| outcome.cpu_ms));
            let highest = median(row.highest.iter().map(|outcome| f64::from(outcome.rate)));
            let (at_rate, at_highest) = (cost(&row.steady), cost(&row.highest));
            write!(f, "  {:<28}{:>15}", row.name, shown(at_rate, 2))?;
            writeln!(f, "{:>16}{:>20}", shown(at_highest, 2), shown(highest, 0))?;
            let troubled = row.steady.iter().filter(|outcome| !outcome.is_good()).count();
            if troubled > 0 {
                writeln!(
                    f,
                    "    in {troubled} rounds calls failed or were sent again at {} a second",
                    self.plan.rate
                )?;
            }
        }
        for (name, what) in &self.missing {
            writeln!(f, "  {name:<28} not measured: {what}")?;
        }
        Ok(())
    }
}
