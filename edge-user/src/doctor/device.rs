//! One network device: whether XDP runs in its driver, and what would make it lose packets.

use super::Finding;
use super::{driver, vlan};
use crate::config::XdpMode;
use crate::host::{Attached, Facts, Link, kernel};

/// What is to be said of `link`, when XDP shall run in `mode`, or in any.
pub(super) fn examine(link: &Link, facts: &Facts, mode: Option<XdpMode>) -> Vec<Finding> {
    if mode == Some(XdpMode::Off) {
        return vec![state(link), merging(link, mode)];
    }
    if let Some(vlan) = link.vlan.filter(|_| vlan::may_be_native(mode)) {
        // Queues and programs are those of the device below.
        return vec![state(link), vlan::native(link, vlan, facts, mode), mtu(link, facts)];
    }
    let checks = [
        state(link),
        native(link, facts, mode),
        mtu(link, facts),
        merging(link, mode),
        program(link),
        queues(link, facts),
    ];
    checks.into_iter().chain(trap(link, facts)).collect()
}

fn state(link: &Link) -> Finding {
    let subject = subject(link, "state");
    if link.up {
        return Finding::ok(&subject, "up");
    }
    Finding::warn(&subject, "down", format!("`ip link set dev {} up`", link.name))
}

fn native(link: &Link, facts: &Facts, mode: Option<XdpMode>) -> Finding {
    if let Some(vlan) = link.vlan {
        return vlan::native(link, vlan, facts, mode);
    }
    let subject = subject(link, "driver");
    let unknown = "write mode = \"auto\" in [xdp] and read in the log what it got";
    let driver = link.driver.as_deref();
    match driver.map(|name| (name, driver::known(name))) {
        Some((name, Some(driver))) if driver.native => {
            Finding::ok(&subject, format!("{name}, which runs XDP natively"))
        }
        Some((name, Some(_))) => generic_only(&subject, name, mode, FASTER),
        None if link.name == "lo" => generic_only(&subject, "the loopback", mode, FASTER),
        Some((name, None)) => Finding::warn(
            &subject,
            format!("{name}, of which edge does not know whether it runs XDP"),
            unknown,
        ),
        None => Finding::warn(&subject, "it does not say which, so XDP may be generic only", unknown),
    }
}

const FASTER: &str = "choose a device whose driver runs XDP: generic XDP has a fraction of its speed";

/// A device without native XDP, and what would give it one.
pub(super) fn generic_only(subject: &str, name: &str, mode: Option<XdpMode>, change: &str) -> Finding {
    let found = format!("{name} has generic XDP only");
    match mode {
        Some(XdpMode::Generic | XdpMode::Off) => Finding::ok(subject, found),
        Some(XdpMode::Native) => {
            Finding::fail(subject, found, "write mode = \"auto\" in [xdp], or choose another device")
        }
        Some(XdpMode::Auto) | None => Finding::warn(subject, found, change),
    }
}

fn mtu(link: &Link, facts: &Facts) -> Finding {
    let subject = subject(link, "MTU");
    let driver = link.driver.as_deref().and_then(driver::known);
    let since = driver.and_then(|driver| driver.fragments_since);
    let in_fragments =
        since.is_some_and(|since| kernel::version(&facts.kernel).is_some_and(|ours| ours >= since));
    match driver.and_then(|driver| driver.mtu_max) {
        Some(max) if link.mtu > max && in_fragments => Finding::ok(
            &subject,
            format!("{}, in fragments above {max}, of which the first has all headers", link.mtu),
        ),
        Some(max) if link.mtu > max => Finding::fail(
            &subject,
            format!("{}, and the driver runs XDP up to {max} only", link.mtu),
            format!("`ip link set dev {} mtu {}`", link.name, max.min(1500)),
        ),
        Some(max) => Finding::ok(&subject, format!("{}, of at most {max}", link.mtu)),
        None if link.mtu > 1500 => Finding::warn(
            &subject,
            format!("{}, and the driver's limit for XDP is not known", link.mtu),
            format!("`ip link set dev {} mtu 1500` if the program is refused", link.name),
        ),
        None => Finding::ok(&subject, link.mtu.to_string()),
    }
}

