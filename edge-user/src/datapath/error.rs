//! What can go wrong with the datapath, each with what to do about it.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use edge_core::media::MediaRefusal;

use super::refusal;

/// Why the datapath cannot start, or cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum DatapathError {
    /// The binary was built without the eBPF object.
    #[error("this binary was built without the XDP program: run `cargo xtask build`")]
    NoProgram,
    /// The binary was built with the eBPF object of other sources.
    #[error(
        "the XDP program in this binary was built for tables of {}, and edge itself for those of ABI v{ours}: \
         build both from the same sources, by `cargo xtask build`",
        .found.map_or_else(|| "an ABI before v4".to_owned(), |found| format!("ABI v{found}"))
    )]
    OtherObject {
        /// Version of the tables that the object knows, when it says one.
        found: Option<u32>,
        /// Version of this binary.
        ours: u32,
    },
    /// The pin root is not on a BPF file system.
    #[error("{path} is not on a BPF file system: run `mount -t bpf bpf {existing}`")]
    NotBpffs {
        /// The pin root.
        path: PathBuf,
        /// The part of its path that exists.
        existing: PathBuf,
    },
    /// Maps of another ABI version are pinned.
    #[error(
        "media of another version of edge (ABI v{found}, this is v{ours}) is pinned in {path}: stop that edge, \
         or end its media with `rm -r {path}`"
    )]
    ForeignVersion {
        /// Its version.
        found: String,
        /// Version of this binary.
        ours: u32,
        /// Directory of its pins.
        path: PathBuf,
    },
    /// A file operation on a pin or its directory failed.
    #[error("{path}: {source}")]
    Pin {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file operation on the tables of the userspace relay failed.
    #[error("{path}: {source}: the tables of the userspace relay belong into node.run_dir")]
    Tables {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Frames of a device cannot be taken.
    #[error("no packet socket on `{device}`: {source}; the userspace relay needs root, or CAP_NET_RAW")]
    PacketSocket {
        /// The device.
        device: String,
        /// Why.
        source: io::Error,
    },
    /// No node of this name has anything pinned.
    #[error("{path} holds no maps: edge is not running, or pins elsewhere")]
    NotPinned {
        /// Where they were looked for.
        path: PathBuf,
    },
    /// The object could not be loaded.
    #[error(
        "{kernel} refused the XDP program's maps: {0}; edge needs root (or CAP_BPF) and {wanted}",
        kernel = refusal::this_kernel(),
        wanted = refusal::wanted()
    )]
    Load(#[from] Box<aya::EbpfError>),
    /// The program could not be loaded.
    #[error(
        "{kernel} refused the XDP program: {reason}; edge needs root (or CAP_BPF and CAP_NET_ADMIN) and {wanted}",
        kernel = refusal::this_kernel(),
        reason = refusal::reason(.0),
        wanted = refusal::wanted()
    )]
    Program(Box<aya::programs::ProgramError>),
    /// The object holds something else than this crate expects.
    #[error("the XDP program has no `{name}`: it was built from other sources, run `cargo xtask build`")]
    Object {
        /// Name of the program or map.
        name: &'static str,
    },
    /// A map operation failed.
    #[error("map {map}: {source}")]
    Map {
        /// Name of the map.
        map: &'static str,
        /// Why.
        source: Box<aya::maps::MapError>,
    },
    /// A map could not be mapped into memory.
    #[error("map {map} cannot be mapped into memory: {source}")]
    Mapping {
        /// Name of the map.
        map: &'static str,
        /// Why.
        source: io::Error,
    },
    /// A device does not exist.
    #[error("there is no network device `{device}`: `ip link` shows what there is")]
    NoDevice {
        /// Its name.
        device: String,
    },
    /// A device has no Ethernet address.
    #[error("device `{device}` is not an Ethernet device: media needs one")]
    NotEthernet {
        /// Its name.
        device: String,
    },
    /// A device refused the program.
    #[error("XDP cannot be attached to `{device}` in {mode} mode: {source}{hint}")]
    Attach {
        /// The device.
        device: String,
        /// The mode that was tried.
        mode: super::AttachMode,
        /// Why.
        source: Box<aya::programs::ProgramError>,
        /// What to do, when that is known; begins with a separator.
        hint: &'static str,
    },
    /// The kernel gave no link that could be pinned.
    #[error("`{device}` has no XDP link: {source}; edge needs {wanted}", wanted = refusal::wanted())]
    Link {
        /// The device.
        device: String,
        /// Why.
        source: Box<aya::programs::links::LinkError>,
    },
    /// The link to a device cannot be pinned.
    #[error("{path}: {source}")]
    PinLink {
        /// Path of the pin.
        path: PathBuf,
        /// Why.
        source: Box<aya::pin::PinError>,
    },
    /// The kernel refused a device as the target of redirects.
    #[error("packets cannot be redirected to `{device}`: {source}")]
    Device {
        /// Its name.
        device: String,
        /// Why.
        source: Box<aya::maps::xdp::XdpMapError>,
    },
    /// A VLAN that XDP cannot serve in the driver.
    #[error(
        "VLAN device `{device}` cannot have native XDP: {problem}; or write mode = \"auto\" or \"generic\" in [xdp]"
    )]
    Vlan {
        /// The device.
        device: String,
        /// Why.
        problem: VlanProblem,
    },
    /// A device whose frames are not those that came.
    #[error(
        "`{device}` cannot have native XDP: it merges packets before XDP sees them (LRO): `ethtool -K {device} lro off`; \
         or write mode = \"auto\" or \"generic\" in [xdp]"
    )]
    Merging {
        /// The device.
        device: String,
    },
    /// More than the tables hold.
    #[error("{what}: {value} is more than the {max} that fit")]
    TooMany {
        /// What there are too many of.
        what: &'static str,
        /// How many.
        value: u64,
        /// How many fit.
        max: u64,
    },
    /// The diagnostics of the program cannot be read.
    #[error("the XDP program's log cannot be read: {0}")]
    Log(#[from] aya_log::Error),
    /// Netlink failed.
    #[error("netlink: {0}")]
    Netlink(#[from] io::Error),
}

/// Why a VLAN cannot be served on the device below it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VlanProblem {
    /// The device below is in another network namespace.
    #[error("the device below it is in another network namespace: have both in this one")]
    Elsewhere,
    /// Its tags are those of a provider (802.1ad).
    #[error("its tags are 802.1ad's, and edge reads those of 802.1Q: make it with `protocol 802.1Q`")]
    Provider,
    /// It is a VLAN within a VLAN.
    #[error("`{below}`, which it is on, is a VLAN's, too, and edge reads one tag")]
    Stacked {
        /// The device below.
        below: String,
    },
    /// The device below takes tags off before XDP sees a frame.
    #[error(
        "`{below}` takes tags off before XDP sees a frame: `ethtool -K {below} rxvlan off`, and of a veth also \
         `ethtool -K PEER txvlan off` at its other end"
    )]
    Stripped {
        /// The device below.
        below: String,
    },
}

