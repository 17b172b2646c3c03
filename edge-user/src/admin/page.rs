//! The page: trunks, calls and counters for people who would rather look than read. It has no data of its own and asks
//! the API as anybody would, so whoever may not ask the API sees an empty page.

use axum::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_FRAME_OPTIONS};
use axum::response::IntoResponse;

/// Where it is; it alone needs no token, which is entered there.
pub(super) const PATH: &str = "/";

/// Scripts and styles are the page's own, and it speaks to nobody but the edge that it came from. Numbers and names of
/// callers are written as text, never as markup.
const POLICY: &str = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; connect-src 'self'; \
                      img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

pub(super) async fn page() -> impl IntoResponse {
    let headers = [
        (CONTENT_TYPE, "text/html; charset=utf-8"),
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_FRAME_OPTIONS, "DENY"),
        (REFERRER_POLICY, "no-referrer"),
    ];
    (headers, include_str!("page.html"))
}
