//! What a leg may send, as its description and the other leg's agreed on it: payload types and how many packets, and what
//! becomes of each on its way to the other leg.
//!
//! Invariants: a payload type has one meaning at most; calls that agree on the same have equal values, so the datapath keeps
//! one for all of them.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// Payload types of one leg. The longest lists in use have about 25, and a peer that answers with other numbers than it was
/// offered may use both.
pub const PAYLOADS_MAX: usize = 64;

/// What becomes of what a payload type carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub enum Handling {
    /// It crosses as it is.
    #[default]
    Plain,
    /// It is a telephone-event (RFC 4733).
    Event,
    /// It is G.711 A-law, and the other leg takes mu-law.
    AlawToUlaw,
    /// It is G.711 mu-law, and the other leg takes A-law.
    UlawToAlaw,
}

impl Handling {
    /// Whether the other leg gets another codec.
    #[must_use]
    pub const fn converts(self) -> bool {
        match self {
            Self::AlawToUlaw | Self::UlawToAlaw => true,
            Self::Plain | Self::Event => false,
        }
    }
}

/// What becomes of the telephone-events that a leg sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub enum Events {
    /// They cross.
    #[default]
    Cross,
    /// They are told, once each, and do not cross: the other leg hears of them otherwise.
    Take,
    /// They cross as stars.
    Mask,
    /// They do not cross, and nobody is told.
    Hold,
}

/// The telephone-events that digits leave as which are not there as packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct DigitsAs {
    /// 0 to 127.
    pub payload_type: u8,
    /// Ticks a second.
    pub clock_rate: u32,
}

/// One payload type of a leg, 0 to 127.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct Payload {
    /// As the leg sends it.
    pub arrives_as: u8,
    /// As the other leg gets it.
    pub leaves_as: u8,
    /// What becomes of what it carries.
    pub handling: Handling,
    /// Whether digits may leave in the place of its packets: it is speech, with the clock of [`DigitsAs`].
    pub carries_digits: bool,
}

/// What a leg may send.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "Written", into = "Written")]
pub struct Sends {
    /// Shared by all plans that name them: those of the call, of the datapath, and what it was before a change.
    payloads: Arc<[Payload]>,
    /// RTP and RTCP, or UDPTL, with room for tones and jitter.
    pub packets_per_second: u32,
    /// Their bytes on the wire, Ethernet header included.
    pub bytes_per_second: u32,
    /// Whether what was not agreed on crosses, and is only counted.
    pub counts_only: bool,
    /// What becomes of its telephone-events.
    pub events: Events,
    /// What its digits leave as, when it says them by INFO.
    pub digits_as: Option<DigitsAs>,
}

/// As a journal holds it: no more payload types than there are.
#[derive(Serialize, Deserialize)]
struct Written {
    payloads: Vec<Payload>,
    packets_per_second: u32,
    bytes_per_second: u32,
    counts_only: bool,
    events: Events,
    digits_as: Option<DigitsAs>,
}

impl From<Sends> for Written {
    fn from(sends: Sends) -> Self {
        let Sends { payloads, packets_per_second, bytes_per_second, counts_only, events, digits_as } = sends;
        let payloads = payloads.to_vec();
        Self { payloads, packets_per_second, bytes_per_second, counts_only, events, digits_as }
    }
}

impl From<Written> for Sends {
    fn from(written: Written) -> Self {
        let Written { payloads, packets_per_second, bytes_per_second, counts_only, events, digits_as } =
            written;
        let sends = Self::of(payloads, packets_per_second, bytes_per_second, counts_only);
        Self { events, digits_as, ..sends }
    }
}

impl Sends {
    /// These payload types, of which one that has a meaning already and those that there is no room for count nothing.
    #[must_use]
    pub fn of(
        mut payloads: Vec<Payload>,
        packets_per_second: u32,
        bytes_per_second: u32,
        counts_only: bool,
    ) -> Self {
        let mut known: u128 = 0;
        payloads.retain(|payload| {
            let number = 1 << (payload.arrives_as & 127);
            let fresh = known & number == 0;
            known |= number;
            fresh
        });
        payloads.truncate(PAYLOADS_MAX);
        let (events, digits_as) = (Events::Cross, None);
        let payloads = payloads.into();
        Self { payloads, packets_per_second, bytes_per_second, counts_only, events, digits_as }
    }

    /// Every payload type.
    #[must_use]
    pub fn payloads(&self) -> &[Payload] {
        &self.payloads
    }
}
