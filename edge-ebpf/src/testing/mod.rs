//! What every host of [`forward`](crate::forward::forward) is tested with.
//!
//! [`cases`] is the one table of cases: the host runs it over tables in memory, and the loaded program runs it
//! over its maps. Frames come from [`Packet`], which computes checksums in full and so checks the incremental
//! ones of the datapath. [`tagged_cases`] is the table once more, between VLANs, for hosts that see tags.

#![expect(clippy::expect_used, reason = "a fixture that cannot be built must stop its test")]

mod any;
mod cases;
mod frame;
mod packet;
mod scene;
pub mod shield;
mod tagged;

pub use any::any_tables;
pub use cases::{Case, Tally, cases};
pub use frame::BytesFrame;
pub use packet::{Packet, UdpChecksum, rtcp, rtp};
pub use scene::{
    CALL, CARRIER, CARRIER_V6, FAR, Family, INGRESS, LOCAL_A, LOCAL_A_V6, LOCAL_B, LOCAL_B_V6, MemoryTables,
    NEAR, PBX, PBX_V6, Scene, station,
};
pub use tagged::{OTHER_VID, TAGGED_SLOT, VID, VLAN_DEVICE, tagged, tagged_cases, vlans};
/// For hosts that carry tables into maps as bytes.
pub use zerocopy;
