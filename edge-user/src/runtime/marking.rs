//! The marking of packets (DSCP, RFC 2474), as a socket keeps it for all that it sends, and as one system call says it of some.

use std::io;
use std::net::IpAddr;
use std::os::fd::AsRawFd;

use edge_core::media::Dscp;

/// What the kernel writes into IPv4's TOS or IPv6's traffic class: the code point stands in its upper six bits.
const fn class_of(dscp: Dscp) -> libc::c_int {
    (dscp.number() as libc::c_int) << 2
}

/// Where that is said, for packets to this family.
const fn option_for(peer: IpAddr) -> (libc::c_int, libc::c_int) {
    match peer {
        IpAddr::V4(_) => (libc::IPPROTO_IP, libc::IP_TOS),
        IpAddr::V6(_) => (libc::IPPROTO_IPV6, libc::IPV6_TCLASS),
    }
}

/// Has everything that leaves by a socket to `peer` be marked.
///
/// # Errors
/// What the kernel says.
pub(super) fn mark(socket: &impl AsRawFd, peer: IpAddr, dscp: Dscp) -> io::Result<()> {
    let ((level, option), class) = (option_for(peer), class_of(dscp));
    let length = size_of_val(&class) as libc::socklen_t;
    // SAFETY: the option's value is a c_int that lives through the call, and its size is given.
    let result =
        unsafe { libc::setsockopt(socket.as_raw_fd(), level, option, (&raw const class).cast(), length) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// The control message of datagrams that are marked: `CMSG_SPACE` of one c_int.
#[derive(Clone, Copy)]
#[repr(C)]
pub(super) struct Control {
    header: libc::cmsghdr,
    class: libc::c_int,
}

impl Control {
    /// For datagrams to this family.
    pub(super) fn new(peer: IpAddr, dscp: Dscp) -> Self {
        let (level, option) = option_for(peer);
        // SAFETY: an all-zero cmsghdr is one without length, level or type.
        let mut header: libc::cmsghdr = unsafe { std::mem::zeroed() };
        let bytes = size_of::<libc::cmsghdr>() + size_of::<libc::c_int>();
        (header.cmsg_len, header.cmsg_level, header.cmsg_type) = (bytes as _, level, option);
        Self { header, class: class_of(dscp) }
    }
}
