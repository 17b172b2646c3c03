//! What the decision looks things up in.

use crate::abi::{
    Address, DigitSlot, DigitTold, EgressTag, EndpointSlot, EndpointState, MEDIA_ADDRESS_ROWS, MediaAddress,
    NextHopSlot, PROBES_MAX, ProfileSlot, RtcpPlaces, SteadySlot, VlanKey, first_row,
};
use crate::verdict::PassReason;

/// The tables of [`abi`](crate::abi), wherever they live. A missing row is `None`, never a panic.
pub trait Tables {
    /// Row of the media addresses.
    fn media_address(&self, row: u32) -> Option<&MediaAddress>;

    /// Slot of an endpoint.
    fn endpoint(&self, index: u32) -> Option<&EndpointSlot>;

    /// State of an endpoint.
    fn state(&self, index: u32) -> Option<&EndpointState>;

    /// Row of the next hops.
    fn next_hop(&self, row: u32) -> Option<&NextHopSlot>;

    /// Row of the profiles.
    fn profile(&self, row: u32) -> Option<&ProfileSlot>;

    /// Places of an endpoint's RTCP.
    fn rtcp_places(&self, index: u32) -> Option<&RtcpPlaces>;

    /// Digits of an endpoint.
    fn digits(&self, index: u32) -> Option<&DigitSlot>;

    /// The stream that leaves by an endpoint.
    fn steady(&self, index: u32) -> Option<&SteadySlot>;

    /// Index of the VLAN device whose frames come in with this tag, through this device. None where frames come without.
    #[inline(always)]
    fn vlan(&self, _: VlanKey) -> Option<u32> {
        None
    }

    /// What frames get that leave by this slot of the devmap. None where devices take them without.
    #[inline(always)]
    fn egress_tag(&self, _: u32) -> Option<EgressTag> {
        None
    }

    /// Tells userspace of a digit, if there is room; it is counted, when there is none.
    fn tell(&self, told: &DigitTold);
}

/// Index of the endpoint that owns a local address and port.
///
/// # Errors
/// Why the packet is the host's: these are not for media, or not through interface `ingress`.
#[inline(always)]
pub fn endpoint_of(tables: &impl Tables, ip: Address, port: u16, ingress: u32) -> Result<u32, PassReason> {
    let first = first_row(ip);
    for probe in 0..PROBES_MAX {
        let Some(row) = tables.media_address((first + probe) % MEDIA_ADDRESS_ROWS) else { break };
        if row.pairs == 0 {
            break;
        }
        if row.ip == ip {
            let endpoint = row.endpoint(port).ok_or(PassReason::NotMedia)?;
            return if row.ifindex == ingress { Ok(endpoint) } else { Err(PassReason::OtherDevice) };
        }
    }
    Err(PassReason::NotMedia)
}