impl From<aya::programs::ProgramError> for DatapathError {
    fn from(source: aya::programs::ProgramError) -> Self {
        Self::Program(Box::new(source))
    }
}

impl DatapathError {
    /// Whether this kernel, or a driver of it, takes no XDP program of ours, whatever is done.
    pub(super) fn lacks_xdp(&self) -> bool {
        !self.is_busy()
            && matches!(
                self,
                Self::Load(_)
                    | Self::Program(_)
                    | Self::Attach { .. }
                    | Self::Link { .. }
                    | Self::Device { .. }
            )
    }

    /// Whether another XDP program holds the device.
    pub(super) fn is_busy(&self) -> bool {
        matches!(self, Self::Attach { source, .. } if is_busy(source))
    }
}

/// Whether the kernel says that the device has a program already.
pub(super) fn is_busy(error: &aya::programs::ProgramError) -> bool {
    matches!(error, aya::programs::ProgramError::SyscallError(error)
        if matches!(error.io_error.raw_os_error(), Some(libc::EBUSY | libc::EEXIST)))
}

/// Why the media of one call cannot be installed.
#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    /// As many endpoints as the operator allows are installed.
    #[error("{flows_max} media endpoints are in use: raise xdp.flows_max")]
    Full {
        /// The limit.
        flows_max: u32,
    },
    /// A local address and port outside the media ranges that the datapath was started with.
    #[error("{local} is no RTP port of a media range")]
    NotMedia {
        /// The address.
        local: SocketAddr,
    },
    /// A local port that another call uses.
    #[error("{local} belongs to call {call} already")]
    InUse {
        /// The address.
        local: SocketAddr,
        /// Datapath number of that call.
        call: u32,
    },
    /// An update that would move a leg to other local ports.
    #[error("a call cannot move from its local address to {local}")]
    Moved {
        /// The new address.
        local: SocketAddr,
    },
    /// A far side of another address family than our own end.
    #[error("media from {local} cannot go to {remote}: one is IPv4, the other IPv6")]
    OtherFamily {
        /// Where to.
        remote: IpAddr,
        /// From which media address.
        local: IpAddr,
    },
    /// The kernel has no route.
    #[error("no route to {remote} from {local}: {source}")]
    NoRoute {
        /// Where to.
        remote: IpAddr,
        /// From which media address.
        local: IpAddr,
        /// The kernel's answer.
        source: io::Error,
    },
    /// The route ends at this host, or is a blackhole.
    #[error("{remote} is not the address of another host")]
    NotRemote {
        /// Where to.
        remote: IpAddr,
    },
    /// The route leaves by a device without the program.
    #[error(
        "the route to {remote} leaves by `{device}`, which belongs to no realm: the XDP program cannot send there"
    )]
    NotAttached {
        /// Where to.
        remote: IpAddr,
        /// The device.
        device: String,
    },
    /// The route leaves by the device of another realm.
    #[error("the route from {local} to {remote} leaves by `{device}`, the device of another realm")]
    OtherRealm {
        /// Where to.
        remote: IpAddr,
        /// From which media address.
        local: IpAddr,
        /// The device.
        device: String,
    },
    /// No row is free for another next hop.
    #[error("{max} next hops are in use")]
    NextHopsFull {
        /// How many fit.
        max: u32,
    },
    /// No row is free for another set of payload types.
    #[error("{max} different sets of payload types are in use")]
    ProfilesFull {
        /// How many fit.
        max: u32,
    },
}

