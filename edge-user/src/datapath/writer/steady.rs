//! Legs that are sent one RTP stream for the life of their call (`rtp = "steady"`).

use edge_core::media::Steady;

use super::{DatapathWriter, Leg};

impl DatapathWriter {
    /// Says which one stream a leg is sent, before its entry says that it is one.
    pub(super) fn describe_stream(&self, call: u32, leg: &Leg) {
        if let Some(Steady { ssrc, follows }) = leg.endpoint.steady {
            let follows = follows.and_then(|local| self.tables.layout().endpoint(local));
            self.tables.stream(leg.index).describe(call, ssrc, follows);
        }
    }
}
