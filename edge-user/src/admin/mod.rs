//! The operator's door: an HTTP API on a unix socket of the run directory and, when the file wants it, on an address.
//!
//! Invariants: nothing here is in the way of a call (a question is a notice to the shards, bounded and not waited for
//! when they are full); nobody gets in without a right to ([`access`]); what the API can do, its OpenAPI document says,
//! because both are made from the same functions.

mod access;
mod calls;
mod capture;
mod client;
mod description;
mod door;
mod flows;
mod latency;
mod metrics;
mod node;
mod page;
mod registration;
mod route;
mod shield;
mod trunk_test;
mod trunks;

#[cfg(test)]
mod tests;

use axum::Json;
use axum::Router;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde::{Deserialize, Serialize};
use utoipa::openapi::OpenApi as Description;
use utoipa::{OpenApi, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::runtime::{Control, NoAnswer};

pub use access::TokenError;
pub use calls::{Call, Leg};
pub use client::{Client, ClientError};
pub use door::start;
pub use flows::Flow;
pub use latency::Latency;
pub use node::{Counted, InForce, Node, ShieldCounted};
pub use registration::{Binding, Registration};
pub use shield::{Shield, ShieldEntry};
pub use trunk_test::{Lookup, TargetTest, TlsTest, TrunkTest};
pub use trunks::Trunk;

/// The document, before the routes are added to it.
#[derive(Debug, OpenApi)]
#[openapi(info(title = "edge", description = "Calls and trunks of one running edge."))]
struct Introduction;

/// Everything that can be asked, and the document that says so.
fn api() -> (Router<Control>, Description) {
    let (api, description) = OpenApiRouter::with_openapi(Introduction::openapi())
        .routes(routes!(node::healthy))
        .routes(routes!(node::ready))
        .routes(routes!(node::show))
        .routes(routes!(node::counters))
        .routes(routes!(metrics::metrics))
        .routes(routes!(node::reload))
        .routes(routes!(node::in_force))
        .routes(routes!(calls::list))
        .routes(routes!(calls::show, calls::hang_up))
        .routes(routes!(capture::capture))
        .routes(routes!(calls::explained))
        .routes(routes!(flows::list))
        .routes(routes!(trunks::list))
        .routes(routes!(route::explained))
        .routes(routes!(trunks::show))
        .routes(routes!(shield::show))
        .routes(routes!(shield::deny))
        .routes(routes!(shield::allow))
        .routes(routes!(shield::forget))
        .routes(routes!(trunk_test::test))
        .routes(routes!(trunks::enable))
        .routes(routes!(trunks::drain))
        .routes(routes!(trunks::disable))
        .split_for_parts();
    (api, description::completed(description))
}

/// Everything that can be asked, without regard to who asks.
fn routes(control: Control) -> Router {
    let (api, description) = api();
    let documents = Router::new()
        .route("/openapi.json", get(async move || Json(description.clone())))
        .route(page::PATH, get(page::page));
    api.with_state(control).merge(documents)
}

/// What went wrong, in words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Complaint {
    /// For a person.
    pub error: String,
}

/// An answer other than the one that was asked for.
#[derive(Debug)]
enum Failure {
    /// No such call or trunk.
    NotFound(String),
    /// The new configuration is wrong.
    Unprocessable(String),
    /// Nobody answered in time.
    Busy(NoAnswer),
    /// Somebody else is about it.
    Occupied(String),
    /// The process is going to end.
    Draining,
    /// What was asked for cannot be read, though it should be there.
    Unreadable(String),
}

impl From<NoAnswer> for Failure {
    fn from(why: NoAnswer) -> Self {
        Self::Busy(why)
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let (code, error) = match self {
            Self::NotFound(error) => (StatusCode::NOT_FOUND, error),
            Self::Unprocessable(error) => (StatusCode::UNPROCESSABLE_ENTITY, error),
            Self::Busy(why) => (StatusCode::SERVICE_UNAVAILABLE, why.to_string()),
            Self::Occupied(error) => (StatusCode::SERVICE_UNAVAILABLE, error),
            Self::Draining => (StatusCode::SERVICE_UNAVAILABLE, "draining: no new calls".to_owned()),
            Self::Unreadable(error) => (StatusCode::INTERNAL_SERVER_ERROR, error),
        };
        (code, Json(Complaint { error })).into_response()
    }
}
