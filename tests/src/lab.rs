//! Three namespaces, two veth pairs, one bpffs: the ground on which a test runs.

use std::ffi::CString;
use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use anyhow::{Context, Result, ensure};

use crate::namespace::Namespace;
use crate::{cable, place, sweep};

/// The device by which peers reach each other without edge, in the namespace of each.
const DIRECT_DEVICE: &str = "direct";

/// The device of a peer, in its namespace.
pub const PEER_DEVICE: &str = "eth0";

/// The device towards the peer, in a namespace between it and edge.
pub(crate) const NEAR: &str = "near";

/// The device towards edge, there.
pub(crate) const FAR: &str = "far";

/// A version of IP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// What every lab has.
    V4,
    /// What a lab has after [`Lab::add_ipv6`].
    V6,
}

/// One of the two peers, and the realm of edge that faces it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// The provider: realm `outside`.
    Carrier,
    /// The enterprise: realm `inside`.
    Pbx,
}

impl Side {
    /// Both, carrier first.
    pub const BOTH: [Self; 2] = [Self::Carrier, Self::Pbx];

    /// The address of the peer.
    pub const fn peer_address(self) -> Ipv4Addr {
        match self {
            Self::Carrier => Ipv4Addr::new(203, 0, 113, 10),
            Self::Pbx => Ipv4Addr::new(10, 0, 0, 20),
        }
    }

    /// A second address of the peer, which belongs to no trunk.
    pub const fn stranger_address(self) -> Ipv4Addr {
        match self {
            Self::Carrier => Ipv4Addr::new(203, 0, 113, 66),
            Self::Pbx => Ipv4Addr::new(10, 0, 0, 66),
        }
    }

    /// The address of edge that faces this peer.
    pub const fn edge_address(self) -> Ipv4Addr {
        match self {
            Self::Carrier => Ipv4Addr::new(203, 0, 113, 1),
            Self::Pbx => Ipv4Addr::new(10, 0, 0, 1),
        }
    }

    /// The address of the peer in a family.
    pub const fn peer(self, family: Family) -> IpAddr {
        match family {
            Family::V4 => IpAddr::V4(self.peer_address()),
            Family::V6 => self.ipv6(0x10),
        }
    }

    /// The second address of the peer in a family.
    pub const fn stranger(self, family: Family) -> IpAddr {
        match family {
            Family::V4 => IpAddr::V4(self.stranger_address()),
            Family::V6 => self.ipv6(0x66),
        }
    }

    /// The address of edge that faces this peer in a family.
    pub const fn edge(self, family: Family) -> IpAddr {
        match family {
            Family::V4 => IpAddr::V4(self.edge_address()),
            Family::V6 => self.ipv6(1),
        }
    }

    /// A host of the network between the peer and edge: the carrier's is for documentation, the PBX's unique local.
    const fn ipv6(self, host: u16) -> IpAddr {
        let [first, second] = match self {
            Self::Carrier => [0x2001, 0x0db8],
            Self::Pbx => [0xfd00, 0],
        };
        IpAddr::V6(Ipv6Addr::new(first, second, 0, 0, 0, 0, 0, host))
    }

    /// The device of edge that faces this peer, and the name of its realm.
    pub const fn edge_device(self) -> &'static str {
        match self {
            Self::Carrier => "outside",
            Self::Pbx => "inside",
        }
    }

    /// The other peer.
    pub const fn other(self) -> Self {
        match self {
            Self::Carrier => Self::Pbx,
            Self::Pbx => Self::Carrier,
        }
    }

    /// The name of the namespace's role and of the trunk.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Carrier => "carrier",
            Self::Pbx => "pbx",
        }
    }
}

/// The three namespaces and a directory; all of it goes when this is dropped.
///
/// The directory stays after a failed drill, so that the logs can be read.
#[derive(Debug)]
pub struct Lab {
    directory: PathBuf,
    carrier: Namespace,
    pbx: Namespace,
    edge: Namespace,
    keep_directory: bool,
}

