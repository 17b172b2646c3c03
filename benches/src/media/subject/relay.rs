//! The least that a relay in a process does: two sockets a call, a batch of packets in, the same batch out.

use std::convert::Infallible;
use std::io;
use std::mem::zeroed;
use std::net::{SocketAddrV4, UdpSocket};
use std::os::fd::{AsRawFd, RawFd};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use edge_tests::process::{Process, wait_until};
use edge_tests::traffic;
use edge_tests::{Lab, Side};

/// Packets that are taken from a socket at once.
const BATCH: usize = 32;
/// Longer than any packet of the bench.
const OCTETS_MAX: usize = 512;
/// Sockets that are told of at once.
const EVENTS: usize = 256;
const READY: &str = "relay is ready";
const PATIENCE: Duration = Duration::from_secs(20);

/// Starts the bench's own binary as a relay in the middle namespace.
pub(super) fn start(lab: &Lab, calls: u32) -> Result<Process> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["relay", &calls.to_string()]);
    let mut process = Process::start(command, lab.edge(), &lab.directory().join("relay.log"))?;
    let ready = wait_until(PATIENCE, || match process.ended() {
        Ok(None) => process.output().contains(READY).then_some(true),
        Ok(Some(_)) | Err(_) => Some(false),
    });
    ensure!(ready == Some(true), "the relay does not start: {}", process.output());
    Ok(process)
}

/// Relays so many calls, at the addresses of the lab, until it is killed.
///
/// # Errors
/// When there are not as many sockets, or the kernel refuses something.
pub fn relay(calls: u32) -> Result<Infallible> {
    // SAFETY: it takes a plain integer.
    let events = unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) };
    ensure!(events >= 0, io::Error::last_os_error());
    let mut sockets = Vec::with_capacity(calls as usize * 2);
    for call in 0..calls {
        let port = traffic::port(call)?;
        for side in Side::BOTH {
            let socket =
                UdpSocket::bind(SocketAddrV4::new(side.edge_address(), port)).context("no socket")?;
            socket.connect(SocketAddrV4::new(side.peer_address(), port))?;
            watch(events, socket.as_raw_fd(), sockets.len())?;
            sockets.push(socket);
        }
    }
    println!("{READY}");
    let mut batch = Batch::new();
    let mut told = [libc::epoll_event { events: 0, u64: 0 }; EVENTS];
    loop {
        // SAFETY: there is room for as many events as it is told.
        let count = unsafe { libc::epoll_wait(events, told.as_mut_ptr(), EVENTS as i32, -1) };
        for event in told.iter().take(usize::try_from(count).unwrap_or(0)) {
            let index = usize::try_from(event.u64)?;
            // The sockets of a call are neighbours.
            let pair = (sockets.get(index), sockets.get(index ^ 1));
            let (Some(from), Some(to)) = pair else { bail!("an event of no socket") };
            batch.carry(from.as_raw_fd(), to.as_raw_fd());
        }
    }
}

fn watch(events: RawFd, socket: RawFd, index: usize) -> Result<()> {
    let mut event = libc::epoll_event { events: libc::EPOLLIN as u32, u64: index as u64 };
    // SAFETY: the event lives through the call.
    let outcome = unsafe { libc::epoll_ctl(events, libc::EPOLL_CTL_ADD, socket, &raw mut event) };
    ensure!(outcome == 0, io::Error::last_os_error());
    Ok(())
}

/// Buffers of a batch, and what the kernel is told of them. They do not move: both are on the heap.
struct Batch {
    buffers: Vec<[u8; OCTETS_MAX]>,
    parts: Vec<libc::iovec>,
    messages: Vec<libc::mmsghdr>,
}

impl Batch {
    fn new() -> Self {
        let mut buffers = vec![[0; OCTETS_MAX]; BATCH];
        let part = |buffer: &mut [u8; OCTETS_MAX]| libc::iovec {
            iov_base: buffer.as_mut_ptr().cast(),
            iov_len: OCTETS_MAX,
        };
        let mut parts: Vec<libc::iovec> = buffers.iter_mut().map(part).collect();
        let message = |part: &mut libc::iovec| {
            // SAFETY: pointers that are null and lengths of zero are a header without anything.
            let mut message: libc::mmsghdr = unsafe { zeroed() };
            message.msg_hdr.msg_iov = part;
            message.msg_hdr.msg_iovlen = 1;
            message
        };
        let messages = parts.iter_mut().map(message).collect();
        Self { buffers, parts, messages }
    }

    /// What waits at one socket leaves by the other one. What cannot leave is lost.
    fn carry(&mut self, from: RawFd, to: RawFd) {
        debug_assert_eq!(self.buffers.len(), self.parts.len());
        for part in &mut self.parts {
            part.iov_len = OCTETS_MAX;
        }
        let (messages, most) = (self.messages.as_mut_ptr(), BATCH as u32);
        // SAFETY: each header names a part, and each part a buffer of its length, all of which live as long as `self`.
        let count = unsafe { libc::recvmmsg(from, messages, most, libc::MSG_DONTWAIT, std::ptr::null_mut()) };
        let count = usize::try_from(count).unwrap_or(0);
        for (part, message) in self.parts.iter_mut().zip(&self.messages).take(count) {
            part.iov_len = message.msg_len as usize;
        }
        // SAFETY: as above, with lengths that recvmmsg has found room for.
        unsafe { libc::sendmmsg(to, self.messages.as_mut_ptr(), count as u32, 0) };
    }
}
