//! What was measured, for people and for programs.

use std::fmt;

use serde_json::{Value, json};

use super::measure::Sample;
use super::object::Program;

/// Costs by number of flows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    rows: Vec<Row>,
}

/// Costs at one number of flows, in nanoseconds per packet. `array` and `hash` are without the bench's own
/// preparation, and all include the loop of `BPF_PROG_TEST_RUN`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// Flows that the packets were spread over at random.
    pub flows: u32,
    /// A bare program that sends the frame back.
    pub tx: u32,
    /// The product: directly indexed arrays.
    pub array: u32,
    /// The same decision over a hash map.
    pub hash: u32,
}

impl Report {
    pub(super) fn new(samples: &[Sample]) -> Self {
        let rows = samples.chunk_by(|a, b| a.flows == b.flows).map(Row::new).collect();
        Self { rows }
    }

    /// The rows, by rising number of flows.
    #[must_use]
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// The report as one JSON object.
    #[must_use]
    pub fn json(&self) -> Value {
        let rows: Vec<Value> = self.rows.iter().map(Row::json).collect();
        json!({ "bench": "datapath", "unit": "ns_per_packet", "rows": rows })
    }
}

impl Row {
    fn new(samples: &[Sample]) -> Self {
        let ns =
            |program| samples.iter().find(|sample| sample.program == program).map_or(0, |sample| sample.ns);
        let tx = ns(Program::Tx);
        let preparation = ns(Program::Prepared).saturating_sub(tx);
        let net = |program| ns(program).saturating_sub(preparation);
        let flows = samples.first().map_or(0, |sample| sample.flows);
        Self { flows, tx, array: net(Program::Array), hash: net(Program::Hash) }
    }

    /// Cost of the product over that of a bare `XDP_TX`.
    #[must_use]
    fn array_ratio(&self) -> f64 {
        f64::from(self.array) / f64::from(self.tx.max(1))
    }

    /// Cost of the hash map variant over that of a bare `XDP_TX`.
    #[must_use]
    fn hash_ratio(&self) -> f64 {
        f64::from(self.hash) / f64::from(self.tx.max(1))
    }

    fn json(&self) -> Value {
        json!({
            "flows": self.flows,
            "tx": self.tx,
            "array": self.array,
            "array_ratio": round(self.array_ratio()),
            "hash": self.hash,
            "hash_ratio": round(self.hash_ratio()),
        })
    }
}

impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "ns per packet, random flows of a million in the tables (edge = array)")?;
        writeln!(
            formatter,
            "{:>9} {:>8} {:>8} {:>7} {:>8} {:>7}",
            "flows", "XDP_TX", "array", "ratio", "hash", "ratio"
        )?;
        for row in &self.rows {
            let (array_ratio, hash_ratio) = (row.array_ratio(), row.hash_ratio());
            let Row { flows, tx, array, hash } = row;
            writeln!(
                formatter,
                "{flows:>9} {tx:>8} {array:>8} {array_ratio:>6.1}x {hash:>8} {hash_ratio:>6.1}x"
            )?;
        }
        Ok(())
    }
}

fn round(ratio: f64) -> f64 {
    (ratio * 10.0).round() / 10.0
}
