//! The datapath: loads and attaches the XDP program, and turns the media plan of a call into map entries.
//!
//! This is the only place that knows both [`MediaPlan`](edge_core::media::MediaPlan) and the map ABI of
//! [`edge_ebpf::abi`]. [`Datapath`] belongs to the process, one [`DatapathWriter`] to each shard.
//!
//! Everything that keeps media running is pinned under `<pin_root>/<node>/v<ABI>`: the maps, the array of programs behind
//! the media program, and for each device the link that holds that. So media goes on when this process dies, and [`Datapath::start`] puts a new
//! program in place without a gap.
//!
//! Invariants: an endpoint slot has one writer, the shard that leased its port; an install that fails leaves
//! nothing behind; the maps of another ABI version are never touched.

mod counters;
mod error;
mod layout;

mod netlink;
mod next_hops;
mod pins;
mod profiles;
mod program;
mod shield;
mod stages;
mod sys;
mod tables;
mod watch;
mod writer;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use aya_log::EbpfLogger;
use edge_core::policy::Realm;

pub use counters::{Counter, CounterKind, read_counters};
pub use error::{DatapathError, InstallError};
pub use program::{AttachMode, Attached, OBJECT};
pub use shield::ShieldTables;
pub use writer::{DatapathWriter, Installed};

use layout::Layout;
use netlink::Device;
use next_hops::NextHops;
use pins::Pins;
use profiles::Profiles;
use program::Program;
use tables::SharedTables;

/// What an operator may choose about the datapath.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatapathSettings {
    /// A directory on a bpffs; made when it is missing.
    pub pin_root: PathBuf,
    /// Name of this node: nodes on one host pin beside each other.
    pub node: String,
    /// How the program is attached.
    pub mode: Mode,
    /// Endpoints that may be installed at once; a call takes two.
    pub flows_max: u32,
    /// Whether the program reports unexpected sources: at most one a second on each CPU.
    pub diagnostics: bool,
}

/// How the XDP program is to be attached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// In the driver where it can, else generic, with a warning.
    #[default]
    Auto,
    /// In the driver, or not at all.
    Native,
    /// In the network stack, behind the driver: works everywhere, and is slower.
    Generic,
}

/// The attached program with its maps.
pub struct Datapath {
    program: Program,
    pins: Pins,
    tables: Arc<SharedTables>,
    next_hops: Arc<NextHops>,
    profiles: Arc<Profiles>,
    diagnostics: Option<Mutex<EbpfLogger<&'static dyn log::Log>>>,
}

impl std::fmt::Debug for Datapath {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Datapath").field("attached", &self.attached()).finish_non_exhaustive()
    }
}

impl Datapath {
    /// Loads the program and attaches it to the device of every realm.
    ///
    /// Pins of an earlier run with the same media ranges are taken over: the program is replaced in its links
    /// without a gap, and endpoints that are still installed go on until [`remove_others`](Self::remove_others), so that those of
    /// calls that somebody knows can be [adopted](DatapathWriter::adopt).
    ///
    /// # Errors
    /// [`DatapathError`] names what is missing on this host, or the device that refused the program. A first start
    /// that fails leaves nothing behind; one that fails over the pins of an earlier run leaves these.
    pub fn start(settings: &DatapathSettings, realms: &[Realm]) -> Result<Self, DatapathError> {
        let devices = program::devices(realms)?;
        let ifindex = |realm: &Realm| {
            devices.iter().find(|device| device.name == realm.device).map_or(0, |device| device.ifindex)
        };
        let layout = Layout::new(realms, ifindex)?;
        let pins = Pins::open(&settings.pin_root, &settings.node)?;
        let first = pins.are_empty()?;
        let started = Self::start_over(pins.clone(), layout, settings, realms, &devices);
        if first && started.is_err() {
            // The failure to report is the one of the start.
            let _ = pins.remove_all();
        }
        started
    }

    fn start_over(
        pins: Pins,
        layout: Layout,
        settings: &DatapathSettings,
        realms: &[Realm],
        devices: &[Device],
    ) -> Result<Self, DatapathError> {
        let reused = pins.hold_layout(&layout);
        if !reused && pins.hold_maps() {
            tracing::warn!(pins = %pins.version_dir().display(), "media ranges changed: running media ends");
            pins.remove_maps()?;
        }
        let mut program = Program::load(&pins, &layout, settings.diagnostics)?;
        let tables = Arc::new(SharedTables::open(&pins, layout, settings.flows_max)?);
        let next_hops = Arc::new(NextHops::new(Arc::clone(&tables), devices, realms)?);
        let profiles = Arc::new(Profiles::new(Arc::clone(&tables)));
        program.attach(&pins, devices, settings.mode)?;
        let diagnostics = program.take_logger()?.map(Mutex::new);
        Ok(Self { program, pins, tables, next_hops, profiles, diagnostics })
    }

    /// The tables of the SIP shield.
    ///
    /// # Errors
    /// [`DatapathError`] when the kernel does not give them.
    pub fn shield(&self) -> Result<ShieldTables, DatapathError> {
        ShieldTables::open(&self.pins)
    }

    /// A writer for one shard.
    ///
    /// # Errors
    /// [`DatapathError`] when no netlink socket can be had.
    pub fn writer(&self) -> Result<DatapathWriter, DatapathError> {
        Ok(DatapathWriter::new(
            Arc::clone(&self.tables),
            Arc::clone(&self.next_hops),
            Arc::clone(&self.profiles),
        ))
    }

    /// Reads the neighbours of all next hops in use again, so that running media follows late ARP answers and
    /// changed link-layer addresses; asks the kernel to revalidate stale ones. Also hands on what the program
    /// logged, when diagnostics are on. To be called once a second.
    pub fn refresh_next_hops(&self) {
        self.next_hops.refresh();
        self.profiles.retire();
        if let Some(logger) = &self.diagnostics {
            logger.lock().unwrap_or_else(PoisonError::into_inner).flush();
        }
    }

    /// The same, but only for neighbours that have not answered ARP yet: costs a look under a lock when there are
    /// none. To be called often, so that the media of a call to a new neighbour does not wait for a second. Returns
    /// how many there were.
    pub fn resolve_next_hops(&self) -> usize {
        self.next_hops.resolve()
    }

    /// The devices that the program is attached to, in the order of the realms.
    #[must_use]
    pub fn attached(&self) -> &[Attached] {
        self.program.attached()
    }

    /// A device with the program that is no longer there, or is another one under the same name.
    #[must_use]
    pub fn lost_device(&self) -> Option<String> {
        let there = |attached: &&Attached| sys::interface_index(&attached.device) == Some(attached.ifindex);
        self.attached().iter().find(|attached| !there(attached)).map(|attached| attached.device.clone())
    }

    /// Endpoints installed at this moment.
    #[must_use]
    pub fn endpoints(&self) -> u32 {
        self.tables.endpoints_installed()
    }

    /// Detaches the program from every device and removes all pins. Media ends.
    ///
    /// # Errors
    /// [`DatapathError`] names the pin that could not be removed; the others are.
    pub fn shutdown(self) -> Result<(), DatapathError> {
        let Self { program, pins, .. } = self;
        let removed = pins.remove_all();
        drop(program);
        removed
    }
}

#[cfg(test)]
mod tests;
