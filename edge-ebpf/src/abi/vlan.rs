//! Networks behind a tag: the VLAN devices that realms are on, where the program runs in the driver of the device below them.
//!
//! Packets have their VLAN device's index in every other table, whichever device the program is attached to: what the tag and
//! the parent say is turned into it at the door, and back at the exit. Both maps belong to one load of the program, as
//! [`STAGES`](super::STAGES) does, and are filled before it is attached.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Key of [`VLANS`](super::VLANS), whose values are indexes of VLAN devices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct VlanKey {
    /// Index of the device that tagged frames come in through.
    pub parent: u32,
    /// The VLAN, from 1 to 4094.
    pub vid: u32,
}

/// Row of [`TAGS`](super::TAGS): what a frame gets whose way out is a slot that the devmap leaves empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct EgressTag {
    /// The VLAN; 0 marks an empty row.
    pub vid: u32,
    /// The devmap slot of the device below.
    pub device: u32,
}

const _: () = assert!(size_of::<VlanKey>() == 8 && size_of::<EgressTag>() == 8);
