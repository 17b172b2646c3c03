//! A link of the lab as a VLAN: on both ends the device that everybody knows is one for tagged frames, on top of the veth.

use anyhow::{Result, bail};

use crate::lab::{Lab, PEER_DEVICE, Side};
use crate::namespace::Namespace;

/// Whether the veth takes tags off what it receives, as far as it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tags {
    /// They stay in the frame: as XDP wants it.
    Kept,
    /// `rx-vlan-offload`, as a veth has it by itself.
    TakenOff,
}

/// The veth below the device of this name.
pub fn below(device: &str) -> String {
    format!("t-{device}")
}

/// Whether this kernel makes VLAN devices (`CONFIG_VLAN_8021Q`).
///
/// # Errors
/// When it refuses one for another reason.
pub fn are_there(lab: &Lab) -> Result<bool> {
    let on = Side::Carrier.edge_device();
    match lab.edge().ip(&["link", "add", "link", on, "name", "probe", "type", "vlan", "id", "9"]) {
        Ok(()) => lab.edge().ip(&["link", "delete", "probe"]).map(|()| true),
        Err(error) if format!("{error:#}").contains("Unknown device type") => Ok(false),
        Err(error) if format!("{error:#}").contains("not supported") => Ok(false),
        Err(error) => bail!("a VLAN device is refused: {error:#}"),
    }
}

/// Makes the link between edge and a peer one of VLAN `vid`, before anything is on it.
///
/// # Errors
/// When a device cannot be made.
pub fn make(lab: &Lab, side: Side, vid: u16, tags: Tags) -> Result<()> {
    let edge = [side.edge_address()];
    tag(lab.edge(), side.edge_device(), &edge.map(|address| address.to_string()), vid, tags)?;
    let peer = [side.peer_address(), side.stranger_address()];
    tag(lab.peer(side), PEER_DEVICE, &peer.map(|address| address.to_string()), vid, Tags::Kept)
}

fn tag(namespace: &Namespace, device: &str, addresses: &[String], vid: u16, tags: Tags) -> Result<()> {
    let (below, vid) = (below(device), vid.to_string());
    namespace.ip(&["address", "flush", "dev", device])?;
    namespace.ip(&["link", "set", device, "down"])?;
    namespace.ip(&["link", "set", device, "name", &below])?;
    // What is left to an offload stands beside a frame, not in it: neither tag nor checksum would be there for XDP.
    let kept = if tags == Tags::Kept { "off" } else { "on" };
    let offloads = ["-K", &below, "tx", "off", "gro", "on", "txvlan", "off", "rxvlan", kept];
    namespace.command("ethtool", &offloads)?;
    namespace.ip(&["link", "set", &below, "up"])?;
    namespace.ip(&["link", "add", "link", &below, "name", device, "type", "vlan", "id", &vid])?;
    for address in addresses {
        namespace.ip(&["address", "add", &format!("{address}/24"), "dev", device])?;
    }
    namespace.ip(&["link", "set", device, "up"])
}
