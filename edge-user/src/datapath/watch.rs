//! What the kernel says unasked: that a route, a rule or a device changed.
//!
//! Only that something changed is read out of it; what is true now is asked for.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use netlink_sys::protocols::NETLINK_ROUTE;
use netlink_sys::{Socket, SocketAddr};

/// `RTNLGRP_LINK`, `RTNLGRP_IPV4_ROUTE`, `RTNLGRP_IPV4_RULE`, `RTNLGRP_IPV6_ROUTE`, `RTNLGRP_IPV6_RULE`.
const GROUPS: [u32; 5] = [1, 7, 8, 11, 19];

/// Bytes of a message that are taken out: none of it is read.
const OCTETS: usize = 64;

/// Messages that are read at once; more are as many as one, and wait for the next look.
const MESSAGES_MAX: usize = 1024;

/// A subscription to the kernel's changes.
pub(super) struct Watch {
    socket: Socket,
}

impl Watch {
    pub(super) fn open() -> io::Result<Self> {
        let mut socket = Socket::new(NETLINK_ROUTE)?;
        socket.bind(&SocketAddr::new(0, 0))?;
        for group in GROUPS {
            socket.add_membership(group)?;
        }
        socket.set_non_blocking(true)?;
        Ok(Self { socket })
    }

    /// The same subscription, to be waited for.
    pub(super) fn waited_for(&self) -> io::Result<OwnedFd> {
        self.socket.as_fd().try_clone_to_owned()
    }

    /// Whether anything was said since the last look. What the kernel had to throw away was something, too.
    pub(super) fn has_news(&self) -> bool {
        let mut news = false;
        let mut buffer = Vec::with_capacity(OCTETS);
        for _ in 0..MESSAGES_MAX {
            buffer.clear();
            match self.socket.recv(&mut buffer, 0) {
                Ok(_) => news = true,
                Err(error) if error.raw_os_error() == Some(libc::ENOBUFS) => news = true,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => break,
            }
        }
        news
    }
}
