//! The relay's tables, as files of `node.run_dir`: what pinned maps are to the XDP program.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use edge_ebpf::abi::{
    ABI_VERSION, COUNTERS, COUNTERS_MAX, DEVICES_MAX, ENDPOINTS, EndpointSlot, LATENCIES, LatencyRow,
    MEDIA_ADDRESSES, Word,
};
use zerocopy::IntoBytes;

use super::super::DatapathError;
use super::super::latency::Row;
use super::super::layout::Layout;
use super::super::sys::{Mapping, Shared};
use super::file_error;

const DIRECTORY: &str = "relay";

/// The files of one node in the ABI version of this binary.
#[derive(Debug, Clone)]
pub(in crate::datapath) struct TableFiles {
    relay: PathBuf,
    version: PathBuf,
}

impl TableFiles {
    /// The files of the node with this `run_dir`, whether they exist or not.
    pub(in crate::datapath) fn at(run_dir: &Path) -> Self {
        let relay = run_dir.join(DIRECTORY);
        Self { version: relay.join(format!("v{ABI_VERSION}")), relay }
    }

    /// Makes the files ready for this layout: those of an earlier run with the same media ranges stay as they are. Returns whether
    /// they do.
    pub(in crate::datapath) fn prepare(&self, layout: &Layout) -> Result<bool, DatapathError> {
        let addresses = self.path(MEDIA_ADDRESSES);
        let slots = u64::from(layout.endpoints()) * size_of::<EndpointSlot>() as u64;
        let sized = fs::metadata(self.path(ENDPOINTS)).is_ok_and(|file| file.len() == slots);
        if sized && fs::read(&addresses).is_ok_and(|found| found == layout.rows().as_bytes()) {
            return Ok(true);
        }
        self.remove()?;
        fs::create_dir_all(&self.version).map_err(|source| file_error(&self.version, source))?;
        fs::write(&addresses, layout.rows().as_bytes()).map_err(|source| file_error(&addresses, source))?;
        Ok(false)
    }

    /// A table of so many values, zeros where there was none.
    pub(in crate::datapath) fn map<T: Shared>(
        &self,
        name: &'static str,
        entries: u32,
    ) -> Result<Mapping<T>, DatapathError> {
        let path = self.path(name);
        let bytes = u64::from(entries) * size_of::<T>() as u64;
        let file = open(&path, bytes).map_err(|source| file_error(&path, source))?;
        Mapping::new(&file, entries).map_err(|source| file_error(&path, source))
    }

    /// The counters, to count in.
    pub(super) fn open_lanes(&self) -> Result<Lanes, DatapathError> {
        Ok(Lanes { words: self.map(COUNTERS, LANES_WORDS)? })
    }

    /// The sum of each counter over all lanes, by slot; `None` when there are no counters.
    pub(in crate::datapath) fn counted(&self) -> Result<Option<Vec<u64>>, DatapathError> {
        let path = self.path(COUNTERS);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(file_error(&path, source)),
        };
        let mut sums = vec![0_u64; COUNTERS_MAX as usize];
        let (words, _) = bytes.as_chunks();
        for (word, slot) in words.iter().zip((0..sums.len()).cycle()) {
            sums[slot] += u64::from_ne_bytes(*word);
        }
        Ok(Some(sums))
    }

    /// Latencies by the place of their device; none when nobody has measured any.
    pub(in crate::datapath) fn latencies(&self) -> Result<Vec<Row>, DatapathError> {
        let path = self.path(LATENCIES);
        match fs::read(&path) {
            Ok(bytes) => {
                let (rows, _) = bytes.as_chunks();
                Ok(rows
                    .iter()
                    .map(|row: &[u8; size_of::<LatencyRow>()]| zerocopy::transmute!(*row))
                    .collect())
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(source) => Err(file_error(&path, source)),
        }
    }

    /// Removes all tables of the relay, of any version.
    pub(in crate::datapath) fn remove(&self) -> Result<(), DatapathError> {
        match fs::remove_dir_all(&self.relay) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => Err(file_error(&self.relay, source)),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.version.join(name)
    }
}

fn open(path: &Path, bytes: u64) -> io::Result<File> {
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
    if file.metadata()?.len() != bytes {
        file.set_len(bytes)?;
    }
    Ok(file)
}

const LANES_WORDS: u32 = COUNTERS_MAX * DEVICES_MAX;

/// Counters, a row of them for each device: each is written by one thread.
#[derive(Debug)]
pub(in crate::datapath) struct Lanes {
    words: Mapping<Word>,
}

impl Lanes {
    /// One more packet.
    pub(super) fn count(&self, lane: usize, slot: u32) {
        if let Some(word) = self.words.get(lane * COUNTERS_MAX as usize + slot as usize) {
            word.add(1);
        }
    }
}
