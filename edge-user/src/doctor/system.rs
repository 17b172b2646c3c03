//! The kernel and the rights of this process.

use std::path::{Path, PathBuf};

use super::Finding;
use crate::config::{ClosedPorts, Config, XdpMode};
use crate::host::{Facts, kernel};

/// First kernel that charges maps to the memory cgroup instead of `RLIMIT_MEMLOCK`.
const KERNEL_MEMCG: (u32, u32) = (5, 11);

/// Sockets, maps, links and logs of a small node, with room.
const FILES_MIN: u64 = 1024;

/// Bits of the capability sets (`linux/capability.h`).
const CAP_NET_BIND_SERVICE: u32 = 10;
const CAP_NET_ADMIN: u32 = 12;
const CAP_NET_RAW: u32 = 13;
const CAP_SYS_ADMIN: u32 = 21;
const CAP_PERFMON: u32 = 38;
const CAP_BPF: u32 = 39;

/// First port that anybody may listen on.
const UNPRIVILEGED_PORT: u16 = 1024;

const AS_ROOT: &str =
    "run as root, or give the service AmbientCapabilities=CAP_BPF CAP_NET_ADMIN CAP_NET_RAW CAP_PERFMON";

pub(super) fn examine(facts: &Facts, config: Option<&Config>) -> Vec<Finding> {
    let mut findings = if without_xdp(config) {
        let found =
            "by choice none (xdp.mode = \"off\"): media is relayed in userspace, and ends with the process";
        vec![Finding::warn("XDP", found, "write mode = \"auto\" in [xdp]")]
    } else {
        vec![release(facts), btf(facts), jit(facts), bpffs(facts, config)]
    };
    findings.extend(config.and_then(closed_ports));
    findings.extend(privileges(facts, config));
    findings.extend((!without_xdp(config)).then(|| locked_memory(facts)));
    findings.push(files(facts));
    findings.push(processors(facts, config));
    findings
}

fn without_xdp(config: Option<&Config>) -> bool {
    config.is_some_and(|config| config.xdp.mode == XdpMode::Off)
}

/// Media ports without a call that the file wants silent, and a relay that does not see what comes there. It takes its frames before
/// the host's firewall drops them, so a rule for all media ports costs no packet.
fn closed_ports(config: &Config) -> Option<Finding> {
    if config.xdp.mode != XdpMode::Off || config.xdp.closed_ports != ClosedPorts::Drop {
        return None;
    }
    let ranges = config.policy.realms.iter().flat_map(|realm| &realm.media);
    let rules: String = ranges
        .map(|range| {
            let family = if range.address.is_ipv4() { "ip" } else { "ip6" };
            let (first, last) = (range.ports.first(), range.ports.last());
            format!(
                "; add rule inet edge media {family} daddr {} udp dport {first}-{last} drop",
                range.address
            )
        })
        .collect();
    let (table, chain) =
        ("add table inet edge", "add chain inet edge media { type filter hook input priority 0; }");
    Some(Finding::warn(
        "closed ports",
        "media is relayed in userspace, so the host answers with ICMP where there is no call",
        format!("`nft '{table}; {chain}{rules}'`, or write closed_ports = \"icmp\" in [xdp]"),
    ))
}

fn release(facts: &Facts) -> Finding {
    const CHANGE: &str = "install a kernel from 6.1 on: Debian 12, RHEL 10, Ubuntu 24.04 or newer";
    let release = facts.kernel.as_str();
    let Some(version) = kernel::version(release) else {
        let found = format!("{release} is no release that edge can read");
        return Finding::warn("kernel", found, "use Linux from 6.1 on");
    };
    if kernel::is_too_old(release) {
        let (major, minor) = kernel::OLDEST;
        let lacked = kernel::LACKED;
        let found = format!(
            "{release} has no {lacked}: that came with {major}.{minor}, without it media is relayed in userspace"
        );
        return Finding::fail("kernel", found, CHANGE);
    }
    if kernel::is_of_rhel(release) {
        let found =
            format!("{release}: RHEL 9 has newer BPF under an old number, and edge has not been tried on it");
        return Finding::warn("kernel", found, "read in the log what mode = \"auto\" in [xdp] got");
    }
    if version < kernel::OLDEST_TRIED {
        return Finding::warn("kernel", format!("{release} is older than what edge is tried on"), CHANGE);
    }
    Finding::ok("kernel", release)
}

fn btf(facts: &Facts) -> Finding {
    if facts.btf {
        return Finding::ok("BTF", "the kernel carries its types");
    }
    Finding::warn(
        "BTF",
        "/sys/kernel/btf/vmlinux is not there: tools cannot show edge's maps by field",
        "use a kernel with CONFIG_DEBUG_INFO_BTF=y, as distributions build it",
    )
}

