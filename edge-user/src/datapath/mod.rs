//! The datapath: loads and attaches the XDP program, or relays media itself, and turns the media plan of a call into map entries.
//!
//! This is the only place that knows both [`MediaPlan`](edge_core::media::MediaPlan) and the map ABI of
//! [`edge_ebpf::abi`]. [`Datapath`] belongs to the process, one [`DatapathWriter`] to each shard.
//!
//! Everything that keeps media running is pinned under `<pin_root>/<node>/v<ABI>`: the maps, the array of programs behind
//! the media program, and for each device the link that holds that. So media goes on when this process dies, and [`Datapath::start`] puts a new
//! program in place without a gap. Where no XDP program can be, [`relay`] does its work, over the same tables in files.
//!
//! Invariants: an endpoint slot has one writer, the shard that leased its port; an install that fails leaves
//! nothing behind; the maps of another ABI version are never touched.

mod attached;
mod closed;
mod counters;
mod digits;
mod error;
mod latency;
mod layout;

mod netlink;
mod next_hops;
mod pins;
mod ports;
mod profiles;
mod program;
mod refusal;
mod relay;
mod shield;
mod stages;
mod sys;
mod tables;
mod tap;
mod watch;
mod writer;

use std::io;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use aya_log::EbpfLogger;
use edge_core::policy::Realm;
use tokio::sync::Notify;

pub use attached::{AttachMode, Attached, MediaHost};
pub use closed::ClosedPorts;
pub use counters::{Counter, CounterKind, read_counters};
pub use digits::{DigitNews, DigitReader, Heard};
pub use error::{DatapathError, InstallError, VlanProblem};
pub use latency::{AddedLatency, read_latencies};
pub use program::OBJECT;
pub use shield::ShieldTables;
pub use tap::{ReadyTap, Tap, TapMaker, Tapped};
pub use writer::{DatapathWriter, Installed, SeenFlow};

use layout::Layout;
use netlink::Device;
use next_hops::NextHops;
use pins::Pins;
use profiles::Profiles;
use program::Program;
use relay::{Doors, Relay, TableFiles};
use tables::{Home, SharedTables};

/// What an operator may choose about the datapath.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatapathSettings {
    /// A directory on a bpffs; made when it is missing.
    pub pin_root: PathBuf,
    /// Name of this node: nodes on one host pin beside each other.
    pub node: String,
    /// Where the userspace relay has its tables.
    pub run_dir: PathBuf,
    /// How the program is attached, or whether there is one.
    pub mode: Mode,
    /// Endpoints that may be installed at once; a call takes two.
    pub flows_max: u32,
    /// Whether the program reports unexpected sources: at most one a second on each CPU.
    pub diagnostics: bool,
    /// What becomes of packets to ports without a call.
    pub closed_ports: ClosedPorts,
}

/// How the XDP program is to be attached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// In the driver where it can, else generic, else in userspace, with a warning.
    #[default]
    Auto,
    /// In the driver, or not at all.
    Native,
    /// In the network stack, behind the driver: works everywhere, and is slower.
    Generic,
    /// Not at all: the userspace relay.
    Off,
}

/// Who relays, with its tables.
pub struct Datapath {
    host: Host,
    tables: Arc<SharedTables>,
    next_hops: Arc<NextHops>,
    profiles: Arc<Profiles>,
    diagnostics: Option<Mutex<EbpfLogger<&'static dyn log::Log>>>,
    /// The program with the tap of a capture, and the one of a capture that has just ended.
    tapped: Option<Box<Program>>,
    retired: Option<Box<Program>>,
}

enum Host {
    Kernel { program: Box<Program>, pins: Pins },
    Process(Relay),
}

impl std::fmt::Debug for Datapath {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Datapath").field("attached", &self.attached()).finish_non_exhaustive()
    }
}

