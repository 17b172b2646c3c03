//! A VLAN's device: whether XDP serves it in the driver of the one below, and what that does to tags.

use super::Finding;
use super::device::{generic_only, subject};
use crate::config::XdpMode;
use crate::host::{Facts, Link, Vlan};

/// Whether native XDP is asked for, or may come of it.
pub(super) const fn may_be_native(mode: Option<XdpMode>) -> bool {
    match mode {
        Some(XdpMode::Native | XdpMode::Auto) | None => true,
        Some(XdpMode::Generic | XdpMode::Off) => false,
    }
}

/// The device below a VLAN that native XDP can serve there.
fn served_by(vlan: Vlan, facts: &Facts) -> Option<&Link> {
    let below = facts.links.iter().find(|link| Some(link.index) == vlan.below)?;
    (vlan.customer && below.vlan.is_none()).then_some(below)
}

/// Whether `link` is below the device of one of `realms`, as native XDP needs it.
pub(super) fn is_below(link: &Link, facts: &Facts, realms: impl Fn(&Link) -> bool) -> bool {
    let mut others = facts.links.iter().filter(|other| realms(other));
    others.any(|other| {
        let served = other.vlan.and_then(|vlan| served_by(vlan, facts));
        served.is_some_and(|below| below.index == link.index)
    })
}

/// What serves a VLAN's device.
pub(super) fn native(link: &Link, vlan: Vlan, facts: &Facts, mode: Option<XdpMode>) -> Finding {
    let subject = subject(link, "driver");
    let vid = vlan.vid;
    if let Some(below) = served_by(vlan, facts) {
        let found = if may_be_native(mode) {
            format!("VLAN {vid} of {}, whose driver runs XDP for it", below.name)
        } else {
            format!("VLAN {vid} of {}, with a program of its own behind the driver", below.name)
        };
        return Finding::ok(&subject, found);
    }
    let below = facts.links.iter().find(|below| Some(below.index) == vlan.below);
    let (why, change) = match below {
        _ if !vlan.customer => (
            "has tags of 802.1ad".to_owned(),
            "make the device with `protocol 802.1Q`, if the network can".to_owned(),
        ),
        Some(below) => (
            format!("is on {}, which is a VLAN's, too", below.name),
            "native XDP reads one tag: have the network take the outer one off".to_owned(),
        ),
        None => (
            "is on a device in another network namespace".to_owned(),
            "native XDP needs both devices in the namespace of edge".to_owned(),
        ),
    };
    generic_only(&subject, &format!("VLAN {vid} {why}, and so"), mode, &change)
}

/// Whether a device below a VLAN leaves tags in the frames.
pub(super) fn tags(link: &Link, mode: Option<XdpMode>) -> Finding {
    let subject = subject(link, "VLAN tags");
    if link.strips_tags != Some(true) {
        return Finding::ok(&subject, "stay in the frames, where XDP sees them");
    }
    let name = &link.name;
    let peer = if link.driver.as_deref() == Some("veth") {
        ", and at the far end `ethtool -K PEER txvlan off`"
    } else {
        ""
    };
    let change = format!("`ethtool -K {name} rxvlan off`{peer}");
    let found = "are taken off (rx-vlan-offload) before XDP sees a frame";
    match mode {
        Some(XdpMode::Native) => Finding::fail(&subject, format!("{found}: edge would not start"), change),
        Some(XdpMode::Auto | XdpMode::Generic | XdpMode::Off) | None => {
            Finding::warn(&subject, format!("{found}: XDP would be generic on every device"), change)
        }
    }
}
