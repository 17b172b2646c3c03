//! Through which devices packets come and go: where the program is attached, and what its tables of devices say.
//!
//! In native mode a VLAN is served on the device below it, which sees its tags: once for all VLANs there and for a realm on that device itself.
//! In generic mode the program is on each device of a realm, because the kernel takes tags off before a program behind
//! the driver runs. The other tables are the same in both modes: they name the realms' devices.
//!
//! Invariant: a slot of the devmap is filled, or its row of tags is, never both.

use std::iter;

use aya::maps::{Array, DevMap, HashMap, Map};
use edge_core::policy::Realm;
use edge_ebpf::abi::{DEVICES, DEVICES_MAX, EgressTag, TAGS, VLANS, VlanKey};
use zerocopy::transmute;

use super::attached::{AttachMode, Attached, MediaHost};
use super::netlink::{Device, Netlink};
use super::pins::map_error;
use super::{DatapathError, VlanProblem, sys};
use crate::host;

/// The device below a VLAN.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Below {
    pub(super) device: Device,
    /// Whether it takes tags off before XDP sees a frame. Who does not say does not.
    pub(super) strips_tags: bool,
}

/// The devices below these, each once, that are no realm's own, and what they do to tags.
pub(super) fn below(devices: &[Device]) -> Result<Vec<Below>, DatapathError> {
    let mut netlink = Netlink::open()?;
    let mut found: Vec<Below> = Vec::new();
    for ifindex in devices.iter().filter_map(|device| device.vlan?.below) {
        if found.iter().all(|below| below.device.ifindex != ifindex) {
            let device = netlink.device_at(ifindex)?;
            let strips_tags = host::strips_tags(&device.name).unwrap_or(false);
            found.push(Below { device, strips_tags });
        }
    }
    Ok(found)
}

/// The devices of all realms, each once, in the order of the configuration.
pub(super) fn devices(realms: &[Realm]) -> Result<Vec<Device>, DatapathError> {
    let mut netlink = Netlink::open()?;
    let mut devices: Vec<Device> = Vec::new();
    for realm in realms {
        if devices.iter().all(|device| device.name != realm.device) {
            devices.push(netlink.device(&realm.device)?);
        }
    }
    if devices.len() > DEVICES_MAX as usize {
        let (value, max) = (devices.len() as u64, u64::from(DEVICES_MAX));
        return Err(DatapathError::TooMany { what: "devices", value, max });
    }
    Ok(devices)
}

/// The names of these devices and of those below them, each once.
pub(super) fn with_those_below<'a>(
    devices: impl Iterator<Item = &'a str>,
) -> Result<Vec<String>, DatapathError> {
    let mut netlink = Netlink::open()?;
    let mut names: Vec<String> = devices.map(str::to_owned).collect();
    for place in 0..names.len() {
        // One that is gone has no packets either.
        let Ok(device) = netlink.device(&names[place]) else { continue };
        if let Some(below) = device.vlan.and_then(|vlan| vlan.below) {
            let name = netlink.device_name(below);
            if !names.contains(&name) {
                names.push(name);
            }
        }
    }
    Ok(names)
}

/// The ways in native mode, where the devices let XDP see what came. The kernel itself turns LRO off for generic XDP.
pub(super) fn native(devices: &[Device], below: &[Below]) -> Result<Ports, DatapathError> {
    let merges = |device: &str| host::merges_packets(device).unwrap_or(false);
    Ports::new(AttachMode::Native, devices, below)?.unmerged(merges)
}

/// The ways in and out in one mode.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Ports {
    /// Where the program is attached.
    pub(super) programs: Vec<Device>,
    /// The devmap: that of a realm's device is its place in the list, those of devices that only VLANs are on come after them.
    pub(super) slots: Vec<Option<u32>>,
    /// VLANs that come in.
    pub(super) vlans: Vec<(VlanKey, u32)>,
    /// Tags of what leaves by an empty slot.
    pub(super) tags: Vec<(u32, EgressTag)>,
    /// What is said of it.
    pub(super) attached: Vec<Attached>,
}

impl Ports {
    /// The ways for realms on `devices`, with `below` those that VLANs are on.
    pub(super) fn new(mode: AttachMode, devices: &[Device], below: &[Below]) -> Result<Self, DatapathError> {
        let mut ports = Self::default();
        for device in devices {
            match device.vlan.filter(|_| mode == AttachMode::Native) {
                Some(_) => ports.slots.push(None),
                None => ports.add(device, mode),
            }
        }
        for (slot, device) in (0..).zip(devices) {
            if ports.slots[slot as usize].is_none() {
                ports.add_vlan(slot, device, below)?;
            }
        }
        if ports.slots.len() > DEVICES_MAX as usize {
            let (value, max) = (ports.slots.len() as u64, u64::from(DEVICES_MAX));
            return Err(DatapathError::TooMany { what: "devices", value, max });
        }
        Ok(ports)
    }

