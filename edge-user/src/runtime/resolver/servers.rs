//! The DNS servers of this host, from `/etc/resolv.conf` (resolv.conf(5)).

use std::net::{IpAddr, SocketAddr};

use anyhow::{Context, bail};

const FILE: &str = "/etc/resolv.conf";

/// Port of DNS.
const DNS_PORT: u16 = 53;

/// Servers that are asked: as many as the C library takes.
const SERVERS_MAX: usize = 3;

/// What the host asks.
///
/// # Errors
/// When the file cannot be read, or names nobody.
pub(super) fn of_the_host() -> anyhow::Result<Vec<SocketAddr>> {
    let instead = "write [dns] servers = [\"192.0.2.53\"] with the address of a DNS server";
    let text = std::fs::read_to_string(FILE).with_context(|| format!("{FILE}: {instead}"))?;
    let servers = parse(&text);
    if servers.is_empty() {
        bail!("{FILE} has no nameserver: {instead}");
    }
    Ok(servers)
}

/// Its `nameserver` lines. Names of trunks are whole, so that `search` and `ndots` mean nothing for them.
pub(super) fn parse(text: &str) -> Vec<SocketAddr> {
    let server = |line: &str| {
        let mut words = line.split_ascii_whitespace();
        if words.next() != Some("nameserver") {
            return None;
        }
        let address: IpAddr = words.next()?.parse().ok()?;
        Some(SocketAddr::new(address, DNS_PORT))
    };
    text.lines().filter_map(server).take(SERVERS_MAX).collect()
}
