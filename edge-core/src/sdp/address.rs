//! Where a stream's owner receives it: c= (RFC 8866 section 5.7) and a=rtcp (RFC 3605); and what else may name an address.

use std::net::{IpAddr, SocketAddr};

use super::SdpError;
use super::session::MediaDescription;
use crate::media::RemoteMedia;

/// Where media goes; `None` for the old hold, address 0.0.0.0 (RFC 3264 section 8.4).
pub(super) fn read_remote(media: &MediaDescription<'_>) -> Result<Option<RemoteMedia>, SdpError> {
    let connection = media.lines(b'c').next().or_else(|| media.session_lines(b'c').next());
    let (line, value) = connection.ok_or(SdpError::NoConnection)?;
    let address = read_address(line, value)?;
    if address.is_unspecified() {
        return Ok(None);
    }
    let rtp = SocketAddr::new(address, media.port);
    let rtcp = match media.attributes().find(|(_, name, _)| *name == "rtcp") {
        Some((line, _, value)) => read_rtcp(line, value, address)?,
        None => {
            let next = media.port.checked_add(1).ok_or(SdpError::Malformed { line: media.line })?;
            SocketAddr::new(address, next)
        }
    };
    Ok(Some(RemoteMedia { rtp, rtcp }))
}

/// `<port> [<nettype> <addrtype> <address>]`
fn read_rtcp(line: usize, value: &str, default: IpAddr) -> Result<SocketAddr, SdpError> {
    let (port, address) = value.split_once(' ').unwrap_or((value, ""));
    let port = port.parse().ok().filter(|port| *port != 0).ok_or(SdpError::Malformed { line })?;
    let address = match address.trim() {
        "" => default,
        address => read_address(line, address.as_bytes())?,
    };
    Ok(SocketAddr::new(address, port))
}

/// `IN IP4 <address>` or `IN IP6 <address>`; the address must be of that family, unicast, and no name.
fn read_address(line: usize, value: &[u8]) -> Result<IpAddr, SdpError> {
    let malformed = SdpError::Malformed { line };
    let text = std::str::from_utf8(value).ok().ok_or(malformed)?;
    let mut fields = text.split_ascii_whitespace();
    let (net, family, address) = (fields.next(), fields.next(), fields.next().ok_or(malformed)?);
    if net != Some("IN") || !matches!(family, Some("IP4" | "IP6")) || fields.next().is_some() {
        return Err(malformed);
    }
    let (bare, group) = address.split_once('/').map_or((address, false), |(bare, _)| (bare, true));
    match bare.parse::<IpAddr>() {
        Ok(ip) if group || !may_be_a_host(ip) => Err(SdpError::NotAHost),
        Ok(ip) if ip.is_ipv4() == (family == Some("IP4")) => Ok(ip),
        Ok(_) => Err(malformed),
        Err(_) if is_host_name(bare) => Err(SdpError::HostName),
        Err(_) => Err(malformed),
    }
}

fn is_host_name(text: &str) -> bool {
    text.bytes().any(|byte| byte.is_ascii_alphabetic())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.'))
}

/// Whether media for `ip` would go to one host that is not ourselves. 0.0.0.0 is the old hold, and has its own meaning. An
/// IPv6 address of a link means nothing without the link, and one that maps an IPv4 address is not for the wire (RFC 4291
/// sections 2.5.6 and 2.5.5.2).
fn may_be_a_host(ip: IpAddr) -> bool {
    let special = match ip {
        IpAddr::V4(v4) => v4.is_broadcast(),
        IpAddr::V6(v6) => v6.is_unicast_link_local() || v6.to_ipv4_mapped().is_some(),
    };
    !ip.is_multicast() && !ip.is_loopback() && !special
}

/// Whether a value holds an IP address, which nothing that crosses needs and which would be the other side's.
pub(super) fn names_an_address(value: &str) -> bool {
    let words = value.split(|letter: char| !letter.is_ascii_hexdigit() && letter != '.' && letter != ':');
    words.filter(|word| word.len() > 6).any(|word| word.parse::<IpAddr>().is_ok())
}
