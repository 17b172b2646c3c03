//! How long packets take through the edge, by the device that they came in by: what the programs have measured in the kernel, or the
//! userspace relay by itself.
//!
//! In the kernel that is from the first program's beginning to the last one's end; in the relay from when a batch of packets was
//! taken from the device until all of them were given to the next one. What a packet waits in the kernel before and after is not in it.

use std::path::Path;

use aya::maps::{Map, MapData, MapError, PerCpuHashMap, PerCpuValues};
use aya::util::nr_cpus;
use edge_ebpf::abi::{LATENCIES, LATENCY_BUCKETS, LATENCY_PRECISION};
use edge_ebpf::stats::largest_of;

use super::netlink::Device;
use super::pins::{Pins, map_error};
use super::relay::TableFiles;
use super::{DatapathError, ports, sys};

/// A row as it lies in the map: the sum, and the buckets.
pub(super) type Row = [u64; 1 + LATENCY_BUCKETS];
type Rows<T> = PerCpuHashMap<T, u32, Row>;

/// "Only if there is none": `BPF_NOEXIST`.
const UNLESS_THERE: u64 = 1;

/// What one device's packets took, since the maps were made. Of each 64 packets one is among them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddedLatency {
    /// Name of the device.
    pub device: String,
    /// All of them together, in nanoseconds.
    pub sum_ns: u64,
    /// Packets by how long they took: the longest of a bucket in nanoseconds, and how many; only buckets that have some, by rising
    /// time.
    pub buckets: Vec<(u64, u64)>,
}

/// The latencies of a node by device, from its pinned maps, or else from the tables of a userspace relay. `devices` are those of its
/// realms, each once, in the order of the file; one whose packets nobody has measured is left out. Those of a VLAN are
/// measured on the device below it.
///
/// # Errors
/// [`DatapathError`] when they are there and cannot be read.
pub fn read_latencies<'a>(
    pin_root: &Path,
    node: &str,
    run_dir: &Path,
    devices: impl Iterator<Item = &'a str>,
) -> Result<Vec<AddedLatency>, DatapathError> {
    let pins = Pins::at(pin_root, node);
    if pins.map(LATENCIES).exists() {
        let map = Map::from_map_data(pins.open_map(LATENCIES)?);
        let rows: Rows<MapData> = map.and_then(Rows::try_from).map_err(failed)?;
        let of = |device: &String| measured(&rows, device).transpose();
        return ports::with_those_below(devices)?.iter().filter_map(of).collect();
    }
    let rows = TableFiles::at(run_dir).latencies()?;
    Ok(devices.zip(&rows).filter_map(|(device, row)| latency(device, row)).collect())
}

/// Gives each device its row, and forgets devices that are none any more.
pub(super) fn make_rows(map: &mut Map, devices: &[Device]) -> Result<(), DatapathError> {
    let mut rows: Rows<_> = map.try_into().map_err(failed)?;
    let cpus = nr_cpus().map_err(|(_, source)| DatapathError::from(source))?;
    let stale: Vec<u32> = rows.keys().filter_map(Result::ok).collect();
    for ifindex in stale.into_iter().filter(|found| devices.iter().all(|device| device.ifindex != *found)) {
        rows.remove(&ifindex).map_err(failed)?;
    }
    for device in devices {
        let empty = PerCpuValues::try_from(vec![[0; 1 + LATENCY_BUCKETS]; cpus])?;
        match rows.insert(device.ifindex, empty, UNLESS_THERE) {
            Err(MapError::SyscallError(error)) if error.io_error.raw_os_error() == Some(libc::EEXIST) => {}
            made => made.map_err(failed)?,
        }
    }
    Ok(())
}

fn measured(rows: &Rows<MapData>, device: &str) -> Result<Option<AddedLatency>, DatapathError> {
    let Some(ifindex) = sys::interface_index(device)? else { return Ok(None) };
    let cpus = match rows.get(&ifindex, 0) {
        Err(MapError::KeyNotFound) => return Ok(None),
        found => found.map_err(failed)?,
    };
    let mut sum = [0; 1 + LATENCY_BUCKETS];
    for row in cpus.iter() {
        for (sum, more) in sum.iter_mut().zip(row) {
            *sum += more;
        }
    }
    Ok(latency(device, &sum))
}

fn latency(device: &str, row: &Row) -> Option<AddedLatency> {
    let [sum_ns, counts @ ..] = row;
    let counted = (0..).zip(counts).filter(|(_, packets)| **packets > 0);
    let buckets: Vec<_> =
        counted.map(|(bucket, packets)| (largest_of::<LATENCY_PRECISION>(bucket), *packets)).collect();
    (!buckets.is_empty()).then(|| AddedLatency { device: device.to_owned(), sum_ns: *sum_ns, buckets })
}

fn failed(source: MapError) -> DatapathError {
    map_error(LATENCIES, source)
}
