//! From the media program to the next one. The stages of [`edge_ebpf::abi::Stage`] run on the CPU that called them, one
//! after the other, so one word a CPU is enough to tell them what they are to count.

use aya_ebpf::btf_maps::{PerCpuArray, ProgramArray};
use aya_ebpf::macros::btf_map;
use aya_ebpf::programs::XdpContext;
use edge_ebpf::abi::{STAGES_MAX, Stage, Word};
use edge_ebpf::verdict::{PassReason, Verdict};

#[btf_map]
static STAGES: ProgramArray<{ STAGES_MAX as usize }> = ProgramArray::new();

/// Counter of the verdict that a packet was handed on with: the stage counts it unless it decides otherwise.
#[btf_map]
static HANDED_ON: PerCpuArray<Word, 1> = PerCpuArray::new();

/// Hands the packet on. Comes back only when the stage is not there.
#[inline(always)]
pub(crate) fn go_on(ctx: &XdpContext, stage: Stage, verdict: Verdict) {
    let Some(counter) = HANDED_ON.get(0) else { return };
    counter.store(u64::from(verdict.counter()));
    // SAFETY: the context is that of this run. Nothing that would have to be dropped is alive here.
    unsafe { STAGES.tail_call(ctx, stage.slot()) };
}

/// The counter that the packet was handed on with.
#[inline(always)]
pub(crate) fn handed_on() -> u32 {
    let other = Verdict::Pass(PassReason::NotMedia).counter();
    HANDED_ON.get(0).map_or(other, |counter| counter.load() as u32)
}
