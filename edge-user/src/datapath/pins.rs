//! Where maps, links and arrays of programs are pinned: `<root>/<node>/v<ABI>/{maps,links,stages}/<name>`.

use std::ffi::CString;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::{fs, io};

use aya::maps::{Array, Map, MapData, MapInfo};
use edge_ebpf::abi::{
    ABI_VERSION, CLASSES, COUNTERS, DEVICES, DIGITS, DIGITS_TOLD, ENDPOINTS, LATENCIES, LISTED, LISTENERS,
    MEDIA_ADDRESSES, META, MediaAddress, NEXT_HOPS, PROFILES, RTCP_PLACES, SHIELD, STANDINGS, STATES, STEADY,
    STRANGERS, TRUSTED,
};

use super::DatapathError;
use super::layout::Layout;

/// `BPF_FS_MAGIC` of `linux/magic.h`.
const BPFFS_MAGIC: libc::__fsword_t = 0xcafe_4a11;

/// Every map that outlives the process.
pub(super) const PINNED_MAPS: [&str; 20] = [
    META,
    MEDIA_ADDRESSES,
    ENDPOINTS,
    STATES,
    NEXT_HOPS,
    PROFILES,
    COUNTERS,
    LATENCIES,
    DEVICES,
    RTCP_PLACES,
    DIGITS,
    DIGITS_TOLD,
    STEADY,
    SHIELD,
    LISTENERS,
    TRUSTED,
    LISTED,
    STANDINGS,
    STRANGERS,
    CLASSES,
];

/// The pins of one node in the ABI version of this binary.
#[derive(Debug, Clone)]
pub(super) struct Pins {
    node: PathBuf,
    version: PathBuf,
}

impl Pins {
    /// The directories of a node, made when missing.
    pub(super) fn open(root: &Path, node: &str) -> Result<Self, DatapathError> {
        let existing = root.ancestors().find(|path| path.exists()).unwrap_or(root);
        if !is_bpffs(existing)? {
            return Err(DatapathError::NotBpffs { path: root.to_owned(), existing: existing.to_owned() });
        }
        let pins = Self::at(root, node);
        make_dir(&pins.node)?;
        pins.refuse_other_versions()?;
        for dir in [&pins.version, &pins.maps_dir(), &pins.links_dir(), &pins.stages_dir()] {
            make_dir(dir)?;
        }
        Ok(pins)
    }

    /// The directories of a node, whether they exist or not.
    pub(super) fn at(root: &Path, node: &str) -> Self {
        // bpffs refuses names with a dot.
        let node = root.join(node.replace('.', "_"));
        Self { version: node.join(format!("v{ABI_VERSION}")), node }
    }

    /// Directory of this version's pins.
    pub(super) fn version_dir(&self) -> &Path {
        &self.version
    }

    /// Path of a map's pin.
    pub(super) fn map(&self, name: &str) -> PathBuf {
        self.maps_dir().join(name)
    }

    /// Path of the pin of the link to a device. bpffs refuses names with a dot, such as those of VLAN devices.
    pub(super) fn link(&self, device: &str) -> PathBuf {
        self.links_dir().join(device.replace('.', "_"))
    }

    /// Paths of all link pins.
    pub(super) fn links(&self) -> Result<Vec<PathBuf>, DatapathError> {
        entries(&self.links_dir())
    }

    /// Paths of the pins of all arrays of programs.
    pub(super) fn stages(&self) -> Result<Vec<PathBuf>, DatapathError> {
        entries(&self.stages_dir())
    }

    /// A pinned map.
    pub(super) fn open_map(&self, name: &'static str) -> Result<MapData, DatapathError> {
        MapData::from_pin(self.map(name)).map_err(|source| map_error(name, source))
    }

    /// Whether any map is pinned.
    pub(super) fn hold_maps(&self) -> bool {
        PINNED_MAPS.iter().any(|name| self.map(name).exists())
    }

    /// Whether nothing at all is pinned.
    pub(super) fn are_empty(&self) -> Result<bool, DatapathError> {
        Ok(!self.hold_maps() && self.links()?.is_empty())
    }

