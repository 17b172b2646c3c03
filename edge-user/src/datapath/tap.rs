//! The tap: frames of a few endpoints, as the datapath saw them and with what it decided.
//!
//! While nobody captures there is no tap, and it costs nothing: an XDP program with one takes the place of the other in its
//! links, without a gap, and gives it back. It has stages and a ring of its own, and the maps of the other. What cannot be kept because nobody reads is lost to the capture, never to the call.
//!
//! Invariant: there is one capture at a time; one that was left behind by a process that died ends with the next start.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aya::maps::{HashMap, Map, MapData, RingBuf};
use crossbeam::channel::{Receiver, Sender, bounded};
use edge_ebpf::abi::{Stage, TAP, TAPPED_ARRIVAL, TappedFrame, WATCHED, WATCHED_MAX};
use edge_ebpf::verdict::{CounterKind, CounterSlot, counters};
use zerocopy::FromBytes;

use super::pins::{Pins, map_error, remove_file};
use super::ports::Ports;
use super::program::{PROGRAM, Program};
use super::tables::SharedTables;
use super::{Datapath, DatapathError, Host};

const TAP_PROGRAM: &str = "edge_tap";

/// Frames that the userspace relay keeps for a capture that is late.
const KEPT_MAX: usize = 2600;

/// A frame of a watched endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tapped {
    /// When it came in, on `CLOCK_MONOTONIC`, in nanoseconds. The same frame has the same time, coming in and decided about.
    pub arrived_ns: u64,
    /// Index of the device that it came in by.
    pub ifindex: u32,
    /// What was decided: kind and name of the counter. None when it has just come in.
    pub verdict: Option<(CounterKind, &'static str)>,
    /// Bytes of the whole frame; 0 of one that does not leave, or whose payload is still changed.
    pub len: u32,
    /// Its beginning, from the Ethernet header on.
    pub bytes: Vec<u8>,
}

impl From<&TappedFrame> for Tapped {
    fn from(frame: &TappedFrame) -> Self {
        let TappedFrame { arrived_ns, endpoint: _, counter, len, ifindex, bytes } = frame;
        let kept = bytes.len().min(*len as usize);
        let verdict = (*counter != TAPPED_ARRIVAL).then(|| decided(*counter)).flatten();
        Self { arrived_ns: *arrived_ns, ifindex: *ifindex, verdict, len: *len, bytes: bytes[..kept].to_vec() }
    }
}

/// Kind and name of the counter with this slot.
pub(super) fn decided(counter: u32) -> Option<(CounterKind, &'static str)> {
    let slot = counters().find(|slot| slot.index == counter);
    slot.map(|CounterSlot { kind, name, .. }| (kind, name))
}

/// What a capture reads from.
pub struct Tap(Source);

enum Source {
    Kernel(RingBuf<MapData>),
    Relay(Receiver<Tapped>),
}

impl std::fmt::Debug for ReadyTap {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("ReadyTap").finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Tap {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Tap").finish_non_exhaustive()
    }
}

impl Tap {
    /// Takes what has come since this was called last.
    pub fn drain(&mut self, mut take: impl FnMut(Tapped)) {
        match &mut self.0 {
            Source::Kernel(ring) => {
                while let Some(item) = ring.next() {
                    if let Ok((frame, _)) = TappedFrame::ref_from_prefix(&item) {
                        take(frame.into());
                    }
                }
            }
            Source::Relay(frames) => frames.try_iter().for_each(take),
        }
    }
}

/// A tap that is ready to be put in place.
pub struct ReadyTap(Ready);

enum Ready {
    Kernel { program: Box<Program>, ring: RingBuf<MapData> },
    Relay(SharedTap, Vec<u32>),
}

/// Makes a tap ready. Verifying its program takes the kernel a while: not on a thread that anybody waits for.
pub struct TapMaker(Maker);

enum Maker {
    Kernel { pins: Pins, tables: Arc<SharedTables>, ports: Ports },
    Relay(SharedTap),
}

impl std::fmt::Debug for TapMaker {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("TapMaker").finish_non_exhaustive()
    }
}

impl TapMaker {
    /// A tap on these endpoints, and no others.
    ///
    /// # Errors
    /// When the kernel does not take its program.
    pub fn make(&self, endpoints: &[u32]) -> Result<ReadyTap, DatapathError> {
        let watched = &endpoints[..endpoints.len().min(WATCHED_MAX as usize)];
        match &self.0 {
            Maker::Kernel { pins, tables, ports } => {
                let mut program =
                    Program::load_beside(pins, tables.layout(), ports, TAP_PROGRAM, Stage::TAPPED)?;
                program.watch(watched)?;
                let ring = program.ring()?;
                Ok(ReadyTap(Ready::Kernel { program: Box::new(program), ring }))
            }
            Maker::Relay(tap) => Ok(ReadyTap(Ready::Relay(Arc::clone(tap), watched.to_vec()))),
        }
    }
}

