//! What a standing call shows of itself to the operator.

use std::time::Instant;

use crate::media::MediaPlan;

use super::leg::LegState;
use super::{Call, CallKey, LegRecord, MediaState, Side};

/// How far a call is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Phase {
    /// The called side has said nothing that matters to the caller.
    Trying,
    /// It has said that it rings, or sends early media.
    Ringing,
    /// It has answered.
    Established,
    /// The call is over, and a last message or its media is on the way.
    Ending,
}

impl Phase {
    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Trying => "trying",
            Self::Ringing => "ringing",
            Self::Established => "established",
            Self::Ending => "ending",
        }
    }
}

/// A call as it stands. Times are instants of the host's monotonic clock. What its record will say is here under the same names, as
/// far as it is known; the record itself is made once, of a call that is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallView {
    /// Its name within the shard.
    pub key: CallKey,
    /// Its name everywhere else; its record will have the same.
    pub id: String,
    /// How far it is.
    pub phase: Phase,
    /// The caller's side; its media report is empty here, the datapath knows.
    pub a: LegRecord,
    /// The called side.
    pub b: Option<LegRecord>,
    /// Name of the route that was taken.
    pub route: Option<String>,
    /// Caller's number, as the caller's trunk presented it.
    pub caller: String,
    /// Number as it was dialled.
    pub number_dialled: String,
    /// Number as it was sent to the called trunk.
    pub number_sent: Option<String>,
    /// Codec of the answer.
    pub codec: Option<String>,
    /// Codec of the called side, when it is another one and is converted.
    pub transcoded: Option<String>,
    /// The INVITE came in.
    pub started: Instant,
    /// The called side answered.
    pub answered: Option<Instant>,
    /// What is relayed, while it is.
    pub media: Option<MediaPlan>,
    /// Whether media goes from one side to the other without the edge.
    pub direct_media: bool,
    /// Since when nothing was heard of a side that should be, the caller's first.
    pub silent_since: [Option<Instant>; 2],
}

impl Call {
    /// The call as it stands; `None` once its record is written.
    pub(crate) fn view(&self) -> Option<CallView> {
        let record = self.record.as_deref()?;
        let media = (self.media == MediaState::Installed).then(|| self.streams.plan.clone());
        Some(CallView {
            key: self.key,
            id: record.id.clone(),
            phase: self.phase(),
            a: record.a.clone(),
            b: record.b.clone(),
            route: record.route.clone(),
            caller: record.caller.clone(),
            number_dialled: record.number_dialled.clone(),
            number_sent: record.number_sent.clone(),
            codec: record.codec.clone(),
            transcoded: record.transcoded.clone(),
            started: record.started,
            answered: record.answered,
            media,
            direct_media: self.streams.are_direct(),
            silent_since: self.hearing.silent_since(),
        })
    }

    fn phase(&self) -> Phase {
        let rings = self.record.as_ref().is_some_and(|record| record.ringing.is_some());
        match self.leg(Side::A).state {
            _ if self.ending => Phase::Ending,
            LegState::Early if rings => Phase::Ringing,
            LegState::Early => Phase::Trying,
            LegState::Confirmed => Phase::Established,
            LegState::Cancelling | LegState::AwaitingAck | LegState::Leaving | LegState::Closed => {
                Phase::Ending
            }
        }
    }
}
