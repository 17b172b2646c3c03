//! The process as a whole.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::{Query, State};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::config::Changes;
use crate::datapath::{AddedLatency, Counter, CounterKind};
use crate::runtime::{self, Control, Status};

use super::{Complaint, Failure, Latency};

/// The running edge.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Node {
    /// `node.name`.
    pub name: String,
    /// Version that runs.
    pub version: String,
    /// Since when (RFC 3339).
    pub started: String,
    /// Whether it takes no new calls, because it is going to end.
    pub draining: bool,
    /// Its shards.
    pub shards: usize,
    /// How the XDP program is attached (`native` or `generic`), by device.
    pub devices: BTreeMap<String, String>,
}

/// What was counted: packets since the maps were made, everything else since the process began.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Counted {
    /// Relayed packets by what they were.
    pub relay: BTreeMap<String, u64>,
    /// Dropped packets by reason.
    pub drop: BTreeMap<String, u64>,
    /// Packets that went on to the host, by reason.
    pub pass: BTreeMap<String, u64>,
    /// Packets for SIP listeners, by what the shield said.
    pub shield: ShieldCounted,
    /// How long packets take through the edge, by the device that they come in by.
    #[serde(default)]
    pub added_latency: BTreeMap<String, Latency>,
    /// What the process counts; `null` while none runs.
    pub process: Option<Status>,
}

/// Packets for SIP listeners.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
pub struct ShieldCounted {
    /// Passed, by reason.
    pub pass: BTreeMap<String, u64>,
    /// Dropped, by reason.
    pub drop: BTreeMap<String, u64>,
    /// Passed only because the shield is a shadow, by the reason that they would have been dropped for.
    pub spare: BTreeMap<String, u64>,
}

/// Whether the process answers at all.
#[utoipa::path(get, path = "/healthz", responses((status = 200, description = "It does.")))]
pub(super) async fn healthy() -> &'static str {
    "ok\n"
}

/// Whether new calls are welcome.
#[utoipa::path(get, path = "/readyz", responses(
    (status = 200, description = "They are."),
    (status = 503, description = "They are not: it is going to end.", body = Complaint),
))]
pub(super) async fn ready(State(control): State<Control>) -> Result<&'static str, Failure> {
    if control.node().draining() { Err(Failure::Draining) } else { Ok("ok\n") }
}

/// The running edge.
#[utoipa::path(get, path = "/v1/node", responses((status = 200, body = Node)))]
pub(super) async fn show(State(control): State<Control>) -> Json<Node> {
    Json(Node::of(control.node()))
}

/// What was counted, as `edge counters --json` prints it.
#[utoipa::path(get, path = "/v1/counters", responses(
    (status = 200, body = Counted), (status = 500, body = Complaint),
))]
pub(super) async fn counters(State(control): State<Control>) -> Result<Json<Counted>, Failure> {
    let node = control.node();
    let packets = node.packets().map_err(|error| Failure::Unreadable(error.to_string()))?;
    let latencies = node.latencies().map_err(|error| Failure::Unreadable(error.to_string()))?;
    Ok(Json(Counted::of(&packets, latencies, Some(Status::clone(&node.status())))))
}

/// How the configuration is to be read again.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Reload {
    /// Whether it is only to be said what would change.
    #[serde(default)]
    dry_run: bool,
}

/// Reads the configuration file again, and says what that changes. A wrong file changes nothing.
#[utoipa::path(post, path = "/v1/reload", params(
    ("dry_run" = Option<bool>, Query, description = "Only say what would change."),
), responses(
    (status = 200, description = "The file is in force, or would be.", body = Changes),
    (status = 422, description = "The file is wrong; what was in force is.", body = Complaint),
))]
pub(super) async fn reload(
    State(control): State<Control>,
    Query(asked): Query<Reload>,
) -> Result<Json<Changes>, Failure> {
    Ok(Json(control.reload(asked.dry_run).await?.map_err(Failure::Unprocessable)?))
}

/// The configuration in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct InForce {
    /// The file as it was read. No secret is in it.
    pub toml: String,
}

/// The configuration in force, as its file was when it was read.
#[utoipa::path(get, path = "/v1/config", responses((status = 200, body = InForce)))]
pub(super) async fn in_force(State(control): State<Control>) -> Json<InForce> {
    Json(InForce { toml: control.node().text().to_string() })
}

impl Node {
    fn of(node: &runtime::Node) -> Self {
        let mode =
            |attached: &crate::datapath::Attached| (attached.device.clone(), attached.mode.to_string());
        Self {
            name: node.name.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            started: humantime::format_rfc3339_seconds(node.started).to_string(),
            draining: node.draining(),
            shards: node.shards,
            devices: node.devices.iter().map(mode).collect(),
        }
    }
}

impl Counted {
    /// `process` is absent where none runs.
    pub(crate) fn of(packets: &[Counter], latencies: Vec<AddedLatency>, process: Option<Status>) -> Self {
        let of = |kind| {
            let counters = packets.iter().filter(|counter| counter.kind == kind);
            counters.map(|counter| (counter.name.to_owned(), counter.packets)).collect()
        };
        Self {
            relay: of(CounterKind::Relay),
            drop: of(CounterKind::Drop),
            pass: of(CounterKind::Pass),
            shield: ShieldCounted {
                pass: of(CounterKind::ShieldPass),
                drop: of(CounterKind::ShieldDrop),
                spare: of(CounterKind::ShieldSpare),
            },
            added_latency: Latency::by_device(latencies),
            process,
        }
    }
}