impl Datapath {
    /// What makes taps for this datapath.
    #[must_use]
    pub fn tap_maker(&self) -> TapMaker {
        TapMaker(match &self.host {
            Host::Kernel { pins, program } => {
                let (tables, ports) = (Arc::clone(&self.tables), program.ports().clone());
                Maker::Kernel { pins: pins.clone(), tables, ports }
            }
            Host::Process(relay) => Maker::Relay(Arc::clone(relay.tap())),
        })
    }

    /// Puts a tap in place. Media goes on without a gap.
    ///
    /// # Errors
    /// When the kernel does not take the program with the tap; then the other one goes on.
    pub fn tap(&mut self, ready: ReadyTap) -> Result<Tap, DatapathError> {
        match (&mut self.host, ready.0) {
            (Host::Kernel { program: plain, pins }, Ready::Kernel { mut program, ring }) => {
                let taken = program.take_links(TAP_PROGRAM, pins, &plain.ports().programs);
                self.tapped = Some(program);
                if taken.is_err() {
                    self.untap()?;
                }
                taken.map(|()| Tap(Source::Kernel(ring)))
            }
            (_, Ready::Relay(tap, endpoints)) => Ok(Tap(Source::Relay(tap.watch(&endpoints)))),
            (Host::Process(_), Ready::Kernel { .. }) => Err(DatapathError::Object { name: TAP_PROGRAM }),
        }
    }

    /// Ends what [`tap`](Self::tap) began. What packets on their way still need stays until the next refresh.
    ///
    /// # Errors
    /// When the kernel does not take the program without the tap; the one with it relays as well.
    pub fn untap(&mut self) -> Result<(), DatapathError> {
        match &mut self.host {
            Host::Kernel { program, pins } => {
                let devices = program.ports().programs.clone();
                program.take_links(PROGRAM, pins, &devices)?;
                self.retired = self.tapped.take();
                self.retired.as_ref().map_or(Ok(()), |tapped| remove_file(tapped.stages_pin()))
            }
            Host::Process(relay) => {
                relay.tap().end();
                Ok(())
            }
        }
    }
}

impl Program {
    fn watch(&mut self, endpoints: &[u32]) -> Result<(), DatapathError> {
        let failed = |source| map_error(WATCHED, source);
        let mut watched: HashMap<_, u32, u32> = self.map(WATCHED)?.try_into().map_err(failed)?;
        endpoints.iter().try_for_each(|endpoint| watched.insert(endpoint, 1, 0)).map_err(failed)
    }

    /// A reader of its own: the object keeps the map.
    fn ring(&mut self) -> Result<RingBuf<MapData>, DatapathError> {
        let failed = |source| map_error(TAP, source);
        let Map::RingBuf(map) = self.map(TAP)? else { return Err(DatapathError::Object { name: TAP }) };
        let id = map.info().map_err(failed)?.id();
        let map = MapData::from_id(id).map_err(failed)?;
        RingBuf::try_from(Map::RingBuf(map)).map_err(failed)
    }
}

/// The tap of the userspace relay: a flag that each packet looks at, and the rest behind a lock while somebody captures.
#[derive(Debug, Default)]
pub(super) struct RelayTap {
    on: AtomicBool,
    watch: Mutex<Option<Watch>>,
}

#[derive(Debug)]
struct Watch {
    endpoints: HashSet<u32>,
    kept: Sender<Tapped>,
}

impl RelayTap {
    fn watch(&self, endpoints: &[u32]) -> Receiver<Tapped> {
        let (kept, frames) = bounded(KEPT_MAX);
        *self.lock() = Some(Watch { endpoints: endpoints.iter().copied().collect(), kept });
        self.on.store(true, Ordering::Release);
        frames
    }

    fn end(&self) {
        self.on.store(false, Ordering::Release);
        *self.lock() = None;
    }

    /// Whether anybody captures at all.
    pub(super) fn is_on(&self) -> bool {
        self.on.load(Ordering::Acquire)
    }

    /// Keeps a frame of this endpoint, when it is watched. Returns whether it is.
    pub(super) fn keep(&self, endpoint: u32, tapped: impl FnOnce() -> Tapped) -> bool {
        let watch = self.lock();
        let Some(Watch { kept, .. }) = watch.as_ref().filter(|watch| watch.endpoints.contains(&endpoint))
        else {
            return false;
        };
        // A capture that is late misses it.
        drop(kept.try_send(tapped()));
        true
    }

    fn lock(&self) -> MutexGuard<'_, Option<Watch>> {
        self.watch.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// For the threads of the relay.
pub(super) type SharedTap = Arc<RelayTap>;
