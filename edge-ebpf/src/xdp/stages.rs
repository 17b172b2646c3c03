//! From the media program to the next one. The stages of [`edge_ebpf::abi::Stage`] run on the CPU that called them, one
//! after the other, so a few words a CPU are enough to tell them what they are to do.

use aya_ebpf::btf_maps::{PerCpuArray, ProgramArray};
use aya_ebpf::macros::btf_map;
use aya_ebpf::programs::XdpContext;
use edge_ebpf::abi::{STAGES_MAX, Stage, Word};
use edge_ebpf::payload::Work;
use edge_ebpf::steady::Progress;
use edge_ebpf::verdict::{PassReason, Verdict};
use edge_ebpf::wire::Payload;

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

/// Goes on with a packet about which nothing was decided yet. Comes back only when the stage is not there.
#[inline(always)]
pub(crate) fn enter(ctx: &XdpContext, stage: Stage) {
    // SAFETY: the context is that of this run. Nothing that would have to be dropped is alive here.
    unsafe { STAGES.tail_call(ctx, stage.slot()) };
}

/// What the payload program is to do, and the action that it is to end with.
#[btf_map]
static WORK: PerCpuArray<[Word; 4], 1> = PerCpuArray::new();

/// Hands a packet on to have its numbers, or its payload, changed. Comes back only when the stage is not there.
#[inline(always)]
pub(crate) fn hand_over(ctx: &XdpContext, work: &Work, verdict: Verdict, payload: Payload, action: u32) {
    let Some([first, second, then, progress]) = WORK.get(0) else { return };
    let [one, two] = work.to_words();
    first.store(one);
    second.store(two);
    then.store(action.into());
    progress.store(Progress::BEGIN.to_word());
    go_on(ctx, work.tasks.first(payload), verdict);
}

/// What was handed over, and the action to end with.
#[inline(always)]
pub(crate) fn handed_over() -> Option<(Work, u32)> {
    let [first, second, then, _] = WORK.get(0)?;
    Some((Work::from_words([first.load(), second.load()]), then.load() as u32))
}

/// Goes on with RTCP that one program was not enough for. Comes back only when the stage is not there.
#[inline(always)]
pub(crate) fn speak_on(ctx: &XdpContext, progress: Progress) {
    let Some([_, _, _, word]) = WORK.get(0) else { return };
    word.store(progress.to_word());
    enter(ctx, Stage::Rtcp);
}

/// How far RTCP was read that was handed over.
#[inline(always)]
pub(crate) fn progress() -> Progress {
    let word = WORK.get(0).map_or(0, |[_, _, _, word]| word.load());
    Progress::from_word(word)
}

/// The counter that the packet was handed on with.
#[inline(always)]
pub(crate) fn handed_on() -> u32 {
    let other = Verdict::Pass(PassReason::NotMedia).counter();
    HANDED_ON.get(0).map_or(other, |counter| counter.load() as u32)
}
