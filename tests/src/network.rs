//! A bad network between a peer and edge: it loses frames, one by one and in bursts, sends some twice, and holds each back for a time
//! of its own, so that they overtake one another.
//!
//! It is a process's own, frame by frame, because not every kernel has netem. What it does is drawn from numbers that are the same
//! in each run. It leaves alone what is not media: SIPp gives up a call whose 180 comes after its 200.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io;
use std::mem::{size_of, zeroed};
use std::os::fd::{AsRawFd, OwnedFd};
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};

use crate::lab::{FAR, Lab, NEAR, Side};
use crate::namespace::Namespace;
use crate::packet;
use crate::sipp::SIP_PORTS;

/// More than the MTU of the lab.
const FRAME_OCTETS: usize = 2048;
/// How late a frame may leave because nobody looked.
const LOOK_MS: i32 = 1;
/// Where IPv4, without options, says what it carries, and UDP from where to where.
const PROTOCOL_AT: usize = 23;
const PORTS_AT: usize = 34;
const PROTOCOL_UDP: u8 = 17;

/// How bad it is; parts are of a million.
#[derive(Debug, Clone, Copy)]
pub struct Impairment {
    /// Frames that are lost by themselves.
    pub lost: u32,
    /// Frames that a burst of losses begins with.
    pub bursts: u32,
    /// Frames of a burst.
    pub burst: u32,
    /// Frames that come twice.
    pub twice: u32,
    /// Each is held back for any time up to this.
    pub delay: Duration,
}

/// A bad network at work; gone when dropped, and so is the link.
#[derive(Debug)]
pub struct BadNetwork {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<Result<()>>>,
    #[expect(dead_code, reason = "its devices last as long as it")]
    between: Namespace,
}

impl BadNetwork {
    /// Between `side` and edge, in both directions, from now on.
    pub fn begin(lab: &Lab, side: Side, impairment: Impairment) -> Result<Self> {
        let between = lab.interpose(side)?;
        let [near, far] = [open(&between, NEAR)?, open(&between, FAR)?];
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let carry = move || {
            let mut ways = [Way::new(&near, &far, impairment, 1), Way::new(&far, &near, impairment, 2)];
            while !stopped.load(Ordering::Relaxed) {
                wait(&[&near, &far])?;
                ways.iter_mut().try_for_each(Way::carry)?;
            }
            Ok(())
        };
        let thread = thread::Builder::new().name("network".to_owned()).spawn(carry)?;
        Ok(Self { stop, thread: Some(thread), between })
    }

    /// Ends it.
    ///
    /// # Errors
    /// When it had failed before.
    pub fn end(mut self) -> Result<()> {
        self.stop.store(true, Ordering::Relaxed);
        let thread = self.thread.take().context("it ends once")?;
        thread.join().map_err(|_panic| anyhow!("the network panicked"))?
    }
}

impl Drop for BadNetwork {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

/// One direction.
struct Way<'a> {
    from: &'a OwnedFd,
    to: &'a OwnedFd,
    impairment: Impairment,
    random: u64,
    /// Frames that the burst under way still takes.
    burst: u32,
    /// Frames by the time at which they leave; what came first is first of those that leave at once.
    held: BinaryHeap<Reverse<(Instant, u64, Vec<u8>)>>,
    count: u64,
}

impl<'a> Way<'a> {
    fn new(from: &'a OwnedFd, to: &'a OwnedFd, impairment: Impairment, seed: u64) -> Self {
        Self { from, to, impairment, random: seed, burst: 0, held: BinaryHeap::new(), count: 0 }
    }

    fn carry(&mut self) -> Result<()> {
        while let Some(frame) = receive(self.from)? {
            self.decide(frame);
        }
        while self.held.peek().is_some_and(|Reverse((at, ..))| *at <= Instant::now()) {
            if let Some(Reverse((_, _, frame))) = self.held.pop() {
                send(self.to, &frame)?;
            }
        }
        Ok(())
    }

