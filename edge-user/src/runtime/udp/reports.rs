//! Reports of datagrams that could not be delivered: what ICMP said, as the kernel keeps it for a socket (`IP_RECVERR`).
//!
//! A report is told with the address that the datagram was sent to and with what of it was quoted. Anybody can forge one; what
//! is believed of it is decided where the quotation is understood.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;

use super::address_of;

/// What is read of a quotation: routers quote 8 to 1,232 bytes, and the first Via is in the first few hundred.
const QUOTED_MAX: usize = 1_024;

/// Room for the kernel's description of one error: a `sock_extended_err` and an address.
const CONTROL_BYTES: usize = 256;

/// Reports taken at once; the rest is taken the next time, so that a flood of them does not keep messages waiting.
const AT_ONCE: usize = 32;

/// Destination unreachable, of ICMP (RFC 792) and of ICMPv6 (RFC 4443); of the first, code 4 speaks of the size alone.
const UNREACHABLE: u8 = 3;
const UNREACHABLE_V6: u8 = 1;
const FRAGMENTATION_NEEDED: u8 = 4;

/// Hands each report that waits to `take`, with where the datagram was sent and what of it was quoted.
pub(in crate::runtime) fn take_reports(socket: &UdpSocket, mut take: impl FnMut(SocketAddr, &[u8])) {
    for _ in 0..AT_ONCE {
        match next(socket, &mut take) {
            Ok(()) => {}
            Err(_nothing_more) => return,
        }
    }
}

/// Aligned as the kernel writes control data.
#[repr(C, align(8))]
struct Control([u8; CONTROL_BYTES]);

fn next(socket: &UdpSocket, take: &mut impl FnMut(SocketAddr, &[u8])) -> io::Result<()> {
    let (mut quoted, mut control) = ([0_u8; QUOTED_MAX], Control([0; CONTROL_BYTES]));
    // SAFETY: an all-zero sockaddr_storage is one of family AF_UNSPEC.
    let mut name: libc::sockaddr_storage = unsafe { std::mem::zeroed() };
    // SAFETY: an all-zero msghdr has nothing in it.
    let mut header: libc::msghdr = unsafe { std::mem::zeroed() };
    let mut part = libc::iovec { iov_base: quoted.as_mut_ptr().cast(), iov_len: quoted.len() };
    header.msg_name = (&raw mut name).cast();
    header.msg_namelen = size_of_val(&name) as libc::socklen_t;
    header.msg_iov = &raw mut part;
    header.msg_iovlen = 1;
    header.msg_control = control.0.as_mut_ptr().cast();
    header.msg_controllen = control.0.len();
    // SAFETY: the header points to buffers of these lengths, which live through the call.
    let length = unsafe {
        libc::recvmsg(socket.as_raw_fd(), &raw mut header, libc::MSG_ERRQUEUE | libc::MSG_DONTWAIT)
    };
    let length = usize::try_from(length).map_err(|_negative| io::Error::last_os_error())?;
    if let Some(sent_to) = address_of(&name).filter(|_| says_unreachable(&header)) {
        take(sent_to, &quoted[..length.min(quoted.len())]);
    }
    Ok(())
}

/// Whether the error that was read says that a destination cannot be reached.
fn says_unreachable(header: &libc::msghdr) -> bool {
    // SAFETY: the kernel has filled the control data that the header points to, and the macros stay within its length.
    let mut message = unsafe { libc::CMSG_FIRSTHDR(header) };
    while !message.is_null() {
        // SAFETY: CMSG_FIRSTHDR and CMSG_NXTHDR give a whole header within the control data, or null.
        let libc::cmsghdr { cmsg_level, cmsg_type, .. } = unsafe { *message };
        let is_error = matches!(
            (cmsg_level, cmsg_type),
            (libc::IPPROTO_IP, libc::IP_RECVERR) | (libc::IPPROTO_IPV6, libc::IPV6_RECVERR)
        );
        if is_error {
            // SAFETY: the message is a whole one, as above.
            let data = unsafe { libc::CMSG_DATA(message) };
            // SAFETY: the data of such a message begins with a sock_extended_err, which needs no alignment to be copied.
            let error: libc::sock_extended_err = unsafe { std::ptr::read_unaligned(data.cast()) };
            return match error.ee_origin {
                libc::SO_EE_ORIGIN_ICMP => {
                    error.ee_type == UNREACHABLE && error.ee_code != FRAGMENTATION_NEEDED
                }
                libc::SO_EE_ORIGIN_ICMP6 => error.ee_type == UNREACHABLE_V6,
                _ => false,
            };
        }
        // SAFETY: as above.
        message = unsafe { libc::CMSG_NXTHDR(header, message) };
    }
    false
}
