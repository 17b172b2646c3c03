//! The few questions that the datapath asks the kernel: routes, neighbours, devices.
//!
//! Requests go one at a time over a blocking socket; the kernel answers within the call.

#![expect(clippy::wildcard_enum_match_arm, reason = "netlink's enums are open: the kernel adds attributes")]

use std::io;
use std::net::IpAddr;

use netlink_packet_core::{
    NLM_F_ACK, NLM_F_CREATE, NLM_F_REQUEST, NetlinkHeader, NetlinkMessage, NetlinkPayload,
};
use netlink_packet_route::link::{InfoKind, LinkAttribute, LinkInfo, LinkMessage, LinkXdp, XdpAttached};
use netlink_packet_route::neighbour::{
    NeighbourAddress, NeighbourAttribute, NeighbourFlags, NeighbourMessage, NeighbourState,
};
use netlink_packet_route::route::{RouteAddress, RouteAttribute, RouteMessage, RouteType, RouteVia};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use netlink_sys::protocols::NETLINK_ROUTE;
use netlink_sys::{Socket, SocketAddr};

use super::{AttachMode, DatapathError};
use crate::host::Vlan;

/// An Ethernet device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Device {
    pub(super) name: String,
    pub(super) ifindex: u32,
    pub(super) mac: [u8; 6],
    /// Bytes of an IP packet that it takes.
    pub(super) mtu: u16,
    /// Whether XDP_TX delivers. A veth wakes its peer for such frames only when the peer has a program, too; what is
    /// redirected to it arrives. Of a VLAN device it is that of the device below.
    pub(super) turns_back: bool,
    /// What it is, when it is a VLAN's.
    pub(super) vlan: Option<Vlan>,
}

/// Where packets to an address go first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct RouteHop {
    pub(super) ifindex: u32,
    /// The gateway, or the address itself when it is on the link. A gateway of IPv4 may be one of IPv6 (RFC 8950).
    pub(super) ip: IpAddr,
}

/// What the kernel knows of a neighbour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Neighbour {
    /// Its link-layer address, when that may be used.
    pub(super) mac: Option<[u8; 6]>,
    /// Whether somebody should make the kernel ask for it: nothing is known, or not confirmed for long.
    pub(super) to_probe: bool,
}

/// A netlink route socket.
pub(super) struct Netlink {
    socket: Socket,
    sequence: u32,
}

impl Netlink {
    pub(super) fn open() -> io::Result<Self> {
        let mut socket = Socket::new(NETLINK_ROUTE)?;
        socket.bind_auto()?;
        socket.connect(&SocketAddr::new(0, 0))?;
        Ok(Self { socket, sequence: 0 })
    }

    /// The device of this name.
    pub(super) fn device(&mut self, name: &str) -> Result<Device, DatapathError> {
        let mut request = LinkMessage::default();
        request.attributes.push(LinkAttribute::IfName(name.to_owned()));
        self.described(name, request)
    }

    /// The device with this index.
    pub(super) fn device_at(&mut self, ifindex: u32) -> Result<Device, DatapathError> {
        let name = self.device_name(ifindex);
        self.described(&name, at(ifindex))
    }

    fn described(&mut self, name: &str, request: LinkMessage) -> Result<Device, DatapathError> {
        let link = match self.link(request) {
            Err(error) if error.raw_os_error() == Some(libc::ENODEV) => {
                return Err(DatapathError::NoDevice { device: name.to_owned() });
            }
            answer => answer?,
        };
        let mac = link.attributes.iter().find_map(|attribute| match attribute {
            LinkAttribute::Address(address) => <[u8; 6]>::try_from(address.as_slice()).ok(),
            _ => None,
        });
        let mac = mac.ok_or_else(|| DatapathError::NotEthernet { device: name.to_owned() })?;
        let (name, ifindex, vlan) = (name.to_owned(), link.header.index, Vlan::of(&link));
        let below = vlan.and_then(|vlan| vlan.below).map(|below| self.link(at(below))).transpose()?;
        let turns_back = !is_veth(below.as_ref().unwrap_or(&link));
        Ok(Device { name, ifindex, mac, mtu: mtu(&link), turns_back, vlan })
    }

