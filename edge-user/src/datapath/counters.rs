//! The packet counters of a node, readable by any process while the tables are there.

use std::path::Path;

use aya::maps::{Map, MapData, PerCpuArray};
use edge_ebpf::abi::COUNTERS;
pub use edge_ebpf::verdict::CounterKind;
use edge_ebpf::verdict::{CounterSlot, counters};

use super::DatapathError;
use super::pins::{Pins, map_error};
use super::relay::TableFiles;

/// How many packets had one verdict, since the maps were made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counter {
    /// Stable name; unique within its kind.
    pub name: &'static str,
    /// One line for an operator.
    pub description: &'static str,
    /// Whether these packets were passed, dropped or relayed.
    pub kind: CounterKind,
    /// How many, over all CPUs.
    pub packets: u64,
}

/// Every counter of a node, zero or not: from its pinned maps, or else from the tables of a userspace relay. Works while no edge
/// runs, as long as they are there.
///
/// # Errors
/// [`DatapathError::NotPinned`] when there is neither; others when they cannot be read.
pub fn read_counters(pin_root: &Path, node: &str, run_dir: &Path) -> Result<Vec<Counter>, DatapathError> {
    let pins = Pins::at(pin_root, node);
    let path = pins.map(COUNTERS);
    if !path.exists() {
        let relayed = TableFiles::at(run_dir).counted()?.ok_or(DatapathError::NotPinned { path })?;
        return Ok(counters().map(|slot| counter(slot, relayed[slot.index as usize])).collect());
    }
    let map = Map::from_map_data(pins.open_map(COUNTERS)?);
    let values: PerCpuArray<MapData, u64> =
        map.and_then(PerCpuArray::try_from).map_err(|source| map_error(COUNTERS, source))?;
    counters().map(|slot| read(&values, slot)).collect()
}

fn read(values: &PerCpuArray<MapData, u64>, slot: CounterSlot) -> Result<Counter, DatapathError> {
    let cpus = values.get(&slot.index, 0).map_err(|source| map_error(COUNTERS, source))?;
    Ok(counter(slot, cpus.iter().sum()))
}

const fn counter(slot: CounterSlot, packets: u64) -> Counter {
    let CounterSlot { index: _, kind, name, description } = slot;
    Counter { name, description, kind, packets }
}
