//! Packets from media addresses and ports that XDP owns: through a raw socket an address, which takes nothing in and whose UDP
//! headers are ours, so that no port is bound for each tone.

use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use bytes::Bytes;
use edge_core::media::Dscp;

use super::super::marking::mark;
use super::super::udp::{bind_to_device, send_all};

/// Bytes of a UDP header (RFC 768).
pub(super) const UDP_BYTES: usize = 8;

/// A socket that sends UDP from any port of one address.
#[derive(Debug)]
pub(super) struct Sender(UdpSocket);

impl Sender {
    /// A socket at `address`, whose packets leave through `device`, marked so.
    ///
    /// # Errors
    /// What the kernel says: `EPERM` without CAP_NET_RAW.
    pub(super) fn open(address: IpAddr, device: &str, dscp: Option<Dscp>) -> io::Result<Self> {
        let family = if address.is_ipv4() { libc::AF_INET } else { libc::AF_INET6 };
        // SAFETY: a system call with plain numbers.
        let fd = unsafe { libc::socket(family, libc::SOCK_RAW | libc::SOCK_CLOEXEC, libc::IPPROTO_UDP) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the descriptor was opened just now, and nobody else has it. What the standard library does with a socket of
        // datagrams that is bound is right for this one, too.
        let socket = UdpSocket::from(unsafe { OwnedFd::from_raw_fd(fd) });
        take_nothing_in(&socket)?;
        bind_to_device(&socket, device)?;
        bind(&socket, address)?;
        if let Some(dscp) = dscp {
            mark(&socket, address, dscp)?;
        }
        Ok(Self(socket))
    }

    /// Sends packets, each with its UDP header, in order; returns how many the kernel refused.
    pub(super) fn send(&self, packets: &[(SocketAddr, Bytes)]) -> usize {
        send_all(&self.0, packets, None)
    }
}

/// Where a raw socket sends to: the port is in the packet, and IPv6 takes none beside it.
pub(super) const fn destination(remote: SocketAddr) -> SocketAddr {
    SocketAddr::new(remote.ip(), 0)
}

/// A raw socket gets a copy of every UDP packet of the host; a filter that keeps no byte of any turns them all away.
fn take_nothing_in(socket: &UdpSocket) -> io::Result<()> {
    let mut none = libc::sock_filter { code: (libc::BPF_RET | libc::BPF_K) as u16, jt: 0, jf: 0, k: 0 };
    let program = libc::sock_fprog { len: 1, filter: &raw mut none };
    set(socket, libc::SOL_SOCKET, libc::SO_ATTACH_FILTER, &program)
}

fn set<T>(socket: &UdpSocket, level: libc::c_int, option: libc::c_int, value: &T) -> io::Result<()> {
    let length = size_of::<T>() as libc::socklen_t;
    // SAFETY: the option's value lives through the call, and its size is given; the kernel copies what it points to.
    let result =
        unsafe { libc::setsockopt(socket.as_raw_fd(), level, option, (&raw const *value).cast(), length) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

fn bind(socket: &UdpSocket, address: IpAddr) -> io::Result<()> {
    let (storage, length) = super::super::udp::raw_address(SocketAddr::new(address, 0));
    // SAFETY: the storage holds a socket address of this length, and lives through the call.
    let result =
        unsafe { libc::bind(socket.as_raw_fd(), (&raw const storage).cast(), length as libc::socklen_t) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Puts the header before a payload that stands behind room for it.
pub(super) fn write_udp(packet: &mut [u8], from: SocketAddr, to: SocketAddr) {
    let length = u16::try_from(packet.len()).unwrap_or(u16::MAX);
    packet[..2].copy_from_slice(&from.port().to_be_bytes());
    packet[2..4].copy_from_slice(&to.port().to_be_bytes());
    packet[4..6].copy_from_slice(&length.to_be_bytes());
    packet[6..UDP_BYTES].fill(0);
    let sum = checksum(packet, from.ip(), to.ip());
    packet[6..UDP_BYTES].copy_from_slice(&sum.to_be_bytes());
}

/// The checksum over a packet and the pseudo-header of its addresses (RFC 768, RFC 8200 section 8.1); never 0, which says that there is
/// none.
fn checksum(packet: &[u8], from: IpAddr, to: IpAddr) -> u16 {
    let words = |bytes: &[u8]| -> u32 {
        bytes
            .chunks(2)
            .map(|pair| u32::from(pair[0]) << 8 | u32::from(pair.get(1).copied().unwrap_or(0)))
            .sum()
    };
    let address = |ip: IpAddr| match ip {
        IpAddr::V4(v4) => words(&v4.octets()),
        IpAddr::V6(v6) => words(&v6.octets()),
    };
    let mut sum =
        words(packet) + address(from) + address(to) + libc::IPPROTO_UDP as u32 + packet.len() as u32;
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    match !(sum as u16) {
        0 => u16::MAX,
        sum => sum,
    }
}

#[cfg(test)]
mod tests;
