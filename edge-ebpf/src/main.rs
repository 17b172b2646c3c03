//! The XDP programs. `edge_media` hands each frame to [`decide`](edge_ebpf::forward::decide) and does what it says; a packet
//! whose payload is to change goes on to `edge_payload`, one that becomes a part of one stream to `edge_steady`, and what is not media and may be SIP to `edge_shield`, which does
//! what [`shield`] says. A frame with a tag goes to `edge_vlan`, and one that is to have one to `edge_tag`.

#![no_std]
#![no_main]

// Only this binary has stages, and looks at the clock.
#[path = "xdp/clock.rs"]
mod clock;
#[path = "xdp/egress.rs"]
mod egress;
#[path = "xdp/shield.rs"]
mod shield_maps;
#[path = "xdp/stages.rs"]
mod stages;
#[path = "xdp/tap.rs"]
mod tap;
#[path = "xdp/vlan.rs"]
mod vlan;
mod xdp;

use aya_ebpf::Global;
use aya_ebpf::bindings::xdp_action::{XDP_DROP, XDP_PASS};
use aya_ebpf::btf_maps::PerCpuArray;
use aya_ebpf::macros::{btf_map, xdp};
use aya_ebpf::programs::XdpContext;
use aya_log_ebpf::warn;
use edge_ebpf::abi::{STAMP, Stage, Word};
use edge_ebpf::forward::{Decision, decide};
use edge_ebpf::frame::Frame;
use edge_ebpf::payload::{self, Done};
use edge_ebpf::reports;
use edge_ebpf::shield::{ShieldVerdict, shield};
use edge_ebpf::steady::{self, Kept};
use edge_ebpf::verdict::{DropReason, PassReason, Verdict};
use edge_ebpf::wire::ethernet::{self, Ethernet};
use edge_ebpf::wire::ipv4::{self, Ipv4};
use edge_ebpf::wire::ipv6::{self, Ipv6};
use edge_ebpf::wire::udp::Udp;
use egress::{TO_BE_TAGGED, act, action, leave};
use shield_maps::ShieldMaps;
use xdp::frame::XdpFrame;
use xdp::maps::{Maps, count, count_at};

/// Whether unexpected sources are logged. Read-only once loaded, so the verifier removes what a 0 leaves unused.
#[unsafe(no_mangle)]
static DIAGNOSTICS: Global<u8> = Global::new(0);

/// What the process looks for before it loads this.
#[used]
#[unsafe(no_mangle)]
static ABI_STAMP: [u8; STAMP.len()] = STAMP;

/// When this CPU logged last, on `CLOCK_MONOTONIC`.
#[btf_map]
static LOGGED_NS: PerCpuArray<Word, 1> = PerCpuArray::new();

const LOG_INTERVAL_NS: u64 = 1_000_000_000;

/// The product's program. It takes frames in fragments, or devices with an MTU above a page would refuse it; media
/// packets fit the first fragment, where all headers are.
///
/// Each program is a part of the function that the macro makes around it: a call would be a frame of its own, of 32 bytes on older
/// kernels (6.1).
#[xdp(frags)]
#[inline(always)]
pub(crate) fn edge_media(ctx: XdpContext) -> u32 {
    clock::begin();
    let mut frame = XdpFrame::new(&ctx);
    let Decision { verdict, work, charge } = decide(&mut frame, &Maps);
    if let Some(charge) = charge {
        charge.book(&Maps);
    }
    let (mut verdict, mut action) = act(&ctx, verdict, work.is_some());
    if let (Verdict::Relay(path), Some(work)) = (verdict, work) {
        stages::hand_over(&ctx, &work, verdict, path.payload, action);
        (verdict, action) = (Verdict::Drop(DropReason::NoStage), XDP_DROP);
    }
    if verdict.may_be_sip() {
        stages::go_on(&ctx, Stage::Shield, verdict);
    }
    if verdict == Verdict::Pass(PassReason::Tagged) {
        stages::enter(&ctx, Stage::Vlan);
    }
    count(verdict);
    if DIAGNOSTICS.load() != 0 && is_from_elsewhere(verdict) {
        diagnose(&ctx, &frame);
    }
    action
}

