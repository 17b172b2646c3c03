//! How a relayed frame leaves: by the action that a program ends with, and into a VLAN by a stage that puts its tag on.
//!
//! The slot of a VLAN is empty in the devmap. So a frame without a tag costs nothing more, and one that needs a tag is found where the redirect
//! fails: it ends in [`TO_BE_TAGGED`] instead of an action, through whichever stages it goes.

use aya_ebpf::bindings::xdp_action::{XDP_ABORTED, XDP_DROP, XDP_PASS, XDP_REDIRECT, XDP_TX};
use aya_ebpf::btf_maps::{Array, PerCpuArray};
use aya_ebpf::macros::btf_map;
use aya_ebpf::programs::XdpContext;
use edge_ebpf::abi::{DEVICES_MAX, EgressTag, Stage, Word};
use edge_ebpf::verdict::{DropReason, Egress, Verdict};
use edge_ebpf::vlan;

use crate::clock;
use crate::stages;
use crate::xdp::frame::XdpFrame;
use crate::xdp::maps::{DEVICES, count_at};

/// In the place of an action: the frame is relayed once it has a tag.
pub(crate) const TO_BE_TAGGED: u32 = XDP_ABORTED;

/// A slot that is none: back out of the device that the frame came in by.
const BACK: u32 = u32::MAX;

#[btf_map]
static TAGS: Array<EgressTag, { DEVICES_MAX as usize }> = Array::new();

/// Where the frame that this CPU is at shall leave, for the stage: the slot, and of [`BACK`] the VLAN.
#[btf_map]
static EGRESS: PerCpuArray<Word, 1> = PerCpuArray::new();

/// The action for a verdict. `vid` is the VLAN that the frame came from.
#[inline(always)]
pub(crate) fn action(verdict: Verdict, vid: u16) -> u32 {
    match verdict {
        Verdict::Pass(_) => XDP_PASS,
        Verdict::Drop(_) => XDP_DROP,
        Verdict::Relay(path) => match path.egress {
            Egress::SameDevice if vid == 0 => XDP_TX,
            Egress::SameDevice => to_be_tagged(BACK, vid.into()),
            Egress::Device(slot) => match DEVICES.redirect(slot, u64::from(XDP_DROP)) {
                Ok(_) => XDP_REDIRECT,
                Err(_) => to_be_tagged(slot, 0),
            },
        },
    }
}

/// The same for `edge_media`, and the verdict that was in the end carried out. A frame that needs a tag and nothing else does not come
/// back from here: where the redirect fails is the one place that costs the program next to nothing of the verifier's instructions and
/// of its stack, which [`action`] and a comparison after it would take half as much again of.
#[inline(always)]
pub(crate) fn act(ctx: &XdpContext, verdict: Verdict, worked_on: bool) -> (Verdict, u32) {
    match verdict {
        Verdict::Pass(_) => (verdict, XDP_PASS),
        Verdict::Drop(_) => (verdict, XDP_DROP),
        Verdict::Relay(path) => match path.egress {
            Egress::SameDevice => (verdict, leaves(ctx, XDP_TX, worked_on)),
            Egress::Device(slot) => match DEVICES.redirect(slot, u64::from(XDP_DROP)) {
                Ok(_) => (verdict, leaves(ctx, XDP_REDIRECT, worked_on)),
                Err(_) => {
                    let action = to_be_tagged(slot, 0);
                    if worked_on {
                        return (verdict, action);
                    }
                    stages::go_on(ctx, Stage::Tag, verdict);
                    (Verdict::Drop(DropReason::NoDevice), XDP_DROP)
                }
            },
        },
    }
}

#[inline(always)]
fn to_be_tagged(slot: u32, vid: u32) -> u32 {
    if let Some(egress) = EGRESS.get(0) {
        egress.store_halves(slot, vid);
    }
    TO_BE_TAGGED
}

/// The action of a frame that is done with, unless it still goes through stages.
#[inline(always)]
fn leaves(ctx: &XdpContext, action: u32, worked_on: bool) -> u32 {
    if !worked_on {
        clock::end(ctx);
    }
    action
}

/// A program ends with a packet. What is dropped, or the host's, is not late.
#[inline(always)]
pub(crate) fn leave(ctx: &XdpContext, action: u32) {
    if action == XDP_TX || action == XDP_REDIRECT {
        clock::end(ctx);
    }
}

/// Ends a stage with this counter and action, or goes on to the one that puts the tag on.
#[inline(always)]
pub(crate) fn finish(ctx: &XdpContext, counter: u32, action: u32) -> u32 {
    if action == TO_BE_TAGGED {
        stages::enter(ctx, Stage::Tag);
        count_at(Verdict::Drop(DropReason::NoDevice).counter());
        return XDP_DROP;
    }
    count_at(counter);
    leave(ctx, action);
    action
}

/// Puts the tag on. Returns the action that the frame leaves with.
#[inline(always)]
pub(crate) fn tag(ctx: &XdpContext) -> Result<u32, DropReason> {
    let (slot, vid) = EGRESS.get(0).ok_or(DropReason::NoDevice)?.load_halves();
    let tag = if slot == BACK {
        EgressTag { vid, device: BACK }
    } else {
        *TAGS.get(slot).ok_or(DropReason::NoDevice)?
    };
    if tag.vid == 0 {
        return Err(DropReason::NoDevice);
    }
    vlan::put_on(&mut XdpFrame::new(ctx), tag.vid as u16).ok_or(DropReason::NoHeadroom)?;
    if tag.device == BACK {
        return Ok(XDP_TX);
    }
    match DEVICES.redirect(tag.device, u64::from(XDP_DROP)) {
        Ok(_) => Ok(XDP_REDIRECT),
        Err(_) => Err(DropReason::NoDevice),
    }
}
