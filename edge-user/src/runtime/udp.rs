//! UDP sockets with batched system calls (`recvmmsg`, `sendmmsg`): signalling at ten thousand calls a second is a
//! hundred thousand datagrams, and a system call each would cost more than the calls do.
//!
//! All `unsafe` of the signalling path is here.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;
use std::time::Duration;

use bytes::Bytes;
use edge_core::media::Dscp;

use super::marking::Control;

/// Datagrams taken or sent with one system call.
pub(super) const BATCH: usize = 32;

/// Largest datagram of UDP.
const DATAGRAM_BYTES_MAX: usize = 65_535;

/// Kernel buffer of a listening socket, in bytes: a tenth of a second of the largest rate that we aim at.
static RECEIVE_BUFFER_BYTES: libc::c_int = 8 << 20;

/// Reports of earlier datagrams that one batch may meet; with more of them a refusal is one.
const REPORTS_MAX: usize = 64;

/// Whether an error is not about what was just asked for, but a report that a datagram was not delivered: the kernel tells
/// it to whoever uses the socket next.
fn is_report(error: &io::Error) -> bool {
    let reports = [libc::ECONNREFUSED, libc::EHOSTUNREACH, libc::ENETUNREACH, libc::EHOSTDOWN, libc::EPROTO];
    error.raw_os_error().is_some_and(|code| reports.contains(&code))
        || error.raw_os_error() == Some(libc::ENOPROTOOPT)
}

/// Opens the socket of one listening address. It takes only what comes in through `device`: an address of a trunk is
/// believed on that trunk's network, and nowhere else.
///
/// # Errors
/// What the kernel says to socket, option or address.
pub(super) fn listen(address: SocketAddr, device: &str) -> io::Result<UdpSocket> {
    let socket = UdpSocket::bind(address)?;
    bind_to_device(&socket, device)?;
    want_errors(&socket, address)?;
    // So that a receiver looks up from an idle socket and sees that it is to stop.
    socket.set_read_timeout(Some(Duration::from_millis(200)))?;
    if set_receive_buffer(&socket, libc::SO_RCVBUFFORCE).is_err() {
        set_receive_buffer(&socket, libc::SO_RCVBUF)?;
    }
    Ok(socket)
}

/// Lets a socket take only what comes in through `device`; a listening one hands that on to its connections.
pub(super) fn bind_to_device(socket: &impl AsRawFd, device: &str) -> io::Result<()> {
    // SAFETY: the option's value is a name of this length, which lives through the call.
    let result = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_BINDTODEVICE,
            device.as_ptr().cast(),
            device.len() as libc::socklen_t,
        )
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Has the kernel keep reports of datagrams that could not be delivered, with what they quote.
fn want_errors(socket: &UdpSocket, address: SocketAddr) -> io::Result<()> {
    static ON: libc::c_int = 1;
    let (level, option) = match address {
        SocketAddr::V4(_) => (libc::IPPROTO_IP, libc::IP_RECVERR),
        SocketAddr::V6(_) => (libc::IPPROTO_IPV6, libc::IPV6_RECVERR),
    };
    // SAFETY: the option's value is a c_int that lives for ever, and its size is given.
    let result = unsafe {
        let length = size_of_val(&ON) as libc::socklen_t;
        libc::setsockopt(socket.as_raw_fd(), level, option, (&raw const ON).cast(), length)
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

fn set_receive_buffer(socket: &UdpSocket, option: libc::c_int) -> io::Result<()> {
    let length = size_of_val(&RECEIVE_BUFFER_BYTES) as libc::socklen_t;
    // SAFETY: the option's value is a c_int that lives through the call, and `length` is its size.
    let result = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            option,
            (&raw const RECEIVE_BUFFER_BYTES).cast(),
            length,
        )
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Room for one batch of datagrams, used again and again.
pub(super) struct Inbox {
    buffers: Vec<Vec<u8>>,
    senders: Vec<libc::sockaddr_storage>,
}

impl std::fmt::Debug for Inbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inbox").finish_non_exhaustive()
    }
}

