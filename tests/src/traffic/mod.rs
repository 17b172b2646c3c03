//! Media of thousands of calls, with programs of the bench object at work: a generator that makes RTP in the kernel, and a sink that
//! tells from the packets alone what was lost, came twice or went a wrong way.
//!
//! Both run at the peers' devices. Peers that set their calls up by hand ([`crate::exchange`]) say whose packets these are.

pub(crate) mod generator;
mod media;
mod stream;

use std::fmt;
use std::time::Duration;

use anyhow::{Context, Result};
use aya::Ebpf;
use aya::maps::{Array, DevMap, Map, MapData, PerCpuArray};
use aya::programs::Xdp;
use aya::programs::xdp::XdpMode;
use edge_ebpf::testing::zerocopy::transmute;
use edge_ebpf::traffic::{
    ACROSS, BUCKETS, COUNTS, COUNTS_LEN, FRAME_LEN, LATENCIES, NUMBERS, ORDERS, PROGRESS, SIDES, STREAMS,
    Stream,
};

pub use edge_ebpf::traffic::Count;
pub use media::Media;
pub use stream::{Rewriting, description, port, streams};

use crate::lab::{Lab, PEER_DEVICE, Side};
use crate::namespace::Namespace;
use crate::place;
use crate::process::wait_until;
use generator::Generator;

const GENERATOR: &str = "media_generator";
const SINK: &str = "media_sink";
/// After so many a call is begun anew, or it might end in the middle of a trial.
const FRAMES_MAX: u64 = 1 << 31;
const PATIENCE: Duration = Duration::from_secs(30);

/// Where the generator's packets arrive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sink {
    /// At the peers' devices, behind a relay.
    Peers,
    /// At the devices that a relay would have: there is none.
    Middle,
}

/// The loaded object without its programs, which run elsewhere.
pub struct Instruments {
    orders: Array<MapData, [u64; 5]>,
    progress: Array<MapData, [u64; 7]>,
    numbers: Array<MapData, u64>,
    counts: PerCpuArray<MapData, u64>,
    latencies: PerCpuArray<MapData, u64>,
    generator: Generator,
    order: u64,
    begun_at_frame: u64,
}

/// What the generator has made of an order.
#[derive(Debug, Clone, Copy)]
pub struct Made {
    pub packets: u64,
    /// Frames that the kernel has asked for since the generator was started, idle ones among them.
    pub frames: u64,
}

/// Packets in the order of [`edge_ebpf::traffic::Count`], and latencies by bucket.
#[derive(Debug, Clone)]
pub struct Counted {
    pub packets: [u64; COUNTS_LEN as usize],
    pub latencies: Vec<u64>,
}

impl fmt::Debug for Instruments {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Instruments").field("order", &self.order).finish_non_exhaustive()
    }
}

impl Instruments {
    /// Loads the object, attaches the sink, and lets the generator wait for orders, on a thread that does `first` before.
    pub fn start(
        lab: &Lab,
        streams: &[Stream],
        sink: Sink,
        first: impl FnOnce() -> Result<()> + Send + 'static,
    ) -> Result<Self> {
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
        let [orders, progress, numbers] = [ORDERS, PROGRESS, NUMBERS].map(|name| taken(&mut ebpf, name));
        let [counts, latencies] = [COUNTS, LATENCIES].map(|name| taken(&mut ebpf, name));
        Ok(Self {
            orders: orders?.try_into()?,
            progress: progress?.try_into()?,
            numbers: numbers?.try_into()?,
            counts: counts?.try_into()?,
            latencies: latencies?.try_into()?,
            generator: Generator::start(
                ebpf,
                GENERATOR,
                vec![stream::SILENCE; FRAME_LEN],
                (lab.peer(Side::Carrier), PEER_DEVICE),
                first,
            )?,
            order: 0,
            begun_at_frame: 0,
        })
    }

    /// Has packets of `streams` streams made, each `stride`-th in turn, and comes back when the generator has begun.
    pub fn order(&mut self, rate: u64, duration: Duration, streams: u64, stride: u64) -> Result<()> {
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

    pub fn made(&self) -> Result<Made> {
        let [_, _, packets, _, _, frames, _] = self.progress.get(&0, 0)?;
        Ok(Made { packets, frames })
    }

    /// Packets that the generator has made of each of so many streams since it was started.
    pub fn made_of(&self, streams: u32) -> Result<Vec<u64>> {
        (0..streams).map(|stream| Ok(self.numbers.get(&stream, 0)?)).collect()
    }

    /// The generator's thread, as the kernel knows it.
    pub fn thread(&self) -> u32 {
        self.generator.thread()
    }

    /// Everything that the sink has counted so far.
    pub fn counted(&self) -> Result<Counted> {
        let mut packets = [0; COUNTS_LEN as usize];
        for (index, packets) in (0..).zip(&mut packets) {
            *packets = self.counts.get(&index, 0)?.iter().sum();
        }
        let latency = |bucket| Ok(self.latencies.get(&bucket, 0)?.iter().sum());
        Ok(Counted { packets, latencies: (0..BUCKETS).map(latency).collect::<Result<_>>()? })
    }
}

/// The programs that take a frame from one device of the relay to the other one.
pub fn redirect_all(lab: &Lab) -> Result<Ebpf> {
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

pub(crate) fn load_object() -> Result<Ebpf> {
    let object = place::workspace().join("target/ebpf/edge-xdp-bench.o");
    let missing = || format!("{}: run `cargo xtask build`", object.display());
    let bytes = std::fs::read(&object).with_context(missing)?;
    Ebpf::load(&bytes).context("loading the bench object (needs root)")
}

pub(crate) fn taken(ebpf: &mut Ebpf, name: &str) -> Result<Map> {
    ebpf.take_map(name).with_context(|| format!("the bench object has no map {name}"))
}

/// A devmap finds a device in the namespace of who writes the entry.
fn put_device(map: &mut DevMap<MapData>, slot: u32, namespace: &Namespace, device: &str) -> Result<()> {
    let index = namespace.device(device)?.index;
    Ok(namespace.run(|| map.set(slot, index, None, 0))??)
}

/// Attaches a program of the bench object to a device, as long as the object lives.
pub(crate) fn attach(ebpf: &mut Ebpf, name: &str, namespace: &Namespace, device: &str) -> Result<()> {
    let index = namespace.device(device)?.index;
    let missing = || format!("the bench object has no program {name}: run `cargo xtask build`");
    let program: &mut Xdp = ebpf.program_mut(name).with_context(missing)?.try_into()?;
    if program.fd().is_err() {
        program.load()?;
    }
    namespace.run(|| program.attach_to_if_index(index, XdpMode::Driver))??;
    Ok(())
}
