//! The bench object at work: generator and sink, what they are told and what they have counted.

use std::os::unix::thread::JoinHandleExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use aya::Ebpf;
use aya::maps::{Array, DevMap, Map, MapData, PerCpuArray};
use aya::programs::Xdp;
use aya::programs::xdp::XdpMode;
use edge_ebpf::testing::zerocopy::transmute;
use edge_ebpf::traffic::{
    ACROSS, BATCH, BUCKETS, COUNTS, COUNTS_LEN, FRAME_LEN, LATENCIES, ORDERS, PROGRESS, SIDES, STREAMS,
    Stream,
};
use edge_tests::lab::PEER_DEVICE;
use edge_tests::namespace::{self, Namespace};
use edge_tests::process::wait_until;
use edge_tests::{Lab, Side, live, place};

use super::stream::SILENCE;
use crate::clock;
use crate::processor;

const GENERATOR: &str = "media_generator";
const SINK: &str = "media_sink";
/// Frames of one call of the generator: three and a half minutes of doing nothing, and a multiple of [`BATCH`].
const FRAMES: u32 = u32::MAX / 64 * 64;
/// After so many a call is begun anew, or it might end in the middle of a trial.
const FRAMES_MAX: u64 = 1 << 31;
const PATIENCE: Duration = Duration::from_secs(5);

/// Where the generator's packets arrive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sink {
    /// At the peers' devices, behind a relay.
    Peers,
    /// At the devices that a relay would have: there is none.
    Middle,
}

/// The loaded object without its programs, which run elsewhere.
pub(super) struct Instruments {
    orders: Array<MapData, [u64; 5]>,
    progress: Array<MapData, [u64; 7]>,
    counts: PerCpuArray<MapData, u64>,
    latencies: PerCpuArray<MapData, u64>,
    generator: Generator,
    order: u64,
    begun_at_frame: u64,
}

/// What the generator has made of an order.
#[derive(Debug, Clone, Copy)]
pub(super) struct Made {
    pub(super) packets: u64,
    /// Frames that the kernel has asked for since the generator was started, idle ones among them.
    pub(super) frames: u64,
}

/// Packets in the order of [`edge_ebpf::traffic::Count`], and latencies by bucket.
#[derive(Debug, Clone)]
pub(super) struct Counted {
    pub(super) packets: [u64; COUNTS_LEN as usize],
    pub(super) latencies: Vec<u64>,
}

impl Instruments {
    /// Loads the object, attaches the sink, and lets the generator wait for orders on `core`.
    pub(super) fn start(lab: &Lab, streams: &[Stream], sink: Sink, core: usize) -> Result<Self> {
        let mut ebpf = load_object()?;
        let mut table: Array<_, [u8; size_of::<Stream>()]> = taken(&mut ebpf, STREAMS)?.try_into()?;
        for (index, stream) in (0..).zip(streams) {
            let stream: [u8; size_of::<Stream>()] = transmute!(*stream);
            table.set(index, stream, 0)?;
        }
        let mut sides: DevMap<_> = taken(&mut ebpf, SIDES)?.try_into()?;
        for (slot, side) in (0..).zip(Side::BOTH) {
            put_device(&mut sides, slot, lab.peer(side), PEER_DEVICE)?;
        }
        for side in Side::BOTH {
            let (namespace, device) = match sink {
                Sink::Peers => (lab.peer(side), PEER_DEVICE),
                Sink::Middle => (lab.edge(), side.edge_device()),
            };
            attach(&mut ebpf, SINK, namespace, device)?;
        }
        let [orders, progress] = [ORDERS, PROGRESS].map(|name| taken(&mut ebpf, name));
        let [counts, latencies] = [COUNTS, LATENCIES].map(|name| taken(&mut ebpf, name));
        Ok(Self {
            orders: orders?.try_into()?,
            progress: progress?.try_into()?,
            counts: counts?.try_into()?,
            latencies: latencies?.try_into()?,
            generator: Generator::start(ebpf, lab, core)?,
            order: 0,
            begun_at_frame: 0,
        })
    }

    /// Has packets of `streams` streams made, each `stride`-th in turn, and comes back when the generator has begun.
    pub(super) fn order(&mut self, rate: u64, duration: Duration, streams: u64, stride: u64) -> Result<()> {
        if self.made()?.frames - self.begun_at_frame > FRAMES_MAX {
            self.begun_at_frame = self.made()?.frames;
            self.generator.begin_anew()?;
        }
        let ns = u64::try_from(duration.as_nanos())?;
        // The number last: an update is not seen at once.
        for number in [self.order, self.order + 1] {
            self.orders.set(0, [number, rate, ns, streams, stride], 0)?;
        }
        self.order += 1;
        let begun = wait_until(PATIENCE, || {
            let progress = self.progress.get(&0, 0).ok()?;
            (progress[0] == self.order).then_some(())
        });
        begun.context("the generator does not begin")
    }

    pub(super) fn made(&self) -> Result<Made> {
        let [_, _, packets, _, _, frames, _] = self.progress.get(&0, 0)?;
        Ok(Made { packets, frames })
    }

    /// What the generator's thread has run for, and in it all that the kernel has done for its packets there.
    pub(super) fn spent(&self) -> Result<Duration> {
        clock::thread_time(self.generator.id.load(Ordering::Relaxed))
    }

    /// How long the generator has waited for its core.
    pub(super) fn waited(&self) -> Result<Duration> {
        clock::thread_wait(self.generator.id.load(Ordering::Relaxed))
    }

