//! How media of a device is relayed: by the XDP program, attached in one mode or the other, or by this process.

use std::fmt;

use aya::programs::xdp::XdpMode;

/// How the program is attached to a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttachMode {
    /// In the driver.
    Native,
    /// In the network stack.
    Generic,
}

impl fmt::Display for AttachMode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Native => "native",
            Self::Generic => "generic",
        })
    }
}

impl From<AttachMode> for XdpMode {
    fn from(mode: AttachMode) -> Self {
        match mode {
            AttachMode::Native => Self::Driver,
            AttachMode::Generic => Self::Skb,
        }
    }
}

/// Who relays the media of a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MediaHost {
    /// The XDP program.
    Xdp(AttachMode),
    /// The userspace relay.
    Userspace,
}

impl fmt::Display for MediaHost {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Xdp(mode) => mode.fmt(formatter),
            Self::Userspace => formatter.write_str("userspace"),
        }
    }
}

/// A device whose media is relayed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attached {
    /// Its name.
    pub device: String,
    /// Its index.
    pub ifindex: u32,
    /// By whom, and how.
    pub mode: MediaHost,
    /// The device with the program, when it is the one below this VLAN's.
    pub below: Option<String>,
}