    fn decide(&mut self, frame: Vec<u8>) {
        let Impairment { lost, bursts, burst, twice, delay } = self.impairment;
        if !is_media(&frame) {
            return self.hold(Duration::ZERO, frame);
        }
        if self.burst == 0 && self.is_drawn(bursts) {
            self.burst = burst;
        }
        let in_burst = self.burst > 0;
        self.burst = self.burst.saturating_sub(1);
        if in_burst || self.is_drawn(lost) {
            return;
        }
        if self.is_drawn(twice) {
            let again = self.delay(delay);
            self.hold(again, frame.clone());
        }
        let once = self.delay(delay);
        self.hold(once, frame);
    }

    fn hold(&mut self, time: Duration, frame: Vec<u8>) {
        self.count += 1;
        self.held.push(Reverse((Instant::now() + time, self.count, frame)));
    }

    fn is_drawn(&mut self, of_a_million: u32) -> bool {
        self.draw() % 1_000_000 < u64::from(of_a_million)
    }

    fn delay(&mut self, most: Duration) -> Duration {
        most * u32::try_from(self.draw() % 1001).unwrap_or(0) / 1000
    }

    /// The next number of a row that is always the same (splitmix64).
    const fn draw(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.random ^ (self.random >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

/// UDP over IPv4 that is not SIP.
fn is_media(frame: &[u8]) -> bool {
    let ports: Option<&[u8; 4]> = frame.get(PORTS_AT..PORTS_AT + 4).and_then(|ports| ports.try_into().ok());
    let [a, b, c, d] = *ports.unwrap_or(&[0; 4]);
    let ports = [u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d])];
    frame.get(PROTOCOL_AT) == Some(&PROTOCOL_UDP) && !ports.iter().any(|port| SIP_PORTS.contains(port))
}

/// A socket that takes in what comes to a device, and nothing that leaves it.
fn open(namespace: &Namespace, device: &str) -> Result<OwnedFd> {
    let index = i32::try_from(namespace.device(device)?.index)?;
    namespace.run(|| {
        let socket = packet::open()?;
        // SAFETY: all zeroes are an address of this kind.
        let mut address: libc::sockaddr_ll = unsafe { zeroed() };
        address.sll_family = libc::AF_PACKET as u16;
        address.sll_protocol = packet::every_protocol() as u16;
        address.sll_ifindex = index;
        let length = size_of::<libc::sockaddr_ll>() as libc::socklen_t;
        // SAFETY: the address lives through the call and has the length that is told.
        let outcome = unsafe { libc::bind(socket.as_raw_fd(), ptr::from_ref(&address).cast(), length) };
        ensure!(outcome == 0, "cannot bind to {device}: {}", io::Error::last_os_error());
        packet::set(&socket, libc::SOL_PACKET, libc::PACKET_IGNORE_OUTGOING, &1_i32)?;
        Ok(socket)
    })?
}

/// Waits a moment for frames at either.
fn wait(sockets: &[&OwnedFd; 2]) -> Result<()> {
    let mut polled =
        sockets.map(|socket| libc::pollfd { fd: socket.as_raw_fd(), events: libc::POLLIN, revents: 0 });
    // SAFETY: the array lives through the call and has the length that is told.
    let outcome = unsafe { libc::poll(polled.as_mut_ptr(), polled.len() as libc::nfds_t, LOOK_MS) };
    let error = io::Error::last_os_error();
    ensure!(outcome >= 0 || error.kind() == io::ErrorKind::Interrupted, "cannot wait for frames: {error}");
    Ok(())
}

fn receive(socket: &OwnedFd) -> Result<Option<Vec<u8>>> {
    let mut frame = vec![0; FRAME_OCTETS];
    // SAFETY: the buffer has the length that is told.
    let length = unsafe {
        libc::recv(socket.as_raw_fd(), frame.as_mut_ptr().cast(), FRAME_OCTETS, libc::MSG_DONTWAIT)
    };
    match usize::try_from(length) {
        Ok(length) => {
            frame.truncate(length);
            Ok(Some(frame))
        }
        Err(_) => match io::Error::last_os_error() {
            error if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {
                Ok(None)
            }
            error => Err(error).context("cannot read frames"),
        },
    }
}

fn send(socket: &OwnedFd, frame: &[u8]) -> Result<()> {
    // SAFETY: the buffer has the length that is told.
    let sent = unsafe { libc::send(socket.as_raw_fd(), frame.as_ptr().cast(), frame.len(), 0) };
    ensure!(sent >= 0, "cannot send a frame: {}", io::Error::last_os_error());
    Ok(())
}