fn jit(facts: &Facts) -> Finding {
    match facts.jit {
        Some(true) => Finding::ok("BPF compiler", "on"),
        None => Finding::ok("BPF compiler", "not shown in this network namespace"),
        Some(false) => Finding::fail(
            "BPF compiler",
            "off: each packet would be interpreted, many times slower",
            "`sysctl -w net.core.bpf_jit_enable=1`",
        ),
    }
}

fn bpffs(facts: &Facts, config: Option<&Config>) -> Finding {
    let pins = config.map_or_else(|| PathBuf::from("/sys/fs/bpf/edge"), |config| config.xdp.pin_dir.clone());
    if let Some(mount) = facts.bpffs.iter().find(|mount| pins.starts_with(mount)) {
        return Finding::ok("bpffs", format!("mounted at {}, holds {}", mount.display(), pins.display()));
    }
    let mount = mount_point(&pins);
    Finding::fail(
        "bpffs",
        format!("{} does not lie in a bpffs, so media would end with the process", pins.display()),
        format!(
            "`mount -t bpf bpf {mount}`, and for each boot `bpf {mount} bpf defaults 0 0` in /etc/fstab; inside \
             `ip netns exec`, which hides it, use `nsenter --net=/run/netns/NAME`",
            mount = mount.display()
        ),
    )
}

/// The directory that a bpffs for `pins` is mounted at: the usual one, else where the pins shall be.
fn mount_point(pins: &Path) -> &Path {
    const USUAL: &str = "/sys/fs/bpf";
    if pins.starts_with(USUAL) { Path::new(USUAL) } else { pins }
}

fn privileges(facts: &Facts, config: Option<&Config>) -> Vec<Finding> {
    let has = |capability: u32| facts.capabilities & (1 << capability) != 0;
    let root = has(CAP_SYS_ADMIN);
    let mut findings = Vec::new();
    if without_xdp(config) {
        if !has(CAP_NET_RAW) {
            findings.push(Finding::fail("CAP_NET_RAW", "missing: no packet socket can be opened", AS_ROOT));
        }
    } else if !root && !has(CAP_BPF) {
        findings.push(Finding::fail("CAP_BPF", "missing: no XDP program can be loaded", AS_ROOT));
    }
    if !has(CAP_NET_ADMIN) {
        let found = "missing: no XDP program can be attached, and no neighbour asked for";
        findings.push(Finding::fail("CAP_NET_ADMIN", found, AS_ROOT));
    }
    if !without_xdp(config) && !root && !has(CAP_PERFMON) {
        let found = "missing: the verifier adds guards against speculation to each packet's path";
        findings.push(Finding::warn("CAP_PERFMON", found, AS_ROOT));
    }
    if !has(CAP_NET_BIND_SERVICE) && config.is_some_and(low_sip_port) {
        let found = "missing: a SIP address has a port below 1024";
        findings.push(Finding::fail("CAP_NET_BIND", found, "use port 5060, or add CAP_NET_BIND_SERVICE"));
    }
    if findings.is_empty() {
        let found = if without_xdp(config) { "may relay media" } else { "may load and attach XDP programs" };
        findings.push(Finding::ok("privileges", found));
    }
    findings
}

fn low_sip_port(config: &Config) -> bool {
    config
        .policy
        .realms
        .iter()
        .flat_map(|realm| &realm.sip)
        .any(|listener| listener.address.port() < UNPRIVILEGED_PORT)
}

fn locked_memory(facts: &Facts) -> Finding {
    let Some(bytes) = facts.locked_bytes_max else { return Finding::ok("locked memory", "no limit") };
    if kernel::version(&facts.kernel).is_some_and(|version| version >= KERNEL_MEMCG) {
        let found = format!("at most {} KiB, which does not bind maps on this kernel", bytes / 1024);
        return Finding::ok("locked memory", found);
    }
    let found = format!("at most {} KiB, which this kernel counts maps against", bytes / 1024);
    Finding::fail("locked memory", found, "`ulimit -l unlimited`, or LimitMEMLOCK=infinity in the service")
}

fn files(facts: &Facts) -> Finding {
    match facts.files_max {
        Some(files) if files < FILES_MIN => Finding::warn(
            "open files",
            format!("at most {files}"),
            format!("`ulimit -n {FILES_MIN}`, or LimitNOFILE={FILES_MIN} in the service"),
        ),
        Some(files) => Finding::ok("open files", format!("at most {files}")),
        None => Finding::ok("open files", "no limit"),
    }
}

fn processors(facts: &Facts, config: Option<&Config>) -> Finding {
    let found = facts.processors;
    match config.map(|config| config.shards) {
        Some(shards) if shards > found => Finding::warn(
            "processors",
            format!("{found} for {shards} shards, which will wait for each other"),
            format!("write shards = {found} in [node], or remove the key"),
        ),
        _ => Finding::ok("processors", found.to_string()),
    }
}
