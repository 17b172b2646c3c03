//! The highest rate at which nothing fails, found by doubling and halving.

use anyhow::Result;

use super::Plan;
use super::load::Outcome;

/// The first rate that is tried when nothing is known.
const FIRST_RATE: u32 = 200;
/// The answer is known to a part of this.
const PRECISION: u32 = 10;

/// The outcome at the highest rate that `try_rate` does well at; none when it fails at the lowest. `near` is where it was
/// found the last time.
pub(super) fn highest(
    plan: &Plan,
    near: Option<u32>,
    mut try_rate: impl FnMut(u32) -> Result<Outcome>,
) -> Result<Option<Outcome>> {
    let mut best: Option<Outcome> = None;
    let mut failed_at = plan.rate_max + 1;
    let mut rate = near.map_or(FIRST_RATE, |rate| rate - rate / 5).min(plan.rate_max);
    loop {
        let outcome = try_rate(rate)?;
        if outcome.is_good() {
            best = Some(outcome);
        } else {
            failed_at = rate;
        }
        let reached = best.as_ref().map_or(0, |best| best.rate);
        if failed_at - reached <= (failed_at / PRECISION).max(1) {
            return Ok(best);
        }
        let between = reached + (failed_at - reached) / 2;
        rate = if failed_at > plan.rate_max { (reached * 2).min(plan.rate_max) } else { between };
    }
}

#[cfg(test)]
mod tests;
