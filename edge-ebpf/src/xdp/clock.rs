//! How long packets take that are relayed: a look at the clock when a program begins with one, and another one when the last of its
//! stages ends. All others cost a count on a line of this CPU's.

use aya_ebpf::btf_maps::{PerCpuArray, PerCpuHashMap};
use aya_ebpf::helpers::generated::bpf_ktime_get_ns;
use aya_ebpf::macros::btf_map;
use aya_ebpf::programs::XdpContext;
use edge_ebpf::abi::{DEVICES_MAX, LATENCY_SAMPLED, LatencyRow, Word};

/// By the index of the device; userspace makes the rows.
#[btf_map]
static LATENCIES: PerCpuHashMap<u32, LatencyRow, { DEVICES_MAX as usize }> = PerCpuHashMap::new();

/// Packets that this CPU has seen, and when the one began that it is at; 0: nobody wants to know.
#[btf_map]
static CLOCKED: PerCpuArray<[Word; 2], 1> = PerCpuArray::new();

/// A program begins with a packet.
#[inline(always)]
pub(crate) fn begin() {
    let Some([seen, began]) = CLOCKED.get(0) else { return };
    let packet = seen.load();
    seen.store(packet.wrapping_add(1));
    began.store(if packet % LATENCY_SAMPLED == 0 { now() } else { 0 });
}

/// The last program ends with a packet that leaves.
#[inline(always)]
pub(crate) fn end(ctx: &XdpContext) {
    let Some([_, began]) = CLOCKED.get(0) else { return };
    let began = began.load();
    if began == 0 {
        return;
    }
    let device = ctx.ingress_ifindex() as u32;
    // SAFETY: the row is this CPU's, and made of words. One that is taken away meanwhile is memory of the map's all the same.
    if let Some(row) = unsafe { LATENCIES.get(&device) } {
        row.record(now().wrapping_sub(began), 1);
    }
}

#[inline(always)]
fn now() -> u64 {
    // SAFETY: the helper takes no arguments and reads a clock.
    unsafe { bpf_ktime_get_ns() }
}
