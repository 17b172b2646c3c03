//! The packet counters of a node, readable by any process while the maps are pinned.

use std::path::Path;

use aya::maps::{Map, MapData, PerCpuArray};
use edge_ebpf::abi::COUNTERS;
pub use edge_ebpf::verdict::CounterKind;
use edge_ebpf::verdict::{CounterSlot, counters};

use super::DatapathError;
use super::pins::{Pins, map_error};

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

/// Every counter of a node, zero or not. Works while no edge runs, as long as its maps are pinned.
///
/// # Errors
/// [`DatapathError::NotPinned`] when nothing is pinned there; others when the pin cannot be read.
pub fn read_counters(pin_root: &Path, node: &str) -> Result<Vec<Counter>, DatapathError> {
    let pins = Pins::at(pin_root, node);
    let path = pins.map(COUNTERS);
    if !path.exists() {
        return Err(DatapathError::NotPinned { path });
    }
    let map = Map::from_map_data(pins.open_map(COUNTERS)?);
    let values: PerCpuArray<MapData, u64> =
        map.and_then(PerCpuArray::try_from).map_err(|source| map_error(COUNTERS, source))?;
    counters().map(|slot| read(&values, slot)).collect()
}

fn read(values: &PerCpuArray<MapData, u64>, slot: CounterSlot) -> Result<Counter, DatapathError> {
    let CounterSlot { index, kind, name, description } = slot;
    let cpus = values.get(&index, 0).map_err(|source| map_error(COUNTERS, source))?;
    Ok(Counter { name, description, kind, packets: cpus.iter().sum() })
}
