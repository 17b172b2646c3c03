//! The one RTP stream that a side is sent, where its trunk wants that (`rtp = "steady"`), over the calls that the side comes to.

use crate::media::Steady;
use crate::policy::{Rtp, Trunk};

use super::super::Side;
use super::super::context::Random;
use super::Streams;

/// The SSRC of what a side of `trunk` is sent, if that is a stream of ours.
pub(super) fn ssrc(trunk: &Trunk, random: &mut Random) -> Option<u32> {
    match trunk.media.rtp {
        Rtp::Pass => None,
        Rtp::Steady => Some(random.next() as u32),
    }
}

impl Streams {
    /// The stream that a side is sent, for the call that it leaves for.
    pub(in crate::call) fn steady(&self, side: Side) -> Option<Steady> {
        let end = self.first(side)?;
        end.steady.map(|steady| Steady { follows: Some(end.local), ..steady })
    }

    /// Goes on with the stream that a side was sent by another call.
    pub(in crate::call) fn go_on_with(&mut self, side: Side, steady: Option<Steady>) {
        self.ends[side.index()].ssrc = steady.map(|steady| steady.ssrc);
        for stream in &mut self.plan.streams {
            stream.end_mut(side).steady = steady;
        }
    }
}
