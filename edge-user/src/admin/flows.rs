//! The endpoints of standing calls, as the datapath has them.

use std::net::SocketAddr;

use axum::Json;
use axum::extract::{Query, State};
use edge_core::call::CallView;
use edge_core::media::{MediaEndpoint, Traffic};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::datapath::SeenFlow;
use crate::runtime::{CallFilter, Control, ShownCall, clock};

use super::Failure;

const NS_PER_MS: u64 = 1_000_000;

/// One local port pair, and what comes in there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Flow {
    /// The call that has it.
    pub call: String,
    /// `a` when it faces the caller, `b` when it faces the called side.
    pub side: String,
    /// Trunk of that side.
    pub trunk: Option<String>,
    /// `rtp`, `rtp_muxed` (RTCP on the same port) or `udptl`.
    pub carries: String,
    /// SSRC of the one RTP stream that its far side is sent, with `rtp = "steady"`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub steady_ssrc: Option<u32>,
    /// Our address and port; RTCP is on the next one.
    #[schema(value_type = String)]
    pub local: SocketAddr,
    /// Where signalling says that the far side is.
    #[schema(value_type = Option<String>)]
    pub remote: Option<SocketAddr>,
    /// Where it was found to be, behind a NAT.
    #[schema(value_type = Option<String>)]
    pub found_at: Option<SocketAddr>,
    /// Our address and port on the other side, where its packets leave.
    #[schema(value_type = String)]
    pub leaves_by: SocketAddr,
    /// Packets that came in and were relayed.
    pub packets: u64,
    /// Their bytes on the wire.
    pub bytes: u64,
    /// Packets that were dropped here, for whatever reason.
    pub dropped: u64,
    /// Milliseconds since the last packet that was relayed; absent before any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idle_ms: Option<u64>,
}

/// Which flows are asked for.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Wanted {
    trunk: Option<String>,
    call: Option<String>,
}

/// The endpoints of the calls that stand, oldest call first; those of at most a thousand calls of each shard.
#[utoipa::path(
    get,
    path = "/v1/flows",
    params(
        ("trunk" = Option<String>, Query, description = "Only of calls with a leg on this trunk."),
        ("call" = Option<String>, Query, description = "Only of this call."),
    ),
    responses((status = 200, body = Vec<Flow>))
)]
pub(super) async fn list(
    State(control): State<Control>,
    Query(Wanted { trunk, call }): Query<Wanted>,
) -> Result<Json<Vec<Flow>>, Failure> {
    let calls = control.calls(&CallFilter { id: call, trunk, flows: true }).await?;
    let now_ns = clock::monotonic_ns();
    let flows = calls
        .iter()
        .flat_map(|ShownCall { call, flows, .. }| flows.iter().map(move |flow| Flow::of(call, flow, now_ns)));
    Ok(Json(flows.collect()))
}

impl Flow {
    fn of(call: &CallView, seen: &SeenFlow, now_ns: u64) -> Self {
        let SeenFlow { leg, endpoint, peer, latched, report, last_seen_ns } = seen;
        let MediaEndpoint { local, remote, traffic, steady, .. } = endpoint;
        let (side, record) = if *leg == 0 { ("a", Some(&call.a)) } else { ("b", call.b.as_ref()) };
        let carries = match traffic {
            Traffic::Rtp => "rtp",
            Traffic::RtpMuxed => "rtp_muxed",
            Traffic::Udptl => "udptl",
        };
        let idle_ms = (*last_seen_ns != 0).then(|| now_ns.saturating_sub(*last_seen_ns) / NS_PER_MS);
        Self {
            call: call.id.clone(),
            side: side.to_owned(),
            trunk: record.map(|leg| leg.trunk.clone()),
            carries: carries.to_owned(),
            steady_ssrc: steady.map(|steady| steady.ssrc),
            local: *local,
            remote: remote.map(|remote| remote.rtp),
            found_at: *latched,
            leaves_by: *peer,
            packets: report.packets,
            bytes: report.bytes,
            dropped: report.drops.iter().map(|(_, packets)| packets).sum(),
            idle_ms,
        }
    }
}
