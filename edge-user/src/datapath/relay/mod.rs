//! The userspace relay: media where no XDP program can be.
//!
//! The same [`forward`] decides, over the same tables, which then lie in files of `node.run_dir` instead of pinned maps. Frames come
//! in and leave by a packet socket on each device (`AF_PACKET`), in batches of one system call, with their link-layer headers: what
//! leaves is what the XDP program would have sent.
//!
//! A thread a device takes what came in there. The kernel's own stack gets a copy of each packet, too: [`Doors`] keeps it from
//! telling the sender that nobody is there. Media ends when the process does; the tables stay, so the next one goes on with its calls.
//!
//! Invariants: no packet costs an allocation or a lock; what cannot be sent is counted as dropped; what the filter of a socket
//! leaves out is the host's and is not counted.

mod doors;
mod files;
mod filter;
mod frame;
mod latency;
mod socket;
mod sum;
#[cfg(test)]
mod tests;

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use edge_core::policy::Realm;
use edge_ebpf::forward::{endpoint_of, forward};
use edge_ebpf::frame::Frame;
use edge_ebpf::verdict::{DropReason, Egress, Verdict};

use super::netlink::Device;
use super::tables::SharedTables;
use super::tap::{RelayTap, SharedTap, Tapped, decided};
use super::{Attached, DatapathError, MediaHost};
use crate::runtime::clock;
use frame::ReceivedFrame;
use latency::{Latencies, Relayed};
use socket::{BATCH, Batch, PacketSocket};

pub(super) use doors::Doors;
pub(super) use files::{Lanes, TableFiles};

/// How often the kernel is asked whether it had to drop frames because a relay thread was late.
const LOSS_CHECK: Duration = Duration::from_secs(1);

/// The running relay; it ends when this is dropped.
pub(super) struct Relay {
    attached: Vec<Attached>,
    files: TableFiles,
    tap: SharedTap,
    stopping: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Relay {
    /// Relays between these devices from now on.
    pub(super) fn start(
        files: TableFiles,
        tables: &Arc<SharedTables>,
        realms: &[Realm],
        devices: &[Device],
    ) -> Result<Self, DatapathError> {
        let counters = Arc::new(files.open_lanes()?);
        let latencies = Arc::new(Latencies::open(&files)?);
        let opened = devices.iter().map(|device| open(device, realms)).collect::<Result<Vec<_>, _>>()?;
        let sockets: Arc<[PacketSocket]> = opened.into();
        let (tap, stopping) = (Arc::default(), Arc::default());
        let mut relay = Self { attached: Vec::new(), files, tap, stopping, threads: Vec::new() };
        for (lane, device) in devices.iter().enumerate() {
            let port = Port {
                device: device.clone(),
                lane,
                sockets: Arc::clone(&sockets),
                tables: Arc::clone(tables),
                counters: Arc::clone(&counters),
                latencies: Arc::clone(&latencies),
                tap: Arc::clone(&relay.tap),
                stopping: Arc::clone(&relay.stopping),
            };
            let thread = std::thread::Builder::new().name(format!("relay-{}", device.name));
            relay.threads.push(thread.spawn(move || port.run())?);
            let (device, ifindex) = (device.name.clone(), device.ifindex);
            relay.attached.push(Attached { device, ifindex, mode: MediaHost::Userspace, below: None });
        }
        Ok(relay)
    }

    pub(super) fn attached(&self) -> &[Attached] {
        &self.attached
    }

    pub(super) const fn tap(&self) -> &SharedTap {
        &self.tap
    }

    /// Ends the relay and removes its tables.
    pub(super) fn shutdown(mut self) -> Result<(), DatapathError> {
        self.stop();
        self.files.remove()
    }

    fn stop(&mut self) {
        self.stopping.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a relay thread ended by a panic");
            }
        }
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.stop();
    }
}

/// The socket of a device, for the media ports that realms have there.
fn open(device: &Device, realms: &[Realm]) -> Result<PacketSocket, DatapathError> {
    let ranges = realms.iter().filter(|realm| realm.device == device.name).flat_map(|realm| &realm.media);
    let ports = ranges.map(|range| (range.ports.first(), range.ports.last()));
    let span = ports.reduce(|(first, last), more| (first.min(more.0), last.max(more.1)));
    let failed = |source| DatapathError::PacketSocket { device: device.name.clone(), source };
    PacketSocket::open(device.ifindex, &filter::media(span.unwrap_or((u16::MAX, 0)))).map_err(failed)
}

/// One device, as the thread sees it that takes what comes in there.
struct Port {
    device: Device,
    /// Its place among the devices: what next hops name, and its row of counters.
    lane: usize,
    sockets: Arc<[PacketSocket]>,
    tables: Arc<SharedTables>,
    counters: Arc<Lanes>,
    latencies: Arc<Latencies>,
    tap: SharedTap,
    stopping: Arc<AtomicBool>,
}

