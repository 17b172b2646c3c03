//! Facts that drivers tell through `SIOCETHTOOL` (`linux/ethtool.h`).

use std::ffi::c_char;
use std::io::{Error, Result};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixDatagram;

use super::{Channels, Link};

const ETHTOOL_GDRVINFO: u32 = 0x03;
const ETHTOOL_GFLAGS: u32 = 0x25;
const ETHTOOL_GCHANNELS: u32 = 0x3c;

/// `ETH_FLAG_LRO` of `ETHTOOL_GFLAGS`.
const FLAG_LRO: u32 = 1 << 15;
/// `ETH_FLAG_RXVLAN` of `ETHTOOL_GFLAGS`.
const FLAG_RXVLAN: u32 = 1 << 8;

/// A block of memory that `SIOCETHTOOL` reads a command from and writes the answer into.
///
/// # Safety
/// The type is `repr(C)`, holds integers only, begins with the command, and is as large as the kernel's
/// structure for it.
unsafe trait Exchange {}

#[repr(C)]
struct DriverExchange {
    command: u32,
    driver: [u8; 32],
    _version: [u8; 32],
    _firmware: [u8; 32],
    _bus: [u8; 32],
    _rom: [u8; 32],
    _reserved: [u8; 12],
    _counts: [u32; 5],
}

#[repr(C)]
struct ValueExchange {
    command: u32,
    value: u32,
}

#[repr(C)]
#[derive(Default)]
struct ChannelsExchange {
    command: u32,
    rx_max: u32,
    tx_max: u32,
    _other_max: u32,
    combined_max: u32,
    rx: u32,
    tx: u32,
    _other: u32,
    combined: u32,
}

const _: () = assert!(size_of::<DriverExchange>() == 196);
const _: () = assert!(size_of::<ValueExchange>() == 8);
const _: () = assert!(size_of::<ChannelsExchange>() == 36);

// SAFETY: `struct ethtool_drvinfo`, 196 bytes, asserted above.
unsafe impl Exchange for DriverExchange {}
// SAFETY: `struct ethtool_value`, 8 bytes, asserted above.
unsafe impl Exchange for ValueExchange {}
// SAFETY: `struct ethtool_channels`, 36 bytes, asserted above.
unsafe impl Exchange for ChannelsExchange {}

/// A way to ask drivers.
#[derive(Debug)]
pub(super) struct Ethtool {
    /// Any socket carries the ioctl; this one needs neither address nor right.
    socket: UnixDatagram,
}

impl Ethtool {
    pub(super) fn open() -> Result<Self> {
        Ok(Self { socket: UnixDatagram::unbound()? })
    }

    /// Adds to `link` what its driver tells; what the driver does not know stays unknown.
    pub(super) fn describe(&self, link: &mut Link) {
        link.driver = self.driver(&link.name);
        link.channels = self.channels(&link.name);
        link.strips_tags = self.strips_tags(&link.name);
        link.lro = self.merges(&link.name);
    }

    /// Whether packets are merged before the kernel sees them.
    pub(super) fn merges(&self, device: &str) -> Option<bool> {
        self.value(device, ETHTOOL_GFLAGS).map(|flags| flags & FLAG_LRO != 0)
    }

    /// Whether VLAN tags go into the descriptor of a frame that was received, and out of the frame.
    pub(super) fn strips_tags(&self, device: &str) -> Option<bool> {
        self.value(device, ETHTOOL_GFLAGS).map(|flags| flags & FLAG_RXVLAN != 0)
    }

    fn driver(&self, device: &str) -> Option<String> {
        let mut exchange = DriverExchange {
            command: ETHTOOL_GDRVINFO,
            driver: [0; 32],
            _version: [0; 32],
            _firmware: [0; 32],
            _bus: [0; 32],
            _rom: [0; 32],
            _reserved: [0; 12],
            _counts: [0; 5],
        };
        self.exchange(device, &mut exchange).ok()?;
        let name = exchange.driver.split(|byte| *byte == 0).next().unwrap_or_default();
        (!name.is_empty()).then(|| String::from_utf8_lossy(name).into_owned())
    }

    fn channels(&self, device: &str) -> Option<Channels> {
        let mut exchange = ChannelsExchange { command: ETHTOOL_GCHANNELS, ..ChannelsExchange::default() };
        self.exchange(device, &mut exchange).ok()?;
        let ChannelsExchange { rx_max, tx_max, combined_max, rx, tx, combined, .. } = exchange;
        Some(Channels {
            rx: rx.saturating_add(combined),
            rx_max: rx_max.max(combined_max),
            tx: tx.saturating_add(combined),
            tx_max: tx_max.max(combined_max),
            paired: combined_max > 0,
        })
    }

    fn value(&self, device: &str, command: u32) -> Option<u32> {
        let mut exchange = ValueExchange { command, value: 0 };
        self.exchange(device, &mut exchange).ok()?;
        Some(exchange.value)
    }

    fn exchange<T: Exchange>(&self, device: &str, exchange: &mut T) -> Result<()> {
        let mut name: [c_char; libc::IFNAMSIZ] = [0; libc::IFNAMSIZ];
        if device.len() >= name.len() {
            return Err(Error::from_raw_os_error(libc::ENODEV));
        }
        for (to, from) in name.iter_mut().zip(device.bytes()) {
            *to = c_char::from_ne_bytes([from]);
        }
        let data = std::ptr::from_mut(exchange).cast();
        let mut request =
            libc::ifreq { ifr_name: name, ifr_ifru: libc::__c_anonymous_ifr_ifru { ifru_data: data } };
        // SAFETY: the name ends in a zero, and `data` points to a structure that is as large as the kernel
        // expects for its command (trait `Exchange`) and outlives the call.
        let outcome = unsafe { libc::ioctl(self.socket.as_raw_fd(), libc::SIOCETHTOOL, &raw mut request) };
        if outcome < 0 { Err(Error::last_os_error()) } else { Ok(()) }
    }
}
