//! The 802.1Q tag (IEEE 802.1Q-2022 clause 9): four bytes between the stations and the EtherType.

use zerocopy::byteorder::network_endian::U16;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Bytes that a tag takes.
pub const LEN: usize = size_of::<Tag>();
/// EtherType of a customer's tag.
pub const CUSTOMER: u16 = 0x8100;
/// EtherType of a provider's tag (802.1ad).
pub const PROVIDER: u16 = 0x88a8;
/// The bits of the control information that name the VLAN; 0 is none, and 4095 is reserved.
pub const VID: u16 = 0x0fff;
/// Where the three bits of the priority begin.
const PRIORITY: u32 = 13;

/// A tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Tag {
    /// [`CUSTOMER`], for one that is ours.
    pub kind: U16,
    /// Priority, whether it may be dropped first, and VLAN.
    pub control: U16,
}

const _: () = assert!(LEN == 4);

impl Tag {
    /// The tag of a VLAN, with a priority of 0 to 7.
    #[inline(always)]
    #[must_use]
    pub fn new(vid: u16, priority: u16) -> Self {
        Self { kind: CUSTOMER.into(), control: (priority << PRIORITY | vid & VID).into() }
    }

    /// Its VLAN.
    #[inline(always)]
    #[must_use]
    pub const fn vid(self) -> u16 {
        self.control.get() & VID
    }
}