    /// How an XDP program is attached to a device; `None` when none is.
    pub(super) fn xdp_mode(&mut self, ifindex: u32) -> io::Result<Option<AttachMode>> {
        let link = self.link(at(ifindex))?;
        let attached = link.attributes.iter().find_map(|attribute| match attribute {
            LinkAttribute::Xdp(xdp) => xdp.iter().find_map(|field| match field {
                LinkXdp::Attached(attached) => Some(*attached),
                _ => None,
            }),
            _ => None,
        });
        Ok(match attached {
            Some(XdpAttached::Driver | XdpAttached::Hardware) => Some(AttachMode::Native),
            Some(XdpAttached::SocketBuffer) => Some(AttachMode::Generic),
            _ => None,
        })
    }

    /// The route to `remote` for packets from `local`. `Ok(None)` when it does not lead to another host.
    pub(super) fn route(&mut self, remote: IpAddr, local: IpAddr) -> io::Result<Option<RouteHop>> {
        let mut request = RouteMessage::default();
        let bits = if remote.is_ipv4() { 32 } else { 128 };
        request.header.address_family = family(remote);
        request.header.destination_prefix_length = bits;
        request.header.source_prefix_length = bits;
        request.attributes.push(RouteAttribute::Destination(route_address(remote)));
        request.attributes.push(RouteAttribute::Source(route_address(local)));
        let RouteNetlinkMessage::NewRoute(route) = self.ask(RouteNetlinkMessage::GetRoute(request), 0)?
        else {
            return Err(io::ErrorKind::InvalidData.into());
        };
        if route.header.kind != RouteType::Unicast {
            return Ok(None);
        }
        let ifindex = route.attributes.iter().find_map(|attribute| match attribute {
            RouteAttribute::Oif(ifindex) => Some(*ifindex),
            _ => None,
        });
        let gateway = route.attributes.iter().find_map(|attribute| match attribute {
            RouteAttribute::Gateway(RouteAddress::Inet(gateway)) => Some(IpAddr::V4(*gateway)),
            RouteAttribute::Gateway(RouteAddress::Inet6(gateway)) => Some(IpAddr::V6(*gateway)),
            RouteAttribute::Via(RouteVia::Inet6(gateway)) => Some(IpAddr::V6(*gateway)),
            _ => None,
        });
        Ok(ifindex.map(|ifindex| RouteHop { ifindex, ip: gateway.unwrap_or(remote) }))
    }

    /// What the kernel knows of the station at `hop`.
    pub(super) fn neighbour(&mut self, hop: RouteHop) -> io::Result<Neighbour> {
        let entry = match self.ask(RouteNetlinkMessage::GetNeighbour(neighbour_message(hop)), 0) {
            Ok(RouteNetlinkMessage::NewNeighbour(entry)) => entry,
            Ok(_) => return Err(io::ErrorKind::InvalidData.into()),
            Err(error) if error.raw_os_error() == Some(libc::ENOENT) => {
                return Ok(Neighbour { mac: None, to_probe: true });
            }
            Err(error) => return Err(error),
        };
        let mac = entry.attributes.iter().find_map(|attribute| match attribute {
            NeighbourAttribute::LinkLayerAddress(address) => <[u8; 6]>::try_from(address.as_slice()).ok(),
            _ => None,
        });
        // NUD_VALID of the kernel: the address may be used, whether it is being confirmed or not.
        Ok(match entry.header.state {
            NeighbourState::Reachable | NeighbourState::Delay | NeighbourState::Probe => {
                Neighbour { mac, to_probe: false }
            }
            NeighbourState::Permanent | NeighbourState::Noarp => Neighbour { mac, to_probe: false },
            NeighbourState::Stale => Neighbour { mac, to_probe: true },
            NeighbourState::Incomplete => Neighbour { mac: None, to_probe: false },
            _ => Neighbour { mac: None, to_probe: true },
        })
    }

    /// Makes the kernel ask for a neighbour, as if it had a packet for it (`NTF_USE`).
    pub(super) fn probe(&mut self, hop: RouteHop) -> io::Result<()> {
        let mut request = neighbour_message(hop);
        request.header.flags = NeighbourFlags::Use;
        self.ask_nothing(RouteNetlinkMessage::NewNeighbour(request), NLM_F_CREATE)
    }

