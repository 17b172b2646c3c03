//! What a VLAN device is: which frames of which device are its own (`IFLA_LINK`, `IFLA_INFO_DATA` of `rtnetlink(7)`).

use netlink_packet_route::link::{
    InfoData, InfoKind, InfoVlan, LinkAttribute, LinkInfo, LinkMessage, VlanProtocol,
};

/// A device for the frames of a VLAN.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Vlan {
    /// The VLAN, from 1 to 4094.
    pub vid: u16,
    /// Index of the device below it; `None` when that is in another network namespace.
    pub below: Option<u32>,
    /// Whether its tags are 802.1Q's, and not a provider's (802.1ad).
    pub customer: bool,
}

impl Vlan {
    /// What netlink says of a device, if it is one for a VLAN.
    #[must_use]
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "netlink's enums are open: the kernel adds attributes"
    )]
    pub(crate) fn of(link: &LinkMessage) -> Option<Self> {
        let about = link.attributes.iter().find_map(|attribute| match attribute {
            LinkAttribute::LinkInfo(about) => Some(about),
            _ => None,
        })?;
        if !about.iter().any(|info| matches!(info, LinkInfo::Kind(InfoKind::Vlan))) {
            return None;
        }
        let said = about.iter().find_map(|info| match info {
            LinkInfo::Data(InfoData::Vlan(said)) => Some(said),
            _ => None,
        })?;
        let vid = said.iter().find_map(|field| match field {
            InfoVlan::Id(vid) => Some(*vid),
            _ => None,
        })?;
        // A kernel that does not say knows of no other kind.
        let provider = said
            .iter()
            .any(|field| matches!(field, InfoVlan::Protocol(kind) if *kind != VlanProtocol::Ieee8021Q));
        let elsewhere = link.attributes.iter().any(|field| matches!(field, LinkAttribute::LinkNetNsId(_)));
        let below = link.attributes.iter().find_map(|attribute| match attribute {
            LinkAttribute::Link(index) => Some(*index),
            _ => None,
        });
        Some(Self { vid, below: below.filter(|_| !elsewhere), customer: !provider })
    }
}

#[cfg(test)]
mod tests;
