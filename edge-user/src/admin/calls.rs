//! Calls that stand.

use std::net::SocketAddr;
use std::time::{Instant, SystemTime};

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use edge_core::call::{CallView, LegRecord};
use edge_core::media::MediaReport;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::diagnosis::{Finding, findings};
use crate::received::Received;
use crate::reported::Reported;
use crate::runtime::{CallFilter, Control, ShownCall, clock};
use crate::trouble::{Trouble, troubles};

use super::{Complaint, Failure};

/// A call as it stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Call {
    /// Its name; its record will have the same.
    pub id: String,
    /// `trying`, `ringing`, `established` or `ending`.
    pub phase: String,
    /// When the INVITE came in (RFC 3339).
    pub started: String,
    /// When the called side answered.
    pub answered: Option<String>,
    /// Seconds since the answer; 0 before.
    pub talk_s: u64,
    /// Caller's number, as its trunk presented it.
    pub caller: String,
    /// Number as it was dialled.
    pub number_dialled: String,
    /// Number as it was sent to the called trunk.
    pub number_sent: Option<String>,
    /// Route that was taken.
    pub route: Option<String>,
    /// Codec of the answer.
    pub codec: Option<String>,
    /// `relayed` through us, or `direct` from one side to the other.
    #[serde(default)]
    pub media: String,
    /// What is wrong with its media, the worst first.
    #[serde(default)]
    pub trouble: Vec<Trouble>,
    /// The caller's side.
    pub a: Leg,
    /// The called side.
    pub b: Option<Leg>,
}

/// One side of a call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Leg {
    /// Name of the trunk.
    pub trunk: String,
    /// Call-ID of this side's dialog.
    pub call_id: String,
    /// Where its signalling goes.
    #[schema(value_type = String)]
    pub signalling: SocketAddr,
    /// Our media address on this side.
    #[schema(value_type = Option<String>)]
    pub media_local: Option<SocketAddr>,
    /// Where this side wants its media.
    #[schema(value_type = Option<String>)]
    pub media_remote: Option<SocketAddr>,
    /// What came in from this side so far; absent while no media is installed.
    pub received: Option<Received>,
    /// What this side reports by RTCP of what it is sent; absent when it has reported nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reported: Option<Reported>,
    /// Seconds since this side was heard last, when it should be and is not; absent otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub silent_s: Option<u64>,
}

/// Which calls are asked for.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Wanted {
    trunk: Option<String>,
}

/// The calls that stand, oldest first; at most a thousand of each shard.
#[utoipa::path(
    get,
    path = "/v1/calls",
    params(("trunk" = Option<String>, Query, description = "Only calls with a leg on this trunk.")),
    responses((status = 200, body = Vec<Call>))
)]
pub(super) async fn list(
    State(control): State<Control>,
    Query(wanted): Query<Wanted>,
) -> Result<Json<Vec<Call>>, Failure> {
    let calls = control.calls(&CallFilter { trunk: wanted.trunk, ..CallFilter::default() }).await?;
    Ok(Json(calls.iter().map(|shown| Call::of(shown, clock::now(), clock::calendar)).collect()))
}

/// One call.
#[utoipa::path(get, path = "/v1/calls/{id}", responses(
    (status = 200, body = Call), (status = 404, body = Complaint),
))]
pub(super) async fn show(
    State(control): State<Control>,
    Path(id): Path<String>,
) -> Result<Json<Call>, Failure> {
    let found = control.calls(&CallFilter { id: Some(id.clone()), ..CallFilter::default() }).await?;
    let shown = found.first().ok_or_else(|| no_call(&id))?;
    Ok(Json(Call::of(shown, clock::now(), clock::calendar)))
}

/// What is wrong with a call, most important first; nothing, when nothing is.
#[utoipa::path(get, path = "/v1/calls/{id}/explain", responses(
    (status = 200, body = Vec<Finding>), (status = 404, body = Complaint),
))]
pub(super) async fn explained(
    State(control): State<Control>,
    Path(id): Path<String>,
) -> Result<Json<Vec<Finding>>, Failure> {
    let found = control.calls(&CallFilter { id: Some(id.clone()), ..CallFilter::default() }).await?;
    let ShownCall { call, media, .. } = found.first().ok_or_else(|| no_call(&id))?;
    Ok(Json(findings(call, media.as_ref(), clock::now())))
}

/// Hangs a call up: both sides hear of it, and its record says that the operator ended it.
#[utoipa::path(delete, path = "/v1/calls/{id}", responses(
    (status = 204, description = "It is being hung up."), (status = 404, body = Complaint),
))]
pub(super) async fn hang_up(
    State(control): State<Control>,
    Path(id): Path<String>,
) -> Result<StatusCode, Failure> {
    let stood = control.hang_up(&id).await?;
    if stood { Ok(StatusCode::NO_CONTENT) } else { Err(no_call(&id)) }
}

