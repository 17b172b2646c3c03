//! A flood of INVITEs from a hundred thousand sources, each of them nobody's: frames that the kernel makes itself
//! (`BPF_PROG_TEST_RUN` with live frames) and sends out of a peer's device as that peer would.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use aya::Ebpf;
use aya::maps::Array;
use aya::programs::Xdp;

use crate::lab::{Lab, PEER_DEVICE, Side};
use crate::live;
use crate::namespace;
use crate::place;

/// Sources that the flood comes from: 198.18.0.0 (RFC 2544) and those that follow.
pub const SOURCES: u32 = 100_000;

const PROGRAM: &str = "flood";
/// Number of sources, and what the generator's random numbers begin with.
const PARAMETERS: &str = "BENCH";
const SEED: u64 = 0x9e37_79b9_7f4a_7c15;
/// Frames of one call into the kernel, which then looks whether it is to stop; each has a fixed cost of 60 ms.
const FRAMES: u32 = 200_000;
/// Frames that are handed over together.
const BATCH: u32 = 64;

/// A flood at full speed; stops when dropped.
#[derive(Debug)]
pub struct Flood {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<Result<u64>>>,
}

impl Flood {
    /// Floods the SIP address that faces `side` from there, with a pause of this length after each 200,000 frames.
    pub fn start(lab: &Lab, side: Side, pause: Duration) -> Result<Self> {
        let frame = frame(lab, side)?;
        let index = lab.peer(side).device(PEER_DEVICE)?.index;
        let inside = lab.peer(side).handle()?;
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let flood = move || {
            namespace::enter(&inside).context("cannot enter the namespace")?;
            let mut generator = Generator::load(index)?;
            let mut sent = 0;
            while !stopped.load(Ordering::Relaxed) {
                generator.send(&frame)?;
                sent += u64::from(FRAMES);
                thread::sleep(pause);
            }
            Ok(sent)
        };
        Ok(Self { stop, thread: Some(thread::spawn(flood)) })
    }

    /// Ends it, and tells how many frames were made. Not all of them found room in the device's ring.
    pub fn stop(mut self) -> Result<u64> {
        self.stop.store(true, Ordering::Relaxed);
        let thread = self.thread.take().context("a flood stops once")?;
        thread.join().map_err(|_panic| anyhow!("the flood panicked"))?
    }
}

impl Drop for Flood {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

/// The program that makes the sources.
struct Generator {
    ebpf: Ebpf,
    index: u32,
}

impl Generator {
    fn load(index: u32) -> Result<Self> {
        let object = place::workspace().join("target/ebpf/edge-xdp-bench.o");
        let missing = || format!("{}: run `cargo xtask build`", object.display());
        let bytes = std::fs::read(&object).with_context(missing)?;
        let mut ebpf = Ebpf::load(&bytes)?;
        let parameters = ebpf.map_mut(PARAMETERS).context("the bench object has no parameters")?;
        Array::<_, [u64; 3]>::try_from(parameters)?.set(0, [u64::from(SOURCES), 1, SEED], 0)?;
        program(&mut ebpf)?.load()?;
        Ok(Self { ebpf, index })
    }

    fn send(&mut self, frame: &[u8]) -> Result<()> {
        live::frames(program(&mut self.ebpf)?, self.index, frame, FRAMES, BATCH)
    }
}

fn program(ebpf: &mut Ebpf) -> Result<&mut Xdp> {
    Ok(ebpf
        .program_mut(PROGRAM)
        .context("the bench object has no flood: run `cargo xtask build`")?
        .try_into()?)
}

/// An INVITE as a scanner sends it, without its source: the program writes that and the header's checksum.
fn frame(lab: &Lab, side: Side) -> Result<Vec<u8>> {
    let to = side.edge_address();
    let payload = format!(
        "INVITE sip:+442071838750@{to} SIP/2.0\r\nVia: SIP/2.0/UDP 198.18.0.1:5060;branch=z9hG4bK-flood;rport\r\n\
         Max-Forwards: 70\r\nFrom: <sip:100@{to}>;tag=1\r\nTo: <sip:+442071838750@{to}>\r\nCall-ID: flood\r\n\
         CSeq: 1 INVITE\r\nContact: <sip:100@198.18.0.1:5060>\r\nContent-Length: 0\r\n\r\n"
    );
    let destination = lab.edge().device(side.edge_device())?.station;
    let source = lab.peer(side).device(PEER_DEVICE)?.station;
    let udp_length = u16::try_from(8 + payload.len())?;
    let mut frame: Vec<u8> = [destination, source].concat();
    frame.extend([0x08, 0x00, 0x45, 0]);
    frame.extend((20 + udp_length).to_be_bytes());
    frame.extend([0, 0, 0x40, 0, 64, 17, 0, 0]);
    frame.extend(Ipv4Addr::new(198, 18, 0, 0).octets());
    frame.extend(to.octets());
    frame.extend([5060_u16.to_be_bytes(), 5060_u16.to_be_bytes(), udp_length.to_be_bytes(), [0, 0]].concat());
    frame.extend(payload.as_bytes());
    Ok(frame)
}
