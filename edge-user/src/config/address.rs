//! The forms of addresses: hosts, sources, SIP listeners, media ports.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use edge_core::policy::{self, PortRange, Transport};
use ipnet::IpNet;
use toml::de::DeValue;

use super::document::FromToml;
use super::fault::Fault;
use super::value::form;

/// Least prefix length of a source: no one peer has more of IPv4 than a former class A network.
const SOURCE_PREFIX_MIN: u8 = 8;
/// The same of IPv6: the largest providers were given a /19.
const SOURCE_PREFIX_MIN_V6: u8 = 19;

/// The address of one host.
#[derive(Debug, Clone, Copy)]
pub(super) struct HostAddress(pub(super) IpAddr);

impl<'a> FromToml<'a> for HostAddress {
    fn from_toml(value: &'a DeValue<'a>) -> Result<Self, Fault> {
        const FORM: &str = "an IP address such as \"198.51.100.10\"; a port has its own key";
        let text = <&str>::from_toml(value)?;
        let address = text.parse().map_err(|_syntax| form(text, FORM))?;
        unicast(address).map(Self)
    }
}

/// One host: an address, or a name that DNS knows.
#[derive(Debug, Clone)]
pub(super) enum HostText {
    /// An address.
    Address(IpAddr),
    /// A name, in lower case and without a dot at its end.
    Name(String),
}

impl<'a> FromToml<'a> for HostText {
    fn from_toml(value: &'a DeValue<'a>) -> Result<Self, Fault> {
        let text = <&str>::from_toml(value)?;
        if let Ok(address) = text.parse() {
            return unicast(address).map(Self::Address);
        }
        let name = text.strip_suffix('.').unwrap_or(text);
        if policy::is_host_name(name) {
            return Ok(Self::Name(name.to_ascii_lowercase()));
        }
        Err(form(
            text,
            "an IP address such as \"198.51.100.10\", or a name such as \"sip.example.net\"; a port has its own key",
        ))
    }
}

/// A DNS server, `ADDRESS` or `ADDRESS:PORT`.
#[derive(Debug, Clone, Copy)]
pub(super) struct DnsServer(pub(super) SocketAddr);

/// Port of DNS.
const DNS_PORT: u16 = 53;

impl<'a> FromToml<'a> for DnsServer {
    fn from_toml(value: &'a DeValue<'a>) -> Result<Self, Fault> {
        const FORM: &str = "the address of a DNS server, such as \"192.0.2.53\" or \"192.0.2.53:5353\"";
        let text = <&str>::from_toml(value)?;
        let bare = || text.parse().map(|address| SocketAddr::new(address, DNS_PORT));
        let server: SocketAddr =
            text.parse().or_else(|_no_port| bare()).map_err(|_neither| form(text, FORM))?;
        if server.port() == 0 {
            return Err(form(text, FORM));
        }
        if server.ip().is_unspecified() || server.ip().is_multicast() {
            return Err(Fault::NotUnicast { found: server.ip() });
        }
        Ok(Self(server))
    }
}

fn unicast(address: IpAddr) -> Result<IpAddr, Fault> {
    if address.is_unspecified() || address.is_multicast() || address == IpAddr::V4(Ipv4Addr::BROADCAST) {
        return Err(Fault::NotUnicast { found: address });
    }
    on_the_wire(address)
}

/// Refuses what would need a device beside it, or is another address in disguise.
fn on_the_wire(address: IpAddr) -> Result<IpAddr, Fault> {
    let IpAddr::V6(v6) = address else { return Ok(address) };
    if v6.is_unicast_link_local() {
        return Err(Fault::LinkLocal { found: v6 });
    }
    v6.to_ipv4_mapped().map_or(Ok(address), |instead| Err(Fault::MappedIpv4 { found: v6, instead }))
}

/// An address and port to listen on.
#[derive(Debug, Clone, Copy)]
pub(super) struct ApiAddress(pub(super) SocketAddr);

impl<'a> FromToml<'a> for ApiAddress {
    fn from_toml(value: &'a DeValue<'a>) -> Result<Self, Fault> {
        let text = <&str>::from_toml(value)?;
        let address = text.parse().ok().filter(|address: &SocketAddr| address.port() != 0);
        address.map(Self).ok_or_else(|| form(text, "an address and a port, such as \"127.0.0.1:8080\""))
    }
}

/// A network, or one address, that may send as a trunk.
#[derive(Debug, Clone, Copy)]
pub(super) struct Source(pub(super) IpNet);

impl<'a> FromToml<'a> for Source {
    fn from_toml(value: &'a DeValue<'a>) -> Result<Self, Fault> {
        let text = <&str>::from_toml(value)?;
        let net = text
            .parse()
            .or_else(|_no_prefix| text.parse::<IpAddr>().map(IpNet::from))
            .map_err(|_neither| form(text, "an address or a network, such as \"198.51.100.0/28\""))?;
        let widest = if net.addr().is_ipv4() { SOURCE_PREFIX_MIN } else { SOURCE_PREFIX_MIN_V6 };
        if net.prefix_len() < widest {
            return Err(Fault::AnySource { found: net, widest });
        }
        if net != net.trunc() {
            return Err(Fault::HostBits { found: net, instead: net.trunc() });
        }
        if net.network().is_multicast() {
            return Err(Fault::NotUnicast { found: net.network() });
        }
        on_the_wire(net.network())?;
        Ok(Self(net))
    }
}

/// A SIP listening address, `TRANSPORT:ADDRESS:PORT`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Listener(pub(super) policy::Listener);

impl<'a> FromToml<'a> for Listener {
    fn from_toml(value: &'a DeValue<'a>) -> Result<Self, Fault> {
        const FORM: &str = "\"udp:ADDRESS:PORT\", \"tcp:ADDRESS:PORT\" or \"tls:ADDRESS:PORT\", such as \"udp:203.0.113.10:5060\"";
        let text = <&str>::from_toml(value)?;
        let (transport, rest) = text.split_once(':').ok_or_else(|| form(text, FORM))?;
        let transport = match transport {
            "udp" => Transport::Udp,
            "tcp" => Transport::Tcp,
            "tls" => Transport::Tls,
            _ => return Err(form(text, FORM)),
        };
        let address: SocketAddr = rest.parse().map_err(|_syntax| form(text, FORM))?;
        if address.port() == 0 {
            return Err(form(text, FORM));
        }
        unicast(address.ip())?;
        Ok(Self(policy::Listener { transport, address }))
    }
}

impl<'a> FromToml<'a> for PortRange {
    fn from_toml(value: &'a DeValue<'a>) -> Result<Self, Fault> {
        let text = <&str>::from_toml(value)?;
        let ends = text.split_once('-').and_then(|(first, last)| Some((port(first)?, port(last)?)));
        let (first, last) = ends.ok_or_else(|| form(text, "two ports, such as \"20000-29999\""))?;
        Ok(Self::new(first, last)?)
    }
}

fn port(text: &str) -> Option<u16> {
    text.trim().parse().ok()
}
