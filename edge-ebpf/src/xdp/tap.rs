//! The tap: frames of watched endpoints into a ring, as they come in, and again with what was decided about them.
//!
//! What one half knows of the other goes by way of a word a CPU, not by the stack: the verifier would otherwise go through
//! the whole decision twice. A ring without room keeps nothing, and says so nowhere: who reads it sees arrivals without verdicts.

use aya_ebpf::btf_maps::{HashMap, PerCpuArray, RingBuf};
use aya_ebpf::helpers::generated::{bpf_ktime_get_ns, bpf_xdp_load_bytes};
use aya_ebpf::macros::btf_map;
use aya_ebpf::programs::XdpContext;
use edge_ebpf::abi::{TAP_RING_BYTES, TAPPED_ARRIVAL, TAPPED_BYTES_MAX, TappedFrame, WATCHED_MAX, Word};
use edge_ebpf::forward::endpoint_of;
use edge_ebpf::frame::Frame;
use edge_ebpf::vlan::{self, Untagged};
use edge_ebpf::wire::ethernet;

use crate::xdp::frame::XdpFrame;
use crate::xdp::maps::Maps;

#[btf_map]
static TAP: RingBuf<TappedFrame, TAP_RING_BYTES> = RingBuf::new();
#[btf_map]
static WATCHED: HashMap<u32, u32, { WATCHED_MAX as usize }> = HashMap::new();

/// The frame that this CPU is at: when it came in (0: it is not watched), and its endpoint.
#[btf_map]
static TAPPED: PerCpuArray<[Word; 2], 1> = PerCpuArray::new();

/// Keeps a frame that has come in, when its endpoint is watched.
#[inline(always)]
pub(crate) fn arrival(ctx: &XdpContext) {
    let Some([arrived, endpoint]) = TAPPED.get(0) else { return };
    arrived.store(0);
    let mut frame = XdpFrame::new(ctx);
    let plain = endpoint_of(&frame, &Maps);
    let tagged = || {
        let network = vlan::network(&frame, &Maps).ok()?;
        endpoint_of(&Untagged::new(&mut frame, network), &Maps)
    };
    let Some(index) = plain.or_else(tagged) else { return };
    // SAFETY: the value is not read; who takes an entry away while this runs has one frame more.
    if unsafe { WATCHED.get(&index) }.is_none() {
        return;
    }
    // SAFETY: the helper takes no arguments and reads a clock.
    let now = unsafe { bpf_ktime_get_ns() };
    arrived.store(now);
    endpoint.store(u64::from(index));
    keep(ctx, TAPPED_ARRIVAL, true);
}

/// Keeps what was decided about that frame, with its bytes where it leaves as it is now.
#[inline(always)]
pub(crate) fn decided(ctx: &XdpContext, counter: u32, as_it_leaves: bool) {
    let Some([arrived, _]) = TAPPED.get(0) else { return };
    if arrived.load() != 0 {
        keep(ctx, counter, as_it_leaves);
    }
}

#[inline(always)]
fn keep(ctx: &XdpContext, counter: u32, with_bytes: bool) {
    let Some([arrived, endpoint]) = TAPPED.get(0) else { return };
    let (arrived_ns, endpoint) = (arrived.load(), endpoint.load() as u32);
    let frame = XdpFrame::new(ctx);
    let len = if with_bytes { frame.len() as u32 } else { 0 };
    let ifindex = frame.ingress_ifindex();
    let Some(mut room) = TAP.reserve(0) else { return };
    let tapped = room.as_mut_ptr();
    // SAFETY: the ring has reserved room for one value, which is this program's until it is submitted. Each field is written
    // by itself, because a value on the stack would not fit there.
    unsafe {
        (&raw mut (*tapped).arrived_ns).write(arrived_ns);
        (&raw mut (*tapped).endpoint).write(endpoint);
        (&raw mut (*tapped).counter).write(counter);
        (&raw mut (*tapped).len).write(len);
        (&raw mut (*tapped).ifindex).write(ifindex);
    }
    // SAFETY: as above. Read back, so that the comparisons are there for the verifier to see, who knows nothing else of it.
    let kept = unsafe { (&raw const (*tapped).len).read_volatile() };
    let kept = if kept > TAPPED_BYTES_MAX as u32 { TAPPED_BYTES_MAX as u32 } else { kept };
    // Not `> 0`: the verifier of older kernels (6.1) does not conclude from `!= 0`, which that becomes, that something is there.
    if kept >= ethernet::LEN as u32 {
        // SAFETY: the helper writes no more bytes than the field has, and reads none beyond the frame's end.
        let _beyond = unsafe { bpf_xdp_load_bytes(ctx.ctx, 0, (&raw mut (*tapped).bytes).cast(), kept) };
    }
    room.submit(0);
}
