//! Where a call would go.

use axum::Json;
use axum::extract::{Query, State};

use crate::explain::{Explanation, Moment, Question, explain};
use crate::runtime::{Control, clock};

use super::{Complaint, Failure};

/// How a call would go now, step by step; nothing changes by asking. `at` asks for another time.
#[utoipa::path(get, path = "/v1/route/explain", params(Question), responses(
    (status = 200, body = Explanation),
    (status = 422, description = "There is no such trunk, or no such time.", body = Complaint),
))]
pub(super) async fn explained(
    State(control): State<Control>,
    Query(question): Query<Question>,
) -> Result<Json<Explanation>, Failure> {
    let moment =
        Moment { source: "running", now: clock::calendar_now(), since_epoch: control.node().since_epoch() };
    let explanation = explain(&control.policy(), question, moment);
    explanation.map(Json).map_err(|why| Failure::Unprocessable(why.to_string()))
}
