//! Facts from their texts, and configurations against facts.

use std::path::PathBuf;

use edge_core::policy::PortRange;

use super::proc::{bpffs_mounts, port_list, soft_limit};
use super::{EphemeralPorts, Facts, Link, compare};
use crate::config::Config;

#[test]
fn port_lists_are_read_as_the_kernel_writes_them() {
    assert_eq!(port_list("\n"), Some(vec![]));
    assert_eq!(port_list("8080,9148-9150\n"), Some(vec![(8080, 8080), (9148, 9150)]));
    assert_eq!(port_list("eighty"), None);
}

#[test]
fn limits_are_read_by_name() {
    let table = "Limit                     Soft Limit           Hard Limit           Units     \n\
                 Max open files            1024                 20000                files     \n\
                 Max locked memory         unlimited            unlimited            bytes     \n";
    assert_eq!(soft_limit(table, "Max open files"), Some(Some(1024)));
    assert_eq!(soft_limit(table, "Max locked memory"), Some(None));
    assert_eq!(soft_limit(table, "Max patience"), None);
}

#[test]
fn bpffs_is_found_by_type_and_not_by_path() {
    let mounts = "proc /proc proc rw 0 0\nnone /mnt/pins bpf rw 0 0\ntmpfs /sys/fs/bpf tmpfs rw 0 0\n";
    assert_eq!(bpffs_mounts(mounts), [PathBuf::from("/mnt/pins")]);
}

#[test]
fn media_ports_meet_the_ephemeral_ones_unless_all_that_meet_are_reserved() {
    let table = [
        ((32_768, 60_999), vec![], (20_000, 29_999), false),
        ((32_768, 60_999), vec![], (20_000, 39_999), true),
        ((32_768, 60_999), vec![(32_768, 39_999)], (20_000, 39_999), false),
        ((32_768, 60_999), vec![(32_768, 39_998)], (20_000, 39_999), true),
        ((32_768, 60_999), vec![(32_768, 35_000), (35_001, 40_000)], (20_000, 39_999), false),
        ((1024, 65_535), vec![], (65_534, 65_535), true),
    ];
    for (range, reserved, (first, last), want) in table {
        let ports = EphemeralPorts { range, reserved };
        let media = PortRange::new(first, last).unwrap();
        assert_eq!(ports.meet(media), want, "{ports:?} and {media:?}");
    }
}

#[test]
fn a_configuration_fits_a_host_that_has_its_devices_and_addresses() {
    assert!(compare(&config(), &facts()).is_empty());
}

#[test]
fn what_a_host_lacks_is_said_with_what_to_change() {
    let mut facts = facts();
    facts.links[0].name = "ens3".to_owned();
    facts.links[1].addresses.clear();
    facts.links[2].addresses.push("10.0.0.1".parse().unwrap());
    facts.ports.range = (10_000, 60_999);
    facts.ports.reserved = vec![(8080, 8080)];
    let problems: Vec<_> = compare(&config(), &facts).iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(problems.join("\n"), @r"
    realm outside: this host has no device eth0; it has ens3, eth1, eth2
    realm inside: 10.0.0.1 (`sip`) is not an address of eth1, but of eth2; correct `device` or the address
    realm outside: media ports 20000-29999 meet this host's ephemeral ports 10000-60999, so that any outgoing socket could take one; `sysctl -w net.ipv4.ip_local_reserved_ports=8080,20000-29999`, or choose other ports
    realm inside: media ports 20000-29999 meet this host's ephemeral ports 10000-60999, so that any outgoing socket could take one; `sysctl -w net.ipv4.ip_local_reserved_ports=8080,20000-29999`, or choose other ports
    ");
}

#[test]
fn this_host_tells_its_facts() {
    let facts = Facts::probe().unwrap();
    let loopback = facts.links.iter().find(|link| link.name == "lo").unwrap();
    assert!(!facts.kernel.is_empty());
    assert!(facts.processors > 0);
    assert!(facts.ports.range.0 <= facts.ports.range.1);
    assert!(loopback.mtu > 0 && loopback.index > 0, "{loopback:?}");
}

fn config() -> Config {
    Config::parse(include_str!("../../tests/config/good/two-realms.toml")).unwrap()
}

fn facts() -> Facts {
    let link = |index, name: &str, address: &str| Link {
        index,
        name: name.to_owned(),
        up: true,
        addresses: vec![address.parse().unwrap()],
        ..Link::default()
    };
    Facts {
        kernel: "6.12.0".to_owned(),
        btf: true,
        jit: Some(true),
        bpffs: vec![],
        capabilities: u64::MAX,
        locked_bytes_max: None,
        files_max: None,
        processors: 2,
        ports: EphemeralPorts { range: (32_768, 60_999), reserved: vec![] },
        links: vec![
            link(1, "eth0", "203.0.113.10"),
            link(2, "eth1", "10.0.0.1"),
            link(3, "eth2", "192.0.2.1"),
        ],
    }
}
