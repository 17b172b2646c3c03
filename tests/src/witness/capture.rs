//! A packet socket on a peer's device, read by a thread of its own, with the kernel's time of each packet.

use std::io;
use std::mem::{MaybeUninit, size_of};
use std::net::{Ipv4Addr, UdpSocket};
use std::os::fd::{AsRawFd, OwnedFd};
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, anyhow, ensure};

use super::frame::{self, Sighting};
use super::{Crossing, Progress, Record};
use crate::namespace::Namespace;
use crate::packet;
use crate::process::wait_until;

/// Room for half a minute of a full demo should the thread not run at all.
const SOCKET_BUFFER_OCTETS: i32 = 256 << 20;
/// Packets read at once.
const BATCH: usize = 64;
/// More than the MTU of the lab.
const FRAME_OCTETS: usize = 2048;
const CONTROL_OCTETS: usize = 64;
/// A bound on memory: an hour of a hundred calls.
const SIGHTINGS_MAX: usize = 40_000_000;
const READ_TIMEOUT_US: libc::suseconds_t = 100_000;
/// A packet that lies unread for so long shows when it was stamped.
const UNREAD: Duration = Duration::from_millis(2);
const STAMPS_PATIENCE: Duration = Duration::from_secs(10);

/// An open packet socket; the kernel collects from now on.
#[derive(Debug)]
pub(super) struct Capture {
    socket: OwnedFd,
}

/// A capture with its reader.
#[derive(Debug)]
pub(super) struct Running {
    reader: JoinHandle<Result<Record>>,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    stop: AtomicBool,
    departed: AtomicU64,
    arrived: AtomicU64,
}

/// Has the kernel stamp packets for as long as this process lives. It begins and ends that for all sockets together, some time after
/// the first that wants it has come and the last has gone; a packet without a stamp gets one when it is read, which is too late.
fn keep_stamps_on() -> Result<()> {
    static WANTED: Mutex<Option<OwnedFd>> = Mutex::new(None);
    let mut wanted = WANTED.lock().map_err(|_poisoned| anyhow!("another witness has failed at this"))?;
    if wanted.is_none() {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        let own = socket.local_addr()?;
        let socket = OwnedFd::from(socket);
        packet::set(&socket, libc::SOL_SOCKET, libc::SO_TIMESTAMPNS, &1_i32)?;
        let sender = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        let mut batch = Batch::new();
        let stamped = wait_until(STAMPS_PATIENCE, || {
            sender.send_to(&[0], own).ok()?;
            thread::sleep(UNREAD);
            let before_reading = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).ok()?;
            let told = (batch.receive(&socket).ok()? > 0).then(|| batch.kernel_time_ns(0)).flatten()?;
            (u128::from(told) < before_reading.as_nanos()).then_some(())
        });
        stamped.context("the kernel does not stamp packets as they come")?;
        *wanted = Some(socket);
    }
    Ok(())
}

impl Capture {
    /// Opens a packet socket that sees both directions of every device of `namespace`.
    pub(super) fn open(namespace: &Namespace) -> Result<Self> {
        keep_stamps_on()?;
        namespace.run(|| {
            let socket = packet::open()?;
            packet::set(&socket, libc::SOL_SOCKET, libc::SO_RCVBUFFORCE, &SOCKET_BUFFER_OCTETS)?;
            packet::set(&socket, libc::SOL_SOCKET, libc::SO_TIMESTAMPNS, &1_i32)?;
            packet::set(
                &socket,
                libc::SOL_SOCKET,
                libc::SO_RCVTIMEO,
                &libc::timeval { tv_sec: 0, tv_usec: READ_TIMEOUT_US },
            )?;
            Ok(Self { socket })
        })?
    }

    /// Starts reading.
    pub(super) fn start(self) -> Result<Running> {
        let shared = Arc::new(Shared::default());
        let of_reader = Arc::clone(&shared);
        let reader =
            thread::Builder::new().name("witness".to_owned()).spawn(move || self.read(&of_reader))?;
        Ok(Running { reader, shared })
    }

    fn read(self, shared: &Shared) -> Result<Record> {
        let mut record = Record::default();
        let mut batch = Batch::new();
        loop {
            // Asked before reading, so that what came until then is still read.
            let last = shared.stop.load(Ordering::Acquire);
            let count = batch.receive(&self.socket)?;
            for index in 0..count {
                if let Some(sighting) = batch.sighting(index) {
                    shared.count(&sighting);
                    record.keep(sighting)?;
                }
            }
            if last && count == 0 {
                break;
            }
        }
        self.ensure_complete()?;
        Ok(record)
    }

    /// Fails when the kernel had to drop a packet because we read too slowly.
    fn ensure_complete(&self) -> Result<()> {
        let mut statistics = libc::tpacket_stats { tp_packets: 0, tp_drops: 0 };
        let mut length = size_of::<libc::tpacket_stats>() as libc::socklen_t;
        // SAFETY: the value has the length that is told.
        let outcome = unsafe {
            libc::getsockopt(
                self.socket.as_raw_fd(),
                libc::SOL_PACKET,
                libc::PACKET_STATISTICS,
                (&raw mut statistics).cast(),
                &raw mut length,
            )
        };
        ensure!(outcome == 0, "no statistics of the packet socket: {}", io::Error::last_os_error());
        let missed = statistics.tp_drops;
        ensure!(missed == 0, "the witness itself missed {missed} packets, so its account would be false");
        Ok(())
    }
}

