//! Generator, sink and the limit of the media bench.
//!
//! The generator runs under `BPF_F_TEST_XDP_LIVE_FRAMES`, which calls it for one frame after the other as fast as it can. Those
//! that are not due yet it drops, which costs little; those that are due leave at the end of their batch, so that a packet
//! is stamped shortly before it goes.

use aya_ebpf::bindings::xdp_action::{XDP_ABORTED, XDP_DROP, XDP_PASS, XDP_REDIRECT};
use aya_ebpf::btf_maps::{Array, PerCpuArray};
use aya_ebpf::helpers::generated::bpf_ktime_get_ns;
use aya_ebpf::macros::{btf_map, map, xdp};
use aya_ebpf::maps::DevMap;
use aya_ebpf::programs::XdpContext;
use edge_ebpf::abi::Word;
use edge_ebpf::frame::Frame;
use edge_ebpf::traffic::{
    Arrival, BATCH, BUCKETS, COUNTS_LEN, Count, FRAME_LEN, HEAD_LEN, Head, Mark, Orders, Progress, Route,
    STREAMS_MAX, Stream, Window, bucket,
};
use edge_ebpf::wire::ethernet::{self, Ethernet};
use edge_ebpf::wire::ipv4;

use crate::xdp::frame::XdpFrame;

#[btf_map]
static STREAMS: Array<Stream, { STREAMS_MAX as usize }> = Array::new();
#[btf_map]
static NUMBERS: Array<Word, { STREAMS_MAX as usize }> = Array::new();
#[btf_map]
static WINDOWS: Array<Window, { STREAMS_MAX as usize }> = Array::new();
#[btf_map]
static ORDERS: Array<Orders, 1> = Array::new();
#[btf_map]
static PROGRESS: Array<Progress, 1> = Array::new();
#[btf_map]
static COUNTS: PerCpuArray<Word, { COUNTS_LEN as usize }> = PerCpuArray::new();
#[btf_map]
static LATENCIES: PerCpuArray<Word, { BUCKETS as usize }> = PerCpuArray::new();
#[map]
static SIDES: DevMap = DevMap::with_max_entries(2, 0);
#[map]
static ACROSS: DevMap = DevMap::with_max_entries(2, 0);

/// Makes a packet of the next stream, or none.
#[xdp]
pub(crate) fn media_generator(ctx: XdpContext) -> u32 {
    generate(&ctx).unwrap_or(XDP_ABORTED)
}

#[inline(always)]
fn generate(ctx: &XdpContext) -> Option<u32> {
    let (orders, progress) = (ORDERS.get(0)?, PROGRESS.get(0)?);
    if !is_due(orders, progress) {
        return Some(XDP_DROP);
    }
    let stream = progress.stream.load() as u32;
    let next = u64::from(stream) + orders.stride.load();
    progress.stream.store(if next < orders.streams.load() { next } else { 0 });
    write(ctx, stream)?;
    Some(SIDES.redirect(stream & 1, u64::from(XDP_DROP)).unwrap_or(XDP_ABORTED))
}

/// Whether the next frame is to be a packet at all.
#[inline(always)]
pub(crate) fn is_ordered() -> Option<bool> {
    Some(is_due(ORDERS.get(0)?, PROGRESS.get(0)?))
}

/// Whether the next frame is to be a packet: those that are due are the last ones of their batch.
#[inline(always)]
fn is_due(orders: &Orders, progress: &Progress) -> bool {
    let place = progress.frames.load() % BATCH;
    progress.frames.add(1);
    if place == 0 {
        progress.due.store(plan(orders, progress));
    }
    let is_due = place + progress.due.load() >= BATCH;
    progress.made.add(u64::from(is_due));
    is_due
}

