//! Network devices and their addresses, from two netlink dumps (rtnetlink(7)).

use std::io::{Error, Result};
use std::net::IpAddr;

use netlink_packet_core::{NLM_F_DUMP, NLM_F_REQUEST, NetlinkHeader, NetlinkMessage, NetlinkPayload};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::address::{AddressAttribute, AddressMessage};
use netlink_packet_route::link::{LinkAttribute, LinkFlags, LinkMessage, LinkXdp, XdpAttached};
use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_ROUTE};

use super::ethtool::Ethtool;
use super::{Attached, Link, Vlan};

/// All network devices of this namespace.
pub(super) fn read() -> Result<Vec<Link>> {
    let mut links = Vec::new();
    dump(RouteNetlinkMessage::GetLink(LinkMessage::default()), |message| {
        if let RouteNetlinkMessage::NewLink(message) = message {
            links.push(link(message));
        }
    })?;
    dump(RouteNetlinkMessage::GetAddress(AddressMessage::default()), |message| {
        if let RouteNetlinkMessage::NewAddress(message) = message {
            add_address(&mut links, &message);
        }
    })?;
    let ethtool = Ethtool::open()?;
    for link in &mut links {
        ethtool.describe(link);
    }
    Ok(links)
}

/// Sends one dump request and hands each answer to `take`.
fn dump(request: RouteNetlinkMessage, mut take: impl FnMut(RouteNetlinkMessage)) -> Result<()> {
    let mut socket = Socket::new(NETLINK_ROUTE)?;
    socket.bind_auto()?;
    socket.connect(&SocketAddr::new(0, 0))?;
    let mut message = NetlinkMessage::new(NetlinkHeader::default(), NetlinkPayload::from(request));
    message.header.flags = NLM_F_DUMP | NLM_F_REQUEST;
    message.finalize();
    let mut bytes = vec![0; message.buffer_len()];
    message.serialize(&mut bytes);
    socket.send(&bytes, 0)?;
    loop {
        let (answer, _) = socket.recv_from_full()?;
        if take_all(&answer, &mut take)? == Dump::Done {
            return Ok(());
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Dump {
    More,
    Done,
}

#[expect(clippy::wildcard_enum_match_arm, reason = "what is neither answer, error nor end says nothing")]
fn take_all(mut answer: &[u8], take: &mut impl FnMut(RouteNetlinkMessage)) -> Result<Dump> {
    while !answer.is_empty() {
        let message = NetlinkMessage::<RouteNetlinkMessage>::deserialize(answer).map_err(Error::other)?;
        let length = usize::try_from(message.header.length).unwrap_or(usize::MAX);
        match message.payload {
            NetlinkPayload::InnerMessage(inner) => take(inner),
            NetlinkPayload::Error(error) => return Err(error.to_io()),
            NetlinkPayload::Done(_) => return Ok(Dump::Done),
            _ => {}
        }
        // Messages begin on multiples of four bytes (netlink(7)); the last may end short of one.
        answer = answer.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    Ok(Dump::More)
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "a device has a hundred attributes that do not matter here"
)]
fn link(message: LinkMessage) -> Link {
    let mut link = Link {
        index: message.header.index,
        up: message.header.flags.contains(LinkFlags::Up),
        vlan: Vlan::of(&message),
        ..Link::default()
    };
    for attribute in message.attributes {
        match attribute {
            LinkAttribute::IfName(name) => link.name = name,
            LinkAttribute::Mtu(mtu) => link.mtu = mtu,
            LinkAttribute::NumRxQueues(queues) => link.rx_queues = queues,
            LinkAttribute::Xdp(xdp) => link.xdp = attached(&xdp),
            _ => {}
        }
    }
    link
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "an attribute that is neither place nor program says nothing"
)]
fn attached(attributes: &[LinkXdp]) -> Attached {
    let program = attributes.iter().find_map(|attribute| match attribute {
        LinkXdp::ProgId(program) => Some(*program),
        _ => None,
    });
    let place = attributes.iter().find_map(|attribute| match attribute {
        LinkXdp::Attached(place) => Some(*place),
        _ => None,
    });
    match (place, program) {
        (None | Some(XdpAttached::None), _) => Attached::Nothing,
        (Some(XdpAttached::Driver), Some(program)) => Attached::Native { program },
        (Some(XdpAttached::SocketBuffer), Some(program)) => Attached::Generic { program },
        (Some(_), _) => Attached::Otherwise,
    }
}

fn add_address(links: &mut [Link], message: &AddressMessage) {
    let Some(link) = links.iter_mut().find(|link| link.index == message.header.index) else { return };
    link.addresses.extend(own_address(&message.attributes));
}

/// The device's own address: on a point-to-point device `Address` is the peer's and `Local` ours.
#[expect(clippy::wildcard_enum_match_arm, reason = "labels, flags and lifetimes are no addresses")]
fn own_address(attributes: &[AddressAttribute]) -> Option<IpAddr> {
    let local = attributes.iter().find_map(|attribute| match attribute {
        AddressAttribute::Local(address) => Some(*address),
        _ => None,
    });
    local.or_else(|| {
        attributes.iter().find_map(|attribute| match attribute {
            AddressAttribute::Address(address) => Some(*address),
            _ => None,
        })
    })
}
