//! Whole frames at one device, sent and taken by hand: with their 802.1Q tags, which the kernel takes off before a socket sees them.

use std::io;
use std::mem::{size_of, zeroed};
use std::os::fd::{AsRawFd, OwnedFd};
use std::ptr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::namespace::Namespace;
use crate::packet;

const FRAME_OCTETS_MAX: usize = 2048;
const READ_TIMEOUT: libc::timeval = libc::timeval { tv_sec: 0, tv_usec: 20_000 };
/// Bytes of both stations, which a tag stands behind.
const STATIONS: usize = 12;
/// `PACKET_IGNORE_OUTGOING` (`linux/if_packet.h`).
const PACKET_IGNORE_OUTGOING: libc::c_int = 23;

/// A packet socket at a device.
#[derive(Debug)]
pub struct Frames {
    socket: OwnedFd,
}

/// Room for one control message.
#[repr(align(8))]
struct Control([u8; 64]);

impl Frames {
    /// Opens one at a device of a namespace.
    ///
    /// # Errors
    /// When there is no such device, or no right to it.
    pub fn at(namespace: &Namespace, device: &str) -> Result<Self> {
        let index = i32::try_from(namespace.device(device)?.index)?;
        let socket = namespace.run(packet::open)??;
        packet::set(&socket, libc::SOL_PACKET, libc::PACKET_AUXDATA, &1_i32)?;
        packet::set(&socket, libc::SOL_PACKET, PACKET_IGNORE_OUTGOING, &1_i32)?;
        packet::set(&socket, libc::SOL_SOCKET, libc::SO_RCVTIMEO, &READ_TIMEOUT)?;
        // SAFETY: an address of zeros is one.
        let mut address: libc::sockaddr_ll = unsafe { zeroed() };
        address.sll_family = libc::AF_PACKET as u16;
        address.sll_protocol = packet::every_protocol() as u16;
        address.sll_ifindex = index;
        let length = size_of::<libc::sockaddr_ll>() as libc::socklen_t;
        // SAFETY: the address lives through the call and has that length.
        let bound = unsafe { libc::bind(socket.as_raw_fd(), (&raw const address).cast(), length) };
        ensure!(bound == 0, "cannot bind to {device}: {}", io::Error::last_os_error());
        Ok(Self { socket })
    }

    /// Sends a frame as it is.
    ///
    /// # Errors
    /// When the device does not take it.
    pub fn send(&self, frame: &[u8]) -> Result<()> {
        // SAFETY: the bytes live through the call.
        let sent = unsafe { libc::send(self.socket.as_raw_fd(), frame.as_ptr().cast(), frame.len(), 0) };
        ensure!(sent == frame.len() as isize, "the frame is not sent: {}", io::Error::last_os_error());
        Ok(())
    }

    /// The first frame that comes in and is one of `wanted`, with its tag.
    ///
    /// # Errors
    /// When none comes.
    pub fn receive(&self, patience: Duration, wanted: impl Fn(&[u8]) -> bool) -> Result<Vec<u8>> {
        let deadline = Instant::now() + patience;
        while Instant::now() < deadline {
            if let Some(frame) = self.next()?.filter(|frame| wanted(frame)) {
                return Ok(frame);
            }
        }
        Err(io::Error::from(io::ErrorKind::TimedOut)).context("no such frame came")
    }

    fn next(&self) -> Result<Option<Vec<u8>>> {
        let (mut bytes, mut control) = ([0_u8; FRAME_OCTETS_MAX], Control([0; 64]));
        let mut part = libc::iovec { iov_base: bytes.as_mut_ptr().cast(), iov_len: bytes.len() };
        // SAFETY: a header of zeros has no name, no parts and no control data.
        let mut header: libc::msghdr = unsafe { zeroed() };
        (header.msg_iov, header.msg_iovlen) = (&raw mut part, 1);
        (header.msg_control, header.msg_controllen) = (control.0.as_mut_ptr().cast(), control.0.len());
        // SAFETY: all that the header points to lives through the call.
        let length = unsafe { libc::recvmsg(self.socket.as_raw_fd(), &raw mut header, 0) };
        if length < 0 {
            let error = io::Error::last_os_error();
            return if error.kind() == io::ErrorKind::WouldBlock { Ok(None) } else { Err(error.into()) };
        }
        let mut frame = bytes[..length as usize].to_vec();
        if let Some(control) = tag(&header) {
            frame.splice(STATIONS..STATIONS, [0x8100_u16.to_be_bytes(), control.to_be_bytes()].concat());
        }
        Ok(Some(frame))
    }
}

/// The tag that the kernel has taken off.
fn tag(header: &libc::msghdr) -> Option<u16> {
    // SAFETY: the kernel has filled the header.
    let control = unsafe { libc::CMSG_FIRSTHDR(ptr::from_ref(header)) };
    // SAFETY: it is null or points to a header in control data that still live, and are aligned for one.
    let control = unsafe { control.as_ref() }?;
    if control.cmsg_level != libc::SOL_PACKET || control.cmsg_type != libc::PACKET_AUXDATA {
        return None;
    }
    // SAFETY: the data of a header begins behind it.
    let said = unsafe { libc::CMSG_DATA(control) }.cast::<libc::tpacket_auxdata>();
    // SAFETY: level and type say that the kernel has written this structure there.
    let said = unsafe { said.read_unaligned() };
    (said.tp_status & libc::TP_STATUS_VLAN_VALID != 0).then_some(said.tp_vlan_tci)
}
