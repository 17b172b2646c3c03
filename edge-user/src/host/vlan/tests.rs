//! Netlink answers and what they say.

use netlink_packet_core::DefaultNla;
use netlink_packet_route::link::LinkLayerType;

use super::*;

fn device(kind: InfoKind, data: Option<InfoData>, others: Vec<LinkAttribute>) -> Option<Vlan> {
    let mut link = LinkMessage::default();
    link.header.link_layer_type = LinkLayerType::Ether;
    link.attributes.push(LinkAttribute::IfName("eth0.5".to_owned()));
    let data = data.map(LinkInfo::Data);
    link.attributes.push(LinkAttribute::LinkInfo([LinkInfo::Kind(kind)].into_iter().chain(data).collect()));
    link.attributes.extend(others);
    Vlan::of(&link)
}

fn vlan(fields: Vec<InfoVlan>, others: Vec<LinkAttribute>) -> Option<Vlan> {
    device(InfoKind::Vlan, Some(InfoData::Vlan(fields)), others)
}

#[test]
fn what_netlink_says_of_a_vlan_is_read() {
    let on = |index| vec![LinkAttribute::Link(index)];
    let id = || InfoVlan::Id(5);
    let protocol = InfoVlan::Protocol;
    let customer = |below| Some(Vlan { vid: 5, below, customer: true });
    let table = [
        (vlan(vec![id()], on(2)), customer(Some(2))),
        (vlan(vec![id(), protocol(VlanProtocol::Ieee8021Q)], on(2)), customer(Some(2))),
        (
            vlan(vec![protocol(VlanProtocol::Ieee8021Ad), id()], on(2)),
            Some(Vlan { vid: 5, below: Some(2), customer: false }),
        ),
        (vlan(vec![id()], vec![LinkAttribute::Link(2), LinkAttribute::LinkNetNsId(0)]), customer(None)),
        (vlan(vec![id()], vec![]), customer(None)),
        (vlan(vec![], on(2)), None),
        (device(InfoKind::Vlan, None, on(2)), None),
        // Others have a device below, too.
        (device(InfoKind::Veth, None, on(2)), None),
        (device(InfoKind::MacVlan, None, on(2)), None),
        (Vlan::of(&LinkMessage::default()), None),
    ];
    for (number, (found, expected)) in table.into_iter().enumerate() {
        assert_eq!(found, expected, "row {number}");
    }
}

#[test]
fn an_attribute_that_nobody_knows_changes_nothing() {
    let unknown = InfoVlan::Other(DefaultNla::new(77, vec![1, 2]));
    let found = vlan(vec![unknown, InfoVlan::Id(4094)], vec![LinkAttribute::Link(9)]);
    assert_eq!(found, Some(Vlan { vid: 4094, below: Some(9), customer: true }));
}
