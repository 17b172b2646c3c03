//! Packet sockets with batched system calls. All `unsafe` of the relay is here.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::time::Duration;

use super::frame::{HEADROOM, ReceivedFrame};
use super::sum;

/// Frames taken or sent with one system call: a millisecond of 64,000 packets a second.
pub(super) const BATCH: usize = 64;

/// Longest frame: that of a device with jumbo frames.
const FRAME_BYTES_MAX: usize = 9_216 + 18;
const ROOM: usize = HEADROOM + FRAME_BYTES_MAX;

/// Kernel buffer of a socket, in bytes: 50 ms of 200,000 packets a second, as the kernel counts them (768 bytes a short one).
const RECEIVE_BUFFER_BYTES: libc::c_int = 8 << 20;

/// So that a thread looks up from an idle device and sees that it is to stop.
const IDLE: Duration = Duration::from_millis(200);

/// `linux/if_packet.h`, as far as the libc crate does not have it.
const PACKET_QDISC_BYPASS: libc::c_int = 20;
const PACKET_IGNORE_OUTGOING: libc::c_int = 23;
const TP_STATUS_CSUMNOTREADY: u32 = 1 << 3;

/// Room for what the kernel says beside a frame.
const CONTROL_BYTES: usize = 64;

/// A frame of a batch.
#[derive(Debug, Clone, Copy, Default)]
struct Place {
    start: usize,
    end: usize,
    /// Longer than there is room for.
    cut: bool,
    /// Its UDP checksum was left to a device that it never saw: the sender is on this host, or behind a virtual device.
    unsummed: bool,
}

/// Room for one batch of frames, used again and again.
pub(super) struct Batch {
    bytes: Vec<u8>,
    places: [Place; BATCH],
    received: usize,
}

impl Default for Batch {
    fn default() -> Self {
        Self { bytes: vec![0; BATCH * ROOM], places: [Place::default(); BATCH], received: 0 }
    }
}

impl Batch {
    /// How many frames came in last.
    pub(super) const fn received(&self) -> usize {
        self.received
    }

    /// One of them, its checksum complete; `None` when it was longer than the buffer.
    pub(super) fn frame(&mut self, index: usize) -> Option<ReceivedFrame<'_>> {
        let Place { start, end, cut, unsummed } = self.places[index];
        let buffer = &mut self.bytes[index * ROOM..][..ROOM];
        if unsummed {
            sum::complete(&mut buffer[start..end]);
        }
        if cut { None } else { ReceivedFrame::new(buffer, end - start) }
    }

    /// Where a frame lies after it was rewritten.
    pub(super) fn resize(&mut self, index: usize, start: usize, end: usize) {
        let place = &mut self.places[index];
        (place.start, place.end) = (start, end);
    }

    fn bytes(&mut self, index: usize) -> &mut [u8] {
        let Place { start, end, .. } = self.places[index];
        &mut self.bytes[index * ROOM..][..ROOM][start..end]
    }
}

/// What goes in and out at one device.
#[derive(Debug)]
pub(super) struct PacketSocket {
    fd: OwnedFd,
}

impl PacketSocket {
    /// Takes from the device what `filter` lets through.
    pub(super) fn open(ifindex: u32, filter: &[libc::sock_filter]) -> io::Result<Self> {
        let kind = libc::SOCK_RAW | libc::SOCK_CLOEXEC;
        // Without a protocol nothing comes in before it is bound, and so filtered.
        // SAFETY: the call takes numbers.
        let raw = unsafe { libc::socket(libc::AF_PACKET, kind, 0) };
        if raw < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the kernel has just made this descriptor, and nobody else has it.
        let socket = Self { fd: unsafe { OwnedFd::from_raw_fd(raw) } };
        attach_filter(&socket.fd, filter)?;
        for option in [libc::PACKET_AUXDATA, PACKET_IGNORE_OUTGOING, PACKET_QDISC_BYPASS] {
            set(&socket.fd, libc::SOL_PACKET, option, &1_i32)?;
        }
        let idle = libc::timeval { tv_sec: 0, tv_usec: IDLE.subsec_micros().into() };
        set(&socket.fd, libc::SOL_SOCKET, libc::SO_RCVTIMEO, &idle)?;
        if set(&socket.fd, libc::SOL_SOCKET, libc::SO_RCVBUFFORCE, &RECEIVE_BUFFER_BYTES).is_err() {
            set(&socket.fd, libc::SOL_SOCKET, libc::SO_RCVBUF, &RECEIVE_BUFFER_BYTES)?;
        }
        socket.bind(ifindex)?;
        Ok(socket)
    }

    fn bind(&self, ifindex: u32) -> io::Result<()> {
        // SAFETY: an all-zero address names no device and no protocol.
        let mut address: libc::sockaddr_ll = unsafe { std::mem::zeroed() };
        address.sll_family = libc::AF_PACKET as u16;
        address.sll_protocol = (libc::ETH_P_ALL as u16).to_be();
        address.sll_ifindex = ifindex.cast_signed();
        let length = size_of_val(&address) as libc::socklen_t;
        // SAFETY: the address is of the family of the socket, and its length is given.
        let bound = unsafe { libc::bind(self.fd.as_raw_fd(), (&raw const address).cast(), length) };
        if bound == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
    }

