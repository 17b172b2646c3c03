//! One 802.1Q tag: what comes with one is decided about as if it had none, and what leaves into a VLAN gets one.
//!
//! On the way in a tag and the device below it become the index of the VLAN device, which is what all tables know; so media of
//! one VLAN cannot be taken for that of another, or of none. The frame stays as it is: [`Untagged`] begins to read four bytes later, where
//! the EtherType lies behind twelve other bytes. Those are not the stations, which no decision reads. Only a frame that is
//! relayed loses its tag ([`take_off`]), when its headers are new; so what passes to the host or is dropped was never changed.
//! On the way out the tag is put on last ([`put_on`]), whatever was done to the payload.
//!
//! A tag of VLAN 0 is a priority without a VLAN: the frame is the device's own. Frames of VLANs that no realm is in, and those with two tags,
//! are the host's.
//!
//! The priority of a tag that we put on is the upper three bits of the DSCP (its class selector, RFC 2474 section 4.2.2), as
//! switches have it by themselves: `dscp = "ef"` becomes 5, voice. A VLAN device's own map (`egress-qos-map`) goes by the priority of
//! a socket, of which there is none here. The drop eligible bit is 0.

use zerocopy::{FromBytes, Immutable, IntoBytes};

use crate::abi::VlanKey;
use crate::forward::{self, Decision};
use crate::frame::Frame;
use crate::tables::Tables;
use crate::verdict::{DropReason, Egress, PassReason, RelayPath, Verdict};
use crate::wire::ethernet;
use crate::wire::vlan::{CUSTOMER, LEN, PROVIDER, Tag};

/// Bytes of both stations.
const STATIONS: usize = 12;
/// Where the EtherType lies behind a tag, and what it announces.
const KIND: usize = STATIONS + LEN;
const IP: usize = ethernet::LEN + LEN;

/// The network that a tagged frame comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    /// The VLAN; 0 when the tag has a priority alone.
    pub vid: u16,
    /// Index of the VLAN device; of VLAN 0 that of the device itself.
    pub ifindex: u32,
}

/// Where a frame with a tag comes from.
///
/// # Errors
/// Why it is the host's.
#[inline(always)]
pub fn network(frame: &impl Frame, tables: &impl Tables) -> Result<Network, PassReason> {
    let tag: Tag = frame.read(STATIONS).ok_or(PassReason::Incomplete)?;
    let kind: [u8; 2] = frame.read(KIND).ok_or(PassReason::Incomplete)?;
    match u16::from_be_bytes(kind) {
        ethernet::IPV4 | ethernet::IPV6 => {}
        CUSTOMER | PROVIDER => return Err(PassReason::Tagged),
        _ => return Err(PassReason::NotIp),
    }
    let (vid, parent) = (tag.vid(), frame.ingress_ifindex());
    if vid == 0 {
        return Ok(Network { vid, ifindex: parent });
    }
    let ifindex = tables.vlan(VlanKey { parent, vid: vid.into() }).ok_or(PassReason::Tagged)?;
    Ok(Network { vid, ifindex })
}

/// A frame with a tag as if it had none, and had come in through the VLAN's device. Its stations cannot be read.
#[derive(Debug)]
pub struct Untagged<'a, F> {
    frame: &'a mut F,
    ifindex: u32,
}

impl<'a, F: Frame> Untagged<'a, F> {
    /// The frame without its tag.
    #[inline(always)]
    pub const fn new(frame: &'a mut F, network: Network) -> Self {
        Self { frame, ifindex: network.ifindex }
    }
}

impl<F: Frame> Frame for Untagged<'_, F> {
    #[inline(always)]
    fn len(&self) -> usize {
        self.frame.len().saturating_sub(LEN)
    }

    #[inline(always)]
    fn read<T: FromBytes>(&self, offset: usize) -> Option<T> {
        self.frame.read(offset + LEN)
    }

    #[inline(always)]
    fn write<T: IntoBytes + Immutable>(&mut self, offset: usize, value: T) -> Option<()> {
        self.frame.write(offset + LEN, value)
    }

    #[inline(always)]
    fn extend_front(&mut self, more: i32) -> Option<()> {
        self.frame.extend_front(more)
    }

    #[inline(always)]
    fn shorten(&mut self, less: usize) -> Option<()> {
        self.frame.shorten(less)
    }

    #[inline(always)]
    fn ingress_ifindex(&self) -> u32 {
        self.ifindex
    }

    #[inline(always)]
    fn arrival_ns(&self) -> u64 {
        self.frame.arrival_ns()
    }
}

/// Decides about a frame with a tag. One that is relayed has no tag afterwards; another one is as it came.
#[inline(always)]
pub fn decide<F: Frame>(frame: &mut F, tables: &impl Tables, network: Network) -> Decision {
    let decision = forward::decide(&mut Untagged::new(frame, network), tables);
    if let Verdict::Relay(_) = decision.verdict {
        // Its headers were written, so it is longer than a tag.
        let _shorter = take_off(frame);
    }
    decision
}

/// Takes away the four bytes before a header that was written through [`Untagged`].
#[inline(always)]
fn take_off(frame: &mut impl Frame) -> Option<()> {
    frame.extend_front(-(LEN as i32))
}

/// Puts a frame without a tag into a VLAN; it is unchanged when there is no room for the tag.
#[inline(always)]
pub fn put_on(frame: &mut impl Frame, vid: u16) -> Option<()> {
    frame.extend_front(LEN as i32)?;
    let stations: [u16; STATIONS / 2] = frame.read(LEN)?;
    let first: [u8; 2] = frame.read(IP)?;
    frame.write(0, stations)?;
    frame.write(STATIONS, Tag::new(vid, priority(u16::from_be_bytes(first))))
}

/// The class selector of an IP header that begins with these two bytes: version, then header length and traffic class, or
/// traffic class and flow label.
#[inline(always)]
const fn priority(first: u16) -> u16 {
    let traffic_class = if first >> 12 == 6 { first >> 4 } else { first };
    traffic_class >> 5 & 0b111
}

/// Puts on the tag of a relayed frame's way out, where it has one: for hosts that decide and send in one go. `vid` is the VLAN that
/// it came from.
///
/// # Errors
/// Why it cannot leave.
#[inline(always)]
pub fn leave(
    frame: &mut impl Frame,
    tables: &impl Tables,
    path: RelayPath,
    vid: u16,
) -> Result<(), DropReason> {
    let vid = match path.egress {
        Egress::SameDevice => u32::from(vid),
        Egress::Device(slot) => tables.egress_tag(slot).map_or(0, |tag| tag.vid),
    };
    match vid {
        0 => Ok(()),
        #[expect(clippy::cast_possible_truncation, reason = "a VLAN has 12 bits")]
        vid => put_on(frame, vid as u16).ok_or(DropReason::NoHeadroom),
    }
}

#[cfg(test)]
mod tests;
