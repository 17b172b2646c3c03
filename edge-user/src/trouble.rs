//! What is wrong with the media of a standing call, in two words: to find it among thousands. [`diagnosis`](crate::diagnosis) says
//! it in sentences.

use std::fmt::{self, Display, Formatter};

use edge_core::call::CallView;
use edge_core::media::MediaReport;
use edge_ebpf::verdict::DropReason;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::diagnosis::is_lost_beyond;

/// Loss that a listener hears, in thousandths.
const LOSS_MIN: u64 = 10;
/// Packets that make a figure worth saying.
const PACKETS_MIN: u64 = 50;

/// Something that is wrong, the worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Trouble {
    /// Nothing is heard of either side.
    Dead,
    /// Nothing is heard of the caller.
    ASilent,
    /// Nothing is heard of the called side.
    BSilent,
    /// More packets of the caller are dropped here than relayed.
    ADropped,
    /// The same of the called side.
    BDropped,
    /// What comes from the caller has holes.
    ALossy,
    /// What comes from the called side does.
    BLossy,
    /// The caller reports that what it is sent has holes that it did not come with.
    AHearsLoss,
    /// The called side does.
    BHearsLoss,
}

impl Display for Trouble {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Dead => "dead",
            Self::ASilent => "A silent",
            Self::BSilent => "B silent",
            Self::ADropped => "A dropped",
            Self::BDropped => "B dropped",
            Self::ALossy => "A lossy",
            Self::BLossy => "B lossy",
            Self::AHearsLoss => "A hears loss",
            Self::BHearsLoss => "B hears loss",
        })
    }
}

/// What is wrong with the media of a call, the worst first; empty when nothing is, or none passes here.
#[must_use]
pub fn troubles(call: &CallView, media: Option<&[MediaReport; 2]>) -> Vec<Trouble> {
    let Some([a, b]) = media.filter(|_| !call.direct_media) else { return Vec::new() };
    let silent = match call.silent_since {
        [None, None] => None,
        [Some(_), Some(_)] => Some(Trouble::Dead),
        [Some(_), None] => Some(Trouble::ASilent),
        [None, Some(_)] => Some(Trouble::BSilent),
    };
    let mut found: Vec<Trouble> = silent.into_iter().collect();
    found.extend(are_dropped(a).then_some(Trouble::ADropped));
    found.extend(are_dropped(b).then_some(Trouble::BDropped));
    found.extend(is_lossy(a).then_some(Trouble::ALossy));
    found.extend(is_lossy(b).then_some(Trouble::BLossy));
    found.extend(is_lost_beyond(b, &a.reported).then_some(Trouble::AHearsLoss));
    found.extend(is_lost_beyond(a, &b.reported).then_some(Trouble::BHearsLoss));
    found
}

/// Over all of its streams. What cannot leave because the other side is on hold is dropped, and nothing is wrong.
fn are_dropped(report: &MediaReport) -> bool {
    let drops = report.drops.iter().filter(|(reason, _)| *reason != DropReason::NoRemote.name());
    let dropped: u64 = drops.map(|(_, packets)| packets).sum();
    dropped >= PACKETS_MIN && dropped > report.packets
}

fn is_lossy(report: &MediaReport) -> bool {
    let (lost, expected) = (report.rtp.lost, report.rtp.expected());
    expected >= PACKETS_MIN && lost.saturating_mul(1000) >= expected.saturating_mul(LOSS_MIN)
}

#[cfg(test)]
mod tests;
