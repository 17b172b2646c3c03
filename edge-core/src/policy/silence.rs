//! What is done when a trunk's side of a call is silent.

use std::time::Duration;

/// When a side of a trunk is silent, and what follows from that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Silence {
    /// So long nothing is heard of a side that should be, and it is said; `None` never says it.
    pub after: Option<Duration>,
    /// Which calls it ends.
    pub ends: SilenceEnds,
    /// So long nothing is heard, RTCP included, and such calls are ended.
    pub end_after: Duration,
}

/// Which calls silence ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SilenceEnds {
    /// None.
    #[default]
    None,
    /// Those in which neither side is heard.
    Dead,
    /// Those in which a side of this trunk is not, too.
    OneWay,
}

impl Default for Silence {
    /// It is said after 10 s, which few suppressed silences last without comfort noise, and ends nothing.
    fn default() -> Self {
        Self {
            after: Some(Duration::from_secs(10)),
            ends: SilenceEnds::None,
            end_after: Duration::from_secs(60),
        }
    }
}

impl Silence {
    /// How soon something may follow from it; `None` when nothing ever does.
    #[must_use]
    pub fn soonest(&self) -> Option<Duration> {
        let ends = (self.ends != SilenceEnds::None).then_some(self.end_after);
        self.after.into_iter().chain(ends).min()
    }
}
