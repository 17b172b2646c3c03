//! What a run found: medians for people, everything for machines.

use std::fmt;

use serde_json::{Value, json};

use super::Plan;
use super::load::Outcome;
use super::setup::Setup;
use super::standing::Standing;
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
    /// At half of that.
    pub(super) setup: Option<Setup>,
    /// Of edge, at the same rate.
    pub(super) edge_setup: Option<Setup>,
}

impl Row {
    pub(super) const fn new(name: &'static str) -> Self {
        Self { name, steady: Vec::new(), highest: Vec::new(), setup: None, edge_setup: None }
    }

    /// The middle one of the highest rates.
    pub(super) fn highest_rate(&self) -> Option<u32> {
        median(self.highest.iter().map(|outcome| f64::from(outcome.rate))).map(|rate| rate as u32)
    }

    fn json(&self) -> Value {
        let values = |outcomes: &[Outcome]| outcomes.iter().map(Outcome::json).collect::<Vec<_>>();
        let [setup, edge_setup] =
            [&self.setup, &self.edge_setup].map(|setup| setup.as_ref().map(Setup::json));
        json!({
            "name": self.name, "steady": values(&self.steady), "highest": values(&self.highest), "setup": setup,
            "edge_setup": edge_setup
        })
    }
}

impl Setup {
    /// Milliseconds below which this part of the calls was set up.
    fn ms(&self, quantile: f64) -> f64 {
        self.took.value_at_quantile(quantile) as f64 / 1e6
    }

    /// Milliseconds that all but a hundredth of the INVITEs were late by at most.
    fn late_ms(&self) -> f64 {
        self.late.value_at_quantile(0.99) as f64 / 1e6
    }

    /// Its line of the table.
    fn line(&self, name: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rate, lost, again, foreign, .. } = self;
        write!(f, "  {name:<28}{rate:>9}")?;
        for quantile in [0.5, 0.99, 0.999] {
            write!(f, "{:>9}", shown((!self.is_late()).then(|| self.ms(quantile)), 2))?;
        }
        writeln!(f, "{lost:>7}{again:>7}")?;
        if self.is_late() {
            let late = self.late_ms();
            writeln!(f, "    no times: its INVITEs left up to {late:.1} ms late, so the machine was busy")?;
        }
        if *foreign > 0 {
            writeln!(f, "    {foreign} messages of earlier calls came meanwhile")?;
        }
        Ok(())
    }

    fn json(&self) -> Value {
        let [p50, p99, p999] = [0.5, 0.99, 0.999].map(|quantile| self.ms(quantile));
        let Self { rate, lost, again, foreign, .. } = self;
        json!({
            "rate": rate, "calls": self.took.len(), "lost": lost, "again": again, "foreign": foreign,
            "p50_ms": p50, "p99_ms": p99, "p999_ms": p999, "late_p99_ms": self.late_ms(), "is_late": self.is_late()
        })
    }
}

impl Standing {
    fn json(&self) -> Value {
        let Self { calls, empty_kb, more_kb } = self;
        json!({ "calls": calls, "empty_kb": empty_kb, "more_kb": more_kb })
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
    pub(super) standing: Vec<Standing>,
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
        let standing: Vec<_> = self.standing.iter().map(Standing::json).collect();
        let seconds = self.plan.seconds;
        json!({ "seconds": seconds, "rows": rows, "standing": standing, "missing": missing }).to_string()
    }
}

impl Report {
    fn setups(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\nINVITE to 200, milliseconds, at half of each one's highest rate")?;
        write!(f, "  {:<28}{:>9}{:>9}{:>9}{:>9}", "", "calls/s", "p50", "p99", "p99.9")?;
        writeln!(f, "{:>7}{:>7}", "lost", "again")?;
        for row in &self.rows {
            let own = row.setup.iter().map(|setup| (row.name, setup));
            let of_edge = row.edge_setup.iter().map(|setup| ("  edge at the same rate", setup));
            own.chain(of_edge).try_for_each(|(name, setup)| setup.line(name, f))?;
        }
        writeln!(f)
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
        self.setups(f)?;
        for standing in &self.standing {
            let Standing { calls, empty_kb, more_kb: _ } = standing;
            let each = standing.a_call_kb();
            writeln!(
                f,
                "  edge, {calls} calls standing: {each:.1} kB each, beside {empty_kb} kB without any"
            )?;
        }
        for (name, what) in &self.missing {
            writeln!(f, "  {name:<28} not measured: {what}")?;
        }
        Ok(())
    }
}