    /// Whether all maps are pinned, and for these media ranges.
    pub(super) fn hold_layout(&self, layout: &Layout) -> bool {
        let endpoints =
            |name| MapInfo::from_pin(self.map(name)).is_ok_and(|map| map.max_entries() == layout.endpoints());
        PINNED_MAPS.iter().all(|name| self.map(name).exists())
            && endpoints(ENDPOINTS)
            && endpoints(STATES)
            && endpoints(DIGITS)
            && endpoints(RTCP_PLACES)
            && endpoints(STEADY)
            && self.media_addresses().is_ok_and(|rows| rows == layout.rows())
    }

    /// Unpins all maps. A program that still uses them keeps them.
    pub(super) fn remove_maps(&self) -> Result<(), DatapathError> {
        PINNED_MAPS.iter().map(|name| remove_file(&self.map(name))).fold(Ok(()), Result::and)
    }

    /// Unpins everything and removes the directories.
    pub(super) fn remove_all(&self) -> Result<(), DatapathError> {
        let all = |pins: Result<Vec<PathBuf>, DatapathError>| {
            pins.map(|pins| pins.iter().map(|pin| remove_file(pin)).fold(Ok(()), Result::and))
        };
        let links = all(self.links());
        let stages = all(self.stages());
        let maps = self.remove_maps();
        links??;
        stages??;
        maps?;
        for dir in [&self.maps_dir(), &self.links_dir(), &self.stages_dir(), &self.version, &self.node] {
            fs::remove_dir(dir).map_err(|source| pin_error(dir, source))?;
        }
        Ok(())
    }

    fn media_addresses(&self) -> Result<Vec<MediaAddress>, DatapathError> {
        let map = Map::from_map_data(self.open_map(MEDIA_ADDRESSES)?);
        let table: Array<MapData, [u8; size_of::<MediaAddress>()]> =
            map.and_then(Array::try_from).map_err(|source| map_error(MEDIA_ADDRESSES, source))?;
        table
            .iter()
            .map(|row| {
                row.map(|bytes| zerocopy::transmute!(bytes))
                    .map_err(|source| map_error(MEDIA_ADDRESSES, source))
            })
            .collect()
    }

    fn refuse_other_versions(&self) -> Result<(), DatapathError> {
        let entries = fs::read_dir(&self.node).map_err(|source| pin_error(&self.node, source))?;
        for entry in entries {
            let path = entry.map_err(|source| pin_error(&self.node, source))?.path();
            if path != self.version {
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                let found = name.trim_start_matches('v').to_owned();
                return Err(DatapathError::ForeignVersion { found, ours: ABI_VERSION, path });
            }
        }
        Ok(())
    }

    fn maps_dir(&self) -> PathBuf {
        self.version.join("maps")
    }

    fn links_dir(&self) -> PathBuf {
        self.version.join("links")
    }

    /// Directory of the pinned arrays of programs.
    pub(super) fn stages_dir(&self) -> PathBuf {
        self.version.join("stages")
    }
}

pub(super) fn map_error(map: &'static str, source: aya::maps::MapError) -> DatapathError {
    DatapathError::Map { map, source: Box::new(source) }
}

fn pin_error(path: &Path, source: io::Error) -> DatapathError {
    DatapathError::Pin { path: path.to_owned(), source }
}

pub(super) fn remove_file(path: &Path) -> Result<(), DatapathError> {
    match fs::remove_file(path) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => Err(pin_error(path, source)),
        Ok(()) | Err(_) => Ok(()),
    }
}

fn entries(dir: &Path) -> Result<Vec<PathBuf>, DatapathError> {
    let failed = |source| pin_error(dir, source);
    fs::read_dir(dir).map_err(failed)?.map(|entry| entry.map(|entry| entry.path()).map_err(failed)).collect()
}

fn make_dir(path: &Path) -> Result<(), DatapathError> {
    fs::create_dir_all(path).map_err(|source| pin_error(path, source))
}

fn is_bpffs(path: &Path) -> Result<bool, DatapathError> {
    let name = CString::new(path.as_os_str().as_bytes()).map_err(|source| pin_error(path, source.into()))?;
    super::sys::file_system(&name).map(|kind| kind == BPFFS_MAGIC).map_err(|source| pin_error(path, source))
}