impl Datapath {
    /// Loads the program and attaches it to the device of every realm; or starts the userspace relay, where it cannot be
    /// attached or shall not.
    ///
    /// Tables of an earlier run with the same media ranges are taken over: the program is replaced in its links
    /// without a gap, and endpoints that are still installed go on until [`remove_others`](Self::remove_others), so that those of
    /// calls that somebody knows can be [adopted](DatapathWriter::adopt).
    ///
    /// # Errors
    /// [`DatapathError`] names what is missing on this host, or the device that refused the program. A first start
    /// that fails leaves nothing behind; one that fails over the pins of an earlier run leaves these.
    pub fn start(settings: &DatapathSettings, realms: &[Realm]) -> Result<Self, DatapathError> {
        let devices = ports::devices(realms)?;
        match settings.mode {
            Mode::Native => Self::start_in_kernel(settings, realms, &devices, Some(AttachMode::Native)),
            Mode::Generic => Self::start_in_kernel(settings, realms, &devices, Some(AttachMode::Generic)),
            Mode::Off => Self::start_in_process(settings, realms, &devices),
            Mode::Auto => Self::start_in_kernel(settings, realms, &devices, None).or_else(|error| {
                // What an earlier run has attached would go on taking the packets.
                let left = !Pins::at(&settings.pin_root, &settings.node).are_empty().unwrap_or(true);
                if left || !error.lacks_xdp() {
                    return Err(error);
                }
                tracing::warn!(
                    %error,
                    "XDP is not to be had here: media is relayed in USERSPACE, a tenth as fast, without the SIP \
                     shield, and ends with this process; `edge doctor` tells what is missing"
                );
                Self::start_in_process(settings, realms, &devices)
            }),
        }
    }

    fn start_in_kernel(
        settings: &DatapathSettings,
        realms: &[Realm],
        devices: &[Device],
        mode: Option<AttachMode>,
    ) -> Result<Self, DatapathError> {
        let layout = layout(realms, devices)?;
        let pins = Pins::open(&settings.pin_root, &settings.node)?;
        let first = pins.are_empty()?;
        let started = Self::start_over(pins.clone(), layout, settings, realms, devices, mode);
        if first && started.is_err() {
            // The failure to report is the one of the start.
            let _ = pins.remove_all();
        }
        TableFiles::at(&settings.run_dir).remove()?;
        started
    }

    fn start_over(
        pins: Pins,
        layout: Layout,
        settings: &DatapathSettings,
        realms: &[Realm],
        devices: &[Device],
        mode: Option<AttachMode>,
    ) -> Result<Self, DatapathError> {
        let reused = pins.hold_layout(&layout);
        if !reused && pins.hold_maps() {
            tracing::warn!(pins = %pins.version_dir().display(), "media ranges changed: running media ends");
            pins.remove_maps()?;
        }
        let mut program = Program::load(&pins, &layout, settings.diagnostics)?;
        let mut tables = SharedTables::open(Home::Kernel(&pins), layout, settings.flows_max)?;
        tables.close_ports(settings.closed_ports);
        let tables = Arc::new(tables);
        let next_hops = Arc::new(NextHops::new(Arc::clone(&tables), devices, realms)?);
        let profiles = Arc::new(Profiles::new(Arc::clone(&tables)));
        program.attach(&pins, devices, mode)?;
        let diagnostics = program.take_logger()?.map(Mutex::new);
        let host = Host::Kernel { program: Box::new(program), pins };
        Ok(Self { host, tables, next_hops, profiles, diagnostics, tapped: None, retired: None })
    }

    fn start_in_process(
        settings: &DatapathSettings,
        realms: &[Realm],
        devices: &[Device],
    ) -> Result<Self, DatapathError> {
        let layout = layout(realms, devices)?;
        let pins = Pins::at(&settings.pin_root, &settings.node);
        if !pins.are_empty().unwrap_or(true) {
            tracing::warn!(pins = %pins.version_dir().display(), "the XDP program is detached: running media ends");
            pins.remove_all()?;
        }
        let files = TableFiles::at(&settings.run_dir);
        files.prepare(&layout)?;
        if settings.closed_ports == ClosedPorts::Drop {
            tracing::warn!(
                "media ports without a call are NOT silent: media is relayed in userspace, where the host's UDP answers with ICMP \
                 (closed_ports = \"drop\" needs XDP; a rule of the host's firewall does the same)"
            );
        }
        let doors = Doors::within(sys::raise_file_limit());
        let tables = Arc::new(SharedTables::open(Home::Files(&files, doors), layout, settings.flows_max)?);
        let next_hops = Arc::new(NextHops::new(Arc::clone(&tables), devices, realms)?);
        let profiles = Arc::new(Profiles::new(Arc::clone(&tables)));
        let host = Host::Process(Relay::start(files, &tables, realms, devices)?);
        Ok(Self { host, tables, next_hops, profiles, diagnostics: None, tapped: None, retired: None })
    }