pub(super) fn no_call(id: &str) -> Failure {
    Failure::NotFound(format!("no call {id} stands here; `edge call list` shows those that do"))
}

/// Columns of [`Call::summary`].
const COLUMNS: usize = 13;

impl Call {
    /// What stands above the columns of [`Call::summary`].
    pub const HEADINGS: [&str; COLUMNS] = [
        "CALL", "PHASE", "TALK", "FROM", "TO", "CALLER", "NUMBER", "CODEC", "RTP A", "RTP B", "RTCP A",
        "RTCP B", "TROUBLE",
    ];

    /// It in a line: of the media of each side the packets, and how many are missing; of its RTCP how many it reports missing of
    /// what it is sent, and the round trip to it.
    #[must_use]
    pub fn summary(&self) -> [String; COLUMNS] {
        let none = || "-".to_owned();
        let packets = |leg: Option<&Leg>| {
            let received = leg.and_then(|leg| leg.received.as_ref());
            if self.media == "direct" {
                return self.media.clone();
            }
            received.map_or_else(none, |received| match received.lost {
                lost if lost > 0 => format!("{} -{lost}", received.packets),
                _ => received.packets.to_string(),
            })
        };
        [
            self.id.clone(),
            self.phase.clone(),
            format!("{}s", self.talk_s),
            self.a.trunk.clone(),
            self.b.as_ref().map_or_else(none, |leg| leg.trunk.clone()),
            self.caller.clone(),
            self.number_dialled.clone(),
            self.codec.clone().unwrap_or_else(none),
            packets(Some(&self.a)),
            packets(self.b.as_ref()),
            Leg::said(Some(&self.a)),
            Leg::said(self.b.as_ref()),
            self.troubles(),
        ]
    }

    /// What is wrong with its media, in a few words; `-` for nothing.
    #[must_use]
    pub fn troubles(&self) -> String {
        let words: Vec<String> = self.trouble.iter().map(ToString::to_string).collect();
        if words.is_empty() { "-".to_owned() } else { words.join(", ") }
    }

    /// `calendar` says when an instant was.
    pub(super) fn of(
        ShownCall { call, media, endpoints: _, flows: _ }: &ShownCall,
        now: Instant,
        calendar: impl Fn(Instant) -> SystemTime,
    ) -> Self {
        let CallView {
            key: _,
            id,
            phase,
            a,
            b,
            route,
            caller,
            number_dialled,
            number_sent,
            codec,
            transcoded,
            started,
            answered,
            media: plan,
            direct_media,
            silent_since,
        } = call;
        let time = |instant: Instant| humantime::format_rfc3339_millis(calendar(instant)).to_string();
        let first = plan.as_ref().and_then(|plan| plan.streams.first());
        let remotes =
            first.map(|stream| [&stream.a, &stream.b].map(|end| end.remote.map(|remote| remote.rtp)));
        let codecs = [codec.as_deref(), transcoded.as_deref().or(codec.as_deref())];
        let leg = |index: usize, record: &LegRecord| {
            let report = media.as_ref().filter(|_| !direct_media).map(|media| &media[index]);
            Leg::of(
                record,
                remotes.and_then(|remotes| remotes[index]),
                report.map(|report| (report, codecs[index])),
                silent_since[index].map(|since| now.saturating_duration_since(since).as_secs()),
            )
        };
        Self {
            id: id.clone(),
            phase: phase.as_str().to_owned(),
            started: time(*started),
            answered: answered.map(time),
            talk_s: answered.map_or(0, |at| now.saturating_duration_since(at).as_secs()),
            caller: caller.clone(),
            number_dialled: number_dialled.clone(),
            number_sent: number_sent.clone(),
            route: route.clone(),
            codec: codec.clone(),
            media: if *direct_media { "direct" } else { "relayed" }.to_owned(),
            trouble: troubles(call, media.as_ref()),
            a: leg(0, a),
            b: b.as_ref().map(|b| leg(1, b)),
        }
    }
}

impl Leg {
    /// What a side reports, in a cell.
    fn said(leg: Option<&Self>) -> String {
        let Some(reported) = leg.and_then(|leg| leg.reported.as_ref()) else { return "-".to_owned() };
        let round_trip = reported.round_trip_ms.map_or_else(String::new, |ms| format!(" {ms:.0}ms"));
        format!("-{}{round_trip}", reported.lost.max(0))
    }

    fn of(
        record: &LegRecord,
        remote: Option<SocketAddr>,
        report: Option<(&MediaReport, Option<&str>)>,
        silent_s: Option<u64>,
    ) -> Self {
        let LegRecord { trunk, call_id, signalling, media_local, media_remote, media: _ } = record;
        Self {
            trunk: trunk.clone(),
            call_id: call_id.clone(),
            signalling: *signalling,
            media_local: *media_local,
            media_remote: remote.or(*media_remote),
            received: report.map(|(report, codec)| Received::of(report, codec)),
            reported: report.and_then(|(report, _)| Reported::of(&report.reported)),
            silent_s,
        }
    }
}