/// How many packets of this batch there are to be.
#[inline(always)]
fn plan(orders: &Orders, progress: &Progress) -> u64 {
    let (now, number) = (now_ns(), orders.number.load());
    if progress.number.load() != number {
        progress.number.store(number);
        progress.began_ns.store(now);
        progress.made.store(0);
        progress.forgone.store(0);
        progress.stream.store(0);
    }
    let behind = progress.made.load() + progress.forgone.load();
    let due = orders.due(now - progress.began_ns.load(), behind);
    if due <= BATCH {
        return due;
    }
    progress.forgone.add(due - BATCH);
    BATCH
}

#[inline(always)]
fn write(ctx: &XdpContext, index: u32) -> Option<()> {
    let (stream, number) = (STREAMS.get(index)?, NUMBERS.get(index)?);
    let head = stream.head.stamped(number.load() as u32, now_ns());
    number.add(1);
    let start = ctx.data();
    if start + HEAD_LEN > ctx.data_end() {
        return None;
    }
    // SAFETY: the bytes lie within the frame, which is this program's while it runs. The kernel lays out the live frames that
    // it makes behind a headroom of 256 bytes at the beginning of a page's data, which is aligned to eight.
    unsafe { (start as *mut Head).write(head) };
    Some(())
}

/// Takes in the generator's packets and leaves the others alone.
#[xdp(frags)]
pub(crate) fn media_sink(ctx: XdpContext) -> u32 {
    let frame = XdpFrame::new(&ctx);
    match mark(&frame) {
        Some((mark, route)) => {
            take(&mark, &route);
            XDP_DROP
        }
        None => XDP_PASS,
    }
}

/// What a packet says of itself, and from where to where it went, when it is the generator's.
#[inline(always)]
fn mark(frame: &XdpFrame<'_>) -> Option<(Mark, Route)> {
    let mark: Mark = frame.read(Mark::OFFSET)?;
    let ethernet: Ethernet = frame.read(0)?;
    let [version, protocol]: [u8; 2] =
        [frame.read(ethernet::LEN)?, frame.read(ethernet::LEN + PROTOCOL_OFFSET)?];
    let plain = ethernet.kind.get() == ethernet::IPV4 && version == VERSION_IHL && protocol == ipv4::UDP;
    let whole = frame.len() == FRAME_LEN;
    (plain && whole && mark.is_ours()).then_some((mark, frame.read(ethernet::LEN + ADDRESSES_OFFSET)?))
}

/// IPv4 without options.
const VERSION_IHL: u8 = 0x45;
/// Where the protocol, and the addresses with the ports behind them, lie in an IPv4 header.
const PROTOCOL_OFFSET: usize = 9;
const ADDRESSES_OFFSET: usize = 12;

#[inline(always)]
fn take(mark: &Mark, route: &Route) {
    let index = mark.stream();
    let (Some(stream), Some(window)) = (STREAMS.get(index), WINDOWS.get(index)) else {
        return count(Count::Unknown);
    };
    if stream.arrives != *route {
        return count(Count::Misrouted);
    }
    match window.record(mark.number()) {
        Arrival::New => {}
        Arrival::Duplicate => return count(Count::Duplicate),
        Arrival::Late => count(Count::Late),
    }
    count(Count::Received);
    if let Some(latency) = LATENCIES.get(bucket(now_ns().saturating_sub(mark.departed_ns()))) {
        latency.add(1);
    }
}

#[inline(always)]
fn count(what: Count) {
    if let Some(counter) = COUNTS.get(what as u32) {
        counter.add(1);
    }
}

/// The limit: a frame leaves by the other device as it came.
#[xdp(frags)]
pub(crate) fn bare_from_first(_: XdpContext) -> u32 {
    across(1)
}

/// The same from the second one.
#[xdp(frags)]
pub(crate) fn bare_from_second(_: XdpContext) -> u32 {
    across(0)
}

#[inline(always)]
fn across(to: u32) -> u32 {
    ACROSS.redirect(to, u64::from(XDP_DROP)).map_or(XDP_DROP, |_| XDP_REDIRECT)
}

#[inline(always)]
fn now_ns() -> u64 {
    // SAFETY: the helper takes no arguments and reads a clock.
    unsafe { bpf_ktime_get_ns() }
}