    /// The tables of the SIP shield; none where no program guards the listeners.
    ///
    /// # Errors
    /// [`DatapathError`] when the kernel does not give them.
    pub fn shield(&self) -> Result<Option<ShieldTables>, DatapathError> {
        match &self.host {
            Host::Kernel { pins, .. } => ShieldTables::open(pins).map(Some),
            Host::Process(_) => Ok(None),
        }
    }

    /// The reader of what is told of digits; there is to be one.
    ///
    /// # Errors
    /// [`DatapathError`] when the kernel does not give it.
    pub fn digit_reader(&self) -> Result<DigitReader, DatapathError> {
        match &self.host {
            Host::Kernel { pins, .. } => DigitReader::of_kernel(pins),
            Host::Process(_) => Ok(self.tables.digit_queue().reader()),
        }
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
    pub fn refresh(&mut self) {
        self.retired = None;
        self.next_hops.refresh();
        self.profiles.retire();
        if let Some(logger) = &self.diagnostics {
            logger.lock().unwrap_or_else(PoisonError::into_inner).flush();
        }
    }

    /// The same, but only for neighbours that have not answered ARP yet; returns how many there were. To be called often while
    /// there are any, so that the media of a call to a new neighbour does not wait for a second, and when there is
    /// [news](Self::route_news).
    pub fn resolve_next_hops(&self) -> usize {
        self.next_hops.resolve()
    }

    /// Told when media goes to a neighbour that has not answered ARP yet.
    #[must_use]
    pub fn neighbour_wanted(&self) -> Arc<Notify> {
        self.next_hops.wanted()
    }

    /// Readable when the kernel says that routes or devices changed; what it says is not to be read from here.
    ///
    /// # Errors
    /// When the process has no descriptor left.
    pub fn route_news(&self) -> io::Result<OwnedFd> {
        self.next_hops.route_news()
    }

    /// The devices whose media is relayed, in the order of the realms.
    #[must_use]
    pub fn attached(&self) -> &[Attached] {
        match &self.host {
            Host::Kernel { program, .. } => program.attached(),
            Host::Process(relay) => relay.attached(),
        }
    }

    /// A device with the program that is no longer there, or is another one under the same name.
    #[must_use]
    pub fn lost_device(&self) -> Option<String> {
        // What the kernel cannot say is no reason to end.
        let there = |attached: &&Attached| {
            sys::interface_index(&attached.device).map_or(true, |index| index == Some(attached.ifindex))
        };
        self.attached().iter().find(|attached| !there(attached)).map(|attached| attached.device.clone())
    }

    /// Endpoints installed at this moment.
    #[must_use]
    pub fn endpoints(&self) -> u32 {
        self.tables.endpoints_installed()
    }

    /// Detaches the program from every device and removes all pins, or ends the relay. Media ends.
    ///
    /// # Errors
    /// [`DatapathError`] names the pin that could not be removed; the others are.
    pub fn shutdown(self) -> Result<(), DatapathError> {
        match self.host {
            Host::Kernel { program, pins } => {
                let removed = pins.remove_all();
                drop(program);
                removed
            }
            Host::Process(relay) => relay.shutdown(),
        }
    }
}

fn layout(realms: &[Realm], devices: &[Device]) -> Result<Layout, DatapathError> {
    let ifindex = |realm: &Realm| {
        devices.iter().find(|device| device.name == realm.device).map_or(0, |device| device.ifindex)
    };
    Layout::new(realms, ifindex)
}

#[cfg(test)]
mod tests;