impl Default for Inbox {
    fn default() -> Self {
        // SAFETY: an all-zero sockaddr_storage is one of family AF_UNSPEC.
        let blank: libc::sockaddr_storage = unsafe { std::mem::zeroed() };
        Self { buffers: vec![vec![0; DATAGRAM_BYTES_MAX]; BATCH], senders: vec![blank; BATCH] }
    }
}

impl Inbox {
    /// Waits for datagrams and hands each to `take` with its sender. Nothing in the socket's time is no error.
    ///
    /// # Errors
    /// What the kernel says, other than that nothing came.
    pub(super) fn receive(
        &mut self,
        socket: &UdpSocket,
        mut take: impl FnMut(SocketAddr, &[u8]),
    ) -> io::Result<()> {
        let mut parts: Vec<libc::iovec> = self
            .buffers
            .iter_mut()
            .map(|buffer| libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: buffer.len() })
            .collect();
        let mut headers: Vec<libc::mmsghdr> = parts
            .iter_mut()
            .zip(&mut self.senders)
            .map(|(part, sender)| header(part, (&raw mut *sender).cast(), size_of_val(sender)))
            .collect();
        // SAFETY: every header points to a buffer and an address of its own, which live in `self` through the call.
        let received = unsafe {
            libc::recvmmsg(
                socket.as_raw_fd(),
                headers.as_mut_ptr(),
                BATCH as libc::c_uint,
                libc::MSG_WAITFORONE,
                std::ptr::null_mut(),
            )
        };
        let Ok(received) = usize::try_from(received) else {
            let error = io::Error::last_os_error();
            let idle = matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted);
            return if idle || is_report(&error) { Ok(()) } else { Err(error) };
        };
        for (index, header) in headers.iter().take(received).enumerate() {
            if let Some(sender) = address_of(&self.senders[index]) {
                take(sender, &self.buffers[index][..header.msg_len as usize]);
            }
        }
        Ok(())
    }
}

/// Datagrams, and where they go.
pub(super) type Datagrams = Vec<(SocketAddr, Bytes)>;

/// Sends datagrams in order. One that the kernel refuses is passed over: to SIP it is a lost packet, and the
/// transaction sends it again.
///
/// All of them are marked so, and go to addresses of the socket's family. Returns how many were refused.
pub(super) fn send_all(socket: &UdpSocket, datagrams: &[(SocketAddr, Bytes)], dscp: Option<Dscp>) -> usize {
    let (mut refused, mut reports) = (0, 0);
    let mut control = datagrams.first().zip(dscp).map(|((to, _), dscp)| Control::new(to.ip(), dscp));
    let mut rest = datagrams;
    while !rest.is_empty() {
        let batch = &rest[..rest.len().min(BATCH)];
        // The kernel stops before a datagram that it refuses, and says so when that is the first one.
        match send_batch(socket, batch, control.as_mut()) {
            Ok(sent) => rest = &rest[sent..],
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            // That of an earlier datagram: this one was not tried yet.
            Err(error) if is_report(&error) && reports < REPORTS_MAX => reports += 1,
            Err(_refused) => {
                refused += 1;
                rest = &rest[1..];
            }
        }
    }
    refused
}

