//! A transfer that is tried, as it is written down for another process: enough to tell who asked for it that it has failed.

use serde::{Deserialize, Serialize};

use super::super::Side;
use super::{Referral, Ringing};

/// What names the subscription of a REFER.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::call) struct ReferralSnapshot {
    by: Side,
    sequence: u32,
    silent: bool,
    gone: bool,
}

impl Referral {
    /// What another process has to know of it: not the call that it goes on as, which does not outlive this one.
    pub(in crate::call) const fn snapshot(&self) -> ReferralSnapshot {
        let Self { by, sequence, silent, gone, .. } = *self;
        ReferralSnapshot { by, sequence, silent, gone }
    }

    /// A transfer that nobody tries any more.
    pub(in crate::call) fn restore(snapshot: ReferralSnapshot) -> Self {
        let ReferralSnapshot { by, sequence, silent, gone } = snapshot;
        Self { by, sequence, silent, gone, call: None, reported: Vec::new(), ringing: Ringing::default() }
    }
}
