//! How often each nonce was answered (`nc`, RFC 7616 section 3.4): a proof that was seen is not taken again.
//!
//! Counts may come out of order, for requests overtake one another: of each nonce the last [`WINDOW`] are told apart, older
//! ones are taken for seen. Only who has proven to know the password gets in here, so a stranger fills nothing.
//!
//! Invariant: no count of a nonce is taken twice, whatever was forgotten since: of nonces that are older than one that had to be
//! forgotten, none is taken that is not remembered.

use std::collections::BTreeMap;

use super::Issued;

/// Nonces of one peer that are remembered. One that counts needs one; one that answers each challenge anew has used so many
/// within seconds at any rate that a trunk has, and answers within one.
const NONCES_MAX: usize = 1_024;

/// Counts of a nonce that are told apart: requests on their way at once.
const WINDOW: u32 = 64;

/// What one peer has answered.
#[derive(Debug, Default)]
pub struct NonceCounts {
    used: BTreeMap<Issued, Used>,
    /// The newest nonce that was forgotten.
    forgotten: Option<Issued>,
}

#[derive(Debug, Clone, Copy)]
struct Used {
    highest: u32,
    /// Bit n: whether `highest - n` was seen.
    seen: u64,
}

/// A proof that was seen before, or could have been.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this proof was seen before")]
pub struct Replayed;

impl NonceCounts {
    /// Takes a count of `nonce`. Nonces made before `oldest` are not asked about any more.
    ///
    /// # Errors
    /// [`Replayed`].
    pub fn take(&mut self, nonce: Issued, count: u32, oldest: Issued) -> Result<(), Replayed> {
        while let Some(first) = self.used.first_entry().filter(|first| *first.key() < oldest) {
            self.forgotten = self.forgotten.max(Some(*first.key()));
            first.remove();
        }
        if let Some(used) = self.used.get_mut(&nonce) {
            return used.take(count);
        }
        if count == 0 || self.forgotten.is_some_and(|forgotten| nonce <= forgotten) {
            return Err(Replayed);
        }
        if self.used.len() >= NONCES_MAX
            && let Some((first, _)) = self.used.pop_first()
        {
            self.forgotten = self.forgotten.max(Some(first));
        }
        self.used.insert(nonce, Used { highest: count, seen: 1 });
        Ok(())
    }
}

impl Used {
    fn take(&mut self, count: u32) -> Result<(), Replayed> {
        if count > self.highest {
            let ahead = count - self.highest;
            self.seen = self.seen.checked_shl(ahead).unwrap_or(0) | 1;
            self.highest = count;
            return Ok(());
        }
        let behind = self.highest - count;
        if behind >= WINDOW || count == 0 || self.seen >> behind & 1 == 1 {
            return Err(Replayed);
        }
        self.seen |= 1 << behind;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
