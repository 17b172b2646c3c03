//! What the decision looks things up in.

use crate::abi::{
    Address, EndpointSlot, EndpointState, MEDIA_ADDRESS_ROWS, MediaAddress, NextHopSlot, PROBES_MAX,
    first_row,
};

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
}

/// Index of the endpoint that owns a local address and port; `None` when these are not for media.
#[inline(always)]
pub fn endpoint_of(tables: &impl Tables, ip: Address, port: u16) -> Option<u32> {
    let first = first_row(ip);
    for probe in 0..PROBES_MAX {
        let row = tables.media_address((first + probe) % MEDIA_ADDRESS_ROWS)?;
        if row.pairs == 0 {
            return None;
        }
        if row.ip == ip {
            return row.endpoint(port);
        }
    }
    None
}
