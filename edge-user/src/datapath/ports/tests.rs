//! Realms' devices, what is below them, and the ways that come of it.

use super::*;
use crate::host::Vlan;

fn device(name: &str, ifindex: u32, vlan: Option<Vlan>) -> Device {
    Device { name: name.to_owned(), ifindex, mac: [2, 0, 0, 0, 0, 1], mtu: 1500, turns_back: true, vlan }
}

fn plain(name: &str, ifindex: u32) -> Device {
    device(name, ifindex, None)
}

fn vlan(name: &str, ifindex: u32, vid: u16, below: u32) -> Device {
    device(name, ifindex, Some(Vlan { vid, below: Some(below), customer: true }))
}

fn under(device: Device) -> Below {
    Below { device, strips_tags: false }
}

fn programs(ports: &Ports) -> Vec<&str> {
    ports.programs.iter().map(|device| device.name.as_str()).collect()
}

fn tag(slot: u32, vid: u32, device: u32) -> (u32, EgressTag) {
    (slot, EgressTag { vid, device })
}

fn key(parent: u32, vid: u32, ifindex: u32) -> (VlanKey, u32) {
    (VlanKey { parent, vid }, ifindex)
}

#[test]
fn native_programs_are_below_vlans_and_once_on_each_device() {
    let devices = [
        vlan("eth0.5", 11, 5, 2),
        plain("eth0", 2),
        vlan("eth0.7", 12, 7, 2),
        vlan("eth1.5", 13, 5, 3),
        plain("eth2", 4),
    ];
    let below = [under(plain("eth0", 2)), under(plain("eth1", 3))];
    let ports = Ports::new(AttachMode::Native, &devices, &below).expect("all can be served");
    assert_eq!(programs(&ports), ["eth0", "eth2", "eth1"]);
    assert_eq!(ports.slots, [None, Some(2), None, None, Some(4), Some(3)]);
    assert_eq!(ports.vlans, [key(2, 5, 11), key(2, 7, 12), key(3, 5, 13)]);
    assert_eq!(ports.tags, [tag(0, 5, 1), tag(2, 7, 1), tag(3, 5, 5)]);
    let said: Vec<_> =
        ports.attached.iter().map(|attached| (attached.device.as_str(), attached.below.as_deref())).collect();
    let eth0 = Some("eth0");
    assert_eq!(
        said,
        [
            ("eth0", None),
            ("eth2", None),
            ("eth0.5", eth0),
            ("eth0.7", eth0),
            ("eth1", None),
            ("eth1.5", Some("eth1"))
        ]
    );
}

#[test]
fn generic_programs_are_on_the_realms_devices_and_see_no_tags() {
    let devices = [vlan("eth0.5", 11, 5, 2), plain("eth0", 2)];
    // What native mode refuses does not matter here.
    let stripping = Below { strips_tags: true, ..under(plain("eth0", 2)) };
    let ports = Ports::new(AttachMode::Generic, &devices, &[stripping]).expect("all can be served");
    assert_eq!(programs(&ports), ["eth0.5", "eth0"]);
    assert_eq!(ports.slots, [Some(11), Some(2)]);
    assert_eq!((ports.vlans, ports.tags), (vec![], vec![]));
    assert!(ports.attached.iter().all(|attached| attached.below.is_none()));
}

#[test]
fn a_slot_is_in_the_devmap_or_has_a_tag() {
    let devices = [vlan("a", 11, 1, 2), vlan("b", 12, 2, 2), plain("c", 2), vlan("d", 13, 3, 4)];
    let below = [under(plain("c", 2)), under(plain("e", 4))];
    for mode in [AttachMode::Native, AttachMode::Generic] {
        let ports = Ports::new(mode, &devices, &below).expect("all can be served");
        for (slot, filled) in (0..).zip(&ports.slots) {
            let tagged = ports.tags.iter().any(|(tagged, _)| *tagged == slot);
            assert_ne!(filled.is_some(), tagged, "{mode} {slot}");
        }
        for (_, tag) in &ports.tags {
            assert!(ports.slots[tag.device as usize].is_some(), "a tag leads to a device");
        }
    }
}

/// The VLAN's device, what is below it, and a part of what is said.
#[test]
fn native_mode_refuses_by_name_what_it_would_not_see() {
    let on = |vlan| device("eth0.5", 11, Some(vlan));
    let vlan = Vlan { vid: 5, below: Some(2), customer: true };
    let stacked = Below { device: self::vlan("eth0.1", 2, 1, 9), strips_tags: false };
    let table = [
        (on(Vlan { customer: false, ..vlan }), under(plain("eth0", 2)), "`protocol 802.1Q`"),
        (on(Vlan { below: None, ..vlan }), under(plain("eth0", 2)), "another network namespace"),
        (on(vlan), under(plain("eth1", 3)), "another network namespace"),
        (on(vlan), stacked, "`eth0.1`, which it is on, is a VLAN's, too"),
        (on(vlan), Below { strips_tags: true, ..under(plain("eth0", 2)) }, "`ethtool -K eth0 rxvlan off`"),
    ];
    for (device, below, part) in table {
        let refused = Ports::new(AttachMode::Native, &[device], &[below]).expect_err("it cannot be served");
        let said = refused.to_string();
        assert!(
            said.contains(part) && said.contains("`eth0.5`") && said.contains("mode = \"auto\""),
            "{said}"
        );
        assert!(!refused.is_busy());
    }
}

#[test]
fn native_mode_refuses_a_device_that_merges_packets_and_says_which() {
    let (devices, below) = ([plain("eth1", 3), vlan("eth0.5", 11, 5, 2)], [under(plain("eth0", 2))]);
    let ports = Ports::new(AttachMode::Native, &devices, &below).expect("all can be served");
    assert_eq!(ports.clone().unmerged(|_| false).expect("nobody merges"), ports);
    let said = ports.unmerged(|device| device == "eth0").expect_err("below the VLAN").to_string();
    assert!(said.contains("`ethtool -K eth0 lro off`") && said.contains("mode = \"auto\""), "{said}");
}

#[test]
fn more_devices_than_slots_are_refused() {
    let devices: Vec<Device> = (0..64).map(|n| vlan(&format!("v{n}"), 100 + n, 1, 2 + n)).collect();
    let below: Vec<Below> = (0..64).map(|n| under(plain(&format!("eth{n}"), 2 + n))).collect();
    assert!(Ports::new(AttachMode::Native, &devices[..32], &below).is_ok());
    let refused = Ports::new(AttachMode::Native, &devices[..33], &below).expect_err("66 slots");
    assert_eq!(refused.to_string(), "devices: 66 is more than the 64 that fit");
}
