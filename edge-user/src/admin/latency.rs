//! How long packets take through the edge, as the API says it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::datapath::AddedLatency;

/// What the packets of a device took from their arrival until they left, since the maps were made: one of each 64.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
pub struct Latency {
    /// All of them together, in nanoseconds.
    pub sum_ns: u64,
    /// How many took up to so many nanoseconds, and longer than the one before: only counts above 0, each within a fifth of the time.
    pub up_to_ns: BTreeMap<u64, u64>,
}

impl Latency {
    /// By the device that they came in by.
    pub(crate) fn by_device(measured: Vec<AddedLatency>) -> BTreeMap<String, Self> {
        let of = |AddedLatency { device, sum_ns, buckets }| {
            (device, Self { sum_ns, up_to_ns: buckets.into_iter().collect() })
        };
        measured.into_iter().map(of).collect()
    }

    /// How many were measured.
    #[must_use]
    pub fn packets(&self) -> u64 {
        self.up_to_ns.values().sum()
    }

    /// What came since then.
    #[must_use]
    pub fn since(&self, before: &Self) -> Self {
        let more = |(ns, packets): (&u64, &u64)| {
            let more = packets.saturating_sub(before.up_to_ns.get(ns).copied().unwrap_or(0));
            (more > 0).then_some((*ns, more))
        };
        Self {
            sum_ns: self.sum_ns.saturating_sub(before.sum_ns),
            up_to_ns: self.up_to_ns.iter().filter_map(more).collect(),
        }
    }

    /// Takes in those of another device.
    pub fn add(&mut self, other: &Self) {
        self.sum_ns = self.sum_ns.saturating_add(other.sum_ns);
        for (ns, packets) in &other.up_to_ns {
            *self.up_to_ns.entry(*ns).or_insert(0) += packets;
        }
    }

    /// What this part of the packets (0 to 1) took at most, in microseconds; `None` when there are none.
    #[must_use]
    pub fn quantile_us(&self, part: f64) -> Option<f64> {
        let wanted = (self.packets() as f64 * part).ceil().max(1.0);
        let mut counted = 0;
        let found = self.up_to_ns.iter().find(|(_, packets)| {
            counted += **packets;
            counted as f64 >= wanted
        });
        found.map(|(ns, _)| *ns as f64 / 1000.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn latency(up_to_ns: &[(u64, u64)]) -> Latency {
        Latency { sum_ns: 0, up_to_ns: up_to_ns.iter().copied().collect() }
    }

    #[test]
    fn quantiles_are_those_of_the_time_between_two_looks() {
        let before = latency(&[(500, 1000), (90_000, 30)]);
        let mut now = before.clone();
        now.add(&latency(&[(500, 1), (600, 97), (8_000, 2)]));
        let between = now.since(&before);
        assert_eq!(between, latency(&[(500, 1), (600, 97), (8_000, 2)]));
        let quantiles = [0.0, 0.5, 0.98, 0.99, 1.0].map(|part| between.quantile_us(part));
        assert_eq!(quantiles, [0.5, 0.6, 0.6, 8.0, 8.0].map(Some));
        assert_eq!(now.since(&now).quantile_us(0.5), None);
        assert_eq!(before.since(&now), Latency::default(), "the maps were made anew");
    }
}
