//! What this host is: its kernel, the rights of this process, its network devices and its port ranges.
//!
//! [`Facts::probe`] reads and does not judge: [`check`] compares a configuration with the facts, and
//! [`crate::doctor`] says what they mean. Devices are asked for by netlink and ioctl, not by sysfs, because a
//! mounted sysfs shows the network namespace of whoever mounted it.

mod check;
mod ethtool;
pub(crate) mod kernel;
mod links;
mod proc;
mod vlan;

#[cfg(test)]
mod tests;

use std::net::IpAddr;
use std::path::PathBuf;

use edge_core::policy::PortRange;

pub use check::{Problem, check, compare};
pub use vlan::Vlan;

/// What this host is, as far as `edge` depends on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// Release of the kernel, such as `6.12.9-amd64`.
    pub kernel: String,
    /// Whether the kernel carries its own types (BTF).
    pub btf: bool,
    /// Whether BPF programs are compiled to machine code; `None` where only the first namespace may see it.
    pub jit: Option<bool>,
    /// Where bpffs is mounted.
    pub bpffs: Vec<PathBuf>,
    /// Effective capabilities of this process, by bit number.
    pub capabilities: u64,
    /// Bytes that this process may lock in memory; `None` means any number.
    pub locked_bytes_max: Option<u64>,
    /// Files that this process may hold open; `None` means any number.
    pub files_max: Option<u64>,
    /// Processors that this process may run on; at least one.
    pub processors: usize,
    /// Ports that the kernel gives to outgoing connections.
    pub ports: EphemeralPorts,
    /// Network devices of this namespace, in the kernel's order.
    pub links: Vec<Link>,
}

/// Ports that the kernel picks for sockets that did not ask for one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EphemeralPorts {
    /// First and last, both included (`net.ipv4.ip_local_port_range`).
    pub range: (u16, u16),
    /// Ranges never picked, both ends included (`net.ipv4.ip_local_reserved_ports`).
    pub reserved: Vec<(u16, u16)>,
}

impl EphemeralPorts {
    /// Whether the kernel could pick a port of `media`.
    #[must_use]
    pub fn meet(&self, media: PortRange) -> bool {
        let (first, last) = self.range;
        let (first, last) = (first.max(media.first()), last.min(media.last()));
        (first..=last).any(|port| !self.reserved.iter().any(|(low, high)| (*low..=*high).contains(&port)))
    }

    /// The value of `net.ipv4.ip_local_reserved_ports` that keeps what is reserved and adds `media`.
    #[must_use]
    pub fn reserving(&self, media: impl IntoIterator<Item = PortRange>) -> String {
        let mut ranges = self.reserved.clone();
        for range in media.into_iter().map(|ports| (ports.first(), ports.last())) {
            if !ranges.contains(&range) {
                ranges.push(range);
            }
        }
        let text = |(first, last): &(u16, u16)| {
            if first == last { first.to_string() } else { format!("{first}-{last}") }
        };
        ranges.iter().map(text).collect::<Vec<_>>().join(",")
    }
}

/// A network device.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Link {
    /// The kernel's number for it.
    pub index: u32,
    /// Its name.
    pub name: String,
    /// Whether it is switched on.
    pub up: bool,
    /// Largest packet, in bytes without the Ethernet header.
    pub mtu: u32,
    /// Receive queues.
    pub rx_queues: u32,
    /// Name of its driver, where it has one.
    pub driver: Option<String>,
    /// Queues in pairs, in use and at most, where the driver knows.
    pub channels: Option<Channels>,
    /// Whether it merges received packets in hardware; `None` when unknown.
    pub lro: Option<bool>,
    /// Whether it takes the tags of VLANs off before anybody sees a frame (`rx-vlan-offload`); `None` when unknown.
    pub strips_tags: Option<bool>,
    /// What it is, when it is a VLAN's.
    pub vlan: Option<Vlan>,
    /// XDP program on it.
    pub xdp: Attached,
    /// Its addresses.
    pub addresses: Vec<IpAddr>,
}

/// Queues of a device, as its driver counts them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Channels {
    /// Receive queues, alone or paired, in use.
    pub rx: u32,
    /// Most of them.
    pub rx_max: u32,
    /// Transmit queues, alone or paired, in use.
    pub tx: u32,
    /// Most of them.
    pub tx_max: u32,
    /// Whether they come in pairs, which `ethtool -L` calls `combined`.
    pub paired: bool,
}

/// Where an XDP program is attached to a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Attached {
    /// Nowhere.
    #[default]
    Nothing,
    /// In the driver.
    Native {
        /// The kernel's number for the program.
        program: u32,
    },
    /// Behind the driver.
    Generic {
        /// The kernel's number for the program.
        program: u32,
    },
    /// In the hardware, or in several places.
    Otherwise,
}

/// Whether a device takes the tags of VLANs off before anybody sees a frame; `None` when its driver does not say.
#[must_use]
pub fn strips_tags(device: &str) -> Option<bool> {
    ethtool::Ethtool::open().ok()?.strips_tags(device)
}

/// Whether a device merges received packets in hardware (LRO); `None` when its driver does not say.
#[must_use]
pub fn merges_packets(device: &str) -> Option<bool> {
    ethtool::Ethtool::open().ok()?.merges(device)
}

/// Release of the kernel, such as `6.12.9-amd64`.
pub(crate) fn release() -> std::io::Result<String> {
    proc::kernel()
}

impl Facts {
    /// Reads the facts.
    ///
    /// # Errors
    /// When the kernel does not answer what every kernel answers: `/proc` or netlink cannot be read.
    pub fn probe() -> std::io::Result<Self> {
        Ok(Self {
            kernel: proc::kernel()?,
            btf: proc::btf(),
            jit: proc::jit(),
            bpffs: proc::bpffs()?,
            capabilities: proc::capabilities()?,
            locked_bytes_max: proc::limit("Max locked memory")?,
            files_max: proc::limit("Max open files")?,
            processors: std::thread::available_parallelism()?.get(),
            ports: proc::ports()?,
            links: links::read()?,
        })
    }
}
