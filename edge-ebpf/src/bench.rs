//! Programs for the bench alone: the same decision over an array and over a hash map, and what to compare it with.
//!
//! `BPF_PROG_TEST_RUN` hands the same frame to every run, which would keep one flow in the cache for ever. So these
//! programs first point the frame at a flow picked at random, and `bench_prepared` does only that: the price of
//! the preparation, to be taken off.

#![no_std]
#![no_main]

#[path = "bench/media.rs"]
mod media;
mod xdp;

use aya_ebpf::bindings::xdp_action::{XDP_ABORTED, XDP_DROP, XDP_TX};
use aya_ebpf::btf_maps::{Array, HashMap};
use aya_ebpf::macros::{btf_map, xdp};
use aya_ebpf::programs::XdpContext;
use edge_ebpf::abi::{
    DigitSlot, DigitTold, EndpointSlot, EndpointState, MediaAddress, NextHopSlot, ProfileSlot, RtcpPlaces,
    SteadySlot, Word,
};
use edge_ebpf::forward::{self, Decision};
use edge_ebpf::frame::Frame;
use edge_ebpf::tables::Tables;
use edge_ebpf::verdict::Verdict;
use edge_ebpf::wire::checksum::Checksum;
use edge_ebpf::wire::ethernet::{self, Ethernet};
use edge_ebpf::wire::ipv4::{self, Ipv4};
use edge_ebpf::wire::udp::Udp;
use xdp::frame::XdpFrame;
use xdp::maps::{Maps, count};
use zerocopy::transmute;

/// Parameters, from userspace: how many flows, how many of them share an address, and the state of the generator.
#[btf_map]
static BENCH: Array<[Word; 3], 1> = Array::new();

/// The endpoints again, as a hash map would hold them.
#[btf_map]
static HASHED: HashMap<u32, Flow, 1> = HashMap::new();

/// Configuration and state of an endpoint side by side: the hash map's best case.
#[repr(C)]
pub(crate) struct Flow {
    endpoint: EndpointSlot,
    state: EndpointState,
}

const SOURCE: ([u8; 4], u16) = ([192, 0, 2, 10], 30000);
const FIRST_LOCAL: u32 = u32::from_be_bytes([10, 0, 0, 0]);
const FIRST_PORT: u32 = 1024;

/// The first address of a flood's sources: 198.18.0.0/15 is for benchmarks (RFC 2544).
const FLOOD_FROM: u32 = u32::from_be_bytes([198, 18, 0, 0]);

/// Sends the frame out of the device that it came in by, when it is due, from a random one of as many sources as there are
/// flows: under `BPF_F_TEST_XDP_LIVE_FRAMES`, a flood.
#[xdp]
pub(crate) fn flood(ctx: XdpContext) -> u32 {
    match media::is_ordered() {
        Some(true) => forge(&mut XdpFrame::new(&ctx)).map_or(XDP_ABORTED, |()| XDP_TX),
        Some(false) => XDP_DROP,
        None => XDP_ABORTED,
    }
}

/// The least that can be done with a flood.
#[xdp]
pub(crate) fn bare_drop(_: XdpContext) -> u32 {
    XDP_DROP
}

#[inline(always)]
fn forge(frame: &mut XdpFrame<'_>) -> Option<()> {
    let source = FLOOD_FROM + random_flow()?;
    let mut ip: Ipv4 = frame.read(ethernet::LEN)?;
    ip.source = source.to_be_bytes();
    ip.checksum = Checksum::new([0, 0]);
    let words: [[u8; 2]; ipv4::LEN / 2] = transmute!(ip);
    ip.checksum = Checksum::over(words);
    frame.write(ethernet::LEN, ip)
}

/// A program that does nothing but send the frame back: what XDP itself costs.
#[xdp]
pub(crate) fn bench_tx(ctx: XdpContext) -> u32 {
    send_back(&mut XdpFrame::new(&ctx)).unwrap_or(XDP_ABORTED)
}

/// The same after preparing a random flow.
#[xdp]
pub(crate) fn bench_prepared(ctx: XdpContext) -> u32 {
    let mut frame = XdpFrame::new(&ctx);
    prepare(&mut frame).and_then(|()| send_back(&mut frame)).unwrap_or(XDP_ABORTED)
}

