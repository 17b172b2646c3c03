//! The highest rate at which all goes well, found by doubling and halving.

use anyhow::Result;

/// What a try at a rate came to.
pub(crate) trait Tried {
    /// The rate, a second.
    fn rate(&self) -> u64;
    /// Whether all went well.
    fn is_good(&self) -> bool;
}

/// Where to look.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Search {
    /// Tried first when nothing is known.
    pub(crate) first: u64,
    /// Nothing below it is tried.
    pub(crate) least: u64,
    /// Nothing above it is tried.
    pub(crate) most: u64,
    /// The answer is known to a part of this.
    pub(crate) precision: u64,
}

impl Search {
    /// The outcome at the highest rate that `try_rate` does well at; none when it does well at none. `near` is where it may be.
    pub(crate) fn highest<T: Tried>(
        self,
        near: Option<u64>,
        mut try_rate: impl FnMut(u64) -> Result<T>,
    ) -> Result<Option<T>> {
        let mut best: Option<T> = None;
        let mut failed_at = self.most + 1;
        let mut rate = near.map_or(self.first, |rate| rate - rate / 5).clamp(self.least, self.most);
        loop {
            let outcome = try_rate(rate)?;
            if outcome.is_good() {
                best = Some(outcome);
            } else {
                failed_at = rate;
            }
            let reached = best.as_ref().map_or(0, T::rate);
            let is_near = failed_at - reached <= (failed_at / self.precision).max(1);
            if is_near || failed_at <= self.least {
                return Ok(best);
            }
            let between = (reached + (failed_at - reached) / 2).max(self.least);
            rate = if failed_at > self.most { (reached * 2).min(self.most) } else { between };
        }
    }
}

#[cfg(test)]
mod tests;
