//! Facts that procfs tells.

use std::fs::read_to_string;
use std::io::{Error, ErrorKind, Result};
use std::path::{Path, PathBuf};

use super::EphemeralPorts;

pub(super) fn kernel() -> Result<String> {
    Ok(read_to_string("/proc/sys/kernel/osrelease")?.trim().to_owned())
}

pub(super) fn btf() -> bool {
    Path::new("/sys/kernel/btf/vmlinux").exists()
}

/// `None` when the switch is not shown: it exists in the first network namespace only.
pub(super) fn jit() -> Option<bool> {
    let switch = read_to_string("/proc/sys/net/core/bpf_jit_enable").ok()?;
    Some(switch.trim() != "0")
}

pub(super) fn bpffs() -> Result<Vec<PathBuf>> {
    Ok(bpffs_mounts(&read_to_string("/proc/self/mounts")?))
}

/// Mount points of type `bpf` in the format of fstab(5).
pub(super) fn bpffs_mounts(mounts: &str) -> Vec<PathBuf> {
    let fields = mounts.lines().map(|line| line.split(' ').collect::<Vec<_>>());
    let mount = |fields: Vec<&str>| match fields.as_slice() {
        [_, directory, "bpf", ..] => Some(PathBuf::from(directory)),
        _ => None,
    };
    fields.filter_map(mount).collect()
}

pub(super) fn capabilities() -> Result<u64> {
    let status = read_to_string("/proc/self/status")?;
    let effective = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    effective
        .and_then(|hex| u64::from_str_radix(hex.trim(), 16).ok())
        .ok_or_else(|| unexpected("/proc/self/status"))
}

/// The soft limit called `name`; `None` means there is none.
pub(super) fn limit(name: &str) -> Result<Option<u64>> {
    soft_limit(&read_to_string("/proc/self/limits")?, name).ok_or_else(|| unexpected("/proc/self/limits"))
}

/// The soft limit called `name` in the table of proc_pid_limits(5); the outer `None` means it is not there.
pub(super) fn soft_limit(limits: &str, name: &str) -> Option<Option<u64>> {
    let row = limits.lines().find_map(|line| line.strip_prefix(name))?;
    match row.split_whitespace().next()? {
        "unlimited" => Some(None),
        number => number.parse().ok().map(Some),
    }
}

pub(super) fn ports() -> Result<EphemeralPorts> {
    const RANGE: &str = "/proc/sys/net/ipv4/ip_local_port_range";
    const RESERVED: &str = "/proc/sys/net/ipv4/ip_local_reserved_ports";
    let range = port_pair(&read_to_string(RANGE)?).ok_or_else(|| unexpected(RANGE))?;
    let reserved = port_list(&read_to_string(RESERVED)?).ok_or_else(|| unexpected(RESERVED))?;
    Ok(EphemeralPorts { range, reserved })
}

fn port_pair(text: &str) -> Option<(u16, u16)> {
    let mut numbers = text.split_whitespace().map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

/// `8080,9148-9150`, or nothing.
pub(super) fn port_list(text: &str) -> Option<Vec<(u16, u16)>> {
    let ranges = text.trim().split(',').filter(|range| !range.is_empty());
    let range = |text: &str| {
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        Some((first.parse().ok()?, last.parse().ok()?))
    };
    ranges.map(range).collect()
}

fn unexpected(file: &str) -> Error {
    Error::new(ErrorKind::InvalidData, format!("{file} does not have its usual form"))
}
