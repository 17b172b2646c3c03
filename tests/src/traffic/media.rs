//! RTP in both directions of calls that stand, a packet of each stream in 20 ms, from now until it is ended.

use std::time::Duration;

use anyhow::{Result, ensure};

use super::{Count, Instruments, Rewriting, Sink, streams};
use crate::drill::PATIENCE;
use crate::exchange::Call;
use crate::lab::Lab;
use crate::process::wait_until;

/// Longer than any drill; the generator is stopped when that is through.
const LONG: Duration = Duration::from_secs(120);
/// Packets a second of each stream.
const RATE: u64 = 50;
/// Longer than the last packets are under way.
const SETTLE_TIME: Duration = Duration::from_secs(10);

/// Media that flows.
#[derive(Debug)]
pub struct Media {
    instruments: Instruments,
    streams: u32,
}

impl Media {
    /// Lets the media of calls that an edge relays begin.
    pub fn begin(lab: &Lab, calls: &[Call]) -> Result<Self> {
        let streams = streams(lab, calls, Rewriting::Addresses)?;
        let mut instruments = Instruments::start(lab, &streams, Sink::Peers, || Ok(()))?;
        let streams = u32::try_from(streams.len())?;
        instruments.order(u64::from(streams) * RATE, LONG, streams.into(), 1)?;
        Ok(Self { instruments, streams })
    }

    /// Waits until so many more packets have arrived.
    pub fn arrive(&self, more: u64) -> Result<()> {
        let enough = self.received()? + more;
        let arrived = || self.received().ok().filter(|received| *received >= enough);
        let counted = || self.instruments.counted().map(|counted| counted.packets);
        ensure!(wait_until(PATIENCE, arrived).is_some(), "media does not flow: {:?}", counted()?);
        Ok(())
    }

    /// Ends it, and tells how many packets of each stream were made: the carrier's have even numbers, the PBX's follow them.
    ///
    /// # Errors
    /// Unless every one of them has arrived once, and where it should.
    pub fn end(mut self) -> Result<Vec<u64>> {
        self.instruments.order(0, Duration::ZERO, self.streams.into(), 1)?;
        let made = self.instruments.made_of(self.streams)?;
        let sum: u64 = made.iter().sum();
        wait_until(SETTLE_TIME, || self.received().ok().filter(|received| *received == sum));
        let [received, twice, late, misrouted, unknown] = self.instruments.counted()?.packets;
        ensure!(
            [received, twice, late, misrouted, unknown] == [sum, 0, 0, 0, 0],
            "of {sum} packets {received} arrived, {twice} twice, {late} late, {misrouted} misrouted, {unknown} unknown"
        );
        Ok(made)
    }

    fn received(&self) -> Result<u64> {
        Ok(self.instruments.counted()?.packets[Count::Received as usize])
    }
}
