//! What a side has reported by RTCP of what it is sent, as records and the API say it. The names here are a promise to whoever reads
//! them (docs/call-records.md).

use edge_core::media::{self, Rated};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What a side's far end reports of the stream that it is sent: its own figures, as of its last report, beside what is counted here.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ToSchema)]
pub struct Reported {
    /// Reports on the stream that came in (RFC 3550).
    pub reports: u64,
    /// RTP packets that it has not received, wherever they were lost; less than 0 where packets came twice.
    pub lost: i64,
    /// The part that it lost between its last two reports, 0 to 1.
    pub fraction_lost: f64,
    /// Its interarrival jitter in milliseconds.
    pub jitter_ms: f64,
    /// From the edge to it and back, in milliseconds; absent when none of its reports answered a sender report.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub round_trip_ms: Option<f64>,
    /// R factor that it rates the sound at (RFC 3611), 0 to 120; absent when it does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub r_factor: Option<u8>,
    /// Mean opinion score of listening that it reports (MOS-LQ of RFC 3611), 1 to 5; absent when it does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mos_lq: Option<f64>,
    /// The same of conversation (MOS-CQ).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mos_cq: Option<f64>,
    /// The part of the packets that its jitter buffer threw away (RFC 3611), 0 to 1; absent when none were, or it does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub discarded: Option<f64>,
}

impl Reported {
    /// `None` when nothing was reported.
    pub(crate) fn of(reported: &media::Reported) -> Option<Self> {
        if reported.is_nothing() {
            return None;
        }
        let media::Reported { reports, lost, fraction_lost, jitter_us, round_trip_us, rated } = *reported;
        let Rated { r_factor, mos_listening, mos_conversational, discarded } = rated;
        let opinion = |tenths: Option<u8>| tenths.map(|tenths| f64::from(tenths) / 10.0);
        Some(Self {
            reports,
            lost,
            fraction_lost: part(fraction_lost),
            jitter_ms: jitter_us as f64 / 1000.0,
            round_trip_ms: round_trip_us.map(|us| us as f64 / 1000.0),
            r_factor,
            mos_lq: opinion(mos_listening),
            mos_cq: opinion(mos_conversational),
            discarded: (discarded > 0).then(|| part(discarded)),
        })
    }
}

/// What is counted in 1/256, to four digits.
fn part(of_256: u8) -> f64 {
    (f64::from(of_256) / 256.0 * 10_000.0).round() / 10_000.0
}