impl Lab {
    /// Runs a test in a lab of its own.
    ///
    /// # Errors
    /// What `drill` returns, with the directory of its logs.
    pub fn drill(drill: impl FnOnce(&Self) -> Result<()>) -> Result<()> {
        let mut lab = Self::new()?;
        let outcome = drill(&lab);
        if outcome.is_err() {
            lab.keep_logs();
        }
        outcome.with_context(|| format!("logs are in {}", lab.directory.display()))
    }

    /// Makes a lab of its own for the caller; labs do not see each other.
    pub fn new() -> Result<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        sweep::prepare();
        let identity = format!("{}-{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        let directory = place::labs().join(&identity);
        fs::create_dir_all(&directory).with_context(|| format!("cannot make {}", directory.display()))?;
        let namespace = |role| Namespace::create(&format!("{}{identity}-{role}", sweep::PREFIX));
        let [carrier, pbx, edge] = [namespace("carrier")?, namespace("pbx")?, namespace("edge")?];
        let lab = Self { carrier, pbx, edge, directory, keep_directory: false };
        for side in Side::BOTH {
            lab.connect(side)?;
        }
        lab.mount_bpffs()?;
        Ok(lab)
    }

    /// The namespace of a peer.
    pub fn peer(&self, side: Side) -> &Namespace {
        match side {
            Side::Carrier => &self.carrier,
            Side::Pbx => &self.pbx,
        }
    }

    /// The namespace in the middle.
    pub fn edge(&self) -> &Namespace {
        &self.edge
    }

    /// Leaves the directory when the lab goes, until the next process with a lab starts.
    pub fn keep_logs(&mut self) {
        self.keep_directory = true;
    }

    /// Where logs, configuration and CDRs of this lab lie.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The bpffs of this lab.
    pub fn bpffs(&self) -> PathBuf {
        self.directory.join("bpf")
    }

    /// Lets the kernel of the middle namespace forward between the peers: the lab without edge.
    pub fn forward_by_kernel(&self) -> Result<()> {
        self.edge.sysctl("net/ipv4/ip_forward", "1")?;
        for side in Side::BOTH {
            self.peer(side).ip(&["route", "add", "default", "via", &side.edge_address().to_string()])?;
        }
        Ok(())
    }

    /// A veth pair from peer to peer, by which each sends to the other's address without edge.
    pub fn connect_peers(&self) -> Result<()> {
        let [carrier, pbx] = Side::BOTH.map(|side| self.peer(side));
        let pair = ["link", "add", DIRECT_DEVICE, "type", "veth", "peer", "name", DIRECT_DEVICE];
        carrier.ip(&[&pair[..], &["netns", pbx.name()]].concat())?;
        for side in Side::BOTH {
            let other = format!("{}/32", side.other().peer_address());
            self.peer(side).ip(&["link", "set", DIRECT_DEVICE, "up"])?;
            self.peer(side).ip(&["route", "add", &other, "dev", DIRECT_DEVICE, "scope", "link"])?;
        }
        Ok(())
    }

    /// Gives every device its IPv6 addresses: its own, and that of the link, from which the kernel asks for neighbours.
    pub fn add_ipv6(&self) -> Result<()> {
        for namespace in [&self.carrier, &self.pbx, &self.edge] {
            namespace.switch_ipv6_on()?;
        }
        for side in Side::BOTH {
            let peers = [side.peer(Family::V6), side.stranger(Family::V6)]
                .map(|peer| (self.peer(side), PEER_DEVICE, peer));
            let edge = (&self.edge, side.edge_device(), side.edge(Family::V6));
            for (namespace, device, address) in peers.into_iter().chain([edge]) {
                namespace.ip(&["address", "add", &format!("{address}/64"), "dev", device, "nodad"])?;
            }
        }
        Ok(())
    }