/// The product's decision over directly indexed arrays.
#[xdp]
pub(crate) fn bench_array(ctx: XdpContext) -> u32 {
    decide(&ctx, &Maps).unwrap_or(XDP_ABORTED)
}

/// The same decision over a hash map.
#[xdp]
pub(crate) fn bench_hash(ctx: XdpContext) -> u32 {
    decide(&ctx, &Hashed).unwrap_or(XDP_ABORTED)
}

struct Hashed;

impl Hashed {
    #[inline(always)]
    fn flow(&self, index: u32) -> Option<&Flow> {
        // SAFETY: the bench fills the map before it runs a program, and removes nothing while one runs.
        unsafe { HASHED.get(index) }
    }
}

impl Tables for Hashed {
    #[inline(always)]
    fn media_address(&self, row: u32) -> Option<&MediaAddress> {
        Maps.media_address(row)
    }

    #[inline(always)]
    fn endpoint(&self, index: u32) -> Option<&EndpointSlot> {
        Some(&self.flow(index)?.endpoint)
    }

    #[inline(always)]
    fn state(&self, index: u32) -> Option<&EndpointState> {
        Some(&self.flow(index)?.state)
    }

    #[inline(always)]
    fn next_hop(&self, row: u32) -> Option<&NextHopSlot> {
        Maps.next_hop(row)
    }

    #[inline(always)]
    fn profile(&self, row: u32) -> Option<&ProfileSlot> {
        Maps.profile(row)
    }

    #[inline(always)]
    fn rtcp_places(&self, index: u32) -> Option<&RtcpPlaces> {
        Maps.rtcp_places(index)
    }

    #[inline(always)]
    fn digits(&self, index: u32) -> Option<&DigitSlot> {
        Maps.digits(index)
    }

    #[inline(always)]
    fn steady(&self, index: u32) -> Option<&SteadySlot> {
        Maps.steady(index)
    }

    #[inline(always)]
    fn tell(&self, told: &DigitTold) {
        Maps.tell(told);
    }
}

/// Anything but a relay is a fault of the bench, and aborts.
#[inline(always)]
fn decide(ctx: &XdpContext, tables: &impl Tables) -> Option<u32> {
    let mut frame = XdpFrame::new(ctx);
    prepare(&mut frame)?;
    let Decision { verdict, work: _, charge } = forward::decide(&mut frame, tables);
    charge?.book(tables);
    count(verdict);
    match verdict {
        Verdict::Relay(_) => Some(XDP_TX),
        Verdict::Pass(_) | Verdict::Drop(_) => None,
    }
}

/// Makes the frame one that a random flow's far side sent.
#[inline(always)]
fn prepare(frame: &mut XdpFrame<'_>) -> Option<()> {
    let flow = random_flow()?;
    let [_, per_address, _] = BENCH.get(0)?;
    let pairs = per_address.load() as u32;
    if pairs == 0 {
        return None;
    }
    let mut ip: Ipv4 = frame.read(ethernet::LEN)?;
    ip.ttl_protocol = [57, ipv4::UDP];
    ip.source = SOURCE.0;
    ip.destination = (FIRST_LOCAL + flow / pairs).to_be_bytes();
    ip.checksum = Checksum::new([0, 0]);
    let words: [[u8; 2]; ipv4::LEN / 2] = transmute!(ip);
    ip.checksum = Checksum::over(words);
    frame.write(ethernet::LEN, ip)?;
    let mut udp: Udp = frame.read(ethernet::LEN + ipv4::LEN)?;
    udp.source = SOURCE.1.into();
    udp.destination = ((FIRST_PORT + flow % pairs * 2) as u16).into();
    frame.write(ethernet::LEN + ipv4::LEN, udp)
}

/// A random one of the flows.
#[inline(always)]
fn random_flow() -> Option<u32> {
    let [flows, _, random] = BENCH.get(0)?;
    let mut x = random.load();
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    random.store(x);
    Some(((x >> 32) * flows.load() >> 32) as u32)
}

#[inline(always)]
fn send_back(frame: &mut XdpFrame<'_>) -> Option<u32> {
    let Ethernet { destination, source, kind } = frame.read(0)?;
    frame.write(0, Ethernet { destination: source, source: destination, kind })?;
    Some(XDP_TX)
}

#[unsafe(no_mangle)]
#[unsafe(link_section = "license")]
static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}
