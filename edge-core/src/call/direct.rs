//! What a call has to see to whose media does not pass the edge: a side that moves, or is another one, has to be told of to the
//! other side, because no address of ours stands in between (RFC 3264 section 8).

use std::net::SocketAddr;

use crate::sdp::{Answer, Offer, Proposal};

use super::{Call, Context, Side};

impl Call {
    /// Where `side` wants its media.
    pub(super) fn media_remote(&self, side: Side) -> Option<SocketAddr> {
        let remote = match self.streams.first(side) {
            Some(end) => end.remote,
            None => Offer::parse(self.leg(side).said.agreed()).ok().and_then(|said| said.remote()),
        };
        remote.map(|remote| remote.rtp)
    }

    /// The side that invited has answered the offer of one place, and another one of `side` has the call, whose offer is this:
    /// it hears of that in a re-INVITE.
    pub(super) fn tell_of_other_place(&mut self, side: Side, proposal: &Proposal) {
        let Some(exchange) = self.exchange.as_mut().filter(|_| self.streams.are_direct()) else { return };
        exchange.misled = true;
        self.legs[side.other().index()].session.describe(|origin| proposal.offer_to(origin, |_| None));
    }

    /// The answer of `side` to a description of ours that crossed from nowhere. One that has moved its media is told of to the other
    /// side.
    pub(super) fn follow_direct(&mut self, side: Side, sdp: &[u8], ctx: &mut Context<'_>) {
        let before = Answer::parse(self.leg(side).said.agreed());
        let (Ok(before), Ok(now), Ok(said)) = (before, Answer::parse(sdp), Offer::parse(sdp)) else { return };
        if !self.streams.moved(side, &before, &now) {
            return;
        }
        match self.translate_offer(side, &said, ctx) {
            Ok((_proposal, _told)) => {
                let other = side.other();
                let said = &mut self.leg_mut(side).said;
                said.note(sdp);
                said.agree();
                self.leg_mut(other).session.agree();
                self.describe_anew(other, ctx);
            }
            Err(error) => {
                tracing::info!(?side, "it has moved its media, and the other side is not told: {error}")
            }
        }
    }
}