/// Frames that the hardware merged cannot be forwarded as they came (LRO); the kernel's own merging (GRO)
/// happens after XDP.
fn merging(link: &Link, mode: Option<XdpMode>) -> Finding {
    let subject = subject(link, "LRO");
    let (found, change) = (
        "on: the hardware merges packets before XDP sees them",
        format!("`ethtool -K {} lro off`", link.name),
    );
    match link.lro {
        Some(true) => match mode {
            Some(XdpMode::Native) => {
                Finding::fail(&subject, format!("{found}, and edge would not start"), change)
            }
            Some(XdpMode::Auto) => {
                Finding::warn(&subject, format!("{found}: XDP would be generic on every device"), change)
            }
            Some(XdpMode::Generic) => {
                Finding::warn(&subject, "on: the kernel turns it off when it attaches XDP", change)
            }
            Some(XdpMode::Off) | None => Finding::fail(&subject, found, change),
        },
        Some(false) => Finding::ok(&subject, "off"),
        None => Finding::ok(&subject, "not known to the driver"),
    }
}

fn program(link: &Link) -> Finding {
    let subject = subject(link, "XDP program");
    let remove = format!("if edge does not run here: `ip link set dev {} xdp off`", link.name);
    match link.xdp {
        Attached::Nothing => Finding::ok(&subject, "none attached"),
        Attached::Native { program } => {
            Finding::warn(&subject, format!("number {program} is attached in the driver"), remove)
        }
        Attached::Generic { program } => {
            Finding::warn(&subject, format!("number {program} is attached behind the driver"), remove)
        }
        Attached::Otherwise => {
            Finding::warn(&subject, "attached in the hardware or in several places", remove)
        }
    }
}

/// One queue is served by one processor: with fewer queues than processors some of them see no packet.
fn queues(link: &Link, facts: &Facts) -> Finding {
    let subject = subject(link, "queues");
    let processors = u32::try_from(facts.processors).unwrap_or(u32::MAX);
    let queues = link.channels.map_or(link.rx_queues, |channels| channels.rx);
    let found = format!("{queues} to receive for {processors} processors");
    if queues >= processors {
        return Finding::ok(&subject, found);
    }
    let change = match link.channels {
        Some(channels) if channels.rx_max > queues => {
            let more = processors.min(channels.rx_max);
            let kind =
                if channels.paired { format!("combined {more}") } else { format!("rx {more} tx {more}") };
            format!("`ethtool -L {} {kind}`{}", link.name, spreading(link))
        }
        _ => {
            "the device has no more: one processor will carry its media; give the virtual machine more queues"
                .to_owned()
        }
    };
    Finding::warn(&subject, found, change)
}

/// Most network cards hash UDP by address only, so that all calls between two hosts meet in one queue.
fn spreading(link: &Link) -> String {
    if matches!(link.driver.as_deref(), Some("veth" | "virtio_net" | "tun") | None) {
        return String::new();
    }
    format!(", and spread calls by UDP port: `ethtool -N {} rx-flow-hash udp4 sdfn`", link.name)
}

/// What is special about some drivers.
fn trap(link: &Link, facts: &Facts) -> Option<Finding> {
    let subject = subject(link, "driver trap");
    match link.driver.as_deref()? {
        "veth" => Some(Finding::warn(
            &subject,
            "the far end of a veth drops redirected frames unless it merges (GRO) or has an XDP program, and its own \
             sockets leave checksums to an offload",
            "at the far end: `ethtool -K PEER gro on tx off`",
        )),
        "gve" => Some(Finding::warn(
            &subject,
            "gve leaves two bytes before a frame: media that comes by IPv4 cannot leave by IPv6, whose header is longer \
             (counted as no_headroom)",
            "keep both sides of such calls on one IP family, or run with mode = \"generic\"",
        )),
        "virtio_net" => virtio(link, facts, &subject),
        "ena" => ena(link, &subject),
        _ => None,
    }
}

/// virtio wants a transmit queue a processor for XDP, beside those of the stack; without, XDP shares under a lock.
fn virtio(link: &Link, facts: &Facts, subject: &str) -> Option<Finding> {
    let channels = link.channels?;
    let wanted = u64::from(channels.tx) + u64::try_from(facts.processors).unwrap_or(u64::MAX);
    (u64::from(channels.tx_max) < wanted).then(|| {
        let found = format!(
            "{} transmit queues at most, and XDP wants {wanted}: its frames will wait for a lock",
            channels.tx_max
        );
        Finding::warn(
            subject,
            found,
            format!("give the virtual machine {wanted} queues, or run with mode = \"generic\""),
        )
    })
}

/// ENA pairs each queue with one for XDP, so at most half may be in use.
fn ena(link: &Link, subject: &str) -> Option<Finding> {
    let channels = link.channels?;
    let half = (channels.rx_max / 2).max(1);
    (channels.rx > half).then(|| {
        let found =
            format!("{} of {} queues in use, and XDP wants half of them free", channels.rx, channels.rx_max);
        Finding::fail(subject, found, format!("`ethtool -L {} combined {half}`", link.name))
    })
}

pub(super) fn subject(link: &Link, what: &str) -> String {
    format!("{} {what}", link.name)
}
