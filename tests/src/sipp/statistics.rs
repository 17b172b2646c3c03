//! The table that SIPp writes with `-trace_stat`: a line of names, then a line of figures every second.

use std::collections::HashMap;

/// Cumulated figures of one SIPp process.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Statistics {
    /// Calls begun, in or out.
    pub attempted: u64,
    /// Calls that went as the scenario wants.
    pub succeeded: u64,
    /// Calls that did not.
    pub failed: u64,
    /// Calls under way.
    pub current: u64,
    /// Messages sent again.
    pub retransmitted: u64,
    /// Calls begun a second, from the first to now.
    pub calls_a_second: f64,
}

impl Statistics {
    /// The last complete line of the table.
    pub(super) fn last(table: &str) -> Option<Self> {
        let complete = table.rsplit_once('\n')?.0;
        let mut lines = complete.lines();
        let names = lines.next()?.split(';');
        let figures: HashMap<&str, &str> = names.zip(lines.next_back()?.split(';')).collect();
        let figure = |name: &str| figures.get(name)?.parse().ok();
        let calls_a_second = figures.get("CallRate(C)")?.parse().ok()?;
        Some(Self {
            attempted: figure("TotalCallCreated")?,
            succeeded: figure("SuccessfulCall(C)")?,
            failed: figure("FailedCall(C)")?,
            current: figure("CurrentCall")?,
            retransmitted: figure("Retransmissions(C)")?,
            calls_a_second,
        })
    }
}

#[cfg(test)]
mod tests;