impl Running {
    pub(super) fn progress(&self) -> Progress {
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Progress { departed: load(&self.shared.departed), arrived: load(&self.shared.arrived) }
    }

    /// Reads what is left and ends.
    pub(super) fn stop(self) -> Result<Record> {
        self.shared.stop.store(true, Ordering::Release);
        self.reader.join().map_err(|_panic| anyhow!("the witness panicked"))?
    }
}

impl Shared {
    fn count(&self, sighting: &Sighting) {
        if let Sighting::Rtp(packet) = sighting {
            let counter = match packet.crossing {
                Crossing::Departure => &self.departed,
                Crossing::Arrival => &self.arrived,
            };
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Record {
    fn keep(&mut self, sighting: Sighting) -> Result<()> {
        ensure!(
            self.rtp.len() + self.sip.len() + self.segments.len() < SIGHTINGS_MAX,
            "the load is more than the witness can keep"
        );
        match sighting {
            Sighting::Rtp(packet) => self.rtp.push(packet),
            Sighting::Sip(message) => self.sip.push(message),
            Sighting::Segment(segment) => self.segments.push(segment),
        }
        Ok(())
    }
}

/// Buffers for one `recvmmsg`: frame, link-layer address and control data of each packet.
struct Batch {
    frames: Box<[[u8; FRAME_OCTETS]; BATCH]>,
    controls: Box<[Control; BATCH]>,
    links: Box<[libc::sockaddr_ll; BATCH]>,
    headers: Box<[libc::mmsghdr; BATCH]>,
}

/// Control data has the alignment of its header.
#[repr(C, align(8))]
#[derive(Clone, Copy)]
struct Control([u8; CONTROL_OCTETS]);

impl Batch {
    fn new() -> Self {
        Self {
            frames: Box::new([[0; FRAME_OCTETS]; BATCH]),
            controls: Box::new([Control([0; CONTROL_OCTETS]); BATCH]),
            // SAFETY: an all-zero sockaddr_ll is a value of that type.
            links: Box::new(unsafe { MaybeUninit::<[libc::sockaddr_ll; BATCH]>::zeroed().assume_init() }),
            // SAFETY: an all-zero mmsghdr (null pointers, no lengths) is a value of that type.
            headers: Box::new(unsafe { MaybeUninit::<[libc::mmsghdr; BATCH]>::zeroed().assume_init() }),
        }
    }

    /// Waits a moment for packets; returns how many came.
    fn receive(&mut self, socket: &OwnedFd) -> Result<usize> {
        let mut vectors = self
            .frames
            .each_mut()
            .map(|frame| libc::iovec { iov_base: frame.as_mut_ptr().cast(), iov_len: FRAME_OCTETS });
        for (index, vector) in vectors.iter_mut().enumerate() {
            let header = &mut self.headers[index].msg_hdr;
            header.msg_iov = ptr::from_mut(vector);
            header.msg_iovlen = 1;
            header.msg_name = ptr::from_mut(&mut self.links[index]).cast();
            header.msg_namelen = size_of::<libc::sockaddr_ll>() as libc::socklen_t;
            header.msg_control = ptr::from_mut(&mut self.controls[index]).cast();
            header.msg_controllen = CONTROL_OCTETS;
        }
        let (first, flags) = (self.headers.as_mut_ptr(), libc::MSG_WAITFORONE);
        // SAFETY: every header points to buffers of the lengths it tells, which outlive the call.
        let count =
            unsafe { libc::recvmmsg(socket.as_raw_fd(), first, BATCH as u32, flags, ptr::null_mut()) };
        match usize::try_from(count) {
            Ok(count) => Ok(count),
            Err(_) => match io::Error::last_os_error() {
                error if error.kind() == io::ErrorKind::WouldBlock => Ok(0),
                error if error.kind() == io::ErrorKind::Interrupted => Ok(0),
                error => Err(error).context("cannot read packets"),
            },
        }
    }

    fn sighting(&self, index: usize) -> Option<Sighting> {
        let length = self.headers[index].msg_len as usize;
        let crossing = match self.links[index].sll_pkttype {
            libc::PACKET_OUTGOING => Crossing::Departure,
            _ => Crossing::Arrival,
        };
        frame::read(self.frames[index].get(..length)?, self.kernel_time_ns(index)?, crossing)
    }

    /// The time in the control data of a received packet.
    fn kernel_time_ns(&self, index: usize) -> Option<u64> {
        // SAFETY: recvmmsg has filled this header, and its control buffer is alive.
        let control = unsafe { libc::CMSG_FIRSTHDR(&raw const self.headers[index].msg_hdr) };
        // SAFETY: CMSG_FIRSTHDR returns null or a header inside the control buffer.
        let header = unsafe { control.as_ref() }?;
        if header.cmsg_level != libc::SOL_SOCKET || header.cmsg_type != libc::SCM_TIMESTAMPNS {
            return None;
        }
        // SAFETY: the data of a control header lies behind it in the same buffer.
        let data = unsafe { libc::CMSG_DATA(control) };
        // SAFETY: a control message of this type holds a timespec.
        let time = unsafe { data.cast::<libc::timespec>().read_unaligned() };
        let seconds = u64::try_from(time.tv_sec).ok()?;
        Some(seconds * 1_000_000_000 + u64::try_from(time.tv_nsec).ok()?)
    }
}
