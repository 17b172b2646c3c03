//! Who holds how much of the table, so that no trunk fills it for all others.
//!
//! A trunk may hold as many server transactions as there is room left for (dynamic thresholds, Choudhury and Hahne
//! 1998): one that takes all it can get ends with half of the table, two with a third each, and whoever comes next
//! still finds room. Nothing is reserved for those who want none.

use std::collections::HashMap;

use crate::policy::TrunkId;

/// Server transactions by trunk. Trunks that hold none have no entry.
#[derive(Debug, Default)]
pub(super) struct Shares {
    held: HashMap<TrunkId, usize>,
}

impl Shares {
    /// Whether `trunk` may hold one more, when there is room for `free`.
    pub(super) fn may_take(&self, trunk: TrunkId, free: usize) -> bool {
        self.held.get(&trunk).copied().unwrap_or(0) < free
    }

    pub(super) fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    pub(super) fn take(&mut self, trunk: TrunkId) {
        *self.held.entry(trunk).or_insert(0) += 1;
    }

    pub(super) fn give_back(&mut self, trunk: TrunkId) {
        if let Some(held) = self.held.get_mut(&trunk) {
            *held -= 1;
            if *held == 0 {
                self.held.remove(&trunk);
            }
        }
    }
}

#[cfg(test)]
mod tests;