    /// Waits for frames. Nothing in the socket's time is no error, and an empty batch.
    pub(super) fn receive(&self, batch: &mut Batch) -> io::Result<()> {
        batch.received = 0;
        let mut controls = [[0_u64; CONTROL_BYTES / 8]; BATCH];
        let (mut parts, mut headers) = blank();
        let rooms = batch.bytes.chunks_exact_mut(ROOM).zip(&mut controls);
        for ((header, part), (room, control)) in headers.iter_mut().zip(&mut parts).zip(rooms) {
            let frame = &mut room[HEADROOM..];
            *part = libc::iovec { iov_base: frame.as_mut_ptr().cast(), iov_len: frame.len() };
            header.msg_hdr.msg_iov = part;
            header.msg_hdr.msg_iovlen = 1;
            header.msg_hdr.msg_control = control.as_mut_ptr().cast();
            header.msg_hdr.msg_controllen = CONTROL_BYTES as _;
        }
        let (fd, count) = (self.fd.as_raw_fd(), BATCH as libc::c_uint);
        // SAFETY: every header points to a buffer and to control bytes of its own, which live through the call.
        let received = unsafe {
            libc::recvmmsg(fd, headers.as_mut_ptr(), count, libc::MSG_WAITFORONE, std::ptr::null_mut())
        };
        let Ok(received) = usize::try_from(received) else {
            let error = io::Error::last_os_error();
            let idle = matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted);
            return if idle { Ok(()) } else { Err(error) };
        };
        for (place, header) in batch.places.iter_mut().zip(&headers).take(received) {
            let (start, end) = (HEADROOM, HEADROOM + header.msg_len as usize);
            let cut = header.msg_hdr.msg_flags & libc::MSG_TRUNC != 0;
            *place = Place { start, end, cut, unsummed: is_unsummed(&header.msg_hdr) };
        }
        batch.received = received;
        Ok(())
    }

    /// Sends frames of a batch, in order. Returns how many the kernel refused.
    pub(super) fn send(&self, batch: &mut Batch, frames: &[usize]) -> usize {
        let (mut parts, mut headers) = blank();
        for ((header, part), frame) in headers.iter_mut().zip(&mut parts).zip(frames) {
            let bytes = batch.bytes(*frame);
            *part = libc::iovec { iov_base: bytes.as_mut_ptr().cast(), iov_len: bytes.len() };
            header.msg_hdr.msg_iov = part;
            header.msg_hdr.msg_iovlen = 1;
        }
        let (mut rest, mut refused) = (&mut headers[..frames.len().min(BATCH)], 0);
        while !rest.is_empty() {
            let (fd, count) = (self.fd.as_raw_fd(), rest.len() as libc::c_uint);
            // SAFETY: every header points to bytes that live through the call; sendmmsg only reads them.
            let sent = unsafe { libc::sendmmsg(fd, rest.as_mut_ptr(), count, 0) };
            let done = usize::try_from(sent).unwrap_or(0);
            // The kernel stops before a frame that it refuses, and says so when that is the first one.
            let passed_over = usize::from(done == 0);
            refused += passed_over;
            rest = &mut rest[done + passed_over..];
        }
        refused
    }

    /// Frames that the kernel had to drop since this was asked last, because nobody took them.
    pub(super) fn take_losses(&self) -> io::Result<u32> {
        // SAFETY: all-zero statistics are statistics.
        let mut statistics: libc::tpacket_stats = unsafe { std::mem::zeroed() };
        let mut length = size_of_val(&statistics) as libc::socklen_t;
        // SAFETY: the kernel writes no more than the length that is given.
        let failed = unsafe {
            libc::getsockopt(
                self.fd.as_raw_fd(),
                libc::SOL_PACKET,
                libc::PACKET_STATISTICS,
                (&raw mut statistics).cast(),
                &raw mut length,
            )
        };
        if failed == 0 { Ok(statistics.tp_drops) } else { Err(io::Error::last_os_error()) }
    }
}

/// Buffers and headers of no messages.
const fn blank() -> ([libc::iovec; BATCH], [libc::mmsghdr; BATCH]) {
    // SAFETY: an all-zero iovec is an empty buffer.
    let parts = unsafe { std::mem::zeroed() };
    // SAFETY: an all-zero mmsghdr has no name, no buffers and no control data.
    let headers = unsafe { std::mem::zeroed() };
    (parts, headers)
}

/// Whether the kernel says that a device was to compute the checksum.
fn is_unsummed(header: &libc::msghdr) -> bool {
    // SAFETY: the header is one that the kernel has filled, with control bytes that still live.
    let control = unsafe { libc::CMSG_FIRSTHDR(header) };
    // SAFETY: it is null or points to a header in those control bytes, which are aligned for one.
    let Some(found) = (unsafe { control.as_ref() }) else { return false };
    if found.cmsg_level != libc::SOL_PACKET || found.cmsg_type != libc::PACKET_AUXDATA {
        return false;
    }
    // SAFETY: the data of a header begins behind it.
    let auxiliary = unsafe { libc::CMSG_DATA(control) }.cast::<libc::tpacket_auxdata>();
    // SAFETY: level and type say that the kernel has written this structure there.
    unsafe { auxiliary.read_unaligned() }.tp_status & TP_STATUS_CSUMNOTREADY != 0
}

/// Lets through what the program accepts.
pub(super) fn attach_filter(socket: &impl AsRawFd, filter: &[libc::sock_filter]) -> io::Result<()> {
    let len = u16::try_from(filter.len()).map_err(|_too_long| io::ErrorKind::InvalidInput)?;
    let program = libc::sock_fprog { len, filter: filter.as_ptr().cast_mut() };
    set(socket, libc::SOL_SOCKET, libc::SO_ATTACH_FILTER, &program)
}

/// Sets an option whose value is a `T`, as the kernel's headers say of this option.
fn set<T>(socket: &impl AsRawFd, level: i32, option: i32, value: &T) -> io::Result<()> {
    let length = size_of::<T>() as libc::socklen_t;
    // SAFETY: the value lives through the call, which reads no more than its size.
    let failed =
        unsafe { libc::setsockopt(socket.as_raw_fd(), level, option, (&raw const *value).cast(), length) };
    if failed == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
