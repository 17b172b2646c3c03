//! A digit: one of sixteen, and how long.

use std::time::Duration;

/// What a keypad has (RFC 4733 section 3.2), by number.
const SYMBOLS: &[u8; 16] = b"0123456789*#ABCD";

/// Shortest digit that a receiver has to hear (ITU-T Q.24).
const SHORTEST: Duration = Duration::from_millis(40);
/// Longest that is passed on: who leans on a key means no more by that.
const LONGEST: Duration = Duration::from_secs(5);

/// A digit that a leg has sent, or is to get.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Digit {
    event: u8,
    duration: Duration,
}

impl Digit {
    /// The digit with this event number; `None` for an event that is no digit. What is too short to be heard, or longer than
    /// anybody needs, is made to fit.
    #[must_use]
    pub fn new(event: u8, duration: Duration) -> Option<Self> {
        let duration = duration.clamp(SHORTEST, LONGEST);
        (usize::from(event) < SYMBOLS.len()).then_some(Self { event, duration })
    }

    /// The digit with this symbol.
    #[must_use]
    pub fn of_symbol(symbol: u8, duration: Duration) -> Option<Self> {
        let symbol = symbol.to_ascii_uppercase();
        let event = SYMBOLS.iter().position(|other| *other == symbol)?;
        Self::new(u8::try_from(event).ok()?, duration)
    }

    /// The same for one who is not to know which: a star.
    #[must_use]
    pub const fn masked(self) -> Self {
        Self { event: 10, ..self }
    }

    /// Its number as an event, 0 to 15.
    #[must_use]
    pub const fn event(self) -> u8 {
        self.event
    }

    /// Its symbol: `0` to `9`, `*`, `#`, `A` to `D`.
    #[must_use]
    pub fn symbol(self) -> char {
        SYMBOLS.get(usize::from(self.event)).map_or('*', |symbol| char::from(*symbol))
    }

    /// How long it is.
    #[must_use]
    pub const fn duration(self) -> Duration {
        self.duration
    }
}