    /// Name of a device, for messages.
    pub(super) fn device_name(&mut self, ifindex: u32) -> String {
        let name = self.link(at(ifindex)).ok().and_then(|link| {
            link.attributes.into_iter().find_map(|attribute| match attribute {
                LinkAttribute::IfName(name) => Some(name),
                _ => None,
            })
        });
        name.unwrap_or_else(|| format!("device {ifindex}"))
    }

    fn link(&mut self, request: LinkMessage) -> io::Result<LinkMessage> {
        match self.ask(RouteNetlinkMessage::GetLink(request), 0)? {
            RouteNetlinkMessage::NewLink(link) => Ok(link),
            _ => Err(io::ErrorKind::InvalidData.into()),
        }
    }

    /// Sends a request that has one object as its answer.
    fn ask(&mut self, request: RouteNetlinkMessage, flags: u16) -> io::Result<RouteNetlinkMessage> {
        match self.exchange(request, flags)? {
            NetlinkPayload::InnerMessage(answer) => Ok(answer),
            payload => Err(refusal(&payload)),
        }
    }

    /// Sends a request that has only success or failure as its answer.
    fn ask_nothing(&mut self, request: RouteNetlinkMessage, flags: u16) -> io::Result<()> {
        match self.exchange(request, flags | NLM_F_ACK)? {
            NetlinkPayload::Error(error) if error.code.is_none() => Ok(()),
            payload => Err(refusal(&payload)),
        }
    }

    fn exchange(
        &mut self,
        request: RouteNetlinkMessage,
        flags: u16,
    ) -> io::Result<NetlinkPayload<RouteNetlinkMessage>> {
        self.sequence = self.sequence.wrapping_add(1);
        let mut header = NetlinkHeader::default();
        header.flags = NLM_F_REQUEST | flags;
        header.sequence_number = self.sequence;
        let mut message = NetlinkMessage::new(header, NetlinkPayload::InnerMessage(request));
        message.finalize();
        let mut bytes = vec![0; message.buffer_len()];
        message.serialize(&mut bytes);
        self.socket.send(&bytes, 0)?;
        loop {
            let (answer, _) = self.socket.recv_from_full()?;
            let answer: NetlinkMessage<RouteNetlinkMessage> =
                NetlinkMessage::deserialize(&answer).map_err(io::Error::other)?;
            // A late answer to a request that was given up is not ours.
            if answer.header.sequence_number == self.sequence {
                return Ok(answer.payload);
            }
        }
    }
}

fn at(ifindex: u32) -> LinkMessage {
    let mut request = LinkMessage::default();
    request.header.index = ifindex;
    request
}

fn neighbour_message(hop: RouteHop) -> NeighbourMessage {
    let mut message = NeighbourMessage::default();
    message.header.family = family(hop.ip);
    message.header.ifindex = hop.ifindex;
    message.attributes.push(NeighbourAttribute::Destination(match hop.ip {
        IpAddr::V4(v4) => NeighbourAddress::Inet(v4),
        IpAddr::V6(v6) => NeighbourAddress::Inet6(v6),
    }));
    message
}

fn refusal(payload: &NetlinkPayload<RouteNetlinkMessage>) -> io::Error {
    match payload {
        NetlinkPayload::Error(error) => error.to_io(),
        _ => io::ErrorKind::InvalidData.into(),
    }
}

const fn family(address: IpAddr) -> AddressFamily {
    match address {
        IpAddr::V4(_) => AddressFamily::Inet,
        IpAddr::V6(_) => AddressFamily::Inet6,
    }
}

const fn route_address(address: IpAddr) -> RouteAddress {
    match address {
        IpAddr::V4(v4) => RouteAddress::Inet(v4),
        IpAddr::V6(v6) => RouteAddress::Inet6(v6),
    }
}

/// A device that does not say takes whatever fits a frame of ours.
fn mtu(link: &LinkMessage) -> u16 {
    let said = link.attributes.iter().find_map(|attribute| match attribute {
        LinkAttribute::Mtu(mtu) => Some(*mtu),
        _ => None,
    });
    said.map_or(u16::MAX, |mtu| u16::try_from(mtu).unwrap_or(u16::MAX))
}

fn is_veth(link: &LinkMessage) -> bool {
    let kinds = link.attributes.iter().filter_map(|attribute| match attribute {
        LinkAttribute::LinkInfo(about) => Some(about),
        _ => None,
    });
    kinds.flatten().any(|about| matches!(about, LinkInfo::Kind(InfoKind::Veth)))
}
