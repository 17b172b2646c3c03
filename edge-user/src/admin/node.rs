//! The process as a whole.

use axum::extract::State;
use axum::http::StatusCode;

use crate::runtime::Control;

use super::{Complaint, Failure};

/// Whether the process answers at all.
#[utoipa::path(get, path = "/healthz", responses((status = 200, description = "It does.")))]
pub(super) async fn healthy() -> &'static str {
    "ok\n"
}

/// Reads the configuration file again. A wrong file changes nothing.
#[utoipa::path(post, path = "/v1/reload", responses(
    (status = 204, description = "The file is in force."),
    (status = 422, description = "The file is wrong; what was in force is.", body = Complaint),
))]
pub(super) async fn reload(State(control): State<Control>) -> Result<StatusCode, Failure> {
    control.reload().await?.map_err(Failure::Unprocessable)?;
    Ok(StatusCode::NO_CONTENT)
}