    /// A veth pair between `side` and edge, or the devices that the lab was given, with addresses.
    fn connect(&self, side: Side) -> Result<()> {
        let (peer, device) = (self.peer(side), side.edge_device());
        if let Some([near, far]) = cable::given(side)? {
            cable::plug(&near, &self.edge, device)?;
            cable::plug(&far, peer, PEER_DEVICE)?;
        } else {
            let pair = ["link", "add", device, "type", "veth", "peer", "name", PEER_DEVICE];
            self.edge.ip(&[&pair[..], &["netns", peer.name()]].concat())?;
        }
        self.edge.ip(&["address", "add", &format!("{}/24", side.edge_address()), "dev", device])?;
        self.edge.ip(&["link", "set", device, "up"])?;
        self.equip(side)
    }

    /// Gives the device of a peer what it needs.
    fn equip(&self, side: Side) -> Result<()> {
        let peer = self.peer(side);
        for address in [side.peer_address(), side.stranger_address()] {
            peer.ip(&["address", "add", &format!("{address}/24"), "dev", PEER_DEVICE])?;
        }
        peer.ip(&["link", "set", PEER_DEVICE, "up"])?;
        // The witness checks checksums, so the peer's kernel must write them. A veth delivers redirected frames
        // only when it polls (NAPI), which GRO switches on.
        peer.command("ethtool", &["-K", PEER_DEVICE, "tx", "off", "gro", "on"])?;
        Ok(())
    }

    /// A namespace in the middle of the link between `side` and edge: what it has not at its [`NEAR`] device it has at its
    /// [`FAR`] one, and nothing crosses by itself.
    pub(crate) fn interpose(&self, side: Side) -> Result<Namespace> {
        let (peer, device) = (self.peer(side), side.edge_device());
        let between = Namespace::create(&format!("{}-network", peer.name()))?;
        // Checksums that are left to a device are nobody's here.
        self.edge.command("ethtool", &["-K", device, "tx", "off"])?;
        peer.ip(&["link", "set", PEER_DEVICE, "netns", between.name()])?;
        between.ip(&["link", "set", PEER_DEVICE, "name", FAR])?;
        let pair = ["link", "add", NEAR, "type", "veth", "peer", "name", PEER_DEVICE, "netns", peer.name()];
        between.ip(&pair)?;
        for device in [NEAR, FAR] {
            between.ip(&["link", "set", device, "up"])?;
            between.command("ethtool", &["-K", device, "tx", "off", "gro", "on"])?;
        }
        self.equip(side)?;
        Ok(between)
    }

    fn mount_bpffs(&self) -> Result<()> {
        let point = self.bpffs();
        fs::create_dir_all(&point)?;
        let path = c_path(&point)?;
        // SAFETY: three terminated strings that live through the call; bpffs takes no data.
        let outcome =
            unsafe { libc::mount(c"bpf".as_ptr(), path.as_ptr(), c"bpf".as_ptr(), 0, std::ptr::null()) };
        ensure!(outcome == 0, "cannot mount a bpffs: {}", io::Error::last_os_error());
        Ok(())
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        if let Err(error) = unmount(&self.bpffs()) {
            eprintln!("lab: {} stays mounted: {error:#}", self.bpffs().display());
        } else if !self.keep_directory && !thread::panicking() {
            let _ = fs::remove_dir_all(&self.directory);
        }
    }
}

/// Ends a mount, even when a file in it is still open.
pub(crate) fn unmount(point: &Path) -> Result<()> {
    let path = c_path(point)?;
    // SAFETY: a terminated string that lives through the call.
    let outcome = unsafe { libc::umount2(path.as_ptr(), libc::MNT_DETACH) };
    ensure!(outcome == 0, "cannot unmount: {}", io::Error::last_os_error());
    Ok(())
}

fn c_path(path: &Path) -> Result<CString> {
    CString::new(path.as_os_str().as_bytes()).context("a path has no zero byte")
}
