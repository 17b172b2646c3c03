//! What can be told without a kernel that takes the program: layout, refusals, thread rules.

use std::net::{IpAddr, SocketAddr};

use edge_core::policy::{MediaRange, PortRange};
use edge_ebpf::abi::{MEDIA_ADDRESS_ROWS, MEDIA_ADDRESSES_MAX, PROBES_MAX, first_row};

use super::*;

#[test]
fn endpoints_are_shared_out_range_after_range() {
    let realms = [realm("a", &["192.0.2.1", "192.0.2.2"]), realm("b", &["10.0.0.1", "2001:db8::1"])];
    let layout = Layout::new(&realms, |_| 1).expect("it fits");
    assert_eq!(layout.endpoints(), 40);
    let endpoint = |local: &str| layout.endpoint(local.parse::<SocketAddr>().expect("an address"));
    let found = [
        endpoint("192.0.2.1:20000"),
        endpoint("192.0.2.2:20000"),
        endpoint("10.0.0.1:20018"),
        endpoint("10.0.0.1:20001"),
        endpoint("10.0.0.1:20020"),
        endpoint("10.0.0.2:20000"),
        endpoint("[::1]:20000"),
        endpoint("[2001:db8::1]:20002"),
    ];
    assert_eq!(found, [Some(0), Some(10), Some(29), None, None, None, None, Some(31)]);
}

#[test]
fn the_kernel_finds_every_address_where_the_layout_put_it() {
    let half = || 0..MEDIA_ADDRESSES_MAX / 2;
    let (v4, v6) = (half().map(|n| format!("10.{n}.0.10")), half().map(|n| format!("2001:db8:0:{n:x}::10")));
    let addresses: Vec<String> = v4.chain(v6).collect();
    let addresses: Vec<&str> = addresses.iter().map(String::as_str).collect();
    let layout = Layout::new(&[realm("a", &addresses)], |_| 1).expect("it fits");
    for address in addresses {
        let ip = layout::key(address.parse().expect("an address"));
        let rows = (0..PROBES_MAX)
            .map(|probe| &layout.rows()[((first_row(ip) + probe) % MEDIA_ADDRESS_ROWS) as usize]);
        let found = rows.take_while(|row| row.pairs != 0).any(|row| row.ip == ip);
        assert!(found, "{address} is out of reach");
    }
}

#[test]
fn too_much_is_refused_by_name() {
    let addresses: Vec<String> =
        (0..=MEDIA_ADDRESSES_MAX).map(|number| format!("10.{number}.0.10")).collect();
    let addresses: Vec<&str> = addresses.iter().map(String::as_str).collect();
    let refused = Layout::new(&[realm("a", &addresses)], |_| 1).expect_err("one too many");
    assert_eq!(refused.to_string(), "media addresses: 65 is more than the 64 that fit");
}

#[test]
fn pins_belong_on_a_bpffs() {
    let directory = std::env::temp_dir();
    let refused = Pins::open(&directory, "node").expect_err("no bpffs");
    let path = directory.display();
    assert_eq!(
        refused.to_string(),
        format!("{path} is not on a BPF file system: run `mount -t bpf bpf {path}`")
    );
}

#[test]
fn counters_of_a_node_that_does_not_run_are_not_zero_but_missing() {
    let nowhere = std::env::temp_dir().join("no-such-node");
    let refused = read_counters(&std::env::temp_dir(), "no-such-node", &nowhere);
    assert!(matches!(refused, Err(DatapathError::NotPinned { .. })), "{refused:?}");
}

#[test]
fn shards_may_own_writers_and_share_the_datapath() {
    const fn crosses_threads<T: Send + Sync>() {}
    const { crosses_threads::<DatapathWriter>() };
    const { crosses_threads::<Datapath>() };
}

fn realm(name: &str, addresses: &[&str]) -> Realm {
    let ports = PortRange::new(20_000, 20_019).expect("an even start and an odd end");
    let range =
        |address: &&str| MediaRange { address: address.parse::<IpAddr>().expect("an address"), ports };
    let media = addresses.iter().map(range).collect();
    Realm {
        name: name.to_owned(),
        device: name.to_owned(),
        sip: Vec::new(),
        media,
        reaches: Vec::new(),
        advertised: edge_core::policy::Advertised::default(),
    }
}

#[test]
fn an_object_of_other_sources_is_named_with_what_to_do() {
    let said = |found| DatapathError::OtherObject { found, ours: 9 }.to_string();
    assert!(
        said(Some(8)).contains("tables of ABI v8, and edge itself for those of ABI v9"),
        "{}",
        said(Some(8))
    );
    assert!(
        said(None).contains("an ABI before v4") && said(None).contains("cargo xtask build"),
        "{}",
        said(None)
    );
}