impl InstallError {
    /// Whether the kernel has said that no route leads to the far side by the device of the realm: rather than that it could not
    /// be asked, or that there is no room.
    pub(super) fn leads_nowhere(&self) -> bool {
        match self {
            // None, `unreachable`, `prohibit` and `blackhole`.
            Self::NoRoute { source, .. } => matches!(
                source.raw_os_error(),
                Some(libc::ENETUNREACH | libc::EHOSTUNREACH | libc::EACCES | libc::EINVAL)
            ),
            Self::NotRemote { .. } | Self::NotAttached { .. } | Self::OtherRealm { .. } => true,
            Self::Full { .. }
            | Self::NotMedia { .. }
            | Self::InUse { .. }
            | Self::Moved { .. }
            | Self::OtherFamily { .. }
            | Self::NextHopsFull { .. }
            | Self::ProfilesFull { .. } => false,
        }
    }
}

impl From<InstallError> for MediaRefusal {
    fn from(error: InstallError) -> Self {
        let reason = error.to_string();
        match error {
            InstallError::OtherFamily { .. }
            | InstallError::NoRoute { .. }
            | InstallError::NotRemote { .. }
            | InstallError::NotAttached { .. }
            | InstallError::OtherRealm { .. } => Self::Address { reason },
            InstallError::Full { .. }
            | InstallError::NotMedia { .. }
            | InstallError::InUse { .. }
            | InstallError::Moved { .. }
            | InstallError::NextHopsFull { .. }
            | InstallError::ProfilesFull { .. } => Self::Datapath { reason },
        }
    }
}
