//! What came in from one side of a call, as records and the API say it. The names here are a promise to whoever reads them
//! (docs/call-records.md).

use std::collections::BTreeMap;
use std::net::SocketAddr;

use edge_core::media::{self, MediaReport, RtpQuality, SPACING_BUCKETS, mean_opinion};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What came in at one side's endpoints.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ToSchema)]
pub struct Received {
    /// Packets that were relayed.
    pub packets: u64,
    /// Their bytes on the wire.
    pub bytes: u64,
    /// RTP packets that never came, or too late.
    pub lost: u64,
    /// Of these, packets that came after all.
    pub too_late: u64,
    /// RTP packets that came again.
    pub duplicated: u64,
    /// RTP packets that were overtaken, but came in time.
    pub reordered: u64,
    /// Bursts of losses (RFC 3611, Gmin 16).
    pub bursts: u64,
    /// The part of the packets that is lost while a burst lasts, 0 to 1.
    pub burst_loss: f64,
    /// The part that is lost between bursts, 0 to 1.
    pub gap_loss: f64,
    /// Interarrival jitter in milliseconds (RFC 3550).
    pub jitter_ms: f64,
    /// Longest time between two RTP packets, in milliseconds.
    pub largest_gap_ms: f64,
    /// RTP packets by the time since the one before: up to 4.2 ms, then up to twice as much each, and 268 ms and more.
    pub spacing: [u64; SPACING_BUCKETS],
    /// Estimate of the mean opinion score (ITU-T G.107, listening quality), 1 to 4.5; absent for codecs without figures.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mos: Option<f64>,
    /// Packets that were dropped here, by reason.
    pub drops: BTreeMap<String, u64>,
    /// Whose packet was dropped last; absent when none was, or none for a reason that lies with its sender.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_drop: Option<LastDrop>,
    /// Packets that crossed though they were not agreed on, by the reason that would have dropped them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub let_pass: BTreeMap<String, u64>,
}

/// A packet that was dropped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LastDrop {
    /// Where it came from.
    #[schema(value_type = String)]
    pub source: SocketAddr,
    /// Why it was dropped.
    pub reason: String,
    /// Its payload type, when that is why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payload_type: Option<u8>,
}

impl Received {
    /// `codec` is that of the direction.
    pub(crate) fn of(report: &MediaReport, codec: Option<&str>) -> Self {
        let MediaReport { packets, bytes, rtp, drops, let_pass, offender, reported: _ } = report;
        let RtpQuality { lost, too_late, duplicated, reordered, bursts, spacing, .. } = *rtp;
        Self {
            packets: *packets,
            bytes: *bytes,
            lost,
            too_late,
            duplicated,
            reordered,
            bursts,
            burst_loss: rounded(rtp.burst_loss(), 10_000.0),
            gap_loss: rounded(rtp.gap_loss(), 10_000.0),
            jitter_ms: rtp.jitter_us as f64 / 1000.0,
            largest_gap_ms: rtp.largest_gap_us as f64 / 1000.0,
            spacing,
            mos: codec.and_then(|codec| mean_opinion(codec, rtp)).map(|mos| rounded(mos, 100.0)),
            drops: named(drops),
            last_drop: offender.as_ref().map(LastDrop::of),
            let_pass: named(let_pass),
        }
    }
}

impl LastDrop {
    fn of(offender: &media::Offender) -> Self {
        let media::Offender { source, reason, payload_type } = *offender;
        let payload_type = (reason == "payload_type").then_some(payload_type);
        Self { source, reason: reason.to_owned(), payload_type }
    }
}

/// Counts by reason.
fn named(counts: &[(&'static str, u64)]) -> BTreeMap<String, u64> {
    counts.iter().map(|(reason, count)| ((*reason).to_owned(), *count)).collect()
}

fn rounded(value: f64, parts: f64) -> f64 {
    (value * parts).round() / parts
}
