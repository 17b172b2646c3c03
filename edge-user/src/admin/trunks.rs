//! Trunks, and what they are doing.

use axum::Json;
use axum::extract::{Path, State};
use edge_core::policy::{self, Direction, Policy};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::runtime::Control;

use super::{Complaint, Failure, Registration};

/// A trunk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Trunk {
    /// The operator's name for it.
    pub name: String,
    /// Network it is reached through.
    pub realm: String,
    /// Where requests to it are sent.
    pub host: String,
    /// Where they go now: what the host's name leads to, in the order in which it is tried. Empty while DNS has not told.
    pub targets: Vec<String>,
    /// `inbound`, `outbound` or `both`.
    pub direction: String,
    /// `enabled`, `draining` or `disabled`. One that is no more in the file is disabled while its last calls run.
    pub state: String,
    /// Our registration with it, where it is known by that.
    pub registration: Option<Registration>,
    /// Calls that stand on it.
    pub calls: u32,
    /// Most that may.
    pub max_calls: Option<u32>,
    /// New calls a second that it may begin.
    pub max_cps: Option<u32>,
}

/// All trunks, as in the file.
#[utoipa::path(get, path = "/v1/trunks", responses((status = 200, body = Vec<Trunk>)))]
pub(super) async fn list(State(control): State<Control>) -> Json<Vec<Trunk>> {
    let policy = control.policy();
    Json(policy.trunks.iter().map(|trunk| Trunk::of(trunk, &policy)).collect())
}

/// One trunk.
#[utoipa::path(get, path = "/v1/trunks/{name}", responses(
    (status = 200, body = Trunk), (status = 404, body = Complaint),
))]
pub(super) async fn show(
    State(control): State<Control>,
    Path(name): Path<String>,
) -> Result<Json<Trunk>, Failure> {
    let policy = control.policy();
    let found = policy.trunks.iter().find(|trunk| trunk.name == name);
    let missing =
        || Failure::NotFound(format!("no trunk {name}; `edge trunk list` shows those that there are"));
    found.map(|trunk| Json(Trunk::of(trunk, &policy))).ok_or_else(missing)
}

impl Trunk {
    pub(super) fn of(trunk: &policy::Trunk, policy: &Policy) -> Self {
        let direction = match trunk.direction {
            Direction::Inbound => "inbound",
            Direction::Outbound => "outbound",
            Direction::Both => "both",
        };
        Self {
            name: trunk.name.clone(),
            realm: policy.realm(trunk.realm).name.clone(),
            host: trunk.host.to_string(),
            targets: trunk
                .targets
                .iter()
                .map(|target| format!("{}:{}", target.transport, target.address))
                .collect(),
            direction: direction.to_owned(),
            state: trunk.admin_state().as_str().to_owned(),
            registration: Registration::of(trunk),
            calls: trunk.usage.calls(),
            max_calls: trunk.limits.calls_max,
            max_cps: trunk.limits.calls_per_second_max,
        }
    }
}
