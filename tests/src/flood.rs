//! A flood of INVITEs from a hundred thousand sources, each of them nobody's: frames that the kernel makes itself
//! (`BPF_PROG_TEST_RUN` with live frames) and sends out of a peer's device as that peer would, so many a second.

use std::net::Ipv4Addr;
use std::time::Duration;

use anyhow::{Context, Result};
use aya::Ebpf;
use aya::maps::{Array, MapData};
use edge_ebpf::traffic::{ORDERS, PROGRESS};

use crate::lab::{Lab, PEER_DEVICE, Side};
use crate::traffic::generator::Generator;
use crate::traffic::{attach, load_object, taken};

/// Sources that the flood comes from: 198.18.0.0 (RFC 2544) and those that follow.
pub const SOURCES: u32 = 100_000;

const PROGRAM: &str = "flood";
/// Number of sources, and what the generator's random numbers begin with.
const PARAMETERS: &str = "BENCH";
const SEED: u64 = 0x9e37_79b9_7f4a_7c15;
/// The longest that an order may last.
const LONG: Duration = Duration::from_secs(170);
/// Both ends of a link that nobody else uses.
const ASIDE: &str = "aside";

/// Who has to do with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// Edge: it comes with the trunk's own messages.
    Edge,
    /// A program that drops everything, on a link of its own into edge's namespace: what the flood costs the machine in any case.
    BareDrop,
}

/// A flood; stops when dropped.
#[derive(Debug)]
pub struct Flood {
    progress: Progress,
    generator: Generator,
    #[expect(dead_code, reason = "its links last as long as it")]
    dropper: Option<Dropper>,
}

struct Progress(Array<MapData, [u64; 7]>);
struct Dropper(#[expect(dead_code, reason = "its links last as long as it")] Ebpf);

impl Flood {
    /// Sends so many a second, as from `side` to the SIP address that faces it, on a thread that does `first` before.
    pub fn start(
        lab: &Lab,
        side: Side,
        target: Target,
        packets_a_second: u64,
        first: impl FnOnce() -> Result<()> + Send + 'static,
    ) -> Result<Self> {
        let frame = frame(lab, side)?;
        let (device, dropper) = match target {
            Target::Edge => (PEER_DEVICE, None),
            Target::BareDrop => (ASIDE, Some(link_aside(lab, side)?)),
        };
        let mut ebpf = load_object()?;
        let mut parameters: Array<_, [u64; 3]> = taken(&mut ebpf, PARAMETERS)?.try_into()?;
        parameters.set(0, [u64::from(SOURCES), 1, SEED], 0)?;
        let mut orders: Array<_, [u64; 5]> = taken(&mut ebpf, ORDERS)?.try_into()?;
        orders.set(0, [1, packets_a_second, u64::try_from(LONG.as_nanos())?, 1, 1], 0)?;
        let progress = Progress(taken(&mut ebpf, PROGRESS)?.try_into()?);
        let generator = Generator::start(ebpf, PROGRAM, frame, (lab.peer(side), device), first)?;
        Ok(Self { progress, generator, dropper })
    }

    /// Frames that were made so far. Not all of them found room in the device's ring.
    pub fn made(&self) -> Result<u64> {
        let [_, _, made, ..] = self.progress.0.get(&0, 0)?;
        Ok(made)
    }

    /// The thread that it runs on, as the kernel knows it.
    pub fn thread(&self) -> u32 {
        self.generator.thread()
    }
}

impl std::fmt::Debug for Progress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Progress")
    }
}

impl std::fmt::Debug for Dropper {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Dropper")
    }
}

/// A link from `side` to edge's namespace, at whose end everything is dropped.
fn link_aside(lab: &Lab, side: Side) -> Result<Dropper> {
    let (peer, edge) = (lab.peer(side), lab.edge());
    edge.ip(&["link", "add", ASIDE, "type", "veth", "peer", "name", ASIDE, "netns", peer.name()])?;
    for namespace in [peer, edge] {
        namespace.ip(&["link", "set", ASIDE, "up"])?;
    }
    let mut ebpf = load_object()?;
    attach(&mut ebpf, "bare_drop", edge, ASIDE).context("cannot drop everything")?;
    Ok(Dropper(ebpf))
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