/// Takes the place of `edge_media` while somebody captures a call: keeps what comes in, and goes on to `edge_media_tapped`.
#[xdp(frags)]
#[inline(always)]
pub(crate) fn edge_tap(ctx: XdpContext) -> u32 {
    clock::begin();
    tap::arrival(&ctx);
    stages::enter(&ctx, Stage::TappedMedia);
    count(Verdict::Drop(DropReason::NoStage));
    XDP_DROP
}

/// The same as `edge_media`, and keeps what was decided. It says nothing itself.
///
/// Written out once more, and otherwise: of a function that both call, the compiler makes an `edge_media` that takes the verifier nearly twice the
/// instructions, and 40 bytes of stack more; and of the words of `edge_media` it makes one of these that takes as much more.
#[xdp(frags)]
#[inline(always)]
pub(crate) fn edge_media_tapped(ctx: XdpContext) -> u32 {
    let mut frame = XdpFrame::new(&ctx);
    let Decision { verdict, work, charge } = decide(&mut frame, &Maps);
    if let Some(charge) = charge {
        charge.book(&Maps);
    }
    let action = action(verdict, 0);
    match (verdict, work) {
        (Verdict::Relay(path), Some(work)) => {
            let as_it_leaves = !work.tasks.change_it() && action != TO_BE_TAGGED;
            tap::decided(&ctx, verdict.counter(), as_it_leaves);
            stages::hand_over(&ctx, &work, verdict, path.payload, action);
            lost(DropReason::NoStage)
        }
        (Verdict::Relay(_), None) if action == TO_BE_TAGGED => {
            stages::go_on(&ctx, Stage::TappedTag, verdict);
            lost(DropReason::NoDevice)
        }
        (Verdict::Relay(_) | Verdict::Drop(_) | Verdict::Pass(_), _) => {
            if verdict == Verdict::Pass(PassReason::Tagged) {
                stages::enter(&ctx, Stage::TappedVlan);
            }
            tap::decided(&ctx, verdict.counter(), matches!(verdict, Verdict::Relay(_)));
            if verdict.may_be_sip() {
                stages::go_on(&ctx, Stage::Shield, verdict);
            }
            count(verdict);
            leave(&ctx, action);
            action
        }
    }
}

/// Where packets that are not media go on to: what is for SIP is looked at, everything else passes.
#[xdp(frags)]
#[inline(always)]
pub(crate) fn edge_shield(ctx: XdpContext) -> u32 {
    let verdict = shield(&XdpFrame::new(&ctx), &ShieldMaps);
    count_at(verdict.counter().unwrap_or_else(stages::handed_on));
    match verdict {
        ShieldVerdict::Drop(_) => XDP_DROP,
        ShieldVerdict::Elsewhere | ShieldVerdict::Pass(_) | ShieldVerdict::Spare(_) => XDP_PASS,
    }
}

/// Where packets go on to whose payload changes. They leave as the media program has decided, but for events that do not cross.
#[xdp(frags)]
#[inline(always)]
pub(crate) fn edge_payload(ctx: XdpContext) -> u32 {
    let Some((work, action)) = stages::handed_over() else {
        count_at(stages::handed_on());
        return XDP_DROP;
    };
    let done = payload::carry_out(&mut XdpFrame::new(&ctx), &Maps, &work);
    let (counter, action) = match done {
        Some(Done::Leaves) => (stages::handed_on(), action),
        Some(Done::Held) => (Verdict::Drop(DropReason::EventHeld).counter(), XDP_DROP),
        None => (stages::handed_on(), XDP_DROP),
    };
    egress::finish(&ctx, counter, action)
}

/// Where RTP goes on to that becomes a part of one stream: see [`steady`]. Some go on to `edge_payload` from here.
#[xdp(frags)]
#[inline(always)]
pub(crate) fn edge_steady(ctx: XdpContext) -> u32 {
    let Some((work, action)) = stages::handed_over() else {
        count_at(stages::handed_on());
        return XDP_DROP;
    };
    let kept = steady::carry_out(&mut XdpFrame::new(&ctx), &Maps, &work);
    let (counter, action) = match kept {
        Some(Kept::Leaves) if work.tasks.rule().is_some() => {
            stages::enter(&ctx, Stage::Payload);
            (Verdict::Drop(DropReason::NoStage).counter(), XDP_DROP)
        }
        Some(Kept::Leaves) => (stages::handed_on(), action),
        Some(Kept::Dropped(reason)) => (Verdict::Drop(reason).counter(), XDP_DROP),
        Some(Kept::Unfinished(_)) | None => (stages::handed_on(), XDP_DROP),
    };
    egress::finish(&ctx, counter, action)
}