    /// Everything that the sink has counted so far.
    pub(super) fn counted(&self) -> Result<Counted> {
        let mut packets = [0; COUNTS_LEN as usize];
        for (index, packets) in (0..).zip(&mut packets) {
            *packets = self.counts.get(&index, 0)?.iter().sum();
        }
        let latency = |bucket| Ok(self.latencies.get(&bucket, 0)?.iter().sum());
        Ok(Counted { packets, latencies: (0..BUCKETS).map(latency).collect::<Result<_>>()? })
    }
}

/// The programs that take a frame from one device of the relay to the other one.
pub(super) fn redirect_all(lab: &Lab) -> Result<Ebpf> {
    let mut ebpf = load_object()?;
    let mut across: DevMap<_> = taken(&mut ebpf, ACROSS)?.try_into()?;
    for (slot, side) in (0..).zip(Side::BOTH) {
        put_device(&mut across, slot, lab.edge(), side.edge_device())?;
    }
    for (program, side) in ["bare_from_first", "bare_from_second"].into_iter().zip(Side::BOTH) {
        attach(&mut ebpf, program, lab.edge(), side.edge_device())?;
    }
    Ok(ebpf)
}

fn load_object() -> Result<Ebpf> {
    let object = place::workspace().join("target/ebpf/edge-xdp-bench.o");
    let missing = || format!("{}: run `cargo xtask build`", object.display());
    let bytes = std::fs::read(&object).with_context(missing)?;
    Ebpf::load(&bytes).context("loading the bench object (needs root)")
}

fn taken(ebpf: &mut Ebpf, name: &str) -> Result<Map> {
    ebpf.take_map(name).with_context(|| format!("the bench object has no map {name}"))
}

/// A devmap finds a device in the namespace of who writes the entry.
fn put_device(map: &mut DevMap<MapData>, slot: u32, namespace: &Namespace, device: &str) -> Result<()> {
    let index = namespace.device(device)?.index;
    Ok(namespace.run(|| map.set(slot, index, None, 0))??)
}

fn attach(ebpf: &mut Ebpf, name: &str, namespace: &Namespace, device: &str) -> Result<()> {
    let index = namespace.device(device)?.index;
    let missing = || format!("the bench object has no program {name}: run `cargo xtask build`");
    let program: &mut Xdp = ebpf.program_mut(name).with_context(missing)?.try_into()?;
    if program.fd().is_err() {
        program.load()?;
    }
    namespace.run(|| program.attach_to_if_index(index, XdpMode::Driver))??;
    Ok(())
}

/// The thread in which the kernel makes frames.
struct Generator {
    /// Of the thread, as the kernel knows it.
    id: Arc<AtomicU32>,
    /// Calls into the kernel that it has begun.
    calls: Arc<AtomicU32>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<Result<()>>>,
}

impl Generator {
    fn start(mut ebpf: Ebpf, lab: &Lab, core: usize) -> Result<Self> {
        let from = lab.peer(Side::Carrier);
        let (index, inside) = (from.device(PEER_DEVICE)?.index, from.handle()?);
        let missing = "the bench object has no generator: run `cargo xtask build`";
        let program: &mut Xdp = ebpf.program_mut(GENERATOR).context(missing)?.try_into()?;
        program.load()?;
        let handler = interrupted as extern "C" fn(i32);
        // SAFETY: the handler does nothing.
        unsafe { libc::signal(libc::SIGUSR1, handler as libc::sighandler_t) };
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let id = Arc::new(AtomicU32::new(0));
        let own = Arc::clone(&id);
        let calls = Arc::new(AtomicU32::new(0));
        let begun = Arc::clone(&calls);
        let run = move || {
            namespace::enter(&inside).context("cannot enter the namespace")?;
            processor::bind_this_thread(core)?;
            own.store(processor::prefer_this_thread()?, Ordering::Relaxed);
            let program: &Xdp = ebpf.program(GENERATOR).context(missing)?.try_into()?;
            while !stopped.load(Ordering::Relaxed) {
                begun.fetch_add(1, Ordering::Relaxed);
                live::frames(program, index, &[SILENCE; FRAME_LEN], FRAMES, u32::try_from(BATCH)?)?;
            }
            Ok(())
        };
        Ok(Self { id, calls, stop, thread: Some(thread::spawn(run)) })
    }

    /// Interrupts the call into the kernel, and waits until the thread makes a new one.
    fn begin_anew(&self) -> Result<()> {
        let before = self.calls.load(Ordering::Relaxed);
        self.interrupt();
        let begun = wait_until(PATIENCE, || (self.calls.load(Ordering::Relaxed) != before).then_some(()));
        begun.context("the generator goes on for ever")
    }

    fn interrupt(&self) {
        if let Some(thread) = &self.thread {
            // SAFETY: the thread is not joined yet, so its id is its own.
            unsafe { libc::pthread_kill(thread.as_pthread_t(), libc::SIGUSR1) };
        }
    }
}

impl Drop for Generator {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // It may be just before its call when the first signal comes.
        while self.thread.as_ref().is_some_and(|thread| !thread.is_finished()) {
            self.interrupt();
            thread::sleep(Duration::from_millis(10));
        }
        let outcome = self.thread.take().map(JoinHandle::join);
        if let Some(Err(error)) = outcome.map(|end| end.unwrap_or_else(|_| Err(anyhow!("it panicked")))) {
            eprintln!("generator: {error:#}");
        }
    }
}

/// Whose only purpose is that a system call is interrupted.
extern "C" fn interrupted(_: i32) {}
