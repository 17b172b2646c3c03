//! The programs for frames with an 802.1Q tag: see [`edge_ebpf::vlan`]. A frame without one, bound for a network without one,
//! meets none of them.

use aya_ebpf::bindings::xdp_action::{XDP_DROP, XDP_PASS};
use aya_ebpf::macros::xdp;
use aya_ebpf::programs::XdpContext;
use edge_ebpf::abi::Stage;
use edge_ebpf::forward::Decision;
use edge_ebpf::shield::{ShieldVerdict, shield};
use edge_ebpf::verdict::{DropReason, Verdict};
use edge_ebpf::vlan::{self, Untagged};

use crate::egress::{self, TO_BE_TAGGED, action, leave};
use crate::shield_maps::ShieldMaps;
use crate::xdp::frame::XdpFrame;
use crate::xdp::maps::{Maps, count, count_at};
use crate::{lost, stages, tap};

/// Where frames with a tag go on to: decides about them as `edge_media` does about others.
#[xdp(frags)]
#[inline(always)]
pub(crate) fn edge_vlan(ctx: XdpContext) -> u32 {
    let mut frame = XdpFrame::new(&ctx);
    let network = match vlan::network(&frame, &Maps) {
        Ok(network) => network,
        Err(reason) => {
            count(Verdict::Pass(reason));
            return XDP_PASS;
        }
    };
    let Decision { verdict, work, charge } = vlan::decide(&mut frame, &Maps, network);
    if let Some(charge) = charge {
        charge.book(&Maps);
    }
    let action = action(verdict, network.vid);
    match (verdict, work) {
        (Verdict::Relay(path), Some(work)) => {
            stages::hand_over(&ctx, &work, verdict, path.payload, action);
            lost(DropReason::NoStage)
        }
        (Verdict::Relay(_), None) if action == TO_BE_TAGGED => {
            stages::go_on(&ctx, Stage::Tag, verdict);
            lost(DropReason::NoDevice)
        }
        (Verdict::Relay(_) | Verdict::Drop(_) | Verdict::Pass(_), _) => {
            if verdict.may_be_sip() {
                stages::go_on(&ctx, Stage::TaggedShield, verdict);
            }
            count(verdict);
            leave(&ctx, action);
            action
        }
    }
}

/// The same behind the tap of a capture; written out once more for the verifier, as `edge_media_tapped` is.
#[xdp(frags)]
#[inline(always)]
pub(crate) fn edge_vlan_tapped(ctx: XdpContext) -> u32 {
    let mut frame = XdpFrame::new(&ctx);
    let network = match vlan::network(&frame, &Maps) {
        Ok(network) => network,
        Err(reason) => {
            count(Verdict::Pass(reason));
            return XDP_PASS;
        }
    };
    let Decision { verdict, work, charge } = vlan::decide(&mut frame, &Maps, network);
    if let Some(charge) = charge {
        charge.book(&Maps);
    }
    let action = action(verdict, network.vid);
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
            tap::decided(&ctx, verdict.counter(), matches!(verdict, Verdict::Relay(_)));
            if verdict.may_be_sip() {
                stages::go_on(&ctx, Stage::TaggedShield, verdict);
            }
            count(verdict);
            leave(&ctx, action);
            action
        }
    }
}

/// Where frames go on to that leave into a VLAN, when everything else is done to them.
#[xdp(frags)]
#[inline(always)]
pub(crate) fn edge_tag(ctx: XdpContext) -> u32 {
    match egress::tag(&ctx) {
        Ok(action) => {
            count_at(stages::handed_on());
            leave(&ctx, action);
            action
        }
        Err(reason) => lost(reason),
    }
}

/// The same for frames that a capture may want as they leave.
#[xdp(frags)]
#[inline(always)]
pub(crate) fn edge_tag_tapped(ctx: XdpContext) -> u32 {
    match egress::tag(&ctx) {
        Ok(action) => {
            tap::decided(&ctx, stages::handed_on(), true);
            count_at(stages::handed_on());
            leave(&ctx, action);
            action
        }
        Err(reason) => {
            tap::decided(&ctx, Verdict::Drop(reason).counter(), false);
            lost(reason)
        }
    }
}

/// Where frames with a tag go on to that are not media: as `edge_shield`.
#[xdp(frags)]
#[inline(always)]
pub(crate) fn edge_tagged_shield(ctx: XdpContext) -> u32 {
    let mut frame = XdpFrame::new(&ctx);
    let verdict = match vlan::network(&frame, &Maps) {
        Ok(network) => shield(&Untagged::new(&mut frame, network), &ShieldMaps),
        Err(_) => ShieldVerdict::Elsewhere,
    };
    count_at(verdict.counter().unwrap_or_else(stages::handed_on));
    match verdict {
        ShieldVerdict::Drop(_) => XDP_DROP,
        ShieldVerdict::Elsewhere | ShieldVerdict::Pass(_) | ShieldVerdict::Spare(_) => XDP_PASS,
    }
}
