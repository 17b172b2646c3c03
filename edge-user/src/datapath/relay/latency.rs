//! How long the relay has packets: from when a batch of them was taken from a device until it was sent.

use edge_ebpf::abi::{DEVICES_MAX, LATENCIES, LATENCY_SAMPLED, LatencyRow};

use super::super::DatapathError;
use super::super::sys::Mapping;
use super::files::TableFiles;

/// A row for each device, each written by the thread of that device.
#[derive(Debug)]
pub(super) struct Latencies {
    rows: Mapping<LatencyRow>,
}

/// Packets that one thread has relayed.
#[derive(Debug, Default)]
pub(super) struct Relayed(u64);

impl Latencies {
    pub(super) fn open(files: &TableFiles) -> Result<Self, DatapathError> {
        Ok(Self { rows: files.map(LATENCIES, DEVICES_MAX)? })
    }

    /// Counts those of a batch of one device that are measured.
    pub(super) fn record(&self, lane: usize, measured: u64, ns: u64) {
        if let Some(row) = self.rows.get(lane) {
            row.record(ns, measured);
        }
    }
}

impl Relayed {
    /// So many more; how many of them are to be measured.
    pub(super) fn count(&mut self, packets: usize) -> u64 {
        let before = self.0;
        self.0 += packets as u64;
        self.0.div_ceil(LATENCY_SAMPLED) - before.div_ceil(LATENCY_SAMPLED)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_each_64_is_measured() {
        let mut relayed = Relayed::default();
        let counts = [0, 1, 63, 1, 128, 3].map(|packets| relayed.count(packets));
        assert_eq!(counts, [0, 1, 0, 1, 2, 0]);
    }
}