impl Port {
    fn run(&self) {
        let (mut batch, mut leaving) = (Batch::default(), Leaving::new(self.sockets.len()));
        let (mut asked, mut relayed) = (clock::now(), Relayed::default());
        let mut failing = false;
        while !self.stopping.load(Ordering::Relaxed) {
            match self.sockets[self.lane].receive(&mut batch) {
                Ok(()) => failing = false,
                Err(error) => {
                    if !std::mem::replace(&mut failing, true) {
                        tracing::error!(device = self.device.name, %error, "media cannot be received");
                    }
                    // A device that is gone is found out elsewhere; until then this must not keep a processor busy.
                    std::thread::sleep(Duration::from_millis(10));
                }
            }
            let came_ns = clock::monotonic_ns();
            self.decide(&mut batch, &mut leaving);
            let measured = relayed.count(leaving.frames());
            self.send(&mut batch, &mut leaving);
            if measured > 0 {
                self.latencies.record(self.lane, measured, clock::monotonic_ns().saturating_sub(came_ns));
            }
            if clock::now().duration_since(asked) >= LOSS_CHECK {
                asked = clock::now();
                self.tell_losses();
            }
        }
    }

    /// Decides about each frame of a batch, and notes where those leave that are relayed.
    fn decide(&self, batch: &mut Batch, leaving: &mut Leaving) {
        for index in 0..batch.received() {
            let Some(mut frame) = batch.frame(index) else {
                self.count(Verdict::Drop(DropReason::TooBig));
                continue;
            };
            let decided = if self.tap.is_on() {
                tapped(&mut frame, &self.tables, self.device.ifindex, &self.tap)
            } else {
                decide(&mut frame, &self.tables, self.device.ifindex)
            };
            let (start, end) = frame.bounds();
            batch.resize(index, start, end);
            self.count(decided);
            if let Verdict::Relay(path) = decided {
                let lane = match path.egress {
                    Egress::SameDevice => self.lane,
                    Egress::Device(slot) => slot as usize,
                };
                if !leaving.add(lane, index) {
                    self.count(Verdict::Drop(DropReason::NoDevice));
                }
            }
        }
    }

    fn send(&self, batch: &mut Batch, leaving: &mut Leaving) {
        for (socket, frames) in self.sockets.iter().zip(&mut leaving.lanes) {
            let refused = socket.send(batch, frames);
            for _ in 0..refused {
                self.count(Verdict::Drop(DropReason::NoDevice));
            }
            frames.clear();
        }
    }

    fn count(&self, verdict: Verdict) {
        self.counters.count(self.lane, verdict.counter());
    }

    fn tell_losses(&self) {
        let lost = self.sockets[self.lane].take_losses().unwrap_or(0);
        if lost > 0 {
            tracing::warn!(
                device = self.device.name,
                packets = lost,
                "the userspace relay was too slow: the kernel dropped media; XDP relays ten times as much"
            );
        }
    }
}

/// What becomes of a frame that came in by a device.
fn decide(frame: &mut ReceivedFrame<'_>, tables: &SharedTables, ifindex: u32) -> Verdict {
    frame.arrived(ifindex, clock::monotonic_ns());
    forward(frame, tables)
}

/// The same, with what somebody who captures wants of it.
fn tapped(frame: &mut ReceivedFrame<'_>, tables: &SharedTables, ifindex: u32, tap: &RelayTap) -> Verdict {
    frame.arrived(ifindex, clock::monotonic_ns());
    let (arrived_ns, endpoint) = (frame.arrival_ns(), endpoint_of(frame, tables));
    let kept = |verdict: Option<Verdict>, bytes: &[u8]| {
        let verdict = verdict.and_then(|verdict| decided(verdict.counter()));
        Tapped { arrived_ns, ifindex, verdict, len: bytes.len() as u32, bytes: bytes.to_vec() }
    };
    let watched = endpoint.filter(|endpoint| tap.keep(*endpoint, || kept(None, frame.bytes())));
    let verdict = decide(frame, tables, ifindex);
    if let Some(endpoint) = watched {
        let leaves = if matches!(verdict, Verdict::Relay(_)) { frame.bytes() } else { &[] };
        tap.keep(endpoint, || kept(Some(verdict), leaves));
    }
    verdict
}

/// Frames of a batch by the device that they leave by.
struct Leaving {
    lanes: Vec<Vec<usize>>,
}

impl Leaving {
    fn new(devices: usize) -> Self {
        Self { lanes: (0..devices).map(|_| Vec::with_capacity(BATCH)).collect() }
    }

    fn frames(&self) -> usize {
        self.lanes.iter().map(Vec::len).sum()
    }

    fn add(&mut self, lane: usize, frame: usize) -> bool {
        let lane = self.lanes.get_mut(lane);
        lane.map(|lane| lane.push(frame)).is_some()
    }
}

/// A file operation on the tables of the relay failed.
fn file_error(path: &std::path::Path, source: io::Error) -> DatapathError {
    DatapathError::Tables { path: path.to_owned(), source }
}
