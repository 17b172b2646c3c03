//! Digits: what the datapath has heard and sent of them, and what it is asked to send.
//!
//! Whoever relays tells of each digit once, over a buffer that is bounded: the kernel by a ring buffer that outlives this process,
//! the userspace relay by a queue. A [`DigitReader`] is the one who reads it.

use std::io;
use std::time::Duration;

use aya::maps::{Map, MapData, RingBuf};
use crossbeam::channel::{Receiver, Sender, TrySendError, bounded};
use edge_core::media::{Digit, DigitsAs, Events, MediaEndpoint};
use edge_ebpf::abi::{DIGIT_SENT, DIGITS_TOLD, DigitOrder, DigitTold};
use zerocopy::FromBytes;

use super::pins::{Pins, map_error};
use super::writer::{DatapathWriter, Installed};
use super::{DatapathError, sys};

/// Digits that the userspace relay may have told and nobody has read: as many as a second of the busiest node.
const UNREAD_MAX: usize = 10_000;

/// How long the end of a digit is waited for that its sender has stopped saying: packets of one come each 20 to 50 ms.
const SILENCE_NS: u64 = 1_000_000_000;

/// Where the userspace relay tells.
#[derive(Debug)]
pub(super) struct DigitQueue {
    queue: Sender<DigitTold>,
    unread: Receiver<DigitTold>,
}

impl Default for DigitQueue {
    fn default() -> Self {
        let (queue, unread) = bounded(UNREAD_MAX);
        Self { queue, unread }
    }
}

impl DigitQueue {
    pub(super) fn tell(&self, told: &DigitTold) {
        if let Err(TrySendError::Full(_)) = self.queue.try_send(*told) {
            tracing::warn!("a digit is lost: ten thousand are unread");
        }
    }

    pub(super) fn reader(&self) -> DigitReader {
        DigitReader(Source::Queue(self.unread.clone()))
    }
}

/// The reader of what is told.
pub struct DigitReader(Source);

enum Source {
    Ring(RingBuf<MapData>),
    Queue(Receiver<DigitTold>),
}

impl std::fmt::Debug for DigitReader {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("DigitReader").finish_non_exhaustive()
    }
}

/// What was told of one digit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DigitNews(DigitTold);

impl DigitNews {
    /// Number of its call in the tables.
    #[must_use]
    pub const fn call(&self) -> u32 {
        self.0.call
    }

    /// What tests ask for.
    #[cfg(test)]
    pub(super) const fn event_and_ticks(&self) -> (u8, u16) {
        (self.0.event, self.0.duration_ticks)
    }
}

impl DigitReader {
    /// The ring of the kernel.
    pub(super) fn of_kernel(pins: &Pins) -> Result<Self, DatapathError> {
        let map = Map::RingBuf(pins.open_map(DIGITS_TOLD)?);
        let ring = RingBuf::try_from(map).map_err(|source| map_error(DIGITS_TOLD, source))?;
        Ok(Self(Source::Ring(ring)))
    }

    /// Waits for news, at most so long, and hands on what there is.
    ///
    /// # Errors
    /// What the kernel says when it cannot be waited for.
    pub fn listen(&mut self, patience: Duration, mut hear: impl FnMut(DigitNews)) -> io::Result<()> {
        match &mut self.0 {
            Source::Ring(ring) => {
                sys::wait_readable(&*ring, patience)?;
                while let Some(item) = ring.next() {
                    if let Ok(told) = DigitTold::read_from_bytes(&item) {
                        hear(DigitNews(told));
                    }
                }
            }
            Source::Queue(queue) => {
                let first = queue.recv_timeout(patience).ok();
                first.into_iter().chain(queue.try_iter()).for_each(|told| hear(DigitNews(told)));
            }
        }
        Ok(())
    }
}

/// What a piece of news, or its absence, means for a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard {
    /// A leg has sent this digit.
    Digit {
        /// 0 for leg A, 1 for leg B.
        leg: usize,
        /// Which.
        digit: Digit,
    },
    /// What was ordered has left on the speech of a leg.
    Sent {
        /// 0 for leg A, 1 for leg B.
        leg: usize,
    },
}

impl DatapathWriter {
    /// What news of this call mean; `None` for what was heard already, or is no digit.
    pub fn hear(&self, installed: &mut Installed, DigitNews(told): DigitNews) -> Option<Heard> {
        let (leg, place) = installed.leg_at(told.endpoint)?;
        if told.volume == DIGIT_SENT {
            return Some(Heard::Sent { leg });
        }
        if place.heard.replace(told.timestamp) == Some(told.timestamp) {
            return None;
        }
        let digit = Digit::new(told.event, ticks(told.duration_ticks, &place.endpoint))?;
        Some(Heard::Digit { leg, digit })
    }

    /// Digits of this call whose senders have fallen silent before their end. To be asked about once a second.
    pub fn unfinished(&self, installed: &mut Installed, now_ns: u64) -> Vec<Heard> {
        let call = installed.number();
        let taken = |endpoint: &MediaEndpoint| {
            endpoint.sends.as_ref().is_some_and(|sends| sends.events == Events::Take)
        };
        let mut heard = Vec::new();
        for (leg, place) in installed.places().filter(|(_, place)| taken(&place.endpoint)) {
            let Some((event, last_ns)) = self.tables().digits(place.index).unfinished(call) else { continue };
            if now_ns.saturating_sub(last_ns) < SILENCE_NS || place.heard == Some(event.timestamp) {
                continue;
            }
            place.heard = Some(event.timestamp);
            let digit = Digit::new(event.event, ticks(event.duration_ticks, &place.endpoint));
            heard.extend(digit.map(|digit| Heard::Digit { leg, digit }));
        }
        heard
    }

    /// Lets a digit ride on the speech of a leg, in the place of the one before. Says whether there is a stream of speech for it.
    pub fn order_digit(&self, installed: &mut Installed, from: usize, digit: Digit) -> bool {
        let call = installed.number();
        for (leg, place) in installed.places() {
            if let (true, Some(DigitsAs { clock_rate, .. })) = (leg == from, digits_as(&place.endpoint)) {
                let ticks = digit.duration().as_millis() * u128::from(clock_rate) / 1000;
                let duration_ticks = u16::try_from(ticks).unwrap_or(u16::MAX);
                let order = DigitOrder { call, number: 0, event: digit.event(), duration_ticks };
                self.tables().digits(place.index).order(order);
                return true;
            }
        }
        false
    }

    /// Takes back what rides on the speech of a leg.
    pub fn withdraw_digit(&self, installed: &mut Installed, from: usize) {
        for (_, place) in installed.places().filter(|(leg, _)| *leg == from) {
            if digits_as(&place.endpoint).is_some() {
                self.tables().digits(place.index).withdraw();
            }
        }
    }
}

fn digits_as(endpoint: &MediaEndpoint) -> Option<DigitsAs> {
    endpoint.sends.as_ref()?.digits_as
}

fn ticks(ticks: u16, endpoint: &MediaEndpoint) -> Duration {
    let us = (u64::from(ticks) * 1_000_000).checked_div(endpoint.clock_rate.into());
    Duration::from_micros(us.unwrap_or(0))
}