/// Sends until the kernel refuses one; returns how many it took, or why it refused the first.
fn send_batch(
    socket: &UdpSocket,
    batch: &[(SocketAddr, Bytes)],
    control: Option<&mut Control>,
) -> io::Result<usize> {
    let mut parts: Vec<libc::iovec> = batch
        .iter()
        .map(|(_, bytes)| libc::iovec { iov_base: bytes.as_ptr().cast_mut().cast(), iov_len: bytes.len() })
        .collect();
    let mut receivers: Vec<(libc::sockaddr_storage, usize)> =
        batch.iter().map(|(address, _)| raw_address(*address)).collect();
    let mut headers: Vec<libc::mmsghdr> = parts
        .iter_mut()
        .zip(&mut receivers)
        .map(|(part, (address, length))| header(part, (&raw mut *address).cast(), *length))
        .collect();
    if let Some(control) = control {
        let (said, length): (*mut Control, usize) = (control, size_of::<Control>());
        for header in &mut headers {
            (header.msg_hdr.msg_control, header.msg_hdr.msg_controllen) = (said.cast(), length as _);
        }
    }
    let count = headers.len() as libc::c_uint;
    // SAFETY: every header points to bytes, an address and a control message that live through the call; sendmmsg reads only.
    let sent = unsafe { libc::sendmmsg(socket.as_raw_fd(), headers.as_mut_ptr(), count, 0) };
    usize::try_from(sent).map_err(|_negative| io::Error::last_os_error())
}

fn header(part: &mut libc::iovec, address: *mut libc::c_void, length: usize) -> libc::mmsghdr {
    // SAFETY: an all-zero mmsghdr has no name, no buffers and no control data.
    let mut header: libc::mmsghdr = unsafe { std::mem::zeroed() };
    header.msg_hdr.msg_name = address;
    header.msg_hdr.msg_namelen = length as libc::socklen_t;
    header.msg_hdr.msg_iov = part;
    header.msg_hdr.msg_iovlen = 1;
    header
}

fn address_of(raw: &libc::sockaddr_storage) -> Option<SocketAddr> {
    match libc::c_int::from(raw.ss_family) {
        libc::AF_INET => {
            // SAFETY: the family says that the storage holds a sockaddr_in, which is smaller and needs no more
            // alignment.
            let v4 = unsafe { &*(&raw const *raw).cast::<libc::sockaddr_in>() };
            let ip = Ipv4Addr::from(u32::from_be(v4.sin_addr.s_addr));
            Some(SocketAddr::new(IpAddr::V4(ip), u16::from_be(v4.sin_port)))
        }
        libc::AF_INET6 => {
            // SAFETY: the family says that the storage holds a sockaddr_in6, which is smaller and needs no more
            // alignment.
            let v6 = unsafe { &*(&raw const *raw).cast::<libc::sockaddr_in6>() };
            let ip = Ipv6Addr::from(v6.sin6_addr.s6_addr);
            Some(SocketAddr::new(IpAddr::V6(ip), u16::from_be(v6.sin6_port)))
        }
        _ => None,
    }
}

pub(super) fn raw_address(address: SocketAddr) -> (libc::sockaddr_storage, usize) {
    // SAFETY: an all-zero sockaddr_storage is one of family AF_UNSPEC.
    let mut storage: libc::sockaddr_storage = unsafe { std::mem::zeroed() };
    let length = match address {
        SocketAddr::V4(v4) => {
            // SAFETY: the storage is large and aligned enough for any socket address.
            let raw = unsafe { &mut *(&raw mut storage).cast::<libc::sockaddr_in>() };
            raw.sin_family = libc::AF_INET as libc::sa_family_t;
            raw.sin_port = v4.port().to_be();
            raw.sin_addr.s_addr = u32::from(*v4.ip()).to_be();
            size_of::<libc::sockaddr_in>()
        }
        SocketAddr::V6(v6) => {
            // SAFETY: the storage is large and aligned enough for any socket address.
            let raw = unsafe { &mut *(&raw mut storage).cast::<libc::sockaddr_in6>() };
            raw.sin6_family = libc::AF_INET6 as libc::sa_family_t;
            raw.sin6_port = v6.port().to_be();
            raw.sin6_addr.s6_addr = v6.ip().octets();
            size_of::<libc::sockaddr_in6>()
        }
    };
    (storage, length)
}

pub(super) mod reports;
#[cfg(test)]
mod tests;