    /// The same, unless one of the devices that the program is on `merges` packets: what leaves is to be what came, and many a driver
    /// refuses the program, or turns LRO off without a word.
    pub(super) fn unmerged(self, merges: impl Fn(&str) -> bool) -> Result<Self, DatapathError> {
        match self.programs.iter().find(|device| merges(&device.name)) {
            Some(device) => Err(DatapathError::Merging { device: device.name.clone() }),
            None => Ok(self),
        }
    }

    /// A device that the program is on.
    fn add(&mut self, device: &Device, mode: AttachMode) {
        self.slots.push(Some(device.ifindex));
        self.programs.push(device.clone());
        let (name, ifindex) = (device.name.clone(), device.ifindex);
        self.attached.push(Attached { device: name, ifindex, mode: MediaHost::Xdp(mode), below: None });
    }

    /// A VLAN's device, served on the one below.
    fn add_vlan(&mut self, slot: u32, device: &Device, below: &[Below]) -> Result<(), DatapathError> {
        let refused = |problem| DatapathError::Vlan { device: device.name.clone(), problem };
        let Some(vlan) = device.vlan else { return Ok(()) };
        if !vlan.customer {
            return Err(refused(VlanProblem::Provider));
        }
        let parent = below.iter().find(|below| Some(below.device.ifindex) == vlan.below);
        let Below { device: parent, strips_tags } = parent.ok_or_else(|| refused(VlanProblem::Elsewhere))?;
        if parent.vlan.is_some() {
            return Err(refused(VlanProblem::Stacked { below: parent.name.clone() }));
        }
        if *strips_tags {
            return Err(refused(VlanProblem::Stripped { below: parent.name.clone() }));
        }
        if !self.slots.contains(&Some(parent.ifindex)) {
            self.add(parent, AttachMode::Native);
        }
        let place = self.slots.iter().position(|slot| *slot == Some(parent.ifindex)).unwrap_or_default();
        let (vid, ifindex) = (u32::from(vlan.vid), device.ifindex);
        self.vlans.push((VlanKey { parent: parent.ifindex, vid }, ifindex));
        #[expect(clippy::cast_possible_truncation, reason = "more than DEVICES_MAX are refused")]
        self.tags.push((slot, EgressTag { vid, device: place as u32 }));
        let (name, below, mode) =
            (device.name.clone(), Some(parent.name.clone()), MediaHost::Xdp(AttachMode::Native));
        self.attached.push(Attached { device: name, ifindex, mode, below });
        Ok(())
    }

    /// Fills the devmap. Those slots are emptied that none of these devices has: an earlier run may have had them.
    pub(super) fn write_devices(&self, map: &mut Map) -> Result<(), DatapathError> {
        let Map::DevMap(data) = &*map else {
            return Err(DatapathError::Object { name: DEVICES });
        };
        for (slot, device) in (0..DEVICES_MAX).zip(self.slots.iter().copied().chain(iter::repeat(None))) {
            if device.is_none() {
                sys::clear_slot(data.fd(), slot)
                    .map_err(|source| DatapathError::Mapping { map: DEVICES, source })?;
            }
        }
        let mut slots: DevMap<_> = map.try_into().map_err(|source| map_error(DEVICES, source))?;
        for (slot, ifindex) in (0..).zip(&self.slots) {
            let Some(ifindex) = ifindex else { continue };
            let device = self.programs.iter().find(|device| device.ifindex == *ifindex);
            slots.set(slot, *ifindex, None, 0).map_err(|source| DatapathError::Device {
                device: device.map_or_else(String::new, |device| device.name.clone()),
                source: Box::new(source),
            })?;
        }
        Ok(())
    }

    /// Says which VLANs come in, in a map that is this load's own; what another mode has left in it goes.
    pub(super) fn write_vlans(&self, map: &mut Map) -> Result<(), DatapathError> {
        let failed = |source| map_error(VLANS, source);
        let mut vlans: HashMap<_, [u8; size_of::<VlanKey>()], u32> = map.try_into().map_err(failed)?;
        let former: Vec<_> = vlans.keys().collect::<Result<_, _>>().map_err(failed)?;
        former.iter().try_for_each(|key| vlans.remove(key)).map_err(failed)?;
        for (key, ifindex) in &self.vlans {
            let key: [u8; size_of::<VlanKey>()] = transmute!(*key);
            vlans.insert(key, ifindex, 0).map_err(failed)?;
        }
        Ok(())
    }

    /// Says which tags leave, in a map of the same kind.
    pub(super) fn write_tags(&self, map: &mut Map) -> Result<(), DatapathError> {
        let failed = |source| map_error(TAGS, source);
        let mut tags: Array<_, [u8; size_of::<EgressTag>()]> = map.try_into().map_err(failed)?;
        for slot in 0..DEVICES_MAX {
            let tag = self.tags.iter().find(|(found, _)| *found == slot).map(|(_, tag)| *tag);
            let tag: [u8; size_of::<EgressTag>()] = transmute!(tag.unwrap_or_default());
            tags.set(slot, tag, 0).map_err(failed)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
