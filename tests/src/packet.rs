//! Packet sockets: whole frames, as a device of a namespace has them.

use std::io;
use std::mem::size_of;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::ptr;

use anyhow::{Result, ensure};

/// A socket that sees both directions of every device of the calling thread's namespace, until it is bound to one.
pub(crate) fn open() -> Result<OwnedFd> {
    // SAFETY: socket takes plain integers.
    let raw = unsafe { libc::socket(libc::AF_PACKET, libc::SOCK_RAW | libc::SOCK_CLOEXEC, every_protocol()) };
    ensure!(raw >= 0, "cannot open a packet socket: {}", io::Error::last_os_error());
    // SAFETY: the descriptor was just opened and nobody else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(raw) })
}

/// What packet sockets take for every protocol.
pub(crate) fn every_protocol() -> i32 {
    i32::from((libc::ETH_P_ALL as u16).to_be())
}

/// Sets an option of this level.
pub(crate) fn set<T>(socket: &OwnedFd, level: i32, option: i32, value: &T) -> Result<()> {
    let length = size_of::<T>() as libc::socklen_t;
    let pointer = ptr::from_ref(value).cast();
    // SAFETY: the pointer is to a live value of that length.
    let outcome = unsafe { libc::setsockopt(socket.as_raw_fd(), level, option, pointer, length) };
    ensure!(outcome == 0, "cannot set socket option {option}: {}", io::Error::last_os_error());
    Ok(())
}
