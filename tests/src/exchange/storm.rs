//! Calls whose both sides change the session again and again, as user agents do that know nothing of what becomes of edge: hold,
//! resume, an offer that is left to the other side, UPDATE with an offer and without one.
//!
//! Each side keeps RFC 3261's timers: it sends again until it is answered, but no INVITE that has heard a provisional response; it
//! acknowledges each time, refuses what meets a change of its own, and tries again later. What edge says is checked as it comes:
//! CSeq rises, one version of o= is one description and never an older one, an offer has an answer.

mod line;

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::Exchange;
use crate::lab::Side;
use crate::raw::{RawPeer, header};
use line::Line;

/// Longest wait for what is due, so that nothing waits for a message that does not come.
const TURN: Duration = Duration::from_millis(5);
/// Longer than anything in a storm may take: 64*T1, and what comes before it.
const PATIENCE: Duration = Duration::from_secs(60);

/// Both sides of the calls of an exchange, at odds.
#[derive(Debug)]
pub struct Storm {
    exchange: Exchange,
    /// Of the carrier, and of the PBX, by number of the call.
    lines: [Vec<Line>; 2],
    /// Whether changes are begun.
    raging: bool,
}

impl Storm {
    /// Over calls that stand.
    pub fn over(exchange: Exchange) -> Result<Self> {
        let now = Instant::now();
        let lines = |side: Side| -> Result<Vec<Line>> {
            let line = |call| Ok(Line::new(side, call, (exchange.port)(call)?, now));
            (0..exchange.count).map(line).collect()
        };
        let lines = [lines(Side::Carrier)?, lines(Side::Pbx)?];
        Ok(Self { exchange, lines, raging: true })
    }

    /// Changes that came about so far.
    pub fn changes(&self) -> u32 {
        self.lines.iter().flatten().map(|line| line.changes).sum()
    }

    /// Goes on until so many more changes came about.
    pub fn rages(&mut self, more: u32) -> Result<()> {
        let enough = self.changes() + more;
        self.goes_on(|storm| storm.changes() >= enough).context("no change comes about any more")
    }

    /// Begins nothing more, and ends when both sides of every call believe the same.
    pub fn abates(mut self) -> Result<Exchange> {
        self.raging = false;
        self.goes_on(Self::is_over).context("both sides never come to believe the same")?;
        Ok(self.exchange)
    }

    fn is_over(&self) -> bool {
        let [carrier, pbx] = &self.lines;
        carrier.iter().zip(pbx).all(|(carrier, pbx)| carrier.agrees_with(pbx))
    }

    fn goes_on(&mut self, done: impl Fn(&Self) -> bool) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        while !done(self) {
            self.turn()?;
            let stuck = || self.lines.iter().flatten().filter(|line| line.is_busy()).collect::<Vec<_>>();
            ensure!(Instant::now() < deadline, "{:#?}", stuck());
        }
        Ok(())
    }

    /// Takes in what has come, and does what is due.
    fn turn(&mut self) -> Result<()> {
        let [carrier, pbx] = [&self.exchange.carrier, &self.exchange.pbx];
        RawPeer::wait_for_any(&[&carrier.peer, &pbx.peer], TURN)?;
        for (end, lines) in [carrier, pbx].into_iter().zip(&mut self.lines) {
            for message in end.peer.receive_waiting()? {
                let call = end.call(&message);
                let call = call.with_context(|| format!("of no call: {message}"))?;
                let dialog = end.dialogs.get(&call).context("a dialog")?;
                let line = lines.get_mut(call as usize).context("a line")?;
                let said = line.hears(&end.peer, dialog, &message);
                said.with_context(|| {
                    format!("call {call} hears at {:?}: {message}", header(&message, "CSeq"))
                })?;
            }
            let now = Instant::now();
            for (call, line) in (0..).zip(lines) {
                line.does_what_is_due(
                    &end.peer,
                    end.dialogs.get(&call).context("a dialog")?,
                    now,
                    self.raging,
                )?;
            }
        }
        Ok(())
    }
}
