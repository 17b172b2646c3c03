//! The streams of a call as they are written down for another process.

use serde::{Deserialize, Serialize};

use crate::media::{Dscp, Family, MediaPlan, PortPool, STREAMS_MAX, SourcePolicy};
use crate::policy::{Policing, RealmId, Stun};
use crate::sdp::MediaLines;

use super::{End, Streams};

/// What all streams of one side have in common, but for its realm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::call) struct EndSnapshot {
    family: Family,
    source_policy: SourcePolicy,
    dscp: Option<Dscp>,
    policing: Policing,
    stun: Stun,
    ssrc: Option<u32>,
}

impl Streams {
    /// Whether any offer was ever answered.
    pub(in crate::call) fn are_agreed(&self) -> bool {
        self.lines != MediaLines::default()
    }

    /// The lines, and what the ends have in common, side A's first.
    pub(in crate::call) fn snapshot(&self) -> (MediaLines, [EndSnapshot; 2]) {
        let end = |End { realm: _, family, source_policy, dscp, policing, stun, ssrc }| EndSnapshot {
            family,
            source_policy,
            dscp,
            policing,
            stun,
            ssrc,
        };
        (self.lines.clone(), self.ends.map(end))
    }

    /// The same streams in another process; `relayed` says whether their ports are still this call's. `None` when they cannot
    /// be its: then none is taken.
    pub(in crate::call) fn restore(
        plan: MediaPlan,
        lines: MediaLines,
        ends: [(RealmId, EndSnapshot); 2],
        relayed: bool,
        ports: &mut PortPool,
    ) -> Option<Self> {
        let mut leases = Vec::new();
        for stream in plan.streams.iter().filter(|_| relayed) {
            for (local, (realm, _)) in [stream.a.local, stream.b.local].into_iter().zip(ends) {
                let Some(lease) = ports.adopt(realm, local) else {
                    leases.into_iter().for_each(|lease| ports.disown(lease));
                    return None;
                };
                leases.push(lease);
            }
        }
        let end = |(realm, EndSnapshot { family, source_policy, dscp, policing, stun, ssrc })| End {
            realm,
            family,
            source_policy,
            dscp,
            policing,
            stun,
            ssrc,
        };
        Some(Self { plan, lines, leases, ..Self::direct(ends.map(end)) })
    }
}

/// Whether a plan and lines can have been those of one call.
pub(in crate::call) fn are_sound(plan: &MediaPlan, lines: &MediaLines) -> bool {
    let sound = |policy: &SourcePolicy| match policy {
        SourcePolicy::Subnet { prefix_len } => *prefix_len <= 128,
        SourcePolicy::Strict | SourcePolicy::Port | SourcePolicy::Latch { .. } => true,
    };
    let mut ends = plan.streams.iter().flat_map(|stream| [&stream.a, &stream.b]);
    // Without any, media does not pass the edge.
    let room = if plan.streams.is_empty() { STREAMS_MAX } else { plan.streams.len() };
    room <= STREAMS_MAX
        && lines.are_within(room)
        && ends.all(|end| {
            sound(&end.source_policy) && end.dscp.is_none_or(|dscp| Dscp::new(dscp.number()).is_some())
        })
}