/// Where RTCP goes on to that may be read: see [`reports`]. Some goes on to `edge_rtcp` from here.
#[xdp(frags)]
#[inline(always)]
pub(crate) fn edge_reports(ctx: XdpContext) -> u32 {
    let Some((work, action)) = stages::handed_over() else {
        count_at(stages::handed_on());
        return XDP_DROP;
    };
    reports::take_in(&XdpFrame::new(&ctx), &Maps, &work);
    let (counter, action) = if work.tasks.are_steady() {
        stages::enter(&ctx, Stage::Rtcp);
        (Verdict::Drop(DropReason::NoStage).counter(), XDP_DROP)
    } else {
        (stages::handed_on(), action)
    };
    egress::finish(&ctx, counter, action)
}

/// Where RTCP goes on to that may speak of one stream; a long one several times.
#[xdp(frags)]
#[inline(always)]
pub(crate) fn edge_rtcp(ctx: XdpContext) -> u32 {
    let Some((work, action)) = stages::handed_over() else {
        count_at(stages::handed_on());
        return XDP_DROP;
    };
    let kept = steady::speak(&mut XdpFrame::new(&ctx), &Maps, &work, stages::progress());
    let (counter, action) = match kept {
        Some(Kept::Leaves) => (stages::handed_on(), action),
        Some(Kept::Unfinished(progress)) => {
            stages::speak_on(&ctx, progress);
            (Verdict::Drop(DropReason::NoStage).counter(), XDP_DROP)
        }
        Some(Kept::Dropped(reason)) => (Verdict::Drop(reason).counter(), XDP_DROP),
        None => (stages::handed_on(), XDP_DROP),
    };
    egress::finish(&ctx, counter, action)
}

/// Counts a frame that is relayed and does not get away.
#[inline(always)]
pub(crate) fn lost(reason: DropReason) -> u32 {
    count(Verdict::Drop(reason));
    XDP_DROP
}

const fn is_from_elsewhere(verdict: Verdict) -> bool {
    matches!(verdict, Verdict::Drop(DropReason::UnexpectedSource | DropReason::LatchedElsewhere))
}

/// Tells who sent, at most once a second on each CPU. The addresses of a dropped frame are as they came.
///
/// Each header is looked for only when the one before it is there. If both were asked for at once, the compiler would
/// find out that who has the second has the first, and go on without the first; the verifier does not find that out.
#[inline(always)]
fn diagnose(ctx: &XdpContext, frame: &XdpFrame<'_>) {
    let Some(logged) = LOGGED_NS.get(0) else { return };
    let now = frame.arrival_ns();
    if now.wrapping_sub(logged.load()) < LOG_INTERVAL_NS {
        return;
    }
    logged.store(now);
    match frame.read::<Ethernet>(0).map(|ethernet| ethernet.kind.get()) {
        Some(ethernet::IPV4) => tell_v4(ctx, frame),
        Some(ethernet::IPV6) => tell_v6(ctx, frame),
        Some(_) | None => {}
    }
}

#[inline(always)]
fn tell_v4(ctx: &XdpContext, frame: &XdpFrame<'_>) {
    let Some(ip) = frame.read::<Ipv4>(ethernet::LEN) else { return };
    let Some(udp) = frame.read::<Udp>(ethernet::LEN + ipv4::LEN) else { return };
    warn!(
        ctx,
        "media from {:i}:{} to {:i}:{} dropped: the leg may not send from there",
        u32::from_be_bytes(ip.source),
        udp.source.get(),
        u32::from_be_bytes(ip.destination),
        udp.destination.get()
    );
}

#[inline(always)]
fn tell_v6(ctx: &XdpContext, frame: &XdpFrame<'_>) {
    let Some(ip) = frame.read::<Ipv6>(ethernet::LEN) else { return };
    let Some(udp) = frame.read::<Udp>(ethernet::LEN + ipv6::LEN) else { return };
    warn!(
        ctx,
        "media from [{:i}]:{} to [{:i}]:{} dropped: the leg may not send from there",
        ip.source,
        udp.source.get(),
        ip.destination,
        udp.destination.get()
    );
}

#[unsafe(no_mangle)]
#[unsafe(link_section = "license")]
static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    // Nothing in the program panics: the linker would fail on this loop otherwise, and the verifier refuse it.
    loop {}
}
