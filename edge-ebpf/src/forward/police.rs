//! Whether a packet is one that its leg has negotiated: its payload type, and how many there are of them.
//!
//! The far side is known by now, so this holds a peer to what it has agreed to; strangers never come this far. What
//! exceeds the rate costs nothing of it, so that a sender of too much is cut to what it may send.

use super::datagram::Media;
use crate::abi::{Endpoint, EndpointState, PROFILE_COUNTS_ONLY};
use crate::tables::Tables;
use crate::verdict::DropReason;

/// What is to become of the packet's payload, as the bits of a [`PayloadRule`](crate::abi::PayloadRule); 0 when it crosses as it is. `arrival` is its
/// time in nanoseconds and its length in bytes.
///
/// Bits, because of an `Option` that is `None` the compiler reads the rest, too, which nobody has written: the verifier of
/// older kernels (6.1) refuses that.
#[inline(always)]
pub(super) fn police(
    tables: &impl Tables,
    near: &Endpoint,
    state: Option<&EndpointState>,
    media: &Media,
    arrival: (u64, u64),
) -> Result<u16, DropReason> {
    if near.profile == 0 {
        return Ok(0);
    }
    let profile = tables.profile(near.profile.into()).ok_or(DropReason::WrongEntry)?;
    let counts_only = profile.flags() & PROFILE_COUNTS_ONLY != 0;
    let rule = match media {
        Media::Rtp(rtp) => match profile.rule(rtp.payload_type()) {
            None if !counts_only => return Err(DropReason::PayloadType),
            None => {
                if let Some(state) = state {
                    state.record_foreign_type();
                }
                0
            }
            Some(rule) if rule.changes(rtp.payload_type()) => rule.bits(),
            Some(_) => 0,
        },
        Media::Rtcp(_) | Media::Udptl { .. } | Media::Beside { .. } => 0,
    };
    let (ns, bytes) = arrival;
    let Some(state) = state else { return Ok(rule) };
    if !state.spend(ns, bytes, profile.rate()) {
        if !counts_only {
            return Err(DropReason::OverRate);
        }
        state.record_excess();
    }
    Ok(rule)
}
