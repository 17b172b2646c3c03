//! Which numbers of a run never came, came twice or came late, and how losses cluster: bursts and gaps (RFC 3611 section 4.7.2).
//!
//! A [`Window`] remembers which of the last 64 numbers have come. A number is given up when one came that is [`WAIT`] ahead
//! of it: 320 ms at 20 ms a packet, more than a jitter buffer waits; RFC 3611 counts such a packet as discarded, which is
//! as good as lost. Numbers that are given up at once make one [`Gone`], because there are fewer of them than [`GMIN`] between any
//! two: so a packet costs the same however much was lost before it, and next to nothing when nothing was.
//!
//! Losses with fewer than `GMIN` packets between them are of one [`Cluster`]. A cluster of two or more is a burst, one that stands alone
//! belongs to the gap around it.

/// Packets that came between two losses for these to be apart: what RFC 3611 recommends, good for a listener.
pub const GMIN: u32 = 16;
/// Packets ahead of a number at which it is given up. Not more than [`GMIN`]: see above.
pub const WAIT: u32 = 16;
/// Numbers that are remembered.
const REMEMBERED: u32 = 64;
const WAITING: u64 = (1 << WAIT) - 1;

/// Which of the last numbers have come: bit 0 is the highest of all, bit 1 the one before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window(u64);

/// Numbers that are given up: the first, the last, and how many of those from the one to the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gone {
    /// The first.
    pub first: u32,
    /// The last.
    pub last: u32,
    /// How many.
    pub count: u32,
    /// How many runs of numbers one after the other they are.
    pub runs: u32,
}

/// What a packet is that came behind the highest number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Late {
    /// It came before.
    Duplicate,
    /// It was overtaken, and had not been given up.
    Reordered,
    /// It had been given up.
    TooLate,
}

impl Window {
    /// From its stored form.
    #[inline(always)]
    #[must_use]
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// Its stored form.
    #[inline(always)]
    #[must_use]
    pub const fn bits(self) -> u64 {
        self.0
    }

    /// Whether no run has begun.
    #[inline(always)]
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The first packet of a run came: nobody waits for what was before it.
    #[inline(always)]
    #[must_use]
    pub const fn starting() -> Self {
        Self(u64::MAX)
    }

    /// A packet came that is `ahead` of `last`, the highest number so far, by at least one. Returns what is given up by that.
    #[inline(always)]
    pub const fn advance(&mut self, last: u32, ahead: u32) -> Option<Gone> {
        let missing = !self.0 & WAITING;
        self.0 = if ahead < REMEMBERED { self.0 << ahead | 1 } else { 1 };
        if ahead > WAIT {
            let (among, jumped) = (gone(last, missing), ahead - WAIT);
            return Some(match among {
                Some(Gone { first, last: _, count, runs }) => {
                    Gone { first, last: last.wrapping_add(jumped), count: count + jumped, runs: runs + 1 }
                }
                None => Gone {
                    first: last.wrapping_add(1),
                    last: last.wrapping_add(jumped),
                    count: jumped,
                    runs: 1,
                },
            });
        }
        gone(last, missing & (WAITING << (WAIT - ahead)))
    }

    /// A packet came that is `behind` the highest number; 0 is that number itself.
    #[inline(always)]
    pub const fn fill(&mut self, behind: u32) -> Late {
        if behind >= REMEMBERED {
            return Late::TooLate;
        }
        let bit = 1 << behind;
        if self.0 & bit != 0 {
            return Late::Duplicate;
        }
        self.0 |= bit;
        if behind < WAIT { Late::Reordered } else { Late::TooLate }
    }

    /// What has not come of the numbers that are waited for, when `last` is the highest: given up, when the run ends.
    #[inline(always)]
    #[must_use]
    pub const fn awaited(self, last: u32) -> Option<Gone> {
        gone(last, !self.0 & WAITING)
    }
}

/// The numbers at these bits below `last`.
#[inline(always)]
const fn gone(last: u32, missing: u64) -> Option<Gone> {
    if missing == 0 {
        return None;
    }
    let highest = u64::BITS - 1 - missing.leading_zeros();
    let lowest = missing.trailing_zeros();
    Some(Gone {
        first: last.wrapping_sub(highest),
        last: last.wrapping_sub(lowest),
        count: missing.count_ones(),
        runs: (missing & !(missing << 1)).count_ones(),
    })
}

/// Losses with fewer than [`GMIN`] packets between them. Empty while `lost` is 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Cluster {
    /// The first number.
    pub first: u32,
    /// The last number.
    pub last: u32,
    /// How many are lost.
    pub lost: u32,
}

impl Cluster {
    /// Takes in what is given up next. When that is too far away, it begins another cluster, and this one is returned.
    #[inline(always)]
    pub const fn take(&mut self, gone: Gone) -> Option<Self> {
        let Gone { first, last, count, runs: _ } = gone;
        if self.lost == 0 {
            *self = Self { first, last, lost: count };
            return None;
        }
        let between = first.wrapping_sub(self.last).wrapping_sub(1);
        if between < GMIN {
            self.last = last;
            self.lost = self.lost.wrapping_add(count);
            return None;
        }
        let former = *self;
        *self = Self { first, last, lost: count };
        Some(former)
    }

    /// How many runs of losses these begin: one fewer when they go on where the last one was.
    #[inline(always)]
    #[must_use]
    pub const fn runs_begun_by(&self, gone: Gone) -> u32 {
        let goes_on = self.lost > 0 && gone.first == self.last.wrapping_add(1);
        if goes_on { gone.runs - 1 } else { gone.runs }
    }

    /// Numbers from the first to the last one.
    #[inline(always)]
    #[must_use]
    pub const fn span(&self) -> u32 {
        self.last.wrapping_sub(self.first).wrapping_add(1)
    }

    /// Whether the losses are a burst; one that stands alone is none.
    #[inline(always)]
    #[must_use]
    const fn is_burst(&self) -> bool {
        self.lost > 1
    }
}

/// Bursts that are over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Bursts {
    /// How many.
    pub count: u32,
    /// Packets that should have come while they lasted.
    pub packets: u32,
    /// Of these, packets that were lost.
    pub lost: u32,
}

impl Bursts {
    /// Takes in a cluster that is over.
    #[inline(always)]
    pub const fn close(&mut self, cluster: &Cluster) {
        if cluster.is_burst() {
            self.count = self.count.wrapping_add(1);
            self.packets = self.packets.wrapping_add(cluster.span());
            self.lost = self.lost.wrapping_add(cluster.lost);
        }
    }
}

#[cfg(test)]
mod tests;
