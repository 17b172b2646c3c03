//! What is said of a side that was heard and is not any more.

use super::{Direction, Finding};

impl Direction<'_> {
    /// Media came, and has stopped.
    pub(super) fn silence(&self) -> Option<Finding> {
        let silent_s = self.silent_for.filter(|_| self.report.packets > 0)?.as_secs();
        let (name, near) = (self.name, &self.near.trunk);
        let what = format!(
            "{name}: nothing has come from {near} for {silent_s} s; it came before, and is not on hold"
        );
        let remedy = if self.report.drops.is_empty() {
            "does it suppress silence, or is it muted? else it is gone, or the way from it is; `silence` of its trunk can end such calls"
        } else {
            "what does come is dropped: see there"
        };
        Some(Finding::new(what).but(remedy))
    }
}
